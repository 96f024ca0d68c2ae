import { describe, expect, it } from 'vitest';
import { CR0, CR2, EAX, ECX, EDX, EFLAGS, EIP, FXSAVE_BYTE_OFFSET } from '../../../emu/core/core-state.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { FCW_FSW, MXCSR, ST_MM, TAGS_BYTE, XMM } from '../../../emu/interp/simd.ts';
import { opcodeRows } from '../../../emu/isa/opcode-table.ts';
import { PERM_R } from '../../../emu/memory/address-space.ts';
import { CODE, DATA, Guest } from '../guest-code.ts';

const IE = 1;
const ZE = 4;
const OE = 8;
const PE = 32;
const RC_UP = 0x4000;

/** An XMM register as hexadecimal doublewords, the highest first. */
function xmm(guest: Guest, reg: number): string {
  const at = XMM + 4 * reg;
  return [3, 2, 1, 0].map((i) => (guest.r[at + i] >>> 0).toString(16).padStart(8, '0')).join(' ');
}

function setXmm(guest: Guest, reg: number, text: string): void {
  const words = text.split(' ').map((word) => Number.parseInt(word, 16));
  words.reverse().forEach((word, i) => {
    guest.r[XMM + 4 * reg + i] = word;
  });
}

const singles = (...values: number[]): string =>
  [...new Uint32Array(Float32Array.from(values).buffer)]
    .reverse()
    .map((word) => word.toString(16).padStart(8, '0'))
    .join(' ');
const doubles = (...values: number[]): string =>
  [...new Uint32Array(Float64Array.from(values).buffer)]
    .reverse()
    .map((word) => word.toString(16).padStart(8, '0'))
    .join(' ');

