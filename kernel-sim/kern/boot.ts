import { EAGAIN } from '../abi/errno.ts';
import type { Errno, Pid, Tid } from '../abi/ids.ts';
import { TID_MIN } from '../abi/ids.ts';
import { IPPORT_EPHEMERAL_FIRST } from '../net/inet.ts';
import { CONSOLE, controlTerminal, newConsole } from '../tty/tty.ts';
import { openConsoleDescriptors } from '../vfs/filedesc.ts';
import { mkfs } from '../vfs/memfs.ts';
import { hostCredentials, lookupPath } from '../vfs/namei.ts';
import { newVmspace } from '../vm/vmspace.ts';
import type { KernelConfig } from './config.ts';
import { allCpus } from './cpumask.ts';
import { CPUSET_DEFAULT, CPUSET_ROOT, retainCpuset, setThreadMask } from './cpuset.ts';
import type { KernelEvent } from './events.ts';
import { execve } from './exec.ts';
import { exitProcess } from './exit.ts';
import { Kernel } from './kernel.ts';
import { allocatePid, allocateTid, blankProc, blankThread, INIT_PID } from './proc.ts';
import { POLICIES } from './recovery-policy.ts';
import { freshRegisters } from './regs.ts';
import { EMPTY_QUEUES } from './runq.ts';
import { makeRunnable } from './sched.ts';
import { STAT_TICK_NS } from './sched-priority.ts';
import { addSelfTest } from './self-test.ts';

/** A kernel with a root file system and the process init, which adopts orphans, and nothing else. */
export function bootKernel(config: KernelConfig, sink: (event: KernelEvent) => void): Kernel {
  const spareCores = POLICIES[config.recovery].hasSpares ? config.recoveryOptions.spareCores : 0;
  const mask = allCpus(config.cores - spareCores);
  const k = new Kernel(
    config,
    {
      procs: new Map(),
      threads: new Map(),
      cpus: Array.from({ length: config.cores }, (_, cpu) => ({
        cpu,
        dead: false,
        spare: cpu >= config.cores - spareCores,
        selfTest: null,
        transientFaults: 0,
        current: 0,
        queues: EMPTY_QUEUES,
        load: 0,
        cpTimes: [0, 0, 0, 0, 0],
        needResched: false,
      })),
      cpusets: new Map([
        [CPUSET_ROOT, { id: CPUSET_ROOT, parent: null, mask, refs: 1 }],
        [CPUSET_DEFAULT, { id: CPUSET_DEFAULT, parent: CPUSET_ROOT, mask, refs: 0 }],
      ]),
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
      ttys: new Map([[CONSOLE, newConsole(config.consoleIsTty)]]),
      fileLocks: new Map(),
      sigios: new Map(),
      recoveries: new Map(),
      trees: new Map(),
      duplicates: new Map(),
      hostname: 'coreback',
      loadAverage: [0, 0, 0],
      counters: {
        nextPid: 2,
        nextTid: TID_MIN,
        nextVmspace: 1,
        nextVnode: 1,
        nextFile: 1,
        nextPipe: 1,
        nextKqueue: 1,
        nextSocket: 1,
        nextSharing: 1,
        nextVmObject: 1,
        nextPosixShm: 1,
        nextSysvShm: 0,
        nextPort: IPPORT_EPHEMERAL_FIRST,
        nextCpuset: 2,
        nextAnonCpuset: -2,
        rootVnode: 0,
        nextStatTickNs: STAT_TICK_NS,
        nextBalanceNs: 1_000_000_000,
        nextCheckpointNs: config.checkpointEveryNs,
        nextSelfTestNs: config.selfTest?.periodNs ?? 0,
        nextLoadSampleNs: 5_000_000_000,
        arandomReads: 0,
        hostVnodes: 0,
        fileBytes: 0,
        socketBytes: 0,
      },
    },
    sink,
  );
  k.emit({ kind: 'boot', cores: config.cores, cycleNs: config.cycleNs, seed: config.seed });
  mkfs(k);
  const root = k.state.counters.rootVnode;
  k.state.procs.set(INIT_PID, { ...blankProc(INIT_PID, INIT_PID, 0), comm: 'init', args: ['init'], cwd: root, root });
  for (const { cpu, spare } of [...k.state.cpus]) if (!spare) addSelfTest(k, cpu);
  return k;
}

export interface SpawnOptions {
  readonly path: string;
  readonly args: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly nice?: number;
  /** Mask of CPUs; the default set when absent. */
  readonly affinity?: number;
  /** The console is the terminal of its session: it gets what ^C and its kin stand for. */
  readonly login?: boolean;
}

/** Starts a program as a child of init with the console as descriptors 0, 1 and 2. The errno when exec or the affinity is refused. */
export function spawnProgram(k: Kernel, options: SpawnOptions): { pid: Pid } | { errno: Errno } {
  const pid = allocatePid(k);
  if (pid === null) return { errno: EAGAIN };
  const tid = allocateTid(k);
  const cwd = lookupPath(k, hostCredentials(k), options.cwd ?? '/root', {
    follow: true,
  });
  const cwdId = typeof cwd === 'number' ? k.state.counters.rootVnode : cwd.id;
  k.state.procs.set(pid, {
    ...blankProc(pid, INIT_PID, k.now()),
    vmspace: newVmspace(k),
    threads: [tid],
    cwd: cwdId,
    root: k.state.counters.rootVnode,
    nice: options.nice ?? 0,
  });
  retainCpuset(k, CPUSET_DEFAULT);
  k.state.threads.set(tid, blankThread(tid, pid, '', k.now()));
  k.pcbs.set(tid, new Uint8Array(freshRegisters().slice().buffer));
  k.emit({ kind: 'fork', pid: INIT_PID, child: pid, how: 'spawn' });
  const refused = prepare(k, pid, tid, options);
  if (refused) {
    exitProcess(k, pid, { code: 127 });
    return { errno: refused };
  }
  if (options.login) controlTerminal(k, pid, CONSOLE);
  makeRunnable(k, k.thread(tid), 'new');
  return { pid };
}

/** Console, CPUs and program of a new process. */
function prepare(k: Kernel, pid: Pid, tid: Tid, { path, args, env, affinity }: SpawnOptions): Errno | 0 {
  const fds = openConsoleDescriptors(k);
  if (typeof fds === 'number') return fds;
  k.setProc(pid, { fds });
  const error = affinity === undefined ? 0 : setThreadMask(k, tid, affinity);
  return error || (execve(k, tid, path, args, env ?? defaultEnvironment(k))?.errno ?? 0);
}

/** That of FreeBSD's login.conf(5), without the games. */
const TREE_PATH = '/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin';

/** The programs are in /bin, or, where a folder of the host is the root, wherever FreeBSD has them. */
function defaultEnvironment(k: Kernel): readonly string[] {
  const root = k.vnode(k.state.counters.rootVnode);
  const path = root.type === 'dir' && root.host ? TREE_PATH : '/bin';
  return [`PATH=${path}`, 'HOME=/root', 'USER=root', 'TERM=dumb'];
}
