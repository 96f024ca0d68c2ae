import { assert } from '../../emu/base/errors.ts';
import { EAX, EDX, EFLAGS, EIP, ESP, FLAG_CF, FLAG_TF } from '../../emu/core/core-state.ts';
import { EFAULT, EINTR, ENOSYS, errnoName } from '../abi/errno.ts';
import type { Errno, Pid, Tid } from '../abi/ids.ts';
import { PL_FLAG_SCE, PL_FLAG_SCX } from '../abi/ptrace.ts';
import { SIGSYS, SIGTRAP } from '../abi/signal.ts';
import { ARG_KINDS, type SyscallRow } from '../sys/row.ts';
import { syscallByNumber } from '../sys/table.ts';
import type { TracedCall } from './call-trace.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { regsOf } from './regs.ts';
import { leaveCore } from './sched.ts';
import { hasDeliverable, reportIfHalted, restartsCalls, sigInfo, tdsignal } from './signal.ts';
import { FIRST_ENTRY, type SyscallEntry, type SyscallResult } from './syscall-result.ts';

/** syscall(2) and __syscall(2): the number is an argument. */
const SYS_SYSCALL = 0;
const SYS___SYSCALL = 198;
/** First number above the table of 9.0: sys/sys/syscall.h, SYS_MAXSYSCALL. */
const SYS_MAXSYSCALL = 532;
/** FreeBSD sys/sys/errno.h: what a native program finds in EAX for a call that it has to make again. */
export const ERESTART = -1;
/** si_code of a single-step trap. */
const TRAP_TRACE = 2;

/** The thread on this core has executed `int 0x80` (FreeBSD syscallenter, i386/trap.c). */
export function syscallEnter(k: Kernel, core: KernelCore, tid: Tid): void {
  const { pid } = k.thread(tid);
  if (k.faults.awaitsSystemCall) {
    const awaited = calledBy(k, core, pid);
    k.faults.systemCall(core.id, k.proc(pid).comm, awaited ? (syscallByNumber(awaited.code)?.name ?? '') : '');
    if (core.failed) return;
  }
  const { traced, syscallStops } = k.proc(pid);
  if (traced && syscallStops & PL_FLAG_SCE) k.setThread(tid, { atCallEntry: true, dueStop: PL_FLAG_SCE, ast: true });
  else makeSystemCall(k, core, tid);
}

/** The call that the thread on this core has entered, with the number and the arguments that stand there now. */
export function makeSystemCall(k: Kernel, core: KernelCore, tid: Tid): void {
  const { pid, atCallEntry } = k.thread(tid);
  if (atCallEntry) k.setThread(tid, { atCallEntry: false });
  const called = calledBy(k, core, pid);
  if (called === null) {
    refuse(k, core, tid, { name: 'syscall', args: [] }, EFAULT);
    return;
  }
  const row = syscallByNumber(called.code);
  if (!row) {
    unknownSyscall(k, core, tid, called.code);
    return;
  }
  const args = fetchArgs(k, pid, row, called.argsAt);
  if (args) invoke(k, core, tid, row, args, FIRST_ENTRY);
  else refuse(k, core, tid, row, EFAULT);
}

/** The number of the call and where its arguments begin; null: EFAULT. */
function calledBy(k: Kernel, core: KernelCore, pid: Pid): { code: number; argsAt: number } | null {
  const regs = core.state.i32;
  const code = regs[EAX]! >>> 0;
  const argsAt = (regs[ESP]! + 4) >>> 0;
  if (code !== SYS_SYSCALL && code !== SYS___SYSCALL) return { code, argsAt };
  const inner = k.fuword(pid, argsAt);
  return inner === null ? null : { code: inner, argsAt: (argsAt + (code === SYS_SYSCALL ? 4 : 8)) >>> 0 };
}

/** The thread has a core again and goes on with the call in which it slept. */
export function syscallResume(k: Kernel, core: KernelCore, tid: Tid): void {
  const { pending } = k.thread(tid);
  assert(pending, `thread ${tid} is in no system call`);
  const row = syscallByNumber(pending.code);
  assert(row, `no system call ${pending.code}`);
  k.setThread(tid, { pending: null });
  invoke(k, core, tid, row, pending.args, { woken: pending.woken, resume: pending.resume });
}

function invoke(
  k: Kernel,
  core: KernelCore,
  tid: Tid,
  row: SyscallRow,
  args: readonly number[],
  entry: SyscallEntry,
): void {
  k.callTracer?.enter(core, k.thread(tid), row, args, entry);
  const result = row.handler(k, k.thread(tid), args, entry);
  if (result.kind === 'sleep') {
    k.callTracer?.leave(core, result);
    sleepIn(k, core, tid, row, args, result);
    return;
  }
  finish(k, core, tid, result);
}

/** Ends a call of which not even the arguments are known. */
function refuse(k: Kernel, core: KernelCore, tid: Tid, call: TracedCall, errno: Errno): void {
  k.callTracer?.enter(core, k.thread(tid), call, [], FIRST_ENTRY);
  finish(k, core, tid, { kind: 'error', errno });
}

