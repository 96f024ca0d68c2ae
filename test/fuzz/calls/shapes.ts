import * as so from '../../../kernel-sim/abi/socket.ts';
import { DATA, TEXT } from '../../../src/testing/guest-program.ts';
import type { Draft } from './draft.ts';
import {
  anyKqueue,
  anySocket,
  connected,
  constant,
  folder,
  listener,
  mappable,
  ofType,
  oneOf,
  orNull,
  processDescriptor,
  regular,
  stream,
  structOf,
  terminal,
  unconnected,
} from './drawings.ts';
import { type Drawing, filePath, linkPath, path } from './kinds.ts';
import { drawPtrace } from './ptrace-shape.ts';
import {
  domain,
  lengthWord,
  levels,
  messageFlags,
  messageHeader,
  nameAndLength,
  named,
  optionNames,
  socketType,
  vector,
  vectorCount,
} from './socket-shapes.ts';
import {
  aiocb,
  aiocbOfJob,
  cpuId,
  cpuMask,
  cpuMaskSize,
  deadline,
  descriptors,
  fcntlArgument,
  fdCount,
  fdSet,
  fifoMode,
  itimerspec,
  itimerval,
  kevents,
  levelCpus,
  limit,
  map,
  pollfds,
  programs,
  rtprio,
  segmentId,
  sleepTimeval,
  stringList,
  sysctl,
  threadParameters,
  timerId,
  ucontext,
  umtx,
  whichCpus,
  withRange,
} from './structure-shapes.ts';

/* What arguments of particular calls look like, where their kind says too little. */

const DATA_END = DATA + 0x4000;

/** Arguments by name. */
type ByName = Readonly<Record<string, Drawing>>;

