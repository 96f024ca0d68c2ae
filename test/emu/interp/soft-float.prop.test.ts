import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { MXCSR, XMM } from '../../../emu/interp/simd.ts';
import {
  ADD,
  arithmetic,
  convert,
  DIV,
  DOUBLE,
  type Format,
  isNan,
  MUL,
  SINGLE,
  SUB,
  squareRoot,
  unit,
} from '../../../emu/interp/soft-float.ts';
import { property } from '../../support/property.ts';
import { Guest } from '../guest-code.ts';

const f64 = new Float64Array(1);
const u64 = new BigUint64Array(f64.buffer);
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

const bitsOfDouble = (value: number): bigint => {
  f64[0] = value;
  return u64[0];
};
const doubleOfBits = (bits: bigint): number => {
  u64[0] = bits;
  return f64[0];
};
const bitsOfSingle = (value: number): bigint => {
  f32[0] = value;
  return BigInt(u32[0]);
};
const singleOfBits = (bits: bigint): number => {
  u32[0] = Number(bits);
  return f32[0];
};

/** Any bits, with exponents that often meet at the ends of the range or near each other. */
const patterns = (f: Format): fc.Arbitrary<bigint> =>
  fc
    .tuple(
      fc.boolean(),
      fc.oneof(
        fc.integer({ min: 0, max: f.exponentMax }),
        fc.integer({ min: f.bias - 3, max: f.bias + 3 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: f.exponentMax - 2, max: f.exponentMax }),
        fc.integer({ min: (f.bias >> 1) - 2, max: (f.bias >> 1) + 2 }),
      ),
      fc.oneof(
        fc.bigInt({ min: 0n, max: f.fractionMask }),
        fc.constantFrom(0n, 1n, f.fractionMask, f.quietBit, f.quietBit - 1n),
        fc.integer({ min: 0, max: f.fractionBits - 1 }).map((bit) => 1n << BigInt(bit)),
      ),
    )
    .map(([negative, exponent, fraction]) => {
      const bits = (BigInt(exponent) << BigInt(f.fractionBits)) | fraction;
      return negative ? f.signBit | bits : bits;
    });

const OPERATIONS = [
  [ADD, (a: number, b: number) => a + b, '58'],
  [SUB, (a: number, b: number) => a - b, '5c'],
  [MUL, (a: number, b: number) => a * b, '59'],
  [DIV, (a: number, b: number) => a / b, '5e'],
] as const;

function begin(mxcsr: number): void {
  unit.mxcsr = mxcsr;
  unit.raised = 0;
}

describe('soft float', () => {
  it('gives what IEEE doubles of the host give, rounded to nearest', () => {
    fc.assert(
      fc.property(patterns(DOUBLE), patterns(DOUBLE), fc.constantFrom(...OPERATIONS), (a, b, [op, host]) => {
        begin(0x1f80);
        const result = arithmetic(DOUBLE, op, a, b);
        const expected = host(doubleOfBits(a), doubleOfBits(b));
        if (Number.isNaN(expected)) expect(isNan(DOUBLE, result)).toBe(true);
        else expect(result).toBe(bitsOfDouble(expected));
      }),
      property(2000),
    );
  });

  it('gives what rounding the exact double gives in single precision', () => {
    fc.assert(
      fc.property(patterns(SINGLE), patterns(SINGLE), fc.constantFrom(...OPERATIONS), (a, b, [op, host]) => {
        begin(0x1f80);
        const result = arithmetic(SINGLE, op, a, b);
        const expected = host(singleOfBits(a), singleOfBits(b));
        if (Number.isNaN(expected)) expect(isNan(SINGLE, result)).toBe(true);
        // Rounding twice is harmless for these four, except where the first rounding already lost tiny bits.
        else if (Math.abs(expected) >= 2 ** -126) expect(result).toBe(bitsOfSingle(expected));
      }),
      property(2000),
    );
  });

  it('takes square roots and converts as the host does', () => {
    fc.assert(
      fc.property(patterns(DOUBLE), (a) => {
        begin(0x1f80);
        const value = doubleOfBits(a);
        const root = squareRoot(DOUBLE, a);
        const single = convert(DOUBLE, SINGLE, a);
        if (Number.isNaN(value)) expect(isNan(SINGLE, single) && isNan(DOUBLE, root)).toBe(true);
        else {
          expect(single).toBe(bitsOfSingle(value));
          if (value >= 0) expect(root).toBe(bitsOfDouble(Math.sqrt(value)));
        }
      }),
      property(2000),
    );
  });

  it('rounds down and up to neighbours that have the exact result between them', () => {
    fc.assert(
      fc.property(patterns(DOUBLE), patterns(DOUBLE), fc.constantFrom(...OPERATIONS), (a, b, [op]) => {
        const results = [0x3f80, 0x1f80, 0x5f80].map((mxcsr) => {
          begin(mxcsr);
          return doubleOfBits(arithmetic(DOUBLE, op, a, b));
        });
        const [down, nearest, up] = results;
        if (Number.isNaN(nearest)) return;
        expect(down <= nearest && nearest <= up).toBe(true);
        // Exact when, and only when, both directions agree.
        expect((unit.raised & 32) !== 0).toBe(down !== up);
      }),
      property(2000),
    );
  });

  it('is what the handlers do, whatever MXCSR says', () => {
    const engines = [new Interpreter(), new Interpreter({ fast: false })];
    const guests = OPERATIONS.map(([, , opcode], i) =>
      ['f20f', 'f30f'].map((prefix) => new Guest(`${prefix}${opcode}c1`, { engine: engines[i & 1] })),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3 }),
        fc.boolean(),
        fc.tuple(patterns(DOUBLE), patterns(DOUBLE)),
        fc.tuple(patterns(SINGLE), patterns(SINGLE)),
        fc.integer({ min: 0, max: 0xffff }),
        (index, wide, wides, narrows, control) => {
          const mxcsr = control | 0x1f80;
          const format = wide ? DOUBLE : SINGLE;
          const [a, b] = wide ? wides : narrows;
          const guest = guests[index][wide ? 0 : 1];
          guest.reset();
          const lanes = new BigUint64Array(guest.r.buffer, XMM * 4, 4);
          lanes.set([a, 0n, b, 0n]);
          guest.r[MXCSR] = mxcsr;
          guest.run();
          begin(mxcsr);
          expect(lanes[0]).toBe(arithmetic(format, OPERATIONS[index][0], a, b));
          expect(guest.r[MXCSR]).toBe(mxcsr | unit.raised);
        },
      ),
      property(3000),
    );
  });
});
