import type { Errno, Fd, Pid, Signo, Tid } from '../abi/ids.ts';
import type { Rlimit } from '../abi/resource.ts';
import type { SiginfoFields } from '../abi/siginfo.ts';
import type { Termios } from '../abi/termios.ts';

/*
 * The whole state of the simulated kernel: tables of immutable records. A change replaces a record, so a snapshot is a copy of
 * the tables' references. Page contents and the registers of threads live outside, as bytes (Kernel.spaces, Kernel.pcbs).
 * Nothing in here is a closure, a promise, a class instance or a host handle.
 */

export type VnodeId = number;
export type FileId = number;
export type PipeId = number;
export type KqueueId = number;
export type SocketId = number;
export type VmspaceId = number;
export type CpusetId = number;
export type VmObjectId = number;
export type PosixShmId = number;

// ---- Processes and threads ---------------------------------------------------------------------------------------------

/** `lost`: its core died while running it; it keeps its identity and descriptors until recovery has given it a new body. */
export type ProcState = 'normal' | 'zombie' | 'lost';

export interface Proc {
  readonly pid: Pid;
  /** FreeBSD p_pptr: the parent, or the tracer while traced. */
  readonly ppid: Pid;
  /** FreeBSD p_oppid: the real parent while traced by another; 0 otherwise. */
  readonly realParent: Pid | 0;
  readonly pgid: Pid;
  readonly sid: Pid;
  /** FreeBSD P_CONTROLT: the terminal of its session is its own too. */
  readonly controlTerminal: boolean;
  /** FreeBSD P_EXEC: it has executed a program since it was forked. */
  readonly executed: boolean;
  readonly state: ProcState;
  /** FreeBSD p_comm: last component of the executed path, at most 19 bytes. */
  readonly comm: string;
  readonly args: readonly string[];
  /** Environment of the last execve(2). */
  readonly env: readonly string[];
  readonly execPath: string;
  readonly textVnode: VnodeId;
  /** FreeBSD p_osrel: from the ABI note; 0 without one. */
  readonly osrel: number;
  readonly auxv: readonly (readonly [type: number, value: number])[];
  readonly vmspace: VmspaceId;
  readonly threads: readonly Tid[];
  readonly startNs: number;

  readonly fds: readonly (FdEntry | null)[];
  /** Processes with the same number have one descriptor table, which is in the records of all (kern/sharing.ts); 0: its own. */
  readonly fdGroup: number;
  /** FreeBSD p_leader: who set the fcntl(2) locks of its rfork(2) threads; 0: itself. */
  readonly leader: Pid | 0;
  readonly cwd: VnodeId;
  /** FreeBSD fd_rdir: where its absolute paths start, and `..` ends. */
  readonly root: VnodeId;
  readonly umask: number;
  /** FreeBSD p_ucred: the effective ids (cr_uid, cr_groups[0]). */
  readonly uid: number;
  readonly gid: number;
  /** Real and saved ids. */
  readonly ruid: number;
  readonly rgid: number;
  readonly svuid: number;
  readonly svgid: number;
  /** Groups beside the effective one. */
  readonly groups: readonly number[];
  /** FreeBSD P_SUGID: its ids have changed since its user began it. */
  readonly setugid: boolean;
  /** FreeBSD s_login, the same in the whole session. */
  readonly login: string;
  readonly nice: number;
  /** FreeBSD p_limit: indexed by RLIMIT_ number. */
  readonly limits: readonly Rlimit[];
  /** FreeBSD p_cpulimit: used CPU time at which SIGXCPU comes, in ns; RLIM_INFINITY: never. */
  readonly cpuLimitNs: number;
  /** FreeBSD md_ldt: two doublewords a descriptor; empty: none. Shared by the threads. */
  readonly ldt: readonly number[];

  readonly sigacts: readonly (SigAction | null)[];
  /** As `fdGroup`, for the signal actions. */
  readonly sigactsGroup: number;
  /** FreeBSD p_sigparent: what its parent is sent at its end; 0: nothing. */
  readonly exitSignal: Signo | 0;
  /** Signals for the process as a whole, in order of arrival, each once. */
  readonly sigqueue: readonly SigInfo[];
  /** A program that was begun again after a fault has yet to get ready for these, as it was before. */
  readonly heldSignals: readonly HeldSignal[];

  /** FreeBSD p_realtimer, p_timer: ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. */
  readonly itimers: readonly Itimer[];
  /** Timers of ktimer_create(2), by id. */
  readonly timers: readonly (KTimer | null)[];
  /** Asynchronous transfers that are complete and that it has not asked about. */
  readonly aio: readonly AioJob[];

