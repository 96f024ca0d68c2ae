/** General registers as ptrace and core files carry them. Source: FreeBSD 9.0 machine/reg.h, struct reg. */

/** Field names in memory order; each is one little-endian doubleword. The only place where the order stands. */
export const REG_FIELDS = [
  'r_fs',
  'r_es',
  'r_ds',
  'r_edi',
  'r_esi',
  'r_ebp',
  'r_isp',
  'r_ebx',
  'r_edx',
  'r_ecx',
  'r_eax',
  'r_trapno',
  'r_err',
  'r_eip',
  'r_cs',
  'r_eflags',
  'r_esp',
  'r_ss',
  'r_gs',
] as const;

export type RegField = (typeof REG_FIELDS)[number];

/** `struct reg`: every field an unsigned 32-bit number; selectors use the low 16 bits. */
export type Reg = Readonly<Record<RegField, number>>;

/** sizeof(struct reg). */
export const REG_SIZE = 76;

/** All registers 0. */
export const ZERO_REG: Reg = Object.freeze(
  Object.fromEntries(REG_FIELDS.map((field) => [field, 0])) as Record<RegField, number>,
);

/**
 * Writes `reg` into `out` at `at`: 19 little-endian doublewords, r_fs first, r_gs last, 76 bytes.
 * Precondition: `out` has room; otherwise a RangeError, which is our bug.
 */
export function encodeRegInto(out: Uint8Array, at: number, reg: Reg): void {
  const view = new DataView(out.buffer, out.byteOffset + at, REG_SIZE);
  for (let i = 0; i < REG_FIELDS.length; i++) view.setUint32(i * 4, reg[REG_FIELDS[i]], true);
}

/** `struct reg` as 76 new bytes. */
export function encodeReg(reg: Reg): Uint8Array {
  const out = new Uint8Array(REG_SIZE);
  encodeRegInto(out, 0, reg);
  return out;
}

/** Reads the 76 bytes at `at`. Precondition: they are there. */
export function decodeReg(bytes: Uint8Array, at = 0): Reg {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, REG_SIZE);
  const reg: Record<RegField, number> = { ...ZERO_REG };
  for (let i = 0; i < REG_FIELDS.length; i++) reg[REG_FIELDS[i]] = view.getUint32(i * 4, true);
  return reg;
}
