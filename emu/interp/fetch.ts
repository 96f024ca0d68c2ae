import { SEG_ACCESS, SEG_BASE, SEG_CS, SEG_LIMIT } from '../core/core-state.ts';
import { PF_PRESENT, VECTOR_GP } from '../core/engine.ts';
import { ACCESS_BIG } from '../core/segments.ts';
import { Decoder } from '../isa/decode.ts';
import type { Insn } from '../isa/insn.ts';
import { type AddressSpace, PAGE_SHIFT, PERM_X } from '../memory/address-space.ts';
import type { Cpu } from './cpu.ts';

const LENGTH_MAX = 15;
const decoder = new Decoder();

/** Number of bytes from a linear address on (15 at most) that may be fetched. */
export function fetchable(space: AddressSpace, linear: number): number {
  const { perm } = space;
  if (!(perm[linear >>> PAGE_SHIFT] & PERM_X)) return 0;
  const inPage = 4096 - (linear & 4095);
  if (inPage >= LENGTH_MAX) return LENGTH_MAX;
  return perm[(linear >>> PAGE_SHIFT) + 1] & PERM_X ? LENGTH_MAX : inPage;
}

/** The instruction at `eip` of a flat 32-bit code segment, or null when fetching it faults. */
export function decodeFlat(space: AddressSpace, eip: number): Insn | null {
  return decoder.decode(space.u8, eip >>> 0, fetchable(space, eip >>> 0), eip, true);
}

/** Decodes the instruction at CS:EIP with whatever CS is loaded, or raises the fault of fetching it. */
export function fetchAnywhere(cpu: Cpu, eip: number): Insn {
  const limit = cpu.r[SEG_LIMIT + SEG_CS] >>> 0;
  const linear = (cpu.r[SEG_BASE + SEG_CS] + eip) >>> 0;
  const inLimit = Math.min(limit - (eip >>> 0) + 1, LENGTH_MAX);
  if (inLimit <= 0) cpu.raise(VECTOR_GP, 0);
  const mapped = fetchable(cpu.space, linear);
  const big = (cpu.r[SEG_ACCESS + SEG_CS] & ACCESS_BIG) !== 0;
  const insn = decoder.decode(cpu.space.u8, linear, Math.min(mapped, inLimit), eip, big);
  if (insn !== null) return insn;
  if (inLimit <= mapped) cpu.raise(VECTOR_GP, 0);
  const missing = (linear + mapped) >>> 0;
  return cpu.pageFault(missing, cpu.space.perm[missing >>> PAGE_SHIFT] === 0 ? 0 : PF_PRESENT, 0);
}