  /** FreeBSD P_TRACED. */
  readonly traced: boolean;
  /** FreeBSD P_STOPPED_SIG / P_STOPPED_TRACE: all threads halt at the user boundary. 'no' when running. */
  readonly stopped: 'no' | 'signal' | 'trace';
  /** FreeBSD P_WAITED: the current stop has been reported by wait4. */
  readonly stopReported: boolean;
  /** The parent has not yet been told that the process continued (WCONTINUED). */
  readonly continueUnreported: boolean;
  /** FreeBSD p_xstat while stopped: the signal; for a zombie: the wait status. */
  readonly xstat: number;
  /** FreeBSD p_xthread: the thread that caused the stop; 0 when running. */
  readonly stopThread: Tid | 0;
  /** Events to report in pl_flags at the current stop (PL_FLAG_*). */
  readonly stopFlags: number;
  /** The stop's siginfo, for PT_LWPINFO; null when no signal has caused it. */
  readonly stopInfo: SigInfo | null;
  /** FreeBSD p_stops: system calls stop at their entry (PL_FLAG_SCE), their exit (PL_FLAG_SCX) or both while traced. */
  readonly syscallStops: number;
  /** FreeBSD P_FOLLOWFORK: children are traced from birth by the same tracer. */
  readonly followFork: boolean;
  /** PTRACE_LWP: threads of a traced process stop when they are born and before they end. */
  readonly lwpEvents: boolean;

  /** vfork(2): the parent sleeps until this process execs or exits. */
  readonly vforkParent: Pid | 0;
  /** Of children that have ended and were waited for, and of threads that have ended. */
  readonly children: Usage;
  readonly deadThreads: Usage;
  /** FreeBSD p_procdesc: the open file that pdfork(2) made for it; 0: none, or it is closed. */
  readonly procdesc: FileId | 0;
  /** Null when the process is not checkpointed. */
  readonly checkpoint: CheckpointState | null;
  /** FreeBSD P_SYSTEM: the kernel's own; takes no signals, is not traced or checkpointed. */
  readonly system: boolean;
  /** Stopped because too few cores are left for it (kern/shedding.ts). */
  readonly shed: boolean;
  /** A native program's state: the process runs TypeScript steps instead of i386 code (see kern/native.ts). */
  readonly native: NativeState | null;
}

/** What of a struct rusage adds up. */
export interface Usage {
  readonly userNs: number;
  readonly systemNs: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  /** Page faults of its own instructions, and of the kernel on its behalf. */
  readonly minorFaults: number;
  /** Signals for which a handler was called. */
  readonly handledSignals: number;
}

/** A signal that does not reach its process until that has a handler for it, ignores it or waits for it. */
export interface HeldSignal {
  readonly signo: Signo;
  /** The first one that has come meanwhile. */
  readonly info: SigInfo | null;
}

/** `valueNs`: of the real timer when it is due, of the others how much CPU time is left; 0: off. `intervalNs` 0: once. */
export interface Itimer {
  readonly valueNs: number;
  readonly intervalNs: number;
}

/** FreeBSD struct aiocblist: `address` of its control block, by which it is known; `status` is its result, -1 with an `error`. */
export interface AioJob {
  readonly address: number;
  readonly status: number;
  readonly error: number;
}

export interface KTimer {
  readonly clock: number;
  /** sigev_notify, sigev_signo, sigev_value, sigev_notify_thread_id. */
  readonly notify: number;
  readonly signo: Signo;
  readonly value: number;
  readonly tid: number;
  /** null: not armed. */
  readonly deadlineNs: number | null;
  readonly intervalNs: number;
  readonly overrun: number;
}

export interface CheckpointState {
  /** Number of the next checkpoint. */
  readonly sequence: number;
  /** Where the process can go back to, oldest first; the last one is its last complete checkpoint. Earlier ones are kept while a core that it ran on since has yet to pass its self-test. */
  readonly points: readonly RollbackPoint[];
}

/**
 * One moment to which a process can go back: memory and registers stand in the core file, the rest in records that were the
 * process's then. Immutable records, so keeping them costs nothing.
 */
export interface RollbackPoint {
  /** Guest path of the core file; '' where the process began its program. */
  readonly file: string;
  /** Number of the checkpoint that comes after it. */
  readonly sequence: number;
  readonly ns: number;
  /** Without its own checkpoints. */
  readonly proc: Proc;
  /** Its memory map. */
  readonly map: readonly VmEntry[];
  /** Memory that it maps later is locked (mlockall(2)). */
  readonly wiresAll: boolean;
  /** In the order of the core file's threads. */
  readonly threads: readonly Thread[];
  /** What its descriptors referred to. */
  readonly files: readonly OpenFile[];
  readonly pipes: readonly Pipe[];
  readonly kqueues: readonly Kqueue[];
  readonly since: SincePoint;
}

/** What has happened since a rollback point that a rollback has to undo or to repeat. */
export interface SincePoint {
  /** Processes that it or its offspring has made: they will be made again. */
  readonly born: readonly Pid[];
  /** Its children of that time that have ended and been waited for: it will wait for them again. */
  readonly reaped: readonly Proc[];
  /** Signals from other processes that it has taken: nobody will send them again. */
  readonly signals: readonly SigInfo[];
  /** Files that it has changed, as they were before its first and after its last change. Only with recoveryOptions.files 'contents'. */
  readonly changes: readonly FileChange[];
}

