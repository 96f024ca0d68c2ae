import { cpuId } from '../../emu/base/brand.ts';
import { assert } from '../../emu/base/errors.ts';
import {
  CORE_STATE_BYTES,
  CoreState,
  type DescriptorTables,
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  EFLAGS,
  EIP,
  ESI,
  ESP,
  FLAG_CF,
  FLAG_TF,
  FXSAVE_BYTE_OFFSET,
  SEG_ACCESS,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SELECTOR,
  SEG_SS,
} from '../../emu/core/core-state.ts';
import { freebsdDescriptorTables, resetCore } from '../../emu/core/reset.ts';
import { checkCodeSelector, loadSegment, setCodeSegment } from '../../emu/core/segments.ts';
import type { Pid, Tid } from '../abi/ids.ts';
import { type Reg, type RegField, ZERO_REG } from '../abi/reg.ts';
import type { Kernel } from './kernel.ts';
import type { PendingSyscall } from './state.ts';

/** The state block of a thread that has just been given a program, but for entry point and stack. */
export function freshRegisters(): Int32Array {
  const core = new CoreState(cpuId(0), freebsdDescriptorTables());
  resetCore(core);
  return core.i32;
}

/** The registers of a thread, on its core or saved: a live view of the state block (emu/core/core-state.ts). */
export function regsOf(k: Kernel, tid: Tid): Int32Array {
  const td = k.thread(tid);
  if (td.state === 'running') return k.cores[td.onCpu]!.state.i32;
  const saved = k.pcbs.get(tid);
  assert(saved, `thread ${tid} has no registers`);
  return new Int32Array(saved.buffer, saved.byteOffset, CORE_STATE_BYTES / 4);
}

/** The thread's 512-byte FXSAVE image: a live view. */
export function fxsaveOf(k: Kernel, tid: Tid): Uint8Array {
  const regs = regsOf(k, tid);
  return new Uint8Array(regs.buffer, regs.byteOffset + FXSAVE_BYTE_OFFSET, 512);
}

/** Where each field of struct reg stands in the state block; r_isp, r_trapno and r_err stand nowhere. */
export const GENERAL_FIELDS: readonly (readonly [field: RegField, index: number])[] = [
  ['r_edi', EDI],
  ['r_esi', ESI],
  ['r_ebp', EBP],
  ['r_ebx', EBX],
  ['r_edx', EDX],
  ['r_ecx', ECX],
  ['r_eax', EAX],
  ['r_eip', EIP],
  ['r_eflags', EFLAGS],
  ['r_esp', ESP],
];
/** The selectors: their number as segment registers (SEG_ES ...). */
export const SELECTOR_FIELDS: readonly (readonly [field: RegField, seg: number])[] = [
  ['r_es', SEG_ES],
  ['r_cs', SEG_CS],
  ['r_ss', SEG_SS],
  ['r_ds', SEG_DS],
  ['r_fs', SEG_FS],
  ['r_gs', SEG_GS],
];

/** Length of `int $0x80`. */
const SYSCALL_BYTES = 2;

/**
 * The thread's registers in struct reg order of names, as a tracer or a core file shows them: r_isp, r_trapno and r_err are 0.
 * A thread in the middle of a system call that can be made again is shown at its `int 0x80`, as after ERESTART: resuming from
 * these registers makes the call once more. One whose call cannot be made again is shown as if that had returned.
 */
export function userRegs(k: Kernel, tid: Tid): Reg {
  const r = regsOf(k, tid);
  const td = k.thread(tid);
  const reg: Record<RegField, number> = { ...ZERO_REG };
  for (const [field, index] of GENERAL_FIELDS) reg[field] = r[index]! >>> 0;
  for (const [field, seg] of SELECTOR_FIELDS) reg[field] = r[SEG_SELECTOR + seg]! & 0xffff;
  if (!td.pending) return reg;
  const { shown } = td.pending;
  if (!shown) return { ...reg, r_eip: (reg.r_eip - SYSCALL_BYTES) >>> 0 };
  return { ...reg, r_eax: shown.eax, r_eflags: (reg.r_eflags & ~FLAG_CF) | (shown.carry ? FLAG_CF : 0) };
}

/** The inverse for a thread that was restored from what `userRegs` showed of it in the middle of a call: it goes on in that call. */
export function reenterSyscall(k: Kernel, tid: Tid, { code, shown }: PendingSyscall): void {
  const r = regsOf(k, tid);
  if (shown) r[EAX] = code;
  else r[EIP] = r[EIP]! + SYSCALL_BYTES;
}

/** The descriptor tables of a thread: flat code and data, its own %fs and %gs segments, and the LDT of its process. */
export function tablesOf(k: Kernel, tid: Tid): DescriptorTables {
  const { fsBase, gsBase, pid } = k.thread(tid);
  const { gdt } = fsBase === 0 && gsBase === 0 ? FLAT_TABLES : freebsdDescriptorTables({ fsBase, gsBase });
  const { ldt } = k.proc(pid);
  return ldt.length === 0 && gdt === FLAT_TABLES.gdt ? FLAT_TABLES : { gdt, ldt: rawLdt(ldt) };
}

/** Derived: the same descriptors as the engines want them. */
const rawLdts = new WeakMap<readonly number[], Int32Array>();

function rawLdt(ldt: readonly number[]): Int32Array {
  let raw = rawLdts.get(ldt);
  if (!raw) {
    raw = Int32Array.from(ldt);
    rawLdts.set(ldt, raw);
  }
  return raw;
}

/** Descriptors of a process have changed: cores that run its threads are given the new tables. */
export function refreshTables(k: Kernel, pid: Pid): void {
  for (const tid of k.proc(pid).threads) {
    const td = k.thread(tid);
    if (td.state === 'running') k.cores[td.onCpu]!.state.tables = tablesOf(k, tid);
  }
}

const FLAT_TABLES = freebsdDescriptorTables();

/** Loads segment registers of a thread that is not on a core; false, and nothing is changed, when one is no user segment. */
export function loadSelectors(
  k: Kernel,
  tid: Tid,
  selectors: readonly (readonly [seg: number, selector: number])[],
): boolean {
  const regs = regsOf(k, tid);
  const core = new CoreState(cpuId(0), tablesOf(k, tid));
  core.i32.set(regs);
  for (const [seg, selector] of selectors) {
    if (seg === SEG_CS) {
      const code = checkCodeSelector(core, selector);
      if (!('access' in code)) return false;
      setCodeSegment(core, selector, code);
    } else if (loadSegment(core, seg, selector) !== null) return false;
  }
  regs.set(core.i32.subarray(SEG_SELECTOR, SEG_ACCESS + 6), SEG_SELECTOR);
  return true;
}

/** Turns single-stepping of user mode on or off in the registers. */
export function setTrapFlag(k: Kernel, tid: Tid, on: boolean): void {
  const regs = regsOf(k, tid);
  regs[EFLAGS] = on ? regs[EFLAGS]! | FLAG_TF : regs[EFLAGS]! & ~FLAG_TF;
}
