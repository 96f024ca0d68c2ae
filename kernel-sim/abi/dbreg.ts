/** Debug registers as ptrace carries them. Source: FreeBSD 9.0 sys/i386/include/reg.h, struct dbreg: dr0 to dr7, 4 bytes each. */

/** sizeof(struct dbreg). */
export const DBREG_SIZE = 32;
export const DBREG_COUNT = 4;

/** DR7, the R/W field of a register: 0 execution, 1 write, 2 is not defined, 3 read or write. */
export const dr7Access = (dr7: number, i: number): number => (dr7 >>> (16 + i * 4)) & 3;
/** DR7, the LEN field: 0 one byte, 1 two, 2 is not defined, 3 four. */
export const dr7Length = (dr7: number, i: number): number => (dr7 >>> (18 + i * 4)) & 3;
/** DR7: whether a register is enabled, locally or globally. */
export const dr7Enabled = (dr7: number, i: number): boolean => ((dr7 >>> (i * 2)) & 3) !== 0;

/** `struct dbreg` as bytes. */
export function encodeDbreg(dr: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(dr, (value) => value | 0).buffer);
}

/** dr0 to dr7, unsigned. Precondition: DBREG_SIZE bytes. */
export function decodeDbreg(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, DBREG_SIZE);
  return Array.from({ length: 8 }, (_, i) => view.getUint32(i * 4, true));
}