/** A process and its offspring at one virtual instant: where they can go back to together. */
export interface TreePoint {
  /** One for each process that had memory then, the root of the tree first. */
  readonly members: readonly RollbackPoint[];
  /** Offspring made since. */
  readonly born: readonly Pid[];
  /** Files that any of them has changed since. Only with recoveryOptions.files 'contents'. */
  readonly changes: readonly FileChange[];
}

export interface FileChange {
  readonly vnode: VnodeId;
  readonly before: FileData;
  readonly after: FileData;
  /** Somebody else has changed the file in between. */
  readonly shared: boolean;
}

export interface NativeState {
  readonly program: string;
  /** The system call in progress or made last: made again when a signal has interrupted it (ERESTART). */
  readonly lastCall?: { readonly name: string; readonly args: readonly number[] };
  /** JSON data: the program's own program counter and locals. */
  readonly data: unknown;
}

export interface FdEntry {
  readonly file: FileId;
  readonly closeOnExec: boolean;
}

/** stack_t: the alternate signal stack. `flags`: SS_DISABLE 4 when there is none. */
export interface SigStack {
  readonly sp: number;
  readonly size: number;
  readonly flags: number;
}

/** struct sigaction with the handler as address: 0 SIG_DFL, 1 SIG_IGN. */
export interface SigAction {
  readonly handler: number;
  readonly flags: number;
  readonly mask: readonly number[];
}

/** A signal that is pending, or was. */
export interface SigInfo extends SiginfoFields {
  readonly signo: Signo;
}

/** `suspended`: stopped with its process, neither on a queue nor asleep. */
export type ThreadState = 'running' | 'runnable' | 'sleeping' | 'suspended';

export interface Thread extends Usage {
  readonly tid: Tid;
  readonly pid: Pid;
  readonly name: string;
  readonly state: ThreadState;
  /** Present while asleep, or while suspended in the middle of a sleep (then `state` is suspended). */
  readonly sleep: Sleep | null;
  /** The system call in progress: run again when the thread next gets a core. */
  readonly pending: PendingSyscall | null;
  /** Set when the thread must look at signals, stops or a lost CPU before it returns to user mode (FreeBSD TDF_ASTPENDING). */
  readonly ast: boolean;
  /** Four words: bit (sig-1)&31 of word (sig-1)>>5. */
  readonly sigmask: readonly number[];
  /** FreeBSD td_oldsigmask (TDP_OLDMASK): the mask to go back to once the signals that sigsuspend(2) let in have acted. */
  readonly sigmaskAfter: readonly number[] | null;
  readonly sigstack: SigStack;
  /** Signals for this thread alone. */
  readonly sigqueue: readonly SigInfo[];
  /** FreeBSD td_xsig: the tracer's answer to the stop that this thread caused; what it does next. */
  readonly answer: SigInfo | null;
  /** FreeBSD td_dbgflags: PL_FLAG_ bits of an event for which it has yet to stop if it is traced; 0: none. */
  readonly dueStop: number;
  /** FreeBSD td_dbg_forked: the child of its last traced fork, for PT_LWPINFO. */
  readonly forkedChild: Pid | 0;
  /** It has entered a system call and not made it yet: its tracer is to see that first. */
  readonly atCallEntry: boolean;
  /** FreeBSD TDB_SUSPEND, or born with THR_SUSPENDED: it stays where it is when its process goes on. */
  readonly held: boolean;
  /** FreeBSD TDF_THRWAKEUP: thr_wake(2) came before thr_suspend(2). */
  readonly unparked: boolean;
  /** Bases behind the selectors 0x13 (%fs) and 0x1B (%gs). */
  readonly fsBase: number;
  readonly gsBase: number;

  // Scheduling: FreeBSD struct td_sched of sys/kern/sched_ule.c, and td_priority and friends.
  /** PRI_ITHD 1, PRI_REALTIME 2, PRI_TIMESHARE 3, PRI_IDLE 4; PRI_FIFO_BIT 8. */
  readonly priClass: number;
  /** td_base_user_pri. */
  readonly basePri: number;
  /** td_priority: what the queues sort by; raised for the time of a sleep in the kernel. */
  readonly priority: number;
  /** td_lend_user_pri: the thread is not worse than this as long as others wait for it (kern/lend.ts). */
  readonly lentPri: number;
  /** uq_inherited_pri: the best ceiling of the priority-protected mutexes that it holds. */
  readonly inheritedPri: number;
  /** The owner of the priority-inheriting mutex for which it waits; 0: it waits for none. */
  readonly lendsTo: Tid | 0;
  /** Stat ticks left of the time slice. */
  readonly slice: number;
  /** Recent run and sleep time in ns, decayed (ts_runtime, ts_slptime). */
  readonly runNs: number;
  readonly sleepNs: number;
  /** When it went to sleep (ts_slptick). */
  readonly sleepStartNs: number;
  /** Share of CPU over the last ten seconds: ns run in the window, and its start (ts_ticks, ts_ftick). */
  readonly windowRunNs: number;
  readonly windowStartNs: number;
  /** Core it is on or was on last; -1 never. */
  readonly lastCpu: number;
  /** Core whose queue it stands in or that runs it; -1 otherwise. */
  readonly onCpu: number;
  /** Every core that has run it, as a bit mask. */
  readonly cpusUsed: number;
  /** The set it belongs to: a numbered set, or an anonymous one under its numbered parent. */
  readonly cpuset: CpusetId;
  /** When it was last put on a core. */
  readonly dispatchedNs: number;
}

