import { type CoreState, CR2, EAX, EIP, ESP, EXIT_ERROR_CODE, EXIT_VECTOR } from '../../../emu/core/core-state.ts';
import {
  type Engine,
  type EngineExit,
  EXIT_BUDGET,
  EXIT_EXCEPTION,
  EXIT_SYSCALL,
  isRetired,
  PF_PRESENT,
  PF_USER,
  PF_WRITE,
  VECTOR_AC,
  VECTOR_BP,
  VECTOR_DB,
  VECTOR_DE,
  VECTOR_GP,
  VECTOR_MF,
  VECTOR_PF,
  VECTOR_UD,
} from '../../../emu/core/engine.ts';
import { type AddressSpace, PAGE_SHIFT, PERM_R, PERM_W, USER_END } from '../../../emu/memory/address-space.ts';
import type { Tid } from '../../../kernel-sim/abi/ids.ts';
import { SIGCODE, SZSIGCODE } from '../../../kernel-sim/abi/vmparam.ts';
import type { Kernel } from '../../../kernel-sim/kern/kernel.ts';
import type { SyscallRow } from '../../../kernel-sim/sys/row.ts';
import { SYSCALLS, syscallByNumber } from '../../../kernel-sim/sys/table.ts';
import { TEXT } from '../../../src/testing/guest-program.ts';
import { Draft } from './draft.ts';
import { KINDS } from './kinds.ts';
import { ARGUMENTS, NEEDS, WHOLE_CALLS } from './shapes.ts';

const SIGRETURN = 417;
/** Where the trampoline's stack holds the ucontext of a signal frame (kern/sendsig.ts). */
const FRAME_UCONTEXT = 32;
const EXCEPTIONS = [VECTOR_DE, VECTOR_DB, VECTOR_BP, VECTOR_UD, VECTOR_GP, VECTOR_MF, VECTOR_AC];

/** Calls that end or stop what the others need come less often, those that make something to work with more often. Others: 10. */
// biome-ignore format: by weight
const WEIGHTS: Readonly<Record<string, number>> = {
  exit: 1, closefrom: 1, setrlimit: 2, thr_exit: 3, munmap: 3, mprotect: 3, execve: 4, vfork: 2, rtprio: 2, rtprio_thread: 2, kill: 6, sigsuspend: 4, sigwait: 4, sigwaitinfo: 4,
  fork: 6, rfork: 8, pdfork: 6, thr_new: 12, thr_create: 12, open: 30, openat: 20, socket: 25, socketpair: 15, pipe: 15, kqueue: 12, kevent: 25, ptrace: 60, _umtx_op: 60, mmap: 30, sigaction: 30,
  bind: 45, connect: 40, accept: 20, accept4: 20, listen: 45, rmdir: 15, sendmsg: 20, recvmsg: 20, fcntl: 30, __sysctl: 40, wait4: 20, wait6: 20, shm_open: 15, shmget: 12, shmat: 20, ktimer_create: 15, ioctl: 40, posix_openpt: 12, revoke: 3,
};
const ROWS: readonly SyscallRow[] = SYSCALLS.flatMap((row) => new Array<SyscallRow>(WEIGHTS[row.name] ?? 10).fill(row));

/** More than these, and those that there are come to their end sooner. */
const PROCESSES_ENOUGH = 40;
const THREADS_ENOUGH = 80;

/**
 * An engine under which no program runs: every time that a core may run, the thread on it makes one random system call, touches memory,
 * raises an exception or computes for a while. What it does follows from the next number of the list and the state of the kernel, so that a list
 * is a test case, and a shorter list a smaller one.
 */
export class CallingEngine implements Engine {
  readonly name = 'random calls';
  private readonly seeds: readonly number[];
  private kernel: Kernel | null = null;
  /** How many numbers of the list have been used up. */
  position = 0;
  calls = 0;

  constructor(seeds: readonly number[]) {
    this.seeds = seeds;
  }

  attach(kernel: Kernel): void {
    this.kernel = kernel;
  }

  get isOver(): boolean {
    return this.position >= this.seeds.length;
  }

  /** The next number of the list; 0 behind its end. */
  next(): number {
    return this.seeds[this.position++] ?? 0;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const k = this.kernel!;
    core.retired = 0;
    while (core.retired < budget) {
      if (this.isOver) {
        core.retired = budget;
        break;
      }
      const d = new Draft(k, k.thread(k.cpu(core.id).current as Tid), this.next());
      const exit = this.step(d, core, space, budget - core.retired);
      if (exit !== EXIT_BUDGET) return exit;
    }
    return EXIT_BUDGET;
  }

