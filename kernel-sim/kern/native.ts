import { assert } from '../../emu/base/errors.ts';
import { EAX, EDX, EFLAGS, FLAG_CF } from '../../emu/core/core-state.ts';
import type { Pid, Tid } from '../abi/ids.ts';
import { SYSCALLS } from '../sys/table.ts';
import { anonEntry } from '../vm/map-in.ts';
import { newVmspace } from '../vm/vmspace.ts';
import { retainCpuset } from './cpuset.ts';
import { exitProcess } from './exit.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { allocatePid, allocateTid, blankProc, blankThread, INIT_PID } from './proc.ts';
import { freshRegisters, regsOf } from './regs.ts';
import { makeRunnable } from './sched.ts';
import { ERESTART, invokeByName } from './syscall.ts';

/*
 * Native processes: their program is a TypeScript function of (state, result of the last call) instead of i386 code. Everything else is
 * as for any process: they are scheduled, sleep, fork, trace and wait through the same system calls. Their state is JSON data in the
 * process record, so a native process can be kept and restored at any step like the rest of the kernel.
 */

/** Where a native process keeps strings and structures that its system calls point at. */
export const SCRATCH_ADDR = 0x10000;
export const SCRATCH_BYTES = 0x20000;

export interface NativeContext {
  readonly k: Kernel;
  readonly pid: Pid;
  /** The core that runs it. A fault may stop it in the middle of a step. */
  readonly core: KernelCore;
  /** The last call: EAX as a signed number, EDX, and the errno when it failed (0 otherwise). */
  readonly eax: number;
  readonly edx: number;
  readonly errno: number;
  /** Puts bytes into the process's own memory at SCRATCH_ADDR + offset; returns their address. */
  put(offset: number, bytes: Uint8Array): number;
  /** Reads the process's own memory at SCRATCH_ADDR + offset. */
  get(offset: number, length: number): Uint8Array;
}

export type NativeStep =
  /** Make this system call, then come back with `data`. */
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly number[]; readonly data: unknown }
  | { readonly kind: 'exit'; readonly code: number };

export type NativeProgram = (context: NativeContext, data: unknown) => NativeStep;

/** Programs by name. A table, not state: a process record holds the name. */
export type NativePrograms = ReadonlyMap<string, NativeProgram>;

/** Creates a native process, a child of init, runnable at once; null when there are too many processes. */
export function spawnNative(
  k: Kernel,
  program: string,
  data: unknown,
  like: { nice: number; cpuset: number; lastCpu?: number },
): Pid | null {
  const pid = allocatePid(k);
  if (pid === null) return null;
  const tid = allocateTid(k);
  const nowNs = k.now();
  const vmspace = newVmspace(k);
  const scratch = { ...anonEntry(SCRATCH_ADDR, SCRATCH_ADDR + SCRATCH_BYTES), noCoredump: true };
  k.setVmspace(vmspace, { map: [scratch] });
  k.state.procs.set(pid, {
    ...blankProc(pid, INIT_PID, nowNs),
    comm: program,
    args: [program],
    vmspace,
    threads: [tid],
    cwd: k.state.counters.rootVnode,
    root: k.state.counters.rootVnode,
    nice: like.nice,
    native: { program, data },
  });
  retainCpuset(k, like.cpuset);
  k.state.threads.set(tid, {
    ...blankThread(tid, pid, program, nowNs),
    cpuset: like.cpuset,
    lastCpu: like.lastCpu ?? -1,
  });
  k.pcbs.set(tid, new Uint8Array(freshRegisters().slice().buffer));
  k.emit({ kind: 'fork', pid: INIT_PID, child: pid, how: 'native' });
  makeRunnable(k, k.thread(tid), 'new');
  return pid;
}

/** One step of the native process on this core. */
export function runNative(k: Kernel, core: KernelCore, tid: Tid, programs: NativePrograms): void {
  const p = k.proc(k.thread(tid).pid);
  assert(p.native, `process ${p.pid} is not native`);
  const program = programs.get(p.native.program);
  assert(program, `no native program ${p.native.program}`);
  const regs = regsOf(k, tid);
  const space = k.space(p.vmspace);
  const context: NativeContext = {
    k,
    pid: p.pid,
    core,
    eax: regs[EAX]!,
    edx: regs[EDX]!,
    errno: regs[EFLAGS]! & FLAG_CF ? regs[EAX]! : 0,
    put(offset, bytes) {
      assert(offset >= 0 && offset + bytes.length <= SCRATCH_BYTES, 'native scratch memory is too small');
      assert(k.copyout(p.pid, SCRATCH_ADDR + offset, bytes), 'native scratch memory is gone');
      return SCRATCH_ADDR + offset;
    },
    get: (offset, length) => space.peek(SCRATCH_ADDR + offset, length),
  };
  const { lastCall } = p.native;
  const again = lastCall && context.errno === ERESTART;
  const step: NativeStep = again ? { kind: 'call', ...lastCall, data: p.native.data } : program(context, p.native.data);
  // The core has died under it: it gets no further than it was.
  if (core.failed) return;
  if (step.kind === 'exit') {
    exitProcess(k, p.pid, { code: step.code });
    return;
  }
  k.setProc(p.pid, {
    native: { program: p.native.program, data: step.data, lastCall: { name: step.name, args: step.args } },
  });
  const row = SYSCALLS.find((candidate) => candidate.name === step.name);
  assert(row, `no system call ${step.name}`);
  invokeByName(k, core, tid, row, step.args);
}