export interface Sleep {
  /** What it waits for: a name such as `pipe:3:read` or `wait:12`; '' when only the deadline ends it. */
  readonly wchan: string;
  /** FreeBSD wmesg: shown by ps. At most 8 bytes. */
  readonly wmesg: string;
  /** Virtual time at which the sleep times out; null: never. */
  readonly deadlineNs: number | null;
  readonly interruptible: boolean;
}

export interface PendingSyscall {
  readonly code: number;
  readonly args: readonly number[];
  /** What the handler wanted to find again. JSON data. */
  readonly resume: unknown;
  readonly woken: Wakeup;
  /** What a tracer and a core file show as its result: a call that has done a part of its work cannot be shown as still to be made. */
  readonly shown: ShownResult | null;
}

/** EAX and the carry flag (an error). */
export interface ShownResult {
  readonly eax: number;
  readonly carry: boolean;
}

/** Why a sleeper runs again. */
export type Wakeup = 'wakeup' | 'timeout' | 'signal';

// ---- CPU sets ----------------------------------------------------------------------------------------------------------

/** FreeBSD struct cpuset (sys/kern/kern_cpuset.c). Numbered sets have id >= 0; an anonymous one has a key below 0. */
export interface CpuSet {
  readonly id: CpusetId;
  readonly parent: CpusetId | null;
  /** Bit n: CPU n. */
  readonly mask: number;
  /** Processes' threads and child sets that refer to it. */
  readonly refs: number;
}

// ---- Per-CPU scheduler state -------------------------------------------------------------------------------------------

/** FreeBSD struct tdq: three run queues of thread ids, each list by queue number 0..63, FIFO within. */
export interface RunQueues {
  readonly realtime: readonly (readonly Tid[])[];
  readonly timeshare: readonly (readonly Tid[])[];
  readonly idle: readonly (readonly Tid[])[];
  /** tdq_idx and tdq_ridx: insert and remove index of the circular timeshare queue. */
  readonly insertIndex: number;
  readonly removeIndex: number;
}

export interface PerCpu {
  readonly cpu: number;
  /** Taken out for good after a fault. */
  readonly dead: boolean;
  /** Kept idle, in no CPU set, until another dies. */
  readonly spare: boolean;
  /** Null without config.selfTest, and of a core that is out of service. */
  readonly selfTest: SelfTestState | null;
  /** Faults that have left it in service. */
  readonly transientFaults: number;
  readonly current: Tid | 0;
  readonly queues: RunQueues;
  /** Threads runnable here, the running one included (tdq_load). */
  readonly load: number;
  /** struct cp_times: ns in user, nice, system, interrupt, idle. */
  readonly cpTimes: readonly [number, number, number, number, number];
  /** Set when the current thread must give way at the next boundary (TDF_NEEDRESCHED). */
  readonly needResched: boolean;
  /** Until when it has been busy with writing checkpoints. */
  readonly checkpointingNs?: number;
  /** The current thread was thrown off before its slice was over: it goes back to the head of its queue (SRQ_PREEMPTED). */
  readonly preempted?: boolean;
  /** It has been reported idle since it last ran something. */
  readonly idle?: boolean;
}

export interface SelfTestState {
  /** The thread that tests the core; held back between tests. */
  readonly tid: Tid;
  /** When the last test began, and when the last one began that it has passed. */
  readonly startedNs: number;
  readonly passedNs: number;
  /** Of the test in progress. */
  readonly failures: 0 | 1;
  /** Processes that have run on the core since it last passed, in order of time. */
  readonly ran: readonly Suspect[];
}

/** What a process has done on an unsound core since then cannot be trusted. */
export interface Suspect {
  readonly pid: Pid;
  readonly fromNs: number;
}

/** How far a process that is executed twice, and its copy (kern/duplicate.ts), have come. */
export interface Duplicate {
  /** The copy has done what the process has done since they were made equal; false: the kernel has changed the process since. */
  readonly level: boolean;
  /** They were found to differ. */
  readonly diverged: boolean;
  /** Instructions of the copy for which no core has been charged yet. */
  readonly unpaid: number;
  /** Why the process runs without a copy; empty when it has one. */
  readonly without: string;
}

// ---- Virtual memory ----------------------------------------------------------------------------------------------------