for (const fast of [true, false]) {
  const guestOf = (code: string): Guest => new Guest(code, { engine: new Interpreter({ fast }) });

  describe(`SSE (${fast ? 'hot loop' : 'rows only'})`, () => {
    it.each([
      ['addps', '0f58c1', singles(1, 2, 3, 4), singles(10, 20, 30, 40), singles(11, 22, 33, 44), 0],
      [
        'addss keeps the upper lanes',
        'f30f58c1',
        singles(1, 2, 3, 4),
        singles(10, 20, 30, 40),
        singles(11, 2, 3, 4),
        0,
      ],
      ['mulpd', '660f59c1', doubles(1.5, 3), doubles(2, -3), doubles(3, -9), 0],
      ['divsd by zero', 'f20f5ec1', doubles(1, 7), doubles(0, 0), doubles(Infinity, 7), ZE],
      ['divsd is inexact', 'f20f5ec1', doubles(1, 7), doubles(3, 0), doubles(1 / 3, 7), PE],
      [
        'sqrtpd of a negative number',
        '660f51c1',
        doubles(0, 0),
        doubles(-1, 4),
        '40000000 00000000 fff80000 00000000',
        IE,
      ],
      [
        'addps of a signaling and a quiet NaN',
        '0f58c1',
        '0 0 0 7f800001',
        '0 0 0 7fc00002',
        '00000000 00000000 00000000 7fc00001',
        IE,
      ],
      [
        'minps takes the source for zeros',
        '0f5dc1',
        '0 0 0 80000000',
        '0 0 0 0',
        '00000000 00000000 00000000 00000000',
        0,
      ],
      ['cvttsd2si out of range', 'f20f2cc1', '', doubles(1e10, 0), '', IE],
      [
        'pshufb',
        '660f3800c1',
        '0f0e0d0c 0b0a0908 07060504 03020100',
        '00010203 04050607 08090a0b 0c0d8080',
        '00010203 04050607 08090a0b 0c0d0000',
        0,
      ],
      [
        'punpcklbw',
        '660f60c1',
        '0 0 33221100 ffeeddcc',
        '0 0 77665544 bbaa9988',
        '77336622 55114400 bbffaaee 99dd88cc',
        0,
      ],
      ['psadbw', '660ff6c1', '0 00000001 0 ffffffff', '0 00000003 0 0', '00000000 00000002 00000000 000003fc', 0],
    ])('%s', (_name, code, a, b, result, raised) => {
      const guest = guestOf(code);
      if (a !== '') setXmm(guest, 0, a);
      setXmm(guest, 1, b);
      expect(guest.outcome()).toBe('budget+1');
      if (result !== '') expect(xmm(guest, 0)).toBe(result);
      else expect(guest.r[EAX]).toBe(-0x80000000);
      expect(guest.r[MXCSR] & 0x3f).toBe(raised);
    });

    it('rounds as MXCSR says', () => {
      const third = (rounding: number): string => {
        const guest = guestOf('0f5ec1');
        guest.r[MXCSR] = 0x1f80 | rounding;
        setXmm(guest, 0, singles(1, -1, 1, -1));
        setXmm(guest, 1, singles(3, 3, 3, 3));
        guest.run();
        return xmm(guest, 0);
      };
      expect(third(0)).toBe('beaaaaab 3eaaaaab beaaaaab 3eaaaaab');
      expect(third(0x2000)).toBe('beaaaaab 3eaaaaaa beaaaaab 3eaaaaaa');
      expect(third(RC_UP)).toBe('beaaaaaa 3eaaaaab beaaaaaa 3eaaaaab');
      expect(third(0x6000)).toBe('beaaaaaa 3eaaaaaa beaaaaaa 3eaaaaaa');
    });

    it('takes denormals for zeros and flushes tiny results when told to', () => {
      const product = (control: number): [string, number] => {
        const guest = guestOf('f30f59c1');
        guest.r[MXCSR] = 0x1f80 | control;
        setXmm(guest, 0, '0 0 0 00800001');
        setXmm(guest, 1, '0 0 0 bf000000');
        guest.run();
        return [xmm(guest, 0).slice(-8), guest.r[MXCSR] & 0x3f];
      };
      expect(product(0)).toEqual(['80400000', 0x30]);
      expect(product(0x8000)).toEqual(['80000000', 0x30]);
      const guest = guestOf('f30f59c1');
      guest.r[MXCSR] = 0x1f80 | 0x40;
      setXmm(guest, 0, '0 0 0 80000001');
      setXmm(guest, 1, singles(1e38, 0, 0, 0));
      guest.run();
      expect([xmm(guest, 0).slice(-8), guest.r[MXCSR] & 0x3f]).toEqual(['80000000', 0]);
    });

    it('raises #XM for an exception that is not masked and writes nothing but the flags', () => {
      const guest = guestOf('0f58c1');
      guest.r[MXCSR] = 0x1f80 & ~(OE << 7);
      const before = singles(3e38, 1, 1, 1);
      setXmm(guest, 0, before);
      setXmm(guest, 1, singles(3e38, 1, 1, 1e-9));
      expect(guest.outcome()).toBe('#19(0x0)+0');
      expect([guest.r[EIP], xmm(guest, 0), guest.r[MXCSR] & 0x3f]).toEqual([CODE, before, OE | PE]);
    });

    it('sets ZF, PF and CF by comparison, and no flag when it faults', () => {
      const flags = (a: number, b: number, mxcsr = 0x1f80): number => {
        const guest = guestOf('0f2fc1');
        guest.r[EFLAGS] = 0xad7;
        guest.r[MXCSR] = mxcsr;
        setXmm(guest, 0, singles(a, 0, 0, 0));
        setXmm(guest, 1, singles(b, 0, 0, 0));
        guest.run();
        return guest.r[EFLAGS] & 0x8d5;
      };
      expect([flags(1, 2), flags(2, 1), flags(1, 1), flags(Number.NaN, 1)]).toEqual([1, 0, 0x40, 0x45]);
      expect(flags(Number.NaN, 1, 0x1f00)).toBe(0x8d5 & 0xad7);
    });

    it.each([
      ['movaps [data+4]', '0f280504001008', '#13(0x0)+0'],
      ['movups [data+4]', '0f100504001008', 'budget+1'],
      ['addps [data+8]', '0f580508001008', '#13(0x0)+0'],
      ['ldmxcsr of a reserved bit', '0fae1500001008', '#13(0x0)+0'],
      ['lock addps', 'f00f5800', '#6(0x0)+0'],
      ['movhlps with a prefix', 'f20f13c1', '#6(0x0)+0'],
      ['prefetch of nowhere', '0f180d00000001', 'budget+1'],
      ['fxsave, misaligned', '0fae0508001008', '#13(0x0)+0'],
      ['monitor', '0f01c8', '#6(0x0)+0'],
    ])('%s is %3$s', (_name, code, outcome) => {
      const guest = guestOf(code);
      guest.write32(DATA, 0x10000);
      expect(guest.outcome()).toBe(outcome);
    });

    it('is #UD with CR0.EM and #NM with CR0.TS', () => {
      for (const code of ['0f58c1', '0ffcc1', '660ffcc1', '0fae1500001008']) {
        const guest = guestOf(code);
        guest.r[CR0] |= 4;
        expect(guest.outcome()).toBe('#6(0x0)+0');
        guest.r[CR0] ^= 0xc;
        expect(guest.outcome()).toBe('#7(0x0)+0');
      }
    });

    it('writes nothing when a store reaches into a page that refuses', () => {
      const guest = guestOf('0f1105f81f1008');
      setXmm(guest, 0, '1 2 3 4');
      expect(guest.outcome()).toBe('#14(0x6)+0');
      expect(guest.r[CR2]).toBe(DATA + 0x2000);
      expect(guest.read32(DATA + 0x1ff8)).toBe(0);
    });

    it('stores chosen bytes only', () => {
      const guest = guestOf('660ff7c1');
      guest.r[7] = DATA + 3;
      setXmm(guest, 0, '0f0e0d0c 0b0a0908 07060504 03020100');
      setXmm(guest, 1, '80000000 00000000 00000000 0000807f');
      expect(guest.outcome()).toBe('budget+1');
      expect(guest.read32(DATA + 4)).toBe(1);
      expect(guest.read32(DATA + 16)).toBe(0x0f0000);
    });
  });

  describe(`MMX (${fast ? 'hot loop' : 'rows only'})`, () => {
    it('makes all registers valid, TOP 0, and exponents ones; EMMS empties', () => {
      const guest = guestOf('0ffcc1 0f77');
      // TOP is 3: ST(j) is register 3 + j.
      guest.r[FCW_FSW] = 0x1800037f;
      for (let j = 0; j < 8; j++) guest.r[ST_MM + 4 * j] = 0x100 + ((j + 3) & 7);
      guest.run();
      expect(guest.r[FCW_FSW]).toBe(0x037f);
      expect(guest.core.u8[TAGS_BYTE]).toBe(0xff);
      expect([...Array(8).keys()].map((i) => guest.r[ST_MM + 4 * i])).toEqual([
        0x201, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107,
      ]);
      expect(guest.r[ST_MM + 2] & 0xffff).toBe(0xffff);
      guest.run();
      expect(guest.core.u8[TAGS_BYTE]).toBe(0);
    });

    it('reports an x87 exception that is pending', () => {
      const guest = guestOf('0f77');
      guest.r[FCW_FSW] = 0x8084037b | 0;
      expect(guest.outcome()).toBe('#16(0x0)+0');
    });
  });
}

