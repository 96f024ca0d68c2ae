import { toInt16 } from './exec-simd-integer.ts';
import { D, packed, S, T } from './simd.ts';

// SSSE3 arithmetic. Source: Intel SDM Vol. 2, the instruction pages of the same names.

type Lane = Int8Array | Int16Array | Int32Array;

/** Combines neighbours: first those of the destination, then those of the source. */
function horizontal(t: Lane, d: Lane, s: Lane, operation: (a: number, b: number) => number): ReturnType<typeof packed> {
  const bytes = d.BYTES_PER_ELEMENT;
  return packed((size) => {
    const half = size / bytes / 2;
    for (let i = 0; i < half; i++) {
      t[i] = operation(d[2 * i], d[2 * i + 1]);
      t[half + i] = operation(s[2 * i], s[2 * i + 1]);
    }
    D.i32.set(T.i32);
  });
}

export const phaddw = horizontal(T.i16, D.i16, S.i16, (a, b) => a + b);
export const phaddd = horizontal(T.i32, D.i32, S.i32, (a, b) => a + b);
export const phaddsw = horizontal(T.i16, D.i16, S.i16, (a, b) => toInt16(a + b));
export const phsubw = horizontal(T.i16, D.i16, S.i16, (a, b) => a - b);
export const phsubd = horizontal(T.i32, D.i32, S.i32, (a, b) => a - b);
export const phsubsw = horizontal(T.i16, D.i16, S.i16, (a, b) => toInt16(a - b));

function each(d: Lane, s: Lane, operation: (a: number, b: number) => number): ReturnType<typeof packed> {
  const bytes = d.BYTES_PER_ELEMENT;
  return packed((size) => {
    for (let i = 0; i < size / bytes; i++) d[i] = operation(d[i], s[i]);
  });
}

const withSign = (a: number, b: number): number => (b < 0 ? -a : b === 0 ? 0 : a);
export const psignb = each(D.i8, S.i8, withSign);
export const psignw = each(D.i16, S.i16, withSign);
export const psignd = each(D.i32, S.i32, withSign);

const magnitude = (_a: number, b: number): number => Math.abs(b);
export const pabsb = each(D.i8, S.i8, magnitude);
export const pabsw = each(D.i16, S.i16, magnitude);
export const pabsd = each(D.i32, S.i32, magnitude);

/** The high part of the product, rounded. */
export const pmulhrsw = each(D.i16, S.i16, (a, b) => (((a * b) >> 14) + 1) >> 1);

/** Unsigned bytes of the destination by signed bytes of the source. */
export const pmaddubsw = packed((size) => {
  for (let i = 0; i < size / 2; i++) D.i16[i] = toInt16(D.u8[2 * i] * S.i8[2 * i] + D.u8[2 * i + 1] * S.i8[2 * i + 1]);
});