export interface Vmspace {
  readonly id: VmspaceId;
  readonly refs: number;
  /** Ascending, disjoint, page aligned. */
  readonly map: readonly VmEntry[];
  /** FreeBSD vm_map.timestamp: how often the map has been changed. */
  readonly mapChanges: number;
  readonly textAddr: number;
  readonly textSize: number;
  /** vm_daddr, vm_dsize: start and size in bytes of the data segment; the break is their sum. */
  readonly dataAddr: number;
  readonly dataSize: number;
  /** Lowest address of the mapped part of the stack. */
  readonly stackLow: number;
  /** Segments of shmat(2), by address. */
  readonly sysvShm: readonly { readonly address: number; readonly segment: number }[];
  /** mlockall(MCL_FUTURE). */
  readonly wiresAll: boolean;
}

export interface VmEntry {
  readonly start: number;
  readonly end: number;
  /** PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4. */
  readonly prot: number;
  readonly maxProt: number;
  /** Anonymous (demand zero), or the private copy of a file's pages. */
  readonly object: VmObject;
  readonly noCoredump: boolean;
  readonly growsDown: boolean;
  /** False until the first page was touched: an entry without an object is not dumped. */
  readonly touched: boolean;
  /** minherit(2): what a child gets at fork. */
  readonly inherit: 'share' | 'copy' | 'none';
  /** mlock(2): bookkeeping alone. */
  readonly wired: boolean;
}

export type VmObject =
  | { readonly kind: 'anon' }
  /** `offset`: byte offset in the file of `start`; bytes from `fileEnd` (a linear address) on are zero. */
  | {
      readonly kind: 'vnode';
      readonly vnode: VnodeId;
      readonly offset: number;
      readonly fileEnd: number;
      /** MAP_SHARED: what is written goes to the file. Then the file's size now counts, and not `fileEnd`. */
      readonly shared: boolean;
    }
  /** Memory without a file that spaces share. `offset`: byte offset in the object of `start`. */
  | { readonly kind: 'object'; readonly object: VmObjectId; readonly offset: number };

export interface VmSharedObject {
  readonly id: VmObjectId;
  readonly sizeBytes: number;
}

/** A page of a space. */
export interface PageHolder {
  readonly space: VmspaceId;
  readonly page: number;
}

/** One page of shared memory, and where copies of it are: with one that may write, or with any number that may read (vm/shared.ts). */
export interface SharedPage {
  /** Of an object, while there is no writer: its bytes, never changed in place; null: all zero. A file's bytes stand in the file. */
  readonly bytes: Uint8Array | null;
  readonly writer: PageHolder | null;
  readonly readers: readonly PageHolder[];
}

/** FreeBSD struct shmfd: what shm_open(2) opens. It is there while it has a name or an open file. */
export interface PosixShm {
  readonly id: PosixShmId;
  /** null: SHM_ANON, or unlinked. */
  readonly path: string | null;
  readonly object: VmObjectId;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly birthNs: number;
}

/** FreeBSD struct shmid_kernel: a segment of shmget(2). Who has it attached stands in the vmspaces. */
export interface SysvShm {
  readonly id: number;
  /** IPC_PRIVATE is 0: nobody finds it by its key. */
  readonly key: number;
  readonly object: VmObjectId;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly creator: { readonly uid: number; readonly gid: number; readonly pid: number };
  readonly lastPid: number;
  readonly attachNs: number | null;
  readonly detachNs: number | null;
  readonly changeNs: number;
  /** IPC_RMID: it goes when the last has detached it, and nobody finds it by its key any more. */
  readonly removed: boolean;
}

// ---- Files -------------------------------------------------------------------------------------------------------------

export type Vnode = VnodeCommon &
  (
    | { readonly type: 'reg'; readonly data: FileData }
    | {
        readonly type: 'dir';
        /** Without `.` and `..`; in order of cookies. Names are latin1 text. */
        readonly entries: ReadonlyMap<string, DirEntry>;
        readonly nextCookie: number;
        readonly parent: VnodeId;
      }
    | { readonly type: 'chr'; readonly device: DeviceName }
    | { readonly type: 'lnk'; readonly target: string }
    /** The name of an AF_UNIX socket (Socket.vnode). */
    | { readonly type: 'sock' }
    /** Its bytes stand in a Pipe while somebody has it open. */
    | { readonly type: 'fifo' }
  );

/** `tty`: whoever opens it opens the terminal of its session. `ptmx`: a new pseudo-terminal. `dead`: what was open and has been revoked. */
export type DeviceName = 'null' | 'zero' | 'random' | 'tty' | 'ptmx' | 'dead' | TtyName;

/** `cookie`: the entry's place in the directory as getdirentries(2) counts it; it never moves. `.` has 0 and `..` has 1. */
export interface DirEntry {
  readonly vnode: VnodeId;
  readonly cookie: number;
}

/**
 * Users of a vnode (open files, working directories, texts, mappings) are not counted: the records that name it say so. One
 * with neither links nor users is swept away by vfs/vnode.ts.
 */
