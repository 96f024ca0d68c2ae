import { cpuId } from '../../emu/base/brand.ts';
import { CoreState } from '../../emu/core/core-state.ts';
import { freebsdDescriptorTables } from '../../emu/core/reset.ts';
import { AddressSpace, PAGE_SIZE, PERM_R, PERM_W } from '../../emu/memory/address-space.ts';
import { type Pid, pid, type Tid, tid } from '../../kernel-sim/abi/ids.ts';
import { DEFAULT_CONFIG, type KernelConfig } from '../../kernel-sim/kern/config.ts';
import type { KernelEvent } from '../../kernel-sim/kern/events.ts';
import { bytesOf, Kernel } from '../../kernel-sim/kern/kernel.ts';
import { blankProc, blankThread } from '../../kernel-sim/kern/proc.ts';
import { EMPTY_QUEUES } from '../../kernel-sim/kern/runq.ts';
import { removeFromQueue } from '../../kernel-sim/kern/sched.ts';
import type { KernelState, Proc, Thread } from '../../kernel-sim/kern/state.ts';
import { FIRST_ENTRY, type SyscallEntry, type SyscallResult } from '../../kernel-sim/kern/syscall-result.ts';
import { IPPORT_EPHEMERAL_FIRST } from '../../kernel-sim/net/inet.ts';
import type { SyscallRow } from '../../kernel-sim/sys/row.ts';
import { CONSOLE, newConsole } from '../../kernel-sim/tty/tty.ts';
import { openConsoleDescriptors } from '../../kernel-sim/vfs/filedesc.ts';
import { mkfs } from '../../kernel-sim/vfs/memfs.ts';

/** Start of the memory of every process made here. */
export const MEMORY = 0x10000;
export const MEMORY_SIZE = 64 * PAGE_SIZE;
/** An address at which nothing is mapped. */
export const WILD = 0x70000000;

/** A kernel with a file system and nothing else: processes are added by `addProcess`, and nothing runs them. */
export function fileKernel(config: Partial<KernelConfig> = {}): { k: Kernel; events: KernelEvent[] } {
  const events: KernelEvent[] = [];
  const state: KernelState = {
    procs: new Map(),
    threads: new Map(),
    cpus: [
      {
        cpu: 0,
        dead: false,
        spare: false,
        selfTest: null,
        transientFaults: 0,
        current: 0,
        queues: EMPTY_QUEUES,
        load: 0,
        cpTimes: [0, 0, 0, 0, 0],
        needResched: false,
      },
    ],
    cpusets: new Map([[1, { id: 1, parent: null, mask: 1, refs: 1 }]]),
    vmspaces: new Map(),
    vmObjects: new Map(),
    sharedPages: new Map(),
    posixShm: new Map(),
    sysvShm: new Map(),
    vnodes: new Map(),
    files: new Map(),
    pipes: new Map(),
    kqueues: new Map(),
    sockets: new Map(),
    ttys: new Map([[CONSOLE, newConsole(config.consoleIsTty ?? DEFAULT_CONFIG.consoleIsTty)]]),
    fileLocks: new Map(),
    sigios: new Map(),
    recoveries: new Map(),
    trees: new Map(),
    duplicates: new Map(),
    hostname: 'test',
    loadAverage: [0, 0, 0],
    counters: {
      nextPid: 1,
      nextTid: 100001,
      nextVmspace: 1,
      nextVnode: 2,
      nextFile: 1,
      nextPipe: 1,
      nextKqueue: 1,
      nextSocket: 1,
      nextSharing: 1,
      nextVmObject: 1,
      nextPosixShm: 1,
      nextSysvShm: 0,
      nextPort: IPPORT_EPHEMERAL_FIRST,
      nextCpuset: 1,
      nextAnonCpuset: -2,
      rootVnode: 0,
      hostVnodes: 0,
      fileBytes: 0,
      socketBytes: 0,
      nextStatTickNs: 0,
      nextBalanceNs: 0,
      nextCheckpointNs: 0,
      nextSelfTestNs: 0,
      nextLoadSampleNs: 0,
      arandomReads: 0,
    },
  };
  const k = new Kernel({ ...DEFAULT_CONFIG, ...config }, state, (event) => events.push(event));
  const core = new CoreState(cpuId(0), freebsdDescriptorTables());
  k.cores.push({
    id: 0,
    state: core,
    retired: 0,
    clockNs: 0,
    wakeNs: 0,
    failed: false,
    registersLost: false,
    slowdown: 1,
    struck: null,
  });
  mkfs(k);
  return { k, events };
}

/** A process of one thread with MEMORY_SIZE bytes of memory at MEMORY, in `/`, with the console at 0, 1 and 2. */
export function addProcess(k: Kernel, patch: Partial<Proc> = {}): Thread {
  const vmspace = k.next('nextVmspace');
  const space = new AddressSpace();
  for (let at = MEMORY; at < MEMORY + MEMORY_SIZE; at += PAGE_SIZE) space.mapPage(at / PAGE_SIZE, PERM_R | PERM_W);
  k.spaces.set(vmspace, space);
  k.state.vmspaces.set(vmspace, {
    id: vmspace,
    refs: 1,
    map: [
      {
        start: MEMORY,
        end: MEMORY + MEMORY_SIZE,
        prot: 3,
        maxProt: 7,
        object: { kind: 'anon' },
        noCoredump: false,
        growsDown: false,
        touched: true,
        inherit: 'copy',
        wired: false,
      },
    ],
    textAddr: 0,
    textSize: 0,
    dataAddr: 0,
    dataSize: 0,
    stackLow: 0xbfc00000,
    sysvShm: [],
    mapChanges: 0,
    wiresAll: false,
  });
  const id: Pid = pid(k.state.procs.size + 1);
  const thread: Tid = tid(k.next('nextTid'));
  const root = k.state.counters.rootVnode;
  k.state.procs.set(id, {
    ...blankProc(id, pid(0), 0),
    textVnode: root,
    vmspace,
    threads: [thread],
    fds: consoleDescriptors(k),
    cwd: root,
    root,
    // Who has other ids has them in every respect, unless the test says otherwise.
    ...(patch.uid === undefined ? {} : { ruid: patch.uid, svuid: patch.uid }),
    ...(patch.gid === undefined ? {} : { rgid: patch.gid, svgid: patch.gid }),
    ...patch,
  });
  const td: Thread = { ...blankThread(thread, id, 'test', 0), state: 'running' };
  k.state.threads.set(thread, td);
  return td;
}