  /** Up to `left` instructions that stay in user mode, or one that does not. */
  private step(d: Draft, core: CoreState, space: AddressSpace, left: number): EngineExit {
    const kind = d.below(100);
    if (kind < 2) {
      core.retired += Math.min(left, 1 + d.below(1000));
      return EXIT_BUDGET;
    }
    if (kind < 5) return this.touch(d, core, space);
    if (kind === 5 && d.oneIn(4)) {
      core.i32[EXIT_VECTOR] = d.pick(EXCEPTIONS);
      core.i32[EXIT_ERROR_CODE] = 0;
      if (isRetired(core, EXIT_EXCEPTION)) core.retired++;
      return EXIT_EXCEPTION;
    }
    core.retired++;
    this.calls++;
    const eip = core.i32[EIP]! >>> 0;
    const inHandler = eip >= SIGCODE && eip < SIGCODE + SZSIGCODE;
    core.i32[EIP] = TEXT + 2;
    if (inHandler && !d.oneIn(4)) putCall(d, core, SIGRETURN, [((core.i32[ESP]! >>> 0) + FRAME_UCONTEXT) | 0]);
    else drawCall(d, core);
    return EXIT_SYSCALL;
  }

  /** A load or a store of one byte. */
  private touch(d: Draft, core: CoreState, space: AddressSpace): EngineExit {
    const address = d.pointer() >>> 0;
    const write = d.oneIn(2);
    const perm = address < USER_END ? space.permOf(address >>> PAGE_SHIFT) : 0;
    if (perm & (write ? PERM_W : PERM_R)) {
      if (write) d.k.copyout(d.p.pid, address, Uint8Array.of(d.below(256)));
      core.retired++;
      return EXIT_BUDGET;
    }
    core.i32[CR2] = address | 0;
    core.i32[EXIT_VECTOR] = VECTOR_PF;
    core.i32[EXIT_ERROR_CODE] = PF_USER | (write ? PF_WRITE : 0) | (perm ? PF_PRESENT : 0);
    return EXIT_EXCEPTION;
  }
}

function chooseRow(d: Draft): SyscallRow | undefined {
  const { procs, threads } = d.k.state;
  if (procs.size > PROCESSES_ENOUGH && d.oneIn(4)) return SYSCALLS.find(({ name }) => name === 'exit');
  if (threads.size > THREADS_ENOUGH && d.oneIn(4)) return SYSCALLS.find(({ name }) => name === 'thr_exit');
  if (d.oneIn(100)) return undefined;
  const row = d.pick(ROWS);
  const need = NEEDS.find(({ calls }) => calls.includes(row.name));
  if (!need || need.isThere(d) || d.oneIn(6)) return row;
  const instead = d.pick(need.from);
  return SYSCALLS.find(({ name }) => name === instead);
}

/** EAX and the stack become those of a random call. */
function drawCall(d: Draft, core: CoreState): void {
  const row = chooseRow(d);
  if (!row) {
    const number = d.oneIn(2) ? d.below(600) : d.raw();
    const known = syscallByNumber(number >>> 0);
    putCall(d, core, number, known ? [] : [d.raw(), d.raw(), d.raw()]);
    return;
  }
  const values =
    WHOLE_CALLS[row.name]?.(d) ?? row.args.map(([name, kind]) => (ARGUMENTS[row.name]?.[name] ?? KINDS[kind])(d));
  const words = row.args.flatMap(([, kind], n) => {
    const value = d.oneIn(48) ? d.raw() : values[n]!;
    return kind === 'off' ? [value | 0, Math.floor(value / 0x100000000)] : [value];
  });
  if (d.oneIn(48)) putCall(d, core, d.oneIn(2) ? 0 : 198, [row.number, ...words]);
  else putCall(d, core, row.number, words);
}

/** Arguments stand above a return address. Where the stack cannot be written, they stand nowhere, or at the end of another mapping. */
function putCall(d: Draft, core: CoreState, number: number, words: readonly number[]): void {
  const bytes = new Uint8Array(Int32Array.from([0, ...words]).buffer);
  core.i32[EAX] = number;
  let esp = core.i32[ESP]! >>> 0;
  // Below what is on the stack already, once; the same place for the calls that follow.
  if (esp % 64 !== 36) esp = Math.max(0, (esp & ~63) >>> 0) - 128 + 36;
  if (d.oneIn(200)) esp = d.pointer() >>> 0;
  if (!d.k.copyout(d.p.pid, esp, bytes)) {
    const writable = d.k.vmspace(d.p.vmspace).map.filter(({ prot }) => (prot & 3) === 3);
    if (writable.length > 0) esp = d.pick(writable).end - 128 + 36;
    d.k.copyout(d.p.pid, esp, bytes);
  }
  core.i32[ESP] = esp | 0;
}
