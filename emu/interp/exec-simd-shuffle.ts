import { toInt8, toInt16, toUint8 } from './exec-simd-integer.ts';
import { D, immediate, packed, S, T } from './simd.ts';

// Shuffling, interleaving and packing of lanes. Source: Intel SDM Vol. 2, the instruction pages of the same names.

/** What stands in `T` becomes the result. */
function takeResult(): void {
  D.i32.set(T.i32);
}

type LaneArray = Uint8Array | Uint16Array | Uint32Array;

/** Interleaves the low or the high halves of both operands. */
function interleave(t: LaneArray, d: LaneArray, s: LaneArray, high: boolean): ReturnType<typeof packed> {
  const bytes = d.BYTES_PER_ELEMENT;
  return packed((size) => {
    const half = size / bytes / 2;
    const from = high ? half : 0;
    for (let i = 0; i < half; i++) {
      t[2 * i] = d[from + i];
      t[2 * i + 1] = s[from + i];
    }
    takeResult();
  });
}

export const punpcklbw = interleave(T.u8, D.u8, S.u8, false);
export const punpcklwd = interleave(T.u16, D.u16, S.u16, false);
export const punpckldq = interleave(T.u32, D.u32, S.u32, false);
export const punpckhbw = interleave(T.u8, D.u8, S.u8, true);
export const punpckhwd = interleave(T.u16, D.u16, S.u16, true);
export const punpckhdq = interleave(T.u32, D.u32, S.u32, true);

export const punpcklqdq = packed(() => {
  D.i32[2] = S.i32[0];
  D.i32[3] = S.i32[1];
});
export const punpckhqdq = packed(() => {
  D.i32[0] = D.i32[2];
  D.i32[1] = D.i32[3];
  D.i32[2] = S.i32[2];
  D.i32[3] = S.i32[3];
});

export const packsswb = packed((size) => {
  for (let i = 0; i < size / 2; i++) {
    T.i8[i] = toInt8(D.i16[i]);
    T.i8[size / 2 + i] = toInt8(S.i16[i]);
  }
  takeResult();
});
export const packuswb = packed((size) => {
  for (let i = 0; i < size / 2; i++) {
    T.u8[i] = toUint8(D.i16[i]);
    T.u8[size / 2 + i] = toUint8(S.i16[i]);
  }
  takeResult();
});
export const packssdw = packed((size) => {
  for (let i = 0; i < size / 4; i++) {
    T.i16[i] = toInt16(D.i32[i]);
    T.i16[size / 4 + i] = toInt16(S.i32[i]);
  }
  takeResult();
});

/** Lane i of the selection byte: two bits each. */
const selected = (order: number, i: number): number => (order >> (2 * i)) & 3;

export const pshufw = packed((_size, insn) => {
  for (let i = 0; i < 4; i++) D.u16[i] = S.u16[selected(immediate(insn), i)];
});
export const pshufd = packed((_size, insn) => {
  for (let i = 0; i < 4; i++) D.i32[i] = S.i32[selected(immediate(insn), i)];
});
export const pshuflw = packed((_size, insn) => {
  for (let i = 0; i < 4; i++) D.u16[i] = S.u16[selected(immediate(insn), i)];
  D.i32[2] = S.i32[2];
  D.i32[3] = S.i32[3];
});
export const pshufhw = packed((_size, insn) => {
  for (let i = 0; i < 4; i++) D.u16[4 + i] = S.u16[4 + selected(immediate(insn), i)];
  D.i32[0] = S.i32[0];
  D.i32[1] = S.i32[1];
});

export const shufps = packed((_size, insn) => {
  for (let i = 0; i < 4; i++) T.i32[i] = (i < 2 ? D : S).i32[selected(immediate(insn), i)];
  takeResult();
});
export const shufpd = packed((_size, insn) => {
  const low = immediate(insn) & 1 ? 2 : 0;
  const high = immediate(insn) & 2 ? 2 : 0;
  D.i32[0] = D.i32[low];
  D.i32[1] = D.i32[low + 1];
  D.i32[2] = S.i32[high];
  D.i32[3] = S.i32[high + 1];
});

export const pshufb = packed((size) => {
  for (let i = 0; i < size; i++) T.u8[i] = S.u8[i] & 0x80 ? 0 : D.u8[S.u8[i] & (size - 1)];
  takeResult();
});

/** The destination's bytes stand above the source's; both shift right together. */
export const palignr = packed((size, insn) => {
  const count = immediate(insn);
  for (let i = 0; i < size; i++) {
    const at = i + count;
    T.u8[i] = at < size ? S.u8[at] : at < 2 * size ? D.u8[at - size] : 0;
  }
  takeResult();
});
