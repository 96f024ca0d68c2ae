import { IMMEDIATE, type Insn } from '../isa/insn.ts';
import { D, packed, S } from './simd.ts';

// Packed shifts. Source: Intel SDM Vol. 2, the instruction pages of the same names.

/** The count: an immediate, or the low quadword of the source, where 255 stands for everything beyond. */
function countOf(insn: Insn): number {
  if (insn.operands[1].kind === IMMEDIATE) return insn.operands[1].value & 0xff;
  return S.u32[1] !== 0 || S.u32[0] > 0xff ? 0xff : S.u32[0];
}

export const psllw = packed((size, insn) => {
  const count = countOf(insn);
  for (let i = 0; i < size / 2; i++) D.u16[i] = count > 15 ? 0 : D.u16[i] << count;
});
export const psrlw = packed((size, insn) => {
  const count = countOf(insn);
  for (let i = 0; i < size / 2; i++) D.u16[i] = count > 15 ? 0 : D.u16[i] >>> count;
});
export const psraw = packed((size, insn) => {
  const count = Math.min(countOf(insn), 15);
  for (let i = 0; i < size / 2; i++) D.i16[i] >>= count;
});

export const pslld = packed((size, insn) => {
  const count = countOf(insn);
  for (let i = 0; i < size / 4; i++) D.i32[i] = count > 31 ? 0 : D.i32[i] << count;
});
export const psrld = packed((size, insn) => {
  const count = countOf(insn);
  for (let i = 0; i < size / 4; i++) D.i32[i] = count > 31 ? 0 : D.i32[i] >>> count;
});
export const psrad = packed((size, insn) => {
  const count = Math.min(countOf(insn), 31);
  for (let i = 0; i < size / 4; i++) D.i32[i] >>= count;
});

export const psllq = packed((size, insn) => {
  const count = countOf(insn);
  for (let i = 0; i < size / 4; i += 2) {
    const low = D.i32[i];
    const high = D.i32[i + 1];
    D.i32[i] = count > 31 ? 0 : low << count;
    D.i32[i + 1] =
      count > 63 ? 0 : count > 31 ? low << (count - 32) : count === 0 ? high : (high << count) | (low >>> (32 - count));
  }
});
export const psrlq = packed((size, insn) => {
  const count = countOf(insn);
  for (let i = 0; i < size / 4; i += 2) {
    const low = D.i32[i];
    const high = D.i32[i + 1];
    D.i32[i + 1] = count > 31 ? 0 : high >>> count;
    D.i32[i] =
      count > 63
        ? 0
        : count > 31
          ? high >>> (count - 32)
          : count === 0
            ? low
            : (low >>> count) | (high << (32 - count));
  }
});

/** By bytes. */
export const pslldq = packed((size, insn) => {
  const count = countOf(insn);
  for (let i = size - 1; i >= 0; i--) D.u8[i] = i >= count ? D.u8[i - count] : 0;
});
export const psrldq = packed((size, insn) => {
  const count = countOf(insn);
  for (let i = 0; i < size; i++) D.u8[i] = i + count < size ? D.u8[i + count] : 0;
});