export interface VnodeCommon {
  readonly id: VnodeId;
  /** The file system that it is in (vfs/file-systems.ts). */
  readonly dev: number;
  /** Permission bits, without the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Names that refer to it; a directory counts 2 and one for each subdirectory, and 0 once it is removed. */
  readonly nlink: number;
  readonly birthNs: number;
  readonly accessNs: number;
  readonly modifyNs: number;
  readonly changeNs: number;
  /** Absent: it was made in the guest. */
  readonly host?: HostOrigin;
}

/** Where on the host a vnode comes from (vfs/host-folder.ts). */
export interface HostOrigin {
  /** Absolute path of the folder that is mounted. */
  readonly folder: string;
  /** Below it, '' for itself; bytes as latin1 text. */
  readonly path: string;
  readonly readOnly: boolean;
  /** When its contents had changed last as it was listed, since 1970. */
  readonly mtime: { readonly sec: number; readonly nsec: number };
  /** Its entries or bytes are here. Until then a directory lacks the host's entries, and a file is a hole. */
  readonly isRead: boolean;
}

/**
 * A file's bytes in chunks of FILE_CHUNK bytes, none of which is ever changed in place. What a chunk lacks at its end, and
 * chunks lacking at the end of the list, are holes: they read as zero. No chunk reaches beyond `size`.
 */
export interface FileData {
  readonly size: number;
  readonly chunks: readonly Uint8Array[];
  /** Sum of the chunks' lengths: what the file takes on the disk. */
  readonly allocated: number;
  /**
   * Zeros stand there in the chunks where four bytes of the file are the CRC-32 of all its bytes, these counted as zeros: who never reads
   * it need not wait for it. Absent in a file that somebody has changed.
   */
  readonly checksumAt?: number;
}

/** FreeBSD struct file. */
export type OpenFile = {
  readonly id: FileId;
  /** Descriptors (and messages) that refer to it. */
  readonly refs: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly append: boolean;
  readonly nonblock: boolean;
  readonly offset: number;
} & (
  | { readonly kind: 'vnode'; readonly vnode: VnodeId }
  | { readonly kind: 'pipe'; readonly pipe: PipeId; readonly end: 'read' | 'write' }
  /** `writersBefore`: openings for writing that had come and gone when this one was opened (f_seqcount). */
  | { readonly kind: 'fifo'; readonly vnode: VnodeId; readonly pipe: PipeId; readonly writersBefore: number }
  | { readonly kind: 'kqueue'; readonly kqueue: KqueueId }
  | { readonly kind: 'socket'; readonly socket: SocketId }
  | { readonly kind: 'shm'; readonly shm: PosixShmId }
  /** The master of a pseudo-terminal. */
  | { readonly kind: 'ptm'; readonly tty: TtyName }
  /** A process from pdfork(2), as long as its `procdesc` says so. `daemon`: it goes on when this is closed. */
  | { readonly kind: 'procdesc'; readonly pid: Pid; readonly daemon: boolean }
);

/** Both ends read and write, as in FreeBSD: what is written at one end is read at the other. Of a FIFO only `toRead` is used. */
export interface Pipe {
  readonly id: PipeId;
  /** Bytes on their way to the read end, and to the write end; never changed in place. */
  readonly toRead: Uint8Array;
  readonly toWrite: Uint8Array;
  /** Open files that are this end of the pipe: 1, or 0 once it is closed; of a FIFO those that can read, and those that can write. */
  readonly readEnds: number;
  readonly writeEnds: number;
  readonly birthNs: number;
  /** The FIFO, and how often it has been opened for writing (fi_wgen); null: the pipe has no name. */
  readonly fifo: { readonly vnode: VnodeId; readonly writerOpens: number } | null;
}

/** Who holds a lock on a file: a process by fcntl(2), or an open file by flock(2). */
export type LockOwner = { readonly pid: Pid } | { readonly file: FileId };

/** FreeBSD struct lockf_entry: bytes from `start` up to and without `end`; an end of 2^53 - 1 means all that there ever will be. */
export interface FileLock {
  readonly owner: LockOwner;
  readonly exclusive: boolean;
  readonly start: number;
  readonly end: number;
}

/**
 * FreeBSD struct socket with its protocol's control block. It belongs to one open file, or waits in the queue of the listening
 * socket that it was made for. Nothing is ever on its way: what one socket sends stands in the buffer of the other at once.
 */
