import { describe, expect, it } from 'vitest';
import { EAX, EFLAGS, EIP, FXSAVE_BYTE_OFFSET } from '../../../emu/core/core-state.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { CODE, DATA, Guest } from '../guest-code.ts';

const DATA_HEX = '00 00 10 08';

function image(guest: Guest): DataView {
  return new DataView(guest.core.u8.buffer, FXSAVE_BYTE_OFFSET, 512);
}

/** ST(i) as 'se:significand'. */
function st(guest: Guest, i: number): string {
  const view = image(guest);
  const se = view.getUint16(32 + 16 * i + 8, true).toString(16);
  return `${se.padStart(4, '0')}:${view
    .getBigUint64(32 + 16 * i, true)
    .toString(16)
    .padStart(16, '0')}`;
}

const status = (guest: Guest): number => image(guest).getUint16(2, true);
const tags = (guest: Guest): number => image(guest).getUint8(4);

const ONE = '3fff:8000000000000000';
const INDEFINITE = 'ffff:c000000000000000';

for (const fast of [true, false]) {
  const guestOf = (code: string): Guest => new Guest(code, { engine: new Interpreter({ fast }) });
  const ran = (code: string, steps: number): Guest => {
    const guest = guestOf(code);
    expect(guest.outcome(steps)).toBe(`budget+${steps}`);
    return guest;
  };

  describe(`x87 (${fast ? 'hot loop' : 'rows only'})`, () => {
    it('starts with 53-bit precision and an empty stack', () => {
      const guest = ran('d9e8 / 9b', 2);
      expect(image(guest).getUint16(0, true)).toBe(0x127f);
      expect(status(guest)).toBe(0x3800);
      expect(tags(guest)).toBe(0x80);
      expect(st(guest, 0)).toBe(ONE);
    });

    it('rounds 1/3 to the precision of the control word', () => {
      // fld1; fld1; fld1; faddp; fld1; faddp; fdivp
      const thirds = 'd9e8 d9e8 d9e8 dec1 d9e8 dec1 def9';
      expect(st(ran(thirds, 7), 0)).toBe('3ffd:aaaaaaaaaaaaa800');
      expect(status(ran(thirds, 7)) & 0x220).toBe(0x20);
      // push 0x137f; fldcw [esp]
      expect(st(ran(`687f130000 d92c24 ${thirds}`, 9), 0)).toBe('3ffd:aaaaaaaaaaaaaaab');
      expect(st(ran(`687f100000 d92c24 ${thirds}`, 9), 0)).toBe('3ffd:aaaaab0000000000');
    });

    it('answers a full stack with the indefinite, IE, SF and C1', () => {
      const guest = ran('d9e8 '.repeat(9), 9);
      expect(status(guest) & 0x241).toBe(0x241);
      expect(st(guest, 0)).toBe(INDEFINITE);
      expect(st(guest, 1)).toBe(ONE);
    });

    it('answers an empty register with the indefinite, IE, SF and no C1', () => {
      const guest = ran('d9e8 dec1', 2);
      expect(status(guest) & 0x241).toBe(0x41);
      expect(st(guest, 0)).toBe(INDEFINITE);
    });

    it('interrupts at the next waiting instruction after an unmasked exception, whose operands stay', () => {
      // push 0x137b; fldcw [esp]; fld1; fldz; fdivp; nop; fnstsw ax; fwait
      const guest = guestOf('687b130000 d92c24 d9e8 d9ee def9 90 dfe0 9b');
      expect(guest.outcome(100)).toBe('#16(0x0)+7');
      expect(guest.r[EIP]).toBe(CODE + 17);
      expect(guest.r[EAX] & 0xffff).toBe(0xb084);
      expect([st(guest, 0), st(guest, 1)]).toEqual(['0000:0000000000000000', ONE]);
    });

    it('goes on after FNCLEX', () => {
      expect(ran('687b130000 d92c24 d9e8 d9ee def9 dbe2 9b', 7).r[EIP]).toBe(CODE + 17);
    });

    it('has no effect on the FPU when the operand cannot be read', () => {
      const guest = guestOf('d9e8 dd05 00000070');
      expect(guest.outcome(2)).toBe('#14(0x4)+1');
      expect(tags(guest)).toBe(0x80);
    });

    it('stores what it loads: singles, doubles, integers, decimals, 80 bits', () => {
      // fild word; fistp qword, and the like, from DATA to DATA+16
      const cases: readonly [string, string, readonly number[], readonly number[]][] = [
        ['d905', 'dd1d', [0, 0, 0xc0, 0x3f], [0, 0, 0, 0, 0, 0, 0xf8, 0x3f]],
        ['df05', 'df3d', [0x00, 0x80], [0x00, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
        ['df25', 'db1d', [0x45, 0x23, 0x01, 0, 0, 0, 0, 0, 0, 0x80], [0xc7, 0xcf, 0xff, 0xff]],
        ['db05', 'df35', [0xc7, 0xcf, 0xff, 0xff], [0x45, 0x23, 0x01, 0, 0, 0, 0, 0, 0, 0x80]],
        ['db2d', 'db3d', [1, 2, 3, 4, 5, 6, 7, 0x88, 9, 0x40], [1, 2, 3, 4, 5, 6, 7, 0x88, 9, 0x40]],
        ['db05', 'db0d', [0xc7, 0xcf, 0xff, 0xff], [0xc7, 0xcf, 0xff, 0xff]],
      ];
      for (const [load, store, from, to] of cases) {
        const guest = guestOf(`${load} ${DATA_HEX} ${store} 10 00 10 08`);
        guest.space.poke(DATA, Uint8Array.from(from));
        guest.run(2);
        expect([...guest.space.peek(DATA + 16, to.length)]).toEqual(to);
        expect(tags(guest)).toBe(0);
      }
    });

    it('compares into EFLAGS and by way of AX', () => {
      // fldz; fld1; fcomi st, st(1); fcompp; fnstsw ax; sahf
      const guest = ran('d9ee d9e8 dbf1', 3);
      expect(guest.r[EFLAGS] & 0x45).toBe(0);
      guest.run(3);
      expect(tags(ran('d9ee d9e8 ded9 dfe0 9e', 5))).toBe(0);
      expect(ran('d9e8 d9ee ded9 dfe0 9e', 5).r[EFLAGS] & 0x45).toBe(1);
    });

    it('saves and restores everything, in both formats', () => {
      // fld1; fldpi; fnsave [DATA]; frstor [DATA]
      for (const prefix of ['', '66']) {
        const code = `d9e8 d9eb ${prefix} dd35 ${DATA_HEX} ${prefix} dd25 ${DATA_HEX}`;
        const saved = ran(code, 3);
        expect([tags(saved), status(saved), image(saved).getUint16(0, true)]).toEqual([0, 0, 0x37f]);
        const restored = ran(code, 4);
        expect(tags(restored)).toBe(0xc0);
        expect(image(restored).getUint16(0, true)).toBe(0x127f);
        expect([st(restored, 0), st(restored, 1)]).toEqual(['4000:c90fdaa22168c235', ONE]);
      }
    });

    it('tells an exception handler the instruction and its operand', () => {
      // fld1; fadd qword [DATA]; fnstenv [DATA+32]
      const guest = ran(`d9e8 dc05 ${DATA_HEX} d935 20 00 10 08`, 3);
      const environment = new DataView(guest.space.peek(DATA + 32, 28).buffer);
      const fields = Array.from({ length: 7 }, (_, i) => environment.getUint32(4 * i, true));
      expect(fields).toEqual([0xffff127f, 0xffff3800, 0xffff3fff, CODE + 2, 0x04050033, DATA, 0xffff003b]);
    });

    it('says by C2 that an angle is too large', () => {
      // fild qword [DATA]; fsin
      const guest = guestOf(`df2d ${DATA_HEX} d9fe`);
      guest.space.poke(DATA, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80));
      guest.run(2);
      expect(status(guest) & 0x400).toBe(0x400);
      expect(st(guest, 0)).toBe('c03e:8000000000000000');
    });
  });
}
