import { assert, InvariantError } from '../../emu/base/errors.ts';
import type { CoreState } from '../../emu/core/core-state.ts';
import { type FaultHooks, NO_FAULTS } from '../../emu/faults/world.ts';
import type { RunOn } from '../../emu/machine/machine.ts';
import { type AddressSpace, PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { EFAULT, ENAMETOOLONG } from '../abi/errno.ts';
import type { Errno, Pid, Tid } from '../abi/ids.ts';
import { type HostFolders, NO_HOST_FOLDERS } from '../vfs/host-folder.ts';
import { faultIn, writePages } from '../vm/fault.ts';
import type { CallTracer } from './call-trace.ts';
import type { KernelConfig } from './config.ts';
import type { Copy } from './duplicate.ts';
import type { KernelEvent } from './events.ts';
import type {
  Counters,
  CpuSet,
  CpusetId,
  FileId,
  KernelState,
  OpenFile,
  PerCpu,
  Pipe,
  PipeId,
  Proc,
  Socket,
  SocketId,
  Thread,
  Tty,
  TtyName,
  Vmspace,
  VmspaceId,
  Vnode,
  VnodeId,
} from './state.ts';

/** An event as its emitter writes it: place and time are added here. */
export type EventBody = KernelEvent extends infer E
  ? E extends KernelEvent
    ? Omit<E, 'ns' | 'core' | 'instruction'>
    : never
  : never;

/** What the kernel sees of a core while it serves it. */
export interface KernelCore {
  readonly id: number;
  readonly state: CoreState;
  /** Instructions retired since power-on. */
  retired: number;
  /** The core's own virtual time; kernel work moves it on. */
  clockNs: number;
  /** Earliest time at which an idle core may start on what was given to it. */
  wakeNs: number;
  failed: boolean;
  /** When its first fault that nobody has noticed yet struck; null: none. Of use for reports alone. */
  struck: { readonly ns: number; readonly instruction: number } | null;
  /** What a failed core held in registers cannot be read any more. */
  registersLost: boolean;
  /** Everything takes so many times as long as on a sound core. */
  slowdown: number;
}

/**
 * The simulated kernel: its state (one value, see state.ts), the bytes that go with it, and the small accessors that every
 * part uses. The work is done by functions in kern/, vm/, vfs/ and sys/ that take the kernel as first argument.
 */
export class Kernel {
  readonly config: KernelConfig;
  state: KernelState;
  /** Page contents of each vmspace. */
  readonly spaces = new Map<VmspaceId, AddressSpace>();
  /** Spaces that came to an end after a snapshot: to go back to it, their pages and what engines made of their code are as good as before. */
  readonly endedSpaces = new Map<VmspaceId, AddressSpace>();
  /** Saved core state block of each thread that is not on a core (FreeBSD struct pcb and trap frame). */
  readonly pcbs = new Map<Tid, Uint8Array>();
  /** What is executed besides each process that is executed twice. */
  readonly copies = new Map<VmspaceId, Copy>();
  readonly cores: KernelCore[] = [];
  /** Hardware faults that strike when the kernel is at a certain point. */
  faults: FaultHooks = NO_FAULTS;
  /** Who is told of each system call and signal; null: nobody. It only looks: the run is the same with and without it. */
  callTracer: CallTracer | null = null;
  /** Folders of the host that are mounted somewhere. */
  hostFolders: HostFolders = NO_HOST_FOLDERS;
  /** Has a core run something else than the thread that it is running. */
  runOn: RunOn = () => {
    throw new InvariantError('this kernel has no machine');
  };
  /** The core that the kernel is serving, or null while it serves a device or the host. */
  current: KernelCore | null = null;
  /** Virtual time of the machine: that of the served core while one is served. */
  clockNs = 0;
  /** Derived from the threads: the earliest deadline among them; null when it has to be worked out again. */
  private deadline: { readonly threads: KernelState['threads']; ns: number } | null = null;
  private readonly sink: (event: KernelEvent) => void;

  constructor(config: KernelConfig, state: KernelState, sink: (event: KernelEvent) => void) {
    this.config = config;
    this.state = state;
    this.sink = sink;
  }

  /** Virtual time now, in ns. */
  now(): number {
    return this.current ? this.current.clockNs : this.clockNs;
  }

  emit(body: EventBody, ns = this.now()): void {
    const core = this.current;
    this.sink({
      ns,
      core: core ? core.id : -1,
      instruction: core ? core.retired : 0,
      ...body,
    } as KernelEvent);
  }

  /** One line in the kernel's message buffer. */
  log(text: string): void {
    this.emit({ kind: 'log', text });
  }

  // ---- records -------------------------------------------------------------------------------------------------------

  proc(pid: Pid): Proc {
    const p = this.state.procs.get(pid);
    assert(p, `no process ${pid}`);
    return p;
  }

  findProc(pid: number): Proc | undefined {
    return this.state.procs.get(pid as Pid);
  }

  setProc(pid: Pid, patch: Partial<Proc>): Proc {
    const next = { ...this.proc(pid), ...patch };
    this.state.procs.set(pid, next);
    return next;
  }

  thread(tid: Tid): Thread {
    const td = this.state.threads.get(tid);
    assert(td, `no thread ${tid}`);
    return td;
  }

  setThread(tid: Tid, patch: Partial<Thread>): Thread {
    const before = this.thread(tid);
    const next = { ...before, ...patch };
    if (next.sleep !== before.sleep) this.sleepChanged(before, next);
    this.state.threads.set(tid, next);
    return next;
  }

  /** Earliest deadline of a sleeping thread, in virtual ns; Infinity when there is none. */
  nextDeadlineNs(): number {
    const { threads } = this.state;
    if (this.deadline?.threads !== threads) {
      let ns = Number.POSITIVE_INFINITY;
      for (const { sleep } of threads.values())
        if (sleep?.deadlineNs != null && sleep.deadlineNs < ns) ns = sleep.deadlineNs;
      this.deadline = { threads, ns };
    }
    return this.deadline.ns;
  }

  /** A thread's sleep has begun, ended, or gone with it: what is known of deadlines has to follow. */
  sleepChanged(before: Thread, after: Thread | null): void {
    if (!this.deadline) return;
    const endedNs = before.sleep?.deadlineNs ?? null;
    const begunNs = after?.sleep?.deadlineNs ?? null;
    if (endedNs !== null && endedNs === this.deadline.ns) this.deadline = null;
    else if (begunNs !== null && begunNs < this.deadline.ns) this.deadline.ns = begunNs;
  }

  cpu(id: number): PerCpu {
    const c = this.state.cpus[id];
    assert(c, `no cpu ${id}`);
    return c;
  }

  setCpu(id: number, patch: Partial<PerCpu>): void {
    this.state.cpus[id] = { ...this.cpu(id), ...patch };
  }

  cpuset(id: CpusetId): CpuSet {
    const set = this.state.cpusets.get(id);
    assert(set, `no cpuset ${id}`);
    return set;
  }

  vmspace(id: VmspaceId): Vmspace {
    const vm = this.state.vmspaces.get(id);
    assert(vm, `no vmspace ${id}`);
    return vm;
  }

  setVmspace(id: VmspaceId, patch: Partial<Vmspace>): Vmspace {
    const before = this.vmspace(id);
    const next = { ...before, ...patch, mapChanges: before.mapChanges + (patch.map ? 1 : 0) };
    this.state.vmspaces.set(id, next);
    return next;
  }

  space(id: VmspaceId): AddressSpace {
    const space = this.spaces.get(id);
    assert(space, `no address space ${id}`);
    return space;
  }

  vnode(id: VnodeId): Vnode {
    const vnode = this.state.vnodes.get(id);
    assert(vnode, `no vnode ${id}`);
    return vnode;
  }

  setVnode(vnode: Vnode): void {
    this.state.vnodes.set(vnode.id, vnode);
  }

  file(id: FileId): OpenFile {
    const file = this.state.files.get(id);
    assert(file, `no open file ${id}`);
    return file;
  }

  setFile(file: OpenFile): void {
    this.state.files.set(file.id, file);
  }

  pipe(id: PipeId): Pipe {
    const pipe = this.state.pipes.get(id);
    assert(pipe, `no pipe ${id}`);
    return pipe;
  }

  setPipe(pipe: Pipe): void {
    this.state.pipes.set(pipe.id, pipe);
  }

  tty(name: TtyName): Tty {
    const tty = this.state.ttys.get(name);
    assert(tty, `no terminal ${name}`);
    return tty;
  }

  setTty(tty: Tty): void {
    this.state.ttys.set(tty.name, tty);
  }

  socket(id: SocketId): Socket {
    const socket = this.state.sockets.get(id);
    assert(socket, `no socket ${id}`);
    return socket;
  }

  setSocket(id: SocketId, patch: Partial<Socket>): Socket {
    const next = { ...this.socket(id), ...patch };
    this.state.sockets.set(id, next);
    return next;
  }

  /** Takes the next value of a counter that names new things. */
  next(
    counter:
      | 'nextTid'
      | 'nextVmspace'
      | 'nextVnode'
      | 'nextFile'
      | 'nextPipe'
      | 'nextKqueue'
      | 'nextSocket'
      | 'nextSharing'
      | 'nextVmObject'
      | 'nextPosixShm'
      | 'nextSysvShm'
      | 'nextCpuset',
  ): number {
    const value = this.state.counters[counter];
    this.setCounters({ [counter]: value + 1 });
    return value;
  }

  setCounters(patch: Partial<Counters>): void {
    this.state.counters = { ...this.state.counters, ...patch };
  }

  // ---- user memory ---------------------------------------------------------------------------------------------------

  /** Copies `length` bytes from the process's memory; EFAULT when a page is not there or not readable. */
  copyin(pid: Pid, address: number, length: number): Uint8Array | Errno {
    if (!faultIn(this, pid, address, length, false)) return EFAULT;
    return this.space(this.proc(pid).vmspace).peek(address >>> 0, length);
  }

  /** Copies bytes into the process's memory; false (EFAULT) when a page is not there or not writable; then nothing is written. */
  copyout(pid: Pid, address: number, bytes: Uint8Array): boolean {
    const bringIn = (at: number, length: number): boolean => faultIn(this, pid, at, length, true);
    if (!bringIn(address, bytes.length)) return false;
    return writePages(this.space(this.proc(pid).vmspace), address >>> 0, bytes, bringIn);
  }

  /** The doubleword at an address, unsigned. */
  fuword(pid: Pid, address: number): number | null {
    if (!faultIn(this, pid, address, 4, false)) return null;
    // Every argument of every call comes this way: nothing is allocated.
    const { u8 } = this.space(this.proc(pid).vmspace);
    const at = address >>> 0;
    return (u8[at]! | (u8[at + 1]! << 8) | (u8[at + 2]! << 16) | (u8[at + 3]! << 24)) >>> 0;
  }

  suword(pid: Pid, address: number, value: number): boolean {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
    return this.copyout(pid, address, bytes);
  }

  /** A NUL-terminated string of at most `max` bytes with the NUL, one character a byte; ENAMETOOLONG or EFAULT. */
  copyinstr(pid: Pid, address: number, max: number): string | Errno {
    let text = '';
    let at = address >>> 0;
    while (text.length < max) {
      const chunk = Math.min(PAGE_SIZE - (at % PAGE_SIZE), max - text.length);
      const bytes = this.copyin(pid, at, chunk);
      if (typeof bytes === 'number') return bytes;
      const end = bytes.indexOf(0);
      text += latin1(end < 0 ? bytes : bytes.subarray(0, end));
      if (end >= 0) return text;
      at = (at + chunk) >>> 0;
    }
    return ENAMETOOLONG;
  }
}

/** Bytes as characters U+0000..U+00FF: the form in which the kernel keeps paths and output. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

/** The inverse of `latin1`; characters above U+00FF lose their high bits. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
