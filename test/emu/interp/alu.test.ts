import { describe, expect, it } from 'vitest';
import { CoreState, EAX, ECX, EFLAGS, EIP } from '../../../emu/core/core-state.ts';
import { CODE, Guest } from '../guest-code.ts';

// Every 8-bit input against a model in plain integers. Source: Intel SDM Vol. 2, App. A, and Vol. 1, EFLAGS.

interface Outcome {
  readonly value: number;
  readonly flags: number;
}

const signed = (n: number): number => (n << 24) >> 24;
function common(value: number): number {
  let ones = 0;
  for (let i = 0; i < 8; i++) ones += (value >> i) & 1;
  return (value === 0 ? 0x40 : 0) | (value & 0x80) | (ones % 2 === 0 ? 4 : 0);
}

function sum(a: number, b: number, carry: number): Outcome {
  const value = (a + b + carry) & 0xff;
  const overflow = signed(a) + signed(b) + carry !== signed(value);
  const half = (a & 15) + (b & 15) + carry > 15;
  return { value, flags: common(value) | (a + b + carry > 255 ? 1 : 0) | (overflow ? 0x800 : 0) | (half ? 0x10 : 0) };
}

function difference(a: number, b: number, borrow: number): Outcome {
  const value = (a - b - borrow) & 0xff;
  const overflow = signed(a) - signed(b) - borrow !== signed(value);
  const half = (a & 15) - (b & 15) - borrow < 0;
  return { value, flags: common(value) | (a - b - borrow < 0 ? 1 : 0) | (overflow ? 0x800 : 0) | (half ? 0x10 : 0) };
}

const ALL = 0x8d5;
const NO_AF = 0x8c5;

/** Opcode byte of `op al, cl`, what it gives, which flags it defines. */
const OPERATIONS: readonly [string, number, (a: number, b: number, carry: number) => Outcome, number][] = [
  ['add', 0x00, (a, b) => sum(a, b, 0), ALL],
  ['or', 0x08, (a, b) => ({ value: a | b, flags: common(a | b) }), NO_AF],
  ['adc', 0x10, (a, b, carry) => sum(a, b, carry), ALL],
  ['sbb', 0x18, (a, b, carry) => difference(a, b, carry), ALL],
  ['and', 0x20, (a, b) => ({ value: a & b, flags: common(a & b) }), NO_AF],
  ['sub', 0x28, (a, b) => difference(a, b, 0), ALL],
  ['xor', 0x30, (a, b) => ({ value: a ^ b, flags: common(a ^ b) }), NO_AF],
  ['cmp', 0x38, (a, b) => ({ ...difference(a, b, 0), value: a }), ALL],
];

describe('8-bit arithmetic', () => {
  for (const [name, opcode, model, mask] of OPERATIONS) {
    it(`${name} gives the value and the flags of the model for all operands and both carries`, () => {
      const guest = new Guest(Uint8Array.of(opcode, 0xc8));
      for (let n = 0; n < 0x20000; n++) {
        const [a, b, carry] = [n & 0xff, (n >> 8) & 0xff, n >> 16];
        guest.r[EAX] = a;
        guest.r[ECX] = b;
        guest.r[EFLAGS] = 0x202 | carry;
        guest.r[EIP] = CODE;
        guest.run(1);
        const expected = model(a, b, carry);
        if (guest.r[EAX] !== expected.value || (guest.r[EFLAGS] & mask) !== (expected.flags & mask)) {
          expect([name, a, b, carry, guest.r[EAX], guest.r[EFLAGS] & mask]).toEqual([
            name,
            a,
            b,
            carry,
            expected.value,
            expected.flags & mask,
          ]);
        }
      }
    });
  }

  it('shifts by a masked count of 0 leave value and flags alone', () => {
    for (const modrm of [0xc0, 0xc8, 0xd0, 0xd8, 0xe0, 0xe8, 0xf8]) {
      const guest = new Guest(Uint8Array.of(0xd3, modrm));
      guest.r[EAX] = 0x12345678;
      guest.r[ECX] = 0x20;
      guest.r[EFLAGS] = 0xad7;
      guest.run(1);
      expect([guest.r[EAX], guest.r[EFLAGS]]).toEqual([0x12345678, 0xad7]);
    }
  });
});

describe('division', () => {
  const divide = (code: string, eax: number, edx: number, ecx: number): string | number[] => {
    const guest = new Guest(code);
    guest.r.set([eax, ecx, edx]);
    const outcome = guest.outcome(1);
    return outcome === 'budget+1' ? [guest.r[EAX] >>> 0, guest.r[2] >>> 0] : outcome;
  };
  it('is exact on 64-bit dividends and faults when the quotient does not fit', () => {
    expect(divide('f7f1', 0xffffffff | 0, 0xfffffffd | 0, 0xfffffffe | 0)).toEqual([0xffffffff, 0xfffffffd]);
    expect(divide('f7f1', 0, 1, 1)).toBe('#0(0x0)+0');
    expect(divide('f7f1', 5, 0, 0)).toBe('#0(0x0)+0');
    expect(divide('f7f9', -7, -1, 2)).toEqual([0xfffffffd, 0xffffffff]);
    expect(divide('f7f9', -0x80000000, -1, -1)).toBe('#0(0x0)+0');
  });
});

describe('core state', () => {
  it('is a block that can be saved and loaded', () => {
    const { core } = new Guest('90');
    const copy = new CoreState(core.id, core.tables);
    copy.load(core.save());
    expect(copy.i32).toEqual(core.i32);
  });
});