/** Calls of which arguments belong together. */
export const WHOLE_CALLS: Readonly<Record<string, (d: Draft) => readonly number[]>> = {
  ptrace: drawPtrace,
  __sysctl: sysctl,
  _umtx_op: umtx,
  mmap: map,
  freebsd6_mmap: (d) => {
    const [at, length, prot, flags, fd, offset] = map(d);
    return [at!, length!, prot!, flags!, fd!, 0, offset!];
  },
  munmap: withRange(),
  mprotect: withRange(oneOf(1, 3, 3, 5, 7)),
  msync: withRange(oneOf(0, 1, 2)),
  madvise: withRange((d) => d.below(10)),
  mincore: withRange((d) => d.room(64)),
  mlock: withRange(),
  munlock: withRange(),
  minherit: withRange((d) => d.below(4)),
  thr_kill2: (d) => {
    const target = d.oneIn(6) ? undefined : d.k.findProc(d.pid());
    return [
      target?.pid ?? d.raw(),
      target && target.threads.length > 0 ? d.pick([-1, ...target.threads]) : d.tid(),
      d.signo(),
    ];
  },
  bind: (d) => named(d, unconnected(d)),
  connect: (d) => named(d, unconnected(d), ({ state, type }) => state === 'listening' || type === 'dgram'),
  sendto: (d) => {
    const fd = connected(d);
    return [
      fd,
      d.pointer(),
      d.pick([0, 1, 100, 5000, d.raw()]),
      messageFlags(d),
      ...(d.oneIn(2) ? [0, 0] : nameAndLength(d, fd)),
    ];
  },
  sendmsg: (d) => {
    const fd = connected(d);
    return [fd, messageHeader(d, fd), messageFlags(d)];
  },
  recvmsg: (d) => {
    const fd = connected(d);
    return [fd, messageHeader(d, fd), messageFlags(d)];
  },
  kevent: (d) => {
    const changes = d.below(4);
    return [
      anyKqueue(d),
      kevents(d, changes),
      d.oneIn(24) ? d.raw() : changes,
      d.room(100),
      d.pick([0, 1, 4, d.raw()]),
      d.timeout(),
    ];
  },
  poll: (d) => [pollfds(d), d.pick([1, 4, 4, d.raw()]), d.pick([0, 1, 10, -1, d.raw()])],
  ppoll: (d) => [pollfds(d), d.pick([1, 4, 4, d.raw()]), d.timeout(), d.oneIn(2) ? 0 : d.sigset()],
  wait6: (d) => [
    d.pick([0, 2, 3, 5, 7, 7, d.raw()]),
    d.child(),
    orNull((x) => x.room(4))(d),
    (d.oneIn(4) ? 16 : 17) | d.bits(2, 4, 8, 32),
    orNull((x) => x.room(200))(d),
    orNull((x) => x.room(64))(d),
  ],
  sysarch: (d) => {
    const operation = d.pick([0, 1, 1, 7, 8, 9, 10, d.raw()]);
    const ldt =
      operation < 2
        ? d.words(
            d.pick([0, 16, 17, d.below(40), d.raw()]),
            d.pick([0, descriptors(d), descriptors(d)]),
            d.pick([0, 1, 2, 4, d.raw()]),
          )
        : 0;
    return [operation, ldt === 0 ? d.noise(1) : ldt];
  },
};
/** Single arguments by call and name. */
// biome-ignore format: one call per line
export const ARGUMENTS: Readonly<Record<string, ByName>> = {
  wait4: { options: (d) => (d.oneIn(4) ? 0 : 1) | d.bits(2, 4, 8) | (d.oneIn(16) ? d.raw() : 0), pid: (d) => d.pick([-1, -1, 0, d.child(), d.child(), -d.p.pgid]), status: orNull((d) => d.room(4)), rusage: orNull((d) => d.room(72)) },
  kill: { pid: (d) => d.pick([d.pid(), d.p.pid, d.p.pid, d.child(), d.child(), d.p.ppid, -d.p.pgid, 0]) },
  // Elsewhere hardly any of the names that calls are given mean anything.
  chroot: { path: (d) => (d.oneIn(8) ? path(d) : d.text('/')) },
  mknod: { mode: fifoMode, dev: oneOf(0, 0, 0, 1) }, mknodat: { mode: fifoMode, dev: oneOf(0, 0, 0, 1) },
  link: { path: filePath }, linkat: { path1: filePath }, readlink: { path: linkPath }, readlinkat: { path: linkPath }, symlink: { link: linkPath }, symlinkat: { path2: linkPath },
  break: { nsize: (d) => d.pick([DATA_END, DATA_END + d.below(1 << 20), d.raw()]) },
  recvfrom: { s: connected, flags: messageFlags, from: orNull((d) => d.room(128)), fromlenaddr: lengthWord },
  accept: { s: listener, name: orNull((d) => d.room(128)), anamelen: lengthWord }, accept4: { s: listener, name: orNull((d) => d.room(128)), anamelen: lengthWord, flags: (d) => d.bits(so.SOCK_CLOEXEC, so.SOCK_NONBLOCK) },
  getpeername: { fdes: connected, asa: (d) => d.room(128), alen: lengthWord }, getsockname: { fdes: anySocket, asa: (d) => d.room(128), alen: lengthWord },
  listen: { s: stream, backlog: oneOf(0, 1, 5, 128, -1) }, shutdown: { s: connected, how: oneOf(0, 1, 2) },
  socket: { domain, type: socketType, protocol: (d) => (d.oneIn(8) ? d.raw() : 0) }, socketpair: { domain: oneOf(1), type: socketType, protocol: constant(0), rsv: (d) => d.room(8) },
  setsockopt: { s: anySocket, level: levels, name: optionNames, val: structOf((d) => d.pick([0, 1, 1000, 65536, d.raw()]), (d) => d.raw()), valsize: oneOf(4, 4, 8) },
  getsockopt: { s: anySocket, level: levels, name: optionNames, val: (d) => d.room(128), avalsize: lengthWord },
  sigaltstack: { ss: orNull(structOf((d) => d.mapped(), oneOf(2048, 4096, 12288), oneOf(0, 0, 0, 4))), oss: orNull((d) => d.room(12)) },
  ioctl: { fd: terminal, data: (d) => (d.oneIn(3) ? d.words(d.pick([0, 1, d.p.pgid])) : d.noise(16)) },
  execve: { fname: (d) => (d.oneIn(8) ? path(d) : d.text(d.pick(programs))), argv: stringList, envv: stringList },
  setpgid: { pgid: (d) => d.pick([0, d.pid(), d.p.pgid]) },
  setitimer: { which: oneOf(0, 1, 2), itv: itimerval, oitv: orNull((d) => d.room(16)) }, getitimer: { which: oneOf(0, 1, 2) },
  fcntl: { arg: fcntlArgument },
  select: { nd: fdCount, in: fdSet, ou: fdSet, ex: fdSet, tv: sleepTimeval }, pselect: { nd: fdCount, in: fdSet, ou: fdSet, ex: fdSet, ts: deadline, sm: orNull((d) => d.sigset()) },
  setpriority: { which: oneOf(0, 1, 2), who: (d) => d.pid(), prio: (d) => d.below(50) - 25 }, getpriority: { which: oneOf(0, 1, 2), who: (d) => d.pid() },
  getrusage: { who: oneOf(0, -1, 1) },
  readv: { iovp: vector, iovcnt: vectorCount }, writev: { iovp: vector, iovcnt: vectorCount }, preadv: { iovp: vector, iovcnt: vectorCount }, pwritev: { iovp: vector, iovcnt: vectorCount },
  utimes: { tptr: orNull(itimerval) }, futimes: { tptr: orNull(itimerval) },
  rtprio: { function: oneOf(0, 1), rtp: rtprio }, rtprio_thread: { function: oneOf(0, 1), lwpid: (d) => d.pick([0, d.tid()]), rtp: rtprio },
  setrlimit: { which: (d) => d.below(14), rlp: limit }, getrlimit: { which: (d) => d.below(14) },
  getdirentries: { fd: folder, buf: (d) => d.room(512), count: oneOf(512, 100, 1000), basep: orNull((d) => d.room(4)) }, getdents: { fd: folder, count: oneOf(512, 100, 1000) },
  fchdir: { fd: folder }, open: { path: (d) => (d.oneIn(4) ? d.text(d.pick(['/tmp', '/tmp/d', '/'])) : filePath(d)) },
  shmat: { shmid: segmentId, shmaddr: oneOf(0, 0, 0x30000000, 0x30001234), shmflg: oneOf(0, 0o10000, 0o20000) }, shmctl: { shmid: segmentId, cmd: oneOf(0, 1, 2, 2) },
  shmdt: { shmaddr: (d) => d.k.vmspace(d.p.vmspace).sysvShm[0]?.address ?? d.mapped() },
  shmget: { key: oneOf(0, 1, 2, 3), size: oneOf(1, 4096, 20_000, 1 << 20), shmflg: oneOf(0, 0o666, 0o1666, 0o1666, 0o3600) },
  shm_open: { path: (d) => (d.oneIn(6) ? 1 : d.text(`/shm${d.below(3)}`)), flags: oneOf(0, 2, 0x202, 0x202, 0x602) }, shm_unlink: { path: (d) => d.text(`/shm${d.below(3)}`) },
  clock_gettime: { clock_id: (d) => d.below(16) }, clock_getres: { clock_id: (d) => d.below(16) },
  ktimer_create: { clock_id: oneOf(0, 4), evp: orNull(structOf(oneOf(0, 2, 4), (d) => d.signo(), (d) => d.raw(), (d) => d.tid())), timerid: (d) => d.room(4) },
  ktimer_delete: { timerid: timerId }, ktimer_gettime: { timerid: timerId }, ktimer_getoverrun: { timerid: timerId }, ktimer_settime: { timerid: timerId, flags: oneOf(0, 1), value: itimerspec, ovalue: orNull((d) => d.room(16)) },
  nanosleep: { rqtp: (d) => d.words(...d.time(1e9)), rmtp: orNull((d) => d.room(8)) },
  rfork: { flags: oneOf(0x14, 0x10, 0x30, 0x34, 0x54, 0x1010, 0x6030, 0x2010, 0x4014, 0x20, 0, 0x24, 0x1000, 0x14 | (1 << 19), 0x14 | (1 << 19) | (30 << 20)) },
  pdfork: { fdp: (d) => d.room(4), flags: oneOf(0, 0, 1) }, pdkill: { fd: processDescriptor }, pdgetpid: { fd: processDescriptor, pidp: (d) => d.room(4) },
  mlockall: { how: oneOf(1, 2, 3) },
  sigprocmask: { how: oneOf(1, 2, 3), set: orNull((d) => d.sigset()), oset: orNull((d) => d.room(16)) }, sigsuspend: { sigmask: (d) => d.sigset() },
  sigtimedwait: { set: (d) => d.sigset(), info: orNull((d) => d.room(64)), timeout: deadline }, sigwaitinfo: { set: (d) => d.sigset(), info: orNull((d) => d.room(64)) }, sigwait: { set: (d) => d.sigset(), sig: (d) => d.room(4) },
  sigaction: { act: orNull(structOf(oneOf(0, 1, TEXT, TEXT, TEXT, TEXT), (d) => d.bits(1, 2, 4, 8, 0x10, 0x20, 0x40), (d) => d.raw(), constant(0), constant(0), constant(0))), oact: orNull((d) => d.room(24)) },
  sendfile: { fd: regular, s: connected, nbytes: oneOf(0, 10, 100, 5000), hdtr: orNull(structOf(vector, constant(1), vector, constant(1))), sbytes: orNull((d) => d.room(8)), flags: constant(0) },
  sigreturn: { sigcntxp: ucontext }, thr_create: { ctx: ucontext, flags: oneOf(0, 0, 0, 1) },
  thr_kill: { id: (d) => d.tid() }, thr_wake: { id: (d) => d.tid() }, thr_set_name: { id: (d) => d.tid(), name: (d) => d.text(d.pick(['worker', 'x'.repeat(19), 'x'.repeat(40), ''])) },
  thr_new: { param: threadParameters, param_size: oneOf(52, 52, 52, 36, 0) }, thr_exit: { state: (d) => d.pick([0, d.lock()]) }, thr_suspend: { timeout: deadline },
  _umtx_lock: { umtx: (d) => d.lock() }, _umtx_unlock: { umtx: (d) => d.lock() },
  freebsd6_truncate: { length: oneOf(0, 10, 5000, 1 << 20) }, freebsd6_ftruncate: { fd: mappable, length: oneOf(0, 10, 5000, 1 << 20) }, ftruncate: { fd: mappable, length: oneOf(0, 10, 5000, 1 << 20) },
  cpuset_setid: { which: oneOf(2, 2, 1), id: cpuId, setid: (d) => d.below(6) }, cpuset_getid: { level: levelCpus, which: whichCpus, id: cpuId },
  cpuset_getaffinity: { level: levelCpus, which: whichCpus, id: cpuId, cpusetsize: cpuMaskSize }, cpuset_setaffinity: { level: levelCpus, which: whichCpus, id: cpuId, cpusetsize: cpuMaskSize, mask: cpuMask },
  closefrom: { lowfd: oneOf(3, 5, 8, 20) },
  getrandom: { flags: (d) => d.below(8) },
  pathconf: { name: (d) => d.below(20) }, fpathconf: { name: (d) => d.below(20) },
  chown: { uid: oneOf(-1, 0, 1001), gid: oneOf(-1, 0, 1001) }, fchown: { uid: oneOf(-1, 0, 1001), gid: oneOf(-1, 0, 1001) }, lchown: { uid: oneOf(-1, 0, 1001), gid: oneOf(-1, 0, 1001) },
  chflags: { flags: oneOf(0, 0, 1) }, lchflags: { flags: oneOf(0, 0, 1) }, fchflags: { fd: regular, flags: oneOf(0, 0, 1) }, chflagsat: { flags: oneOf(0, 0, 1) },
  aio_read: { aiocbp: aiocb }, aio_write: { aiocbp: aiocb }, aio_fsync: { op: oneOf(0x80), aiocbp: aiocb }, aio_return: { aiocbp: aiocbOfJob }, aio_error: { aiocbp: aiocbOfJob },
  aio_waitcomplete: { aiocbp: (d) => d.room(4), timeout: deadline },
  lio_listio: { mode: oneOf(0, 1), acb_list: structOf(aiocb, aiocb), nent: oneOf(0, 1, 2), sig: orNull(structOf(oneOf(0, 1), (d) => d.signo(), (d) => d.raw())) },
  ino64_getdirentries: { fd: folder, buf: (d) => d.room(512), count: oneOf(512, 100, 1000), basep: orNull((d) => d.room(8)) }, ino64_mknodat: { mode: fifoMode, dev: oneOf(0) },
  posix_openpt: { flags: oneOf(2, 2, 0x8002) },
  pipe2: { flags: oneOf(0, 4, 0x100000, 0x100004) },
};

