/** One row of the CPUID table: what a leaf returns. Source: Intel SDM Vol. 2, CPUID. */
export interface CpuidLeaf {
  readonly leaf: number;
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

const doubleword = (text: string): number =>
  text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24);

/** Twelve characters, in EBX, EDX, ECX. */
const VENDOR = 'corebackCPU ';

/** Family 6, model 8, stepping 1. */
const SIGNATURE = 0x681;

/** Leaf 1, EDX. A bit appears here together with the rows of its instructions. */
const FEATURES = {
  FPU: 1 << 0,
  TSC: 1 << 4,
  CX8: 1 << 8,
  CMOV: 1 << 15,
  CLFSH: 1 << 19,
  MMX: 1 << 23,
  FXSR: 1 << 24,
  SSE: 1 << 25,
  SSE2: 1 << 26,
};

/** Leaf 1, ECX. */
const MORE_FEATURES = {
  SSE3: 1 << 0,
  SSSE3: 1 << 9,
};

/** Leaf 1, EBX: the line that CLFLUSH flushes, in units of 8 bytes. */
const LINE_SIZE = 64 / 8;

const allBits = (features: Readonly<Record<string, number>>): number =>
  Object.values(features).reduce((bits, bit) => bits | bit, 0);

const LEAVES: readonly CpuidLeaf[] = [
  {
    leaf: 0,
    eax: 1,
    ebx: doubleword(VENDOR.slice(0, 4)),
    edx: doubleword(VENDOR.slice(4, 8)),
    ecx: doubleword(VENDOR.slice(8, 12)),
  },
  { leaf: 1, eax: SIGNATURE, ebx: LINE_SIZE << 8, ecx: allBits(MORE_FEATURES), edx: allBits(FEATURES) },
];

/** A leaf beyond the last answers as the last one does. EBX of leaf 1 carries the core's APIC id in its top byte. */
export function cpuidLeaf(leaf: number, coreId: number): CpuidLeaf {
  const row = LEAVES.find((candidate) => candidate.leaf === leaf) ?? LEAVES[LEAVES.length - 1];
  return row.leaf === 1 ? { ...row, ebx: row.ebx | (coreId << 24) } : row;
}