function consoleDescriptors(k: Kernel): Proc['fds'] {
  const fds = openConsoleDescriptors(k);
  if (typeof fds === 'number') throw new Error(`no console: ${fds}`);
  return fds;
}

/** One more thread of a process. */
export function addThread(k: Kernel, owner: Pid): Thread {
  const td: Thread = { ...blankThread(tid(k.next('nextTid')), owner, 'test', 0), state: 'running' };
  k.state.threads.set(td.tid, td);
  k.setProc(owner, { threads: [...k.proc(owner).threads, td.tid] });
  return td;
}

/** Calls handlers by name, as a thread that writes its strings and buffers at fixed places of its memory. */
export class Caller {
  readonly k: Kernel;
  readonly td: Thread;
  private readonly rows: ReadonlyMap<string, SyscallRow>;
  private brk = MEMORY;

  constructor(k: Kernel, td: Thread, rows: readonly SyscallRow[]) {
    this.k = k;
    this.td = td;
    this.rows = new Map(rows.map((row) => [row.name, row]));
  }

  /**
   * Makes the call; a string argument is put into memory and its address passed. A call that sleeps puts the thread to sleep
   * (`resume` enters it again).
   */
  call(name: string, ...args: (number | string)[]): SyscallResult {
    this.brk = MEMORY;
    const words = args.map((arg) => (typeof arg === 'string' ? this.put(bytesOf(`${arg}\0`)) : arg));
    return this.enter(name, words, FIRST_ENTRY);
  }

  enter(name: string, args: readonly number[], entry: SyscallEntry): SyscallResult {
    const row = this.rows.get(name);
    if (!row) throw new Error(`no system call ${name}`);
    const result = row.handler(this.k, this.k.thread(this.td.tid), args, entry);
    if (result.kind === 'sleep')
      this.k.setThread(this.td.tid, {
        state: 'sleeping',
        sleep: { wchan: result.wchan, wmesg: result.wmesg, deadlineNs: null, interruptible: true },
        pending: { code: row.number, args, resume: result.resume, woken: 'wakeup', shown: null },
      });
    return result;
  }

  /** Has something ended the sleep? */
  get awake(): boolean {
    return this.k.thread(this.td.tid).sleep === null;
  }

  /** Enters the system call in progress again, as the scheduler does with a thread that was woken. */
  resume(woken: SyscallEntry['woken'] = 'wakeup'): SyscallResult {
    const td = this.k.thread(this.td.tid);
    const { pending } = td;
    if (!pending) throw new Error('no system call in progress');
    if (td.state === 'runnable') removeFromQueue(this.k, td);
    this.k.setThread(this.td.tid, { state: 'running', sleep: null, pending: null });
    const name = [...this.rows.values()].find((row) => row.number === pending.code)!.name;
    return this.enter(name, pending.args, { woken, resume: pending.resume });
  }

  /** The result of a call that must succeed. */
  ok(name: string, ...args: (number | string)[]): number {
    const result = this.call(name, ...args);
    if (result.kind !== 'return') throw new Error(`${name}: ${JSON.stringify(result)}`);
    return result.eax;
  }

  /** The errno of a call that must fail. */
  errno(name: string, ...args: (number | string)[]): number {
    const result = this.call(name, ...args);
    if (result.kind !== 'error') throw new Error(`${name}: ${JSON.stringify(result)}`);
    return result.errno;
  }

  /** Writes a string to a descriptor. */
  write(fd: number, text: string): SyscallResult {
    return this.call('write', fd, text, text.length);
  }

  /** Reads from a descriptor into OUT, and gives the text. */
  read(fd: number, length: number): string {
    const count = this.ok('read', fd, OUT, length);
    return this.text(OUT, count);
  }

  /** Bytes of the process's memory as text. */
  text(address: number, length: number): string {
    return String.fromCharCode(...this.bytes(address, length));
  }

  bytes(address: number, length: number): Uint8Array {
    return this.k.space(this.k.proc(this.td.pid).vmspace).peek(address, length);
  }

  view(address: number, length: number): DataView {
    return new DataView(this.bytes(address, length).buffer);
  }

  /** Puts bytes into memory, behind what this call put there already. */
  put(bytes: Uint8Array): number {
    const address = this.brk;
    this.poke(address, bytes);
    this.brk += bytes.length;
    return address;
  }

  poke(address: number, bytes: Uint8Array): void {
    this.k.space(this.k.proc(this.td.pid).vmspace).poke(address, bytes);
  }
}

/** Where results go: the second half of the memory. */
export const OUT = MEMORY + MEMORY_SIZE / 2;
