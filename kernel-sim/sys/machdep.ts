import { SEG_FS, SEG_GS } from '../../emu/core/core-state.ts';
import { SELECTOR_UFS, SELECTOR_UGS } from '../../emu/core/reset.ts';
import { EFAULT, EINVAL } from '../abi/errno.ts';
import type { Kernel } from '../kern/kernel.ts';
import { freeLdt, LDT_FIRST_FREE, LDT_MAX, setLdt } from '../kern/ldt.ts';
import { loadSelectors, refreshTables } from '../kern/regs.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';

/* Segments for thread-local storage: FreeBSD 9.1 sys/i386/i386/sys_machdep.c, i386/include/sysarch.h. */

const I386_GET_LDT = 0;
const I386_SET_LDT = 1;
const I386_GET_FSBASE = 7;
const I386_SET_FSBASE = 8;
const I386_GET_GSBASE = 9;
const I386_SET_GSBASE = 10;

/** sysarch(2). */
function sys_sysarch(k: Kernel, td: Thread, [op, parms]: readonly number[]): SyscallResult {
  switch (op) {
    case I386_GET_LDT:
    case I386_SET_LDT:
      return ldt(k, td, op === I386_SET_LDT, parms!);
    case I386_GET_FSBASE:
      return k.suword(td.pid, parms!, td.fsBase) ? ok() : fail(EFAULT);
    case I386_GET_GSBASE:
      return k.suword(td.pid, parms!, td.gsBase) ? ok() : fail(EFAULT);
    case I386_SET_FSBASE:
    case I386_SET_GSBASE:
      return setBase(k, td, op === I386_SET_FSBASE ? 'fsBase' : 'gsBase', parms!);
    default:
      return fail(EINVAL);
  }
}

/** The base of the segment that every thread has for %fs or %gs; the register is loaded with its selector. */
function setBase(k: Kernel, td: Thread, which: 'fsBase' | 'gsBase', at: number): SyscallResult {
  const base = k.fuword(td.pid, at);
  if (base === null) return fail(EFAULT);
  k.setThread(td.tid, { [which]: base });
  refreshTables(k, td.pid);
  loadSelectors(k, td.tid, [which === 'fsBase' ? [SEG_FS, SELECTOR_UFS] : [SEG_GS, SELECTOR_UGS]]);
  return ok();
}

/** struct i386_ldt_args {start, descs, num}. */
function ldt(k: Kernel, td: Thread, set: boolean, parms: number): SyscallResult {
  const bytes = k.copyin(td.pid, parms, 12);
  if (typeof bytes === 'number') return fail(bytes);
  const [start, descsAt, num] = new Uint32Array(bytes.buffer) as unknown as [number, number, number];
  if (num > LDT_MAX) return fail(EINVAL);
  if (set && descsAt === 0) {
    // 0 and 0: everything from the first slot that is given out.
    if (start === 0 && num === 0) freeLdt(k, td.pid, LDT_FIRST_FREE, LDT_MAX - LDT_FIRST_FREE);
    else if (num === 0) return fail(EINVAL);
    else freeLdt(k, td.pid, start, num);
    return ok();
  }
  if (num === 0) return fail(EINVAL);
  if (!set) {
    const count = Math.max(0, Math.min(num, k.proc(td.pid).ldt.length / 2 - start));
    const words = Int32Array.from(k.proc(td.pid).ldt.slice(2 * start, 2 * (start + count)));
    return k.copyout(td.pid, descsAt, new Uint8Array(words.buffer)) ? ok(count) : fail(EFAULT);
  }
  const descs = k.copyin(td.pid, descsAt, num * 8);
  if (typeof descs === 'number') return fail(descs);
  const done = setLdt(k, td.pid, start, [...new Int32Array(descs.buffer)]);
  return typeof done === 'number' ? fail(done) : ok(done.slot);
}

// biome-ignore format: one system call per line
export const machdepSyscalls = [
  { number: 165, name: 'sysarch', args: [['op', 'int'], ['parms', 'inout']], support: 'partial', note: 'LDT, FSBASE and GSBASE', handler: sys_sysarch },
] as const satisfies readonly SyscallRow[];