/** What calls need to find in a process, and how it comes by it. */
export const NEEDS: readonly {
  readonly calls: readonly string[];
  isThere(d: Draft): boolean;
  readonly from: readonly string[];
}[] = [
  {
    calls: [
      'bind',
      'connect',
      'accept',
      'accept4',
      'listen',
      'getpeername',
      'getsockname',
      'setsockopt',
      'getsockopt',
      'shutdown',
      'sendto',
      'sendmsg',
      'recvfrom',
      'recvmsg',
      'sendfile',
    ],
    isThere: (d) => d.opened().some(({ kind }) => kind === 'socket'),
    from: ['socket', 'socketpair'],
  },
  {
    calls: ['fchflags', 'aio_read', 'aio_write', 'aio_fsync', 'lio_listio'],
    isThere: (d) => d.opened().some((file) => ofType('reg')(d, file)),
    from: ['open'],
  },
  {
    calls: ['aio_return', 'aio_error', 'aio_waitcomplete'],
    isThere: (d) => d.p.aio.length > 0,
    from: ['aio_read', 'aio_write'],
  },
  { calls: ['sendfile'], isThere: (d) => d.opened().some((file) => ofType('reg')(d, file)), from: ['open'] },
  { calls: ['kevent'], isThere: (d) => d.opened().some(({ kind }) => kind === 'kqueue'), from: ['kqueue'] },
  {
    calls: ['getdirentries', 'ino64_getdirentries', 'getdents', 'fchdir'],
    isThere: (d) => d.opened().some((file) => ofType('dir')(d, file)),
    from: ['open', 'openat'],
  },
  {
    calls: ['ktimer_delete', 'ktimer_settime', 'ktimer_gettime', 'ktimer_getoverrun'],
    isThere: (d) => d.p.timers.length > 0,
    from: ['ktimer_create'],
  },
  {
    calls: ['wait4', 'wait6'],
    isThere: (d) => [...d.k.state.procs.values()].some(({ ppid }) => ppid === d.p.pid),
    from: ['fork', 'rfork', 'pdfork'],
  },
  {
    calls: ['pdkill', 'pdgetpid'],
    isThere: (d) => d.opened().some(({ kind }) => kind === 'procdesc'),
    from: ['pdfork'],
  },
  { calls: ['shmat', 'shmctl'], isThere: (d) => d.k.state.sysvShm.size > 0, from: ['shmget'] },
  { calls: ['sigreturn'], isThere: (d) => !d.oneIn(2), from: ['kill'] },
];
