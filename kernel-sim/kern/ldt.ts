import { ACCESS_CODE, ACCESS_CONFORMING, ACCESS_PRESENT, ACCESS_S, CPL, dplOf } from '../../emu/core/segments.ts';
import { EACCES, EINVAL } from '../abi/errno.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import type { Kernel } from './kernel.ts';
import { refreshTables } from './regs.ts';

/*
 * The local descriptor table of a process: FreeBSD 9.1 sys/i386/i386/sys_machdep.c (freebsd-i386-abi.md, C.5).
 * Differs: a process without one has no LDT at all, where FreeBSD shows it a default one with a code and a data segment.
 */

/** MAX_LD, and NLDT: automatic allocation begins here. */
export const LDT_MAX = 8192;
export const LDT_FIRST_FREE = 17;
export const LDT_AUTO_ALLOC = 0xffffffff;

/** Bits 8..15 of a descriptor's second doubleword: type, S, DPL, P. */
const accessOf = (high: number): number => (high >>> 8) & 0xff;
/** Type 0, "system null": a free slot. */
const isFree = (high: number): boolean => (accessOf(high) & 0x1f) === 0;

/** What a user may put into a slot, as it is stored; the errno when he may not. */
function checkDescriptor(low: number, high: number): readonly [number, number] | Errno {
  const access = accessOf(high);
  // A null descriptor is made not present.
  if (isFree(high)) return [low, high & ~(ACCESS_PRESENT << 8)];
  if ((access & ACCESS_S) === 0) return EACCES;
  const conformingCode = access & ACCESS_CODE && access & ACCESS_CONFORMING;
  const present = (access & ACCESS_PRESENT) !== 0;
  if (conformingCode && !present) return EACCES;
  if (present && dplOf(access) !== CPL) return EACCES;
  return [low, high];
}

/** i386_set_ldt(2) with descriptors, two doublewords each; the first slot that was set. */
export function setLdt(k: Kernel, pid: Pid, start: number, words: readonly number[]): { slot: number } | Errno {
  const count = words.length / 2;
  const automatic = start === LDT_AUTO_ALLOC && count === 1;
  if (!automatic && start + count > LDT_MAX) return EINVAL;
  const checked: number[] = [];
  for (let n = 0; n < count; n++) {
    const descriptor = checkDescriptor(words[2 * n]!, words[2 * n + 1]!);
    if (typeof descriptor === 'number') return descriptor;
    checked.push(...descriptor);
  }
  const ldt = [...k.proc(pid).ldt];
  let slot = start;
  if (automatic) {
    slot = LDT_FIRST_FREE;
    while (2 * slot < ldt.length && !isFree(ldt[2 * slot + 1]!)) slot++;
    if (slot >= LDT_MAX) return EINVAL;
  }
  while (ldt.length < 2 * (slot + count)) ldt.push(0);
  ldt.splice(2 * slot, 2 * count, ...checked.map((word) => word | 0));
  k.setProc(pid, { ldt });
  refreshTables(k, pid);
  return { slot };
}

/** i386_set_ldt(2) without descriptors: the slots are free again. */
export function freeLdt(k: Kernel, pid: Pid, start: number, count: number): void {
  const ldt = k.proc(pid).ldt.map((word, n) => (n >= 2 * start && n < 2 * (start + count) ? 0 : word));
  k.setProc(pid, { ldt });
  refreshTables(k, pid);
}