/** Reads a row's arguments from the user's stack; null: EFAULT. */
function fetchArgs(k: Kernel, pid: Pid, row: SyscallRow, start: number): number[] | null {
  const args: number[] = [];
  let at = start;
  for (const [, kind] of row.args) {
    const low = k.fuword(pid, at);
    at = (at + 4) >>> 0;
    if (low === null) return null;
    if (kind === 'off') {
      const high = k.fuword(pid, at);
      at = (at + 4) >>> 0;
      if (high === null) return null;
      args.push((high | 0) * 0x100000000 + low);
    } else args.push(ARG_KINDS[kind].signed ? low | 0 : low);
  }
  return args;
}

function sleepIn(
  k: Kernel,
  core: KernelCore,
  tid: Tid,
  row: SyscallRow,
  args: readonly number[],
  result: Extract<SyscallResult, { kind: 'sleep' }>,
): void {
  const interruptible = result.interruptible ?? true;
  const { resume = null, shown = null } = result;
  const pending = { code: row.number, args, resume, woken: 'wakeup' as const, shown };
  const sleep = { wchan: result.wchan, wmesg: result.wmesg, deadlineNs: result.deadlineNs ?? null, interruptible };
  // A signal that is pending already ends an interruptible sleep before it begins.
  const td = k.thread(tid);
  if (interruptible && td.ast && hasDeliverable(k, tid)) {
    k.setThread(tid, { pending: { ...pending, woken: 'signal' } });
    return;
  }
  // The core may be gone already: the handler itself may have stopped or ended the process.
  leaveCore(k, core);
  k.setThread(tid, {
    state: 'sleeping',
    pending,
    sleep,
    sleepStartNs: k.now(),
    voluntarySwitches: td.voluntarySwitches + 1,
  });
  // It may have been the last that still ran in a process that is stopping.
  reportIfHalted(k, td.pid);
}

/** Writes the result where user mode looks for it. The thread may be gone (exit) or have left the core (stop, exec by a tracer). */
function finish(k: Kernel, core: KernelCore, tid: Tid, result: SyscallResult): void {
  if (k.cpu(core.id).current !== tid) {
    k.callTracer?.leave(core, { kind: 'gone' });
    return;
  }
  const { native } = k.proc(k.thread(tid).pid);
  const said = result.kind === 'restart' && !native && !restartsCalls(k, tid) ? INTERRUPTED : result;
  k.callTracer?.leave(core, said);
  const regs = regsOf(k, tid);
  switch (said.kind) {
    case 'return':
      regs[EAX] = said.eax | 0;
      if (said.edx !== undefined) regs[EDX] = said.edx | 0;
      regs[EFLAGS] = regs[EFLAGS]! & ~FLAG_CF;
      break;
    case 'error':
      regs[EAX] = said.errno;
      regs[EFLAGS] = regs[EFLAGS]! | FLAG_CF;
      break;
    case 'restart':
      if (native) {
        regs[EAX] = ERESTART;
        regs[EFLAGS] = regs[EFLAGS]! | FLAG_CF;
      } else regs[EIP] = regs[EIP]! - syscallInstructionBytes(k, tid, regs[EIP]!);
      break;
    case 'justreturn':
    case 'sleep':
      break;
  }
  if (regs[EFLAGS]! & FLAG_TF && result.kind !== 'restart') {
    regs[EFLAGS] = regs[EFLAGS]! & ~FLAG_TF;
    tdsignal(k, tid, sigInfo(SIGTRAP, { code: TRAP_TRACE, addr: regs[EIP]! >>> 0 }));
  }
  const { pid, dueStop } = k.thread(tid);
  const { traced, syscallStops } = k.proc(pid);
  if (traced && (dueStop !== 0 || syscallStops & PL_FLAG_SCX))
    k.setThread(tid, { dueStop: dueStop | PL_FLAG_SCX, ast: true });
}

/** Length of the instruction that ended at `eip`: `int $0x80`, or the far call `lcall $7,$0`. */
function syscallInstructionBytes(k: Kernel, tid: Tid, eip: number): number {
  const bytes = k.copyin(k.thread(tid).pid, eip - 2, 2);
  return typeof bytes !== 'number' && bytes[0] === 0xcd && bytes[1] === 0x80 ? 2 : 7;
}

/** ENOSYS, and one line in the log; a number that 9.0 does not have at all also gets SIGSYS, as nosys() does it. */
function unknownSyscall(k: Kernel, core: KernelCore, tid: Tid, code: number): void {
  const td = k.thread(tid);
  k.log(`pid ${td.pid} (${k.proc(td.pid).comm}): system call ${code} is not implemented: ${errnoName(ENOSYS)}`);
  refuse(k, core, tid, { name: `syscall ${code}`, args: [] }, ENOSYS);
  if (code >= SYS_MAXSYSCALL) tdsignal(k, tid, sigInfo(SIGSYS));
}

/** For handlers whose sleep was ended by a signal and that are not made again. */
export const INTERRUPTED: SyscallResult = { kind: 'error', errno: EINTR };

/** A native process makes a call: its arguments do not come from a stack. */
export function invokeByName(k: Kernel, core: KernelCore, tid: Tid, row: SyscallRow, args: readonly number[]): void {
  invoke(k, core, tid, row, args, FIRST_ENTRY);
}
