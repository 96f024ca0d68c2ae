/**
 * The two memory images of the floating-point unit: the old one (`struct fpreg`, FNSAVE order, 176 bytes) that
 * PT_GETFPREGS and NT_FPREGSET carry, and the FXSAVE image (`struct savexmm`, 512 bytes) that the kernel keeps.
 * Source: FreeBSD 9.0 machine/npx.h, machine/reg.h; Intel SDM Vol. 1, x87 state and FXSAVE.
 */
import { assert } from '../../emu/base/errors.ts';

/** sizeof(struct fpreg), sizeof(struct savexmm). */
export const FPREG_SIZE = 176;
export const SAVEXMM_SIZE = 512;

const ST_COUNT = 8;
const ST_BYTES = 10;
const FPREG_ST = 28;
const SAVEXMM_ST = 32;
const SAVEXMM_ST_STRIDE = 16;

/** The fields of `struct fpreg` by name. `tw` is whatever the slot holds; see `fpregFromSavexmm`. */
export interface FpregFields {
  readonly cw: number;
  readonly sw: number;
  readonly tw: number;
  readonly fip: number;
  readonly fcs: number;
  readonly opcode: number;
  readonly foo: number;
  readonly fos: number;
  /** ST0 .. ST7, 10 bytes each, little-endian: 64-bit significand, then sign and exponent. */
  readonly st: readonly Uint8Array[];
}

/**
 * FXSAVE image to `struct fpreg`. Control, status and tag take 32-bit slots at 0, 4, 8; fip, fcs|opcode, foo, fos
 * follow at 12, 16, 20, 24; then 8 registers of 10 bytes at 28; the rest is 0.
 * The tag word stays in FXSAVE's abridged form (1 bit per register, 1 = in use): so does FreeBSD, see npx.c.
 * XMM registers and MXCSR have no place in it.
 */
export function fpregFromSavexmm(xmm: Uint8Array): Uint8Array {
  assert(xmm.length === SAVEXMM_SIZE, 'an FXSAVE image is 512 bytes');
  const from = new DataView(xmm.buffer, xmm.byteOffset, SAVEXMM_SIZE);
  const out = new Uint8Array(FPREG_SIZE);
  const to = new DataView(out.buffer);
  to.setUint32(0, from.getUint16(0, true), true);
  to.setUint32(4, from.getUint16(2, true), true);
  to.setUint32(8, from.getUint8(4), true);
  to.setUint32(12, from.getUint32(8, true), true);
  to.setUint16(16, from.getUint16(12, true), true);
  to.setUint16(18, from.getUint16(6, true), true);
  to.setUint32(20, from.getUint32(16, true), true);
  to.setUint32(24, from.getUint32(20, true), true);
  for (let i = 0; i < ST_COUNT; i++) {
    const at = SAVEXMM_ST + i * SAVEXMM_ST_STRIDE;
    out.set(xmm.subarray(at, at + ST_BYTES), FPREG_ST + i * ST_BYTES);
  }
  return out;
}

/**
 * `struct fpreg` back into an FXSAVE image (PT_SETFPREGS, restart). Keeps from `base` what fpreg cannot hold: MXCSR,
 * XMM registers, reserved bytes. Precondition: sizes are 176 and 512. Returns new bytes.
 */
export function savexmmFromFpreg(fpreg: Uint8Array, base: Uint8Array): Uint8Array {
  assert(fpreg.length === FPREG_SIZE, 'struct fpreg is 176 bytes');
  assert(base.length === SAVEXMM_SIZE, 'an FXSAVE image is 512 bytes');
  const from = new DataView(fpreg.buffer, fpreg.byteOffset, FPREG_SIZE);
  const out = Uint8Array.from(base);
  const to = new DataView(out.buffer);
  to.setUint16(0, from.getUint16(0, true), true);
  to.setUint16(2, from.getUint16(4, true), true);
  to.setUint8(4, from.getUint8(8));
  to.setUint16(6, from.getUint16(18, true), true);
  to.setUint32(8, from.getUint32(12, true), true);
  to.setUint16(12, from.getUint16(16, true), true);
  to.setUint32(16, from.getUint32(20, true), true);
  to.setUint32(20, from.getUint32(24, true), true);
  for (let i = 0; i < ST_COUNT; i++) {
    const at = FPREG_ST + i * ST_BYTES;
    out.set(fpreg.subarray(at, at + ST_BYTES), SAVEXMM_ST + i * SAVEXMM_ST_STRIDE);
  }
  return out;
}

/** Names the parts of a 176-byte `struct fpreg`. The `st` arrays are views, not copies. */
export function decodeFpreg(fpreg: Uint8Array): FpregFields {
  assert(fpreg.length === FPREG_SIZE, 'struct fpreg is 176 bytes');
  const view = new DataView(fpreg.buffer, fpreg.byteOffset, FPREG_SIZE);
  return {
    cw: view.getUint16(0, true),
    sw: view.getUint16(4, true),
    tw: view.getUint16(8, true),
    fip: view.getUint32(12, true),
    fcs: view.getUint16(16, true),
    opcode: view.getUint16(18, true),
    foo: view.getUint32(20, true),
    fos: view.getUint16(24, true),
    st: Array.from({ length: ST_COUNT }, (_, i) =>
      fpreg.subarray(FPREG_ST + i * ST_BYTES, FPREG_ST + (i + 1) * ST_BYTES),
    ),
  };
}
