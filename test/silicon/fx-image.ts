import type { Prng } from '../../emu/base/prng.ts';
import { INTERESTING } from './base-pages.ts';
import type { TestedRow } from './rows.ts';

// The FXSAVE image of a case: x87, MMX and SSE state. Layout: Intel SDM Vol. 2, FXSAVE.

const MXCSR_DEFAULT = 0x1f80;

/** How many registers of each kind an image compares, where, and how many of their bytes exist. */
const ST_AT = 32;
const XMM_AT = 160;

/** Draws values for the lanes of MMX and XMM registers and of memory operands that are like them. */
export class LaneValues {
  private readonly prng: Prng;
  /** 32 or 64: lanes are floating-point numbers of this size; 0: integers. */
  private readonly floatBits: number;
  /** Exponents that this case returns to, so that operands of near and of complementary size meet. */
  private readonly exponents: readonly number[];

  constructor(prng: Prng, row: TestedRow) {
    this.prng = prng;
    const source = row.operands.find((code) => /^[WUQV]/.test(code) && row.extension !== 'MMX') ?? '';
    const names = `${row.mnemonic} ${source}`;
    if (/S[SD]|P[SD]|ss|sd|ps|pd/.test(names)) {
      const single = /(?:ss|ps)$/.test(row.operands[1] ?? '') || /PS2|SS2|^CVTT?PS|[PS]S$/.test(row.mnemonic);
      this.floatBits = single ? 32 : 64;
    } else this.floatBits = 0;
    if (prng.below(16) === 0) this.floatBits = [0, 32, 64][prng.below(3)]!;
    const bias = this.floatBits === 32 ? 127 : 1023;
    const max = 2 * bias + 1;
    const center = prng.below(max + 1);
    this.exponents = [
      center,
      center + 1,
      center - 1,
      bias - center + prng.between(-26, 3),
      bias - center + prng.between(-2, 2),
      3 * bias - center + prng.between(-3, 3),
      center - bias + 1 + prng.between(-2, 2),
      center - prng.below(60),
      prng.below(max + 1),
      bias + prng.between(-2, 34),
      bias + prng.between(29, 33),
      (this.floatBits === 64 ? bias - 127 : 0) + prng.between(-25, 3),
      (this.floatBits === 64 ? bias + 127 : max) + prng.between(-2, 2),
    ].map((e) => Math.max(0, Math.min(max, e)));
  }

  /** Four doublewords. */
  words(): number[] {
    if (this.floatBits === 32) return [this.single(), this.single(), this.single(), this.single()];
    if (this.floatBits === 64) return [...this.double(), ...this.double()];
    return [this.integer(), this.integer(), this.integer(), this.integer()];
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.prng.below(values.length)]!;
  }

  private integer(): number {
    const { prng } = this;
    if (prng.below(3) === 0) return this.pick(INTERESTING);
    if (prng.below(2) === 0) return prng.next();
    // Bytes that repeat: equal lanes, saturated lanes.
    let value = 0;
    for (let i = 0; i < 4; i++) value = (value << 8) | this.pick([0, 1, 0x7f, 0x80, 0x81, 0xff, prng.below(256)]);
    return value >>> 0;
  }

  private exponent(max: number): number {
    const kind = this.prng.below(16);
    if (kind === 0) return 0;
    if (kind === 1) return max;
    if (kind === 2) return 1 + this.prng.below(2);
    return this.pick(this.exponents);
  }

  private single(): number {
    const { prng } = this;
    const sign = prng.below(2) << 31;
    const one = 1 << prng.below(23);
    const fraction = this.pick([
      0,
      0,
      1,
      0x7fffff,
      0x400000,
      one,
      one - 1,
      0x7fffff - one,
      prng.next() & 0x7fffff,
      prng.next() & 0x7ff000,
    ]);
    return (sign | (this.exponent(255) << 23) | fraction) >>> 0;
  }

  private double(): [number, number] {
    const { prng } = this;
    const sign = prng.below(2) << 31;
    const one = 1 << prng.below(20);
    const [high, low] = this.pick([
      [0, 0],
      [0, 0],
      [0, 1],
      [0xfffff, 0xffffffff],
      [0x80000, 0],
      [one, 0],
      [one - 1, 0xffffffff],
      [0, (1 << prng.below(32)) >>> 0],
      [prng.next() & 0xfffff, prng.next()],
      [prng.next() & 0xfffff, 0],
      [prng.next() & 0xfffff, prng.next() & 0xe0000000],
      // Halfway between two single-precision numbers.
      [prng.next() & 0xfffff, (prng.next() & 0xe0000000) | 0x10000000],
    ] as const);
    return [low! >>> 0, (sign | (this.exponent(2047) << 20) | high!) >>> 0];
  }
}

/** Control, status and contents of all registers. */
export function drawFxImage(prng: Prng, row: TestedRow, lanes: LaneValues): Uint8Array {
  const image = new Uint8Array(512);
  const view = new DataView(image.buffer);
  view.setUint16(0, prng.below(2) ? 0x037f : 0x127f, true);
  const status = prng.below(4) === 0 ? prng.next() & 0x4740 : 0;
  const top = prng.below(3) ? 0 : prng.below(8);
  view.setUint16(2, status | (top << 11), true);
  view.setUint8(4, prng.below(2) ? prng.below(256) : prng.below(2) * 0xff);
  if (row.extension !== undefined && prng.below(24) === 0) {
    // An x87 exception that nobody has seen yet.
    view.setUint16(0, 0x037f & ~(1 << prng.below(6)), true);
    view.setUint16(2, status | (top << 11) | (1 << prng.below(6)), true);
    if (view.getUint16(2, true) & ~view.getUint16(0, true) & 0x3f) view.setUint8(3, view.getUint8(3) | 0x80);
    if (view.getUint8(3) & 0x80) view.setUint8(2, view.getUint8(2) | 0x80);
  }
  view.setUint32(24, drawMxcsr(prng), true);
  for (let i = 0; i < 8; i++) {
    const words = prng.below(3) ? lanes.words() : [prng.next(), prng.next()];
    view.setUint32(ST_AT + 16 * i, words[0]!, true);
    view.setUint32(ST_AT + 16 * i + 4, words[1]!, true);
    view.setUint16(ST_AT + 16 * i + 8, prng.below(2) ? 0xffff : prng.next() & 0xffff, true);
    lanes.words().forEach((word, j) => {
      view.setUint32(XMM_AT + 16 * i + 4 * j, word, true);
    });
  }
  return image;
}

export function drawMxcsr(prng: Prng): number {
  let mxcsr = MXCSR_DEFAULT;
  if (prng.below(2)) mxcsr |= prng.next() & 0x3f;
  if (prng.below(2)) mxcsr |= prng.next() & 0x6000;
  if (prng.below(4) === 0) mxcsr |= 0x40;
  if (prng.below(4) === 0) mxcsr |= 0x8000;
  if (prng.below(4) === 0) mxcsr &= ~(prng.next() & 0x1f80);
  return mxcsr;
}

/** MXCSR and the XMM registers, for people. */
export function describeSse(image: Uint8Array): string {
  const hex = (at: number, length: number): string =>
    Buffer.from(image.slice(at, at + length))
      .reverse()
      .toString('hex');
  const registers = Array.from({ length: 8 }, (_, i) => `  xmm${i}=${hex(XMM_AT + 16 * i, 16)}`);
  return [`  mxcsr=${hex(24, 4)}`, ...registers].join('\n');
}