export interface Socket {
  readonly id: SocketId;
  readonly domain: 'unix' | 'inet' | 'inet6';
  readonly type: 'stream' | 'dgram' | 'seqpacket';
  /** `closed`: was connected, or could not be; it can never be again. */
  readonly state: 'open' | 'listening' | 'connected' | 'closed';
  /** Where it is bound, and whom it is connected to. */
  readonly local: SocketName | null;
  readonly remote: SocketName | null;
  /** AF_UNIX: the file that is its name; 0: none. */
  readonly vnode: VnodeId | 0;
  /** The other end: of a connected stream, or whom a connected AF_UNIX datagram socket sends to; 0: none, or gone. */
  readonly peer: SocketId | 0;
  /** SBS_CANTSENDMORE, SBS_CANTRCVMORE. */
  readonly cantSend: boolean;
  readonly cantReceive: boolean;
  /** so_error: reported once. */
  readonly error: Errno | 0;
  readonly received: readonly SocketMessage[];
  /** What `received` takes of the buffer, in bytes: the datagrams' names count. */
  readonly receivedBytes: number;
  /** Listening: how many may wait to be accepted, and who does (so_comp). */
  readonly backlog: number;
  readonly pending: readonly SocketId[];
  /** In whose `pending` it stands; 0: in nobody's. */
  readonly listener: SocketId | 0;
  /** Options with a whole number as value that were set, by `level:name`. */
  readonly options: Readonly<Record<string, number>>;
  /** Who made it, and who is at the other end (LOCAL_PEERCRED). */
  readonly owner: SocketCredentials;
  readonly peerOwner: SocketCredentials | null;
}

/** FreeBSD struct sigio: who gets SIGIO (kern/sigio.ts). */
export interface Sigio {
  /** A process, a process group as a negative number, or nobody (0). */
  readonly owner: number;
  /** Of whoever has said so. */
  readonly uid: number;
  readonly ruid: number;
  /** O_ASYNC: it is sent. */
  readonly enabled: boolean;
}

/** What a socket is called; an IPv4 address is written as the IPv6 address that it maps to, 32 hexadecimal digits. */
export type SocketName =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'inet'; readonly address: string; readonly port: number };

export interface SocketCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A datagram; of a stream: bytes that were sent together with control data, and those behind them. */
export interface SocketMessage {
  /** Never changed in place. */
  readonly bytes: Uint8Array;
  /** Of a datagram: who sent it. */
  readonly from: SocketName | null;
  /** SCM_RIGHTS: open files on their way, each with a reference. */
  readonly files: readonly FileId[];
  /** SCM_CREDS. */
  readonly credentials: SocketCredentials | null;
}

/** FreeBSD struct kqueue: what a process waits for. Its descriptors are those of `pid`; a child does not inherit the queue. */
export interface Kqueue {
  readonly id: KqueueId;
  readonly pid: Pid;
  readonly knotes: readonly Knote[];
}

/** FreeBSD struct knote: one (ident, filter) of a kqueue. */
export interface Knote {
  readonly ident: number;
  /** EVFILT_ number. */
  readonly filter: number;
  /** EV_ONESHOT, EV_CLEAR, EV_DISPATCH. */
  readonly flags: number;
  /** As asked for (kn_sfflags, kn_sdata). */
  readonly fflags: number;
  readonly data: number;
  readonly udata: number;
  /** KN_ACTIVE: its event has happened and was not reported. */
  readonly active: boolean;
  /** KN_DISABLED. */
  readonly disabled: boolean;
  /** What will be reported; of EVFILT_READ and EVFILT_WRITE the moment of the report decides. */
  readonly outFlags: number;
  readonly outFflags: number;
  readonly outData: number;
  /** EVFILT_TIMER: when it is due. */
  readonly deadlineNs: number | null;
}

// ---- Terminals ---------------------------------------------------------------------------------------------------------

/** Names below /dev. */
export type TtyName = 'console' | `pts/${number}`;

export interface Winsize {
  readonly rows: number;
  readonly columns: number;
  readonly xPixels: number;
  readonly yPixels: number;
}

/**
 * FreeBSD struct tty. The other end of a pseudo-terminal is its master; the host is at that of the console: where that is no terminal (KernelConfig.consoleIsTty) its record is
 * one in raw mode that answers to no ioctl(2).
 */
export interface Tty {
  readonly name: TtyName;
  readonly termios: Termios;
  readonly winsize: Winsize;
  /** t_session: the session whose terminal it is; 0: nobody's. */
  readonly session: Pid | 0;
  /** t_pgrp: the foreground process group, which gets the signals of ^C and its kin; 0: none. */
  readonly foreground: Pid | 0;
  /** t_inq: typed and not yet read. Never changed in place, like `quoted` and `output`. */
  readonly input: Uint8Array;
  /** For each byte of `input`: 1 if it was typed behind VLNEXT. */
  readonly quoted: Uint8Array;
  /** So many bytes of `input` can be read; the rest is the line that is being typed. */
  readonly readable: number;
  /** ti_reprint: from here on the line that is being typed stands on the screen as it is. */
  readonly reprintFrom: number;
  /** t_outq: written and echoed, and not yet taken by the other end. */
  readonly output: Uint8Array;
  /** What fits into `input` and `output`. */
  readonly inputMax: number;
  readonly outputMax: number;
  /** t_column: where the cursor is; t_writepos: where it was when a program wrote last. */
  readonly column: number;
  readonly writeColumn: number;
  /** TF_LITERAL: VLNEXT was typed. */
  readonly literalNext: boolean;
  /** TF_STOPPED: output waits (^S). */
  readonly stopped: boolean;
  /** TF_EXCLUDE. */
  readonly exclusive: boolean;
  /** No more input will come. */
  readonly inputEnded: boolean;
  /** PTS_FINISHED: the slave of a pseudo-terminal has been open and is closed. */
  readonly finished: boolean;
  /** PTS_PKT: its master reads a byte about each packet first (TIOCPKT). */
  readonly packetMode: boolean;
  /** pts_pkt: TIOCPKT_ bits of what has happened and the master has not read. */
  readonly packetEvents: number;
  /** TF_GONE: its master is closed. It is there until nobody has its slave open. */
  readonly gone: boolean;
}