describe('FXSAVE and FXRSTOR', () => {
  it('restore what was saved', () => {
    const guest = new Guest('0fae0500001008 0fae0d00001008');
    for (let i = 0; i < 8; i++) setXmm(guest, i, `${i} 1 2 3`);
    guest.r[MXCSR] = 0x9fbf;
    guest.r[FCW_FSW] = 0x3800127f;
    guest.core.u8[TAGS_BYTE] = 0x80;
    guest.run();
    const saved = guest.core.u8.slice(FXSAVE_BYTE_OFFSET);
    expect(guest.read32(DATA + 24)).toBe(0x9fbf);
    expect(guest.read32(DATA + 28)).toBe(0xffff);
    guest.core.u8.fill(0, FXSAVE_BYTE_OFFSET);
    guest.run();
    expect(guest.core.u8.slice(FXSAVE_BYTE_OFFSET)).toEqual(saved);
  });

  it('FXSAVE needs a page that can be written', () => {
    const guest = new Guest('0fae0500001008');
    guest.space.protectPage(DATA >>> 12, PERM_R);
    expect(guest.outcome()).toBe('#14(0x7)+0');
  });
});

describe('CPUID', () => {
  const BITS: Readonly<Record<string, readonly [register: number, bit: number]>> = {
    CLFSH: [EDX, 19],
    MMX: [EDX, 23],
    FXSR: [EDX, 24],
    SSE: [EDX, 25],
    SSE2: [EDX, 26],
    SSE3: [ECX, 0],
    SSSE3: [ECX, 9],
  };
  it('shows the extensions that have rows', () => {
    const guest = new Guest('0fa2');
    guest.r[EAX] = 1;
    guest.run();
    const extensions = new Set(opcodeRows.flatMap((row) => row.extension ?? []));
    expect([...extensions].sort()).toEqual(Object.keys(BITS).sort());
    for (const [register, bit] of Object.values(BITS)) expect((guest.r[register] >>> bit) & 1).toBe(1);
  });
});
