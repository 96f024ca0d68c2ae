import { mulHighUnsigned } from './exec-muldiv.ts';
import { D, packed, S } from './simd.ts';

// Packed integer arithmetic, comparison and logic. Source: Intel SDM Vol. 2, the instruction pages of the same names.

const clamp = (value: number, low: number, high: number): number => (value < low ? low : value > high ? high : value);
export const toInt8 = (value: number): number => clamp(value, -0x80, 0x7f);
export const toInt16 = (value: number): number => clamp(value, -0x8000, 0x7fff);
export const toUint8 = (value: number): number => clamp(value, 0, 0xff);
export const toUint16 = (value: number): number => clamp(value, 0, 0xffff);

type LaneArray = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;

/** An operation on each lane of one kind; the array that takes the result cuts it to size. */
function each(d: LaneArray, s: LaneArray, operation: (a: number, b: number) => number): ReturnType<typeof packed> {
  const bytes = d.BYTES_PER_ELEMENT;
  return packed((size) => {
    for (let i = 0; i < size / bytes; i++) d[i] = operation(d[i], s[i]);
  });
}

const add = (a: number, b: number): number => a + b;
const subtract = (a: number, b: number): number => a - b;
const average = (a: number, b: number): number => (a + b + 1) >> 1;
const equal = (a: number, b: number): number => (a === b ? -1 : 0);
const greater = (a: number, b: number): number => (a > b ? -1 : 0);

export const paddb = each(D.u8, S.u8, add);
export const paddw = each(D.u16, S.u16, add);
export const paddd = each(D.i32, S.i32, add);
export const psubb = each(D.u8, S.u8, subtract);
export const psubw = each(D.u16, S.u16, subtract);
export const psubd = each(D.i32, S.i32, subtract);
export const paddsb = each(D.i8, S.i8, (a, b) => toInt8(a + b));
export const paddsw = each(D.i16, S.i16, (a, b) => toInt16(a + b));
export const paddusb = each(D.u8, S.u8, (a, b) => toUint8(a + b));
export const paddusw = each(D.u16, S.u16, (a, b) => toUint16(a + b));
export const psubsb = each(D.i8, S.i8, (a, b) => toInt8(a - b));
export const psubsw = each(D.i16, S.i16, (a, b) => toInt16(a - b));
export const psubusb = each(D.u8, S.u8, (a, b) => toUint8(a - b));
export const psubusw = each(D.u16, S.u16, (a, b) => toUint16(a - b));

export const pavgb = each(D.u8, S.u8, average);
export const pavgw = each(D.u16, S.u16, average);
export const pminub = each(D.u8, S.u8, Math.min);
export const pmaxub = each(D.u8, S.u8, Math.max);
export const pminsw = each(D.i16, S.i16, Math.min);
export const pmaxsw = each(D.i16, S.i16, Math.max);

export const pcmpeqb = each(D.u8, S.u8, equal);
export const pcmpeqw = each(D.u16, S.u16, equal);
export const pcmpeqd = each(D.i32, S.i32, equal);
export const pcmpgtb = each(D.i8, S.i8, greater);
export const pcmpgtw = each(D.i16, S.i16, greater);
export const pcmpgtd = each(D.i32, S.i32, greater);

export const pand = each(D.i32, S.i32, (a, b) => a & b);
export const pandn = each(D.i32, S.i32, (a, b) => ~a & b);
export const por = each(D.i32, S.i32, (a, b) => a | b);
export const pxor = each(D.i32, S.i32, (a, b) => a ^ b);

export const pmullw = each(D.i16, S.i16, (a, b) => a * b);
export const pmulhw = each(D.i16, S.i16, (a, b) => (a * b) >> 16);
export const pmulhuw = each(D.u16, S.u16, (a, b) => (a * b) >>> 16);

export const paddq = packed((size) => {
  for (let i = 0; i < size / 4; i += 2) {
    const low = D.u32[i] + S.u32[i];
    D.u32[i + 1] += S.u32[i + 1] + (low > 0xffffffff ? 1 : 0);
    D.u32[i] = low;
  }
});

export const psubq = packed((size) => {
  for (let i = 0; i < size / 4; i += 2) {
    const low = D.u32[i] - S.u32[i];
    D.u32[i + 1] -= S.u32[i + 1] + (low < 0 ? 1 : 0);
    D.u32[i] = low;
  }
});

export const pmuludq = packed((size) => {
  for (let i = 0; i < size / 4; i += 2) {
    const a = D.i32[i];
    const b = S.i32[i];
    D.i32[i] = Math.imul(a, b);
    D.i32[i + 1] = mulHighUnsigned(a, b);
  }
});

export const pmaddwd = packed((size) => {
  for (let i = 0; i < size / 4; i++) D.i32[i] = D.i16[2 * i] * S.i16[2 * i] + D.i16[2 * i + 1] * S.i16[2 * i + 1];
});

export const psadbw = packed((size) => {
  for (let i = 0; i < size; i += 8) {
    let sum = 0;
    for (let j = i; j < i + 8; j++) sum += Math.abs(D.u8[j] - S.u8[j]);
    D.u32[i / 4] = sum;
    D.u32[i / 4 + 1] = 0;
  }
});