// ---- The rest ----------------------------------------------------------------------------------------------------------

export interface Counters {
  readonly nextPid: number;
  readonly nextTid: number;
  readonly nextVmspace: number;
  readonly nextVnode: number;
  readonly nextFile: number;
  readonly nextPipe: number;
  readonly nextKqueue: number;
  readonly nextSocket: number;
  readonly nextSharing: number;
  /** Where the search for a free ephemeral port begins. */
  readonly nextPort: number;
  readonly nextVmObject: number;
  readonly nextPosixShm: number;
  readonly nextSysvShm: number;
  readonly nextCpuset: number;
  /** Anonymous sets count downwards from -2. */
  readonly nextAnonCpuset: number;
  readonly rootVnode: VnodeId;
  /** Vnodes that were made for files of the host. */
  readonly hostVnodes: number;
  /** Bytes that all files take on the disk (sum of FileData.allocated). */
  readonly fileBytes: number;
  /** Bytes that all sockets have received (sum of Socket.receivedBytes). */
  readonly socketBytes: number;
  /** Next periodic events, in virtual ns. */
  readonly nextStatTickNs: number;
  readonly nextBalanceNs: number;
  readonly nextCheckpointNs: number;
  readonly nextSelfTestNs: number;
  readonly nextLoadSampleNs: number;
  /** How often kern.arandom or /dev/random was read: each reading has a stream of random numbers of its own. */
  readonly arandomReads: number;
}

/** A process on its way back: where it goes back to, what its threads are to the scheduler, and who restores it. */
export interface Recovery {
  readonly pid: Pid;
  readonly victim: number;
  readonly detectedNs: number;
  readonly point: RollbackPoint;
  /** The native process that carries out the restart. */
  readonly agent: Pid;
  readonly attempts: number;
  /** In the order of the core file's threads. Each has a hold on its CPU set. */
  readonly threads: readonly ThreadIdentity[];
}

/** What of a thread is not in a core file, or is not taken from it. */
export type ThreadIdentity = Pick<
  Thread,
  | 'tid'
  | 'name'
  | 'priClass'
  | 'basePri'
  | 'priority'
  | 'cpuset'
  | 'sigmask'
  | 'sigmaskAfter'
  | 'sigstack'
  | 'sigqueue'
  | 'unparked'
  | 'pending'
  | 'sleep'
  | 'inheritedPri'
  | 'lendsTo'
  | 'lastCpu'
  | 'cpusUsed'
  | 'runNs'
  | 'sleepNs'
>;

/** Runnable threads on average over 1, 5 and 15 minutes, times FSCALE (FreeBSD averunnable). */
export type LoadAverage = readonly [number, number, number];

export interface KernelState {
  readonly procs: Map<Pid, Proc>;
  readonly threads: Map<Tid, Thread>;
  readonly cpus: PerCpu[];
  readonly cpusets: Map<CpusetId, CpuSet>;
  readonly vmspaces: Map<VmspaceId, Vmspace>;
  readonly vmObjects: Map<VmObjectId, VmSharedObject>;
  /** By `o<object>:<index of the page>` or `f<vnode>:<index>`. */
  readonly sharedPages: Map<string, SharedPage>;
  readonly posixShm: Map<PosixShmId, PosixShm>;
  readonly sysvShm: Map<number, SysvShm>;
  readonly vnodes: Map<VnodeId, Vnode>;
  readonly files: Map<FileId, OpenFile>;
  readonly pipes: Map<PipeId, Pipe>;
  readonly kqueues: Map<KqueueId, Kqueue>;
  readonly sockets: Map<SocketId, Socket>;
  readonly ttys: Map<TtyName, Tty>;
  /** Locks on a file, in the order in which they were made; a file without any has no entry. */
  readonly fileLocks: Map<VnodeId, readonly FileLock[]>;
  /** By what is watched (SigioKey); without an entry: nobody is told. */
  readonly sigios: Map<string, Sigio>;
  readonly recoveries: Map<Pid, Recovery>;
  /** By the root of the tree. Only with recoveryOptions.scope 'tree'. */
  readonly trees: Map<Pid, TreePoint>;
  /** By the memory of the process. Only with config.duplicate. */
  readonly duplicates: Map<VmspaceId, Duplicate>;
  /** kern.hostname. */
  hostname: string;
  loadAverage: LoadAverage;
  counters: Counters;
}

export type { Fd };
