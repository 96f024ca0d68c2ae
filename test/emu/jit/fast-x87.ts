import type { Prng } from '../../../emu/base/prng.ts';
import { sequenceRows, x87SequenceRows } from '../../silicon/rows.ts';

/** What has a translation, and jumps. */
const FAST_X87 =
  /^F(LD|LD1|LDZ|I?ADDP?|I?SUBR?P?|I?MULP?|I?DIVR?P?|STP?|ILD|ISTP?|ISTTP|RNDINT|XCH|CHS|ABS|SQRT|U?COMP?P?|U?COMIP?|ICOMP?|TST|CMOVN?[BEU]E?|NSTSW|NSTCW|WAIT|PREM)$/;
export const fastX87Rows = [
  ...x87SequenceRows.filter((row) => FAST_X87.test(row.mnemonic)),
  ...sequenceRows.filter((row) => row.operands[0] === 'Jb'),
];

/** Control word as FreeBSD has it, and registers that hold doubles: what translated code knows how to do. */
export function asDoubles(fx: Uint8Array, prng: Prng): void {
  const view = new DataView(fx.buffer, fx.byteOffset);
  view.setUint16(0, 0x127f, true);
  view.setUint16(2, (prng.below(2) * 0x20) | (prng.below(2) * 0x200) | (prng.below(8) << 11), true);
  fx[4] = prng.below(3) === 0 ? prng.below(256) : 0xc0 | (prng.below(4) << 4);
  for (let i = 0; i < 8; i++) {
    const sign = prng.below(2) << 15;
    const isZero = prng.below(6) === 0;
    const isShort = prng.below(3) === 0;
    const exponent = 0x3fff + prng.between(-40, 40);
    view.setUint32(32 + 16 * i, isZero || isShort ? 0 : prng.next() & 0xfffff800, true);
    view.setUint32(36 + 16 * i, isZero ? 0 : 0x80000000 | (prng.next() & (isShort ? 0x7f000000 : 0x7fffffff)), true);
    view.setUint16(40 + 16 * i, isZero ? sign : sign | exponent, true);
  }
}
