import { SELECTOR_UCODE, SELECTOR_UDATA, SELECTOR_UFS, SELECTOR_UGS } from '../../../emu/core/reset.ts';
import * as ev from '../../../kernel-sim/abi/event.ts';
import * as so from '../../../kernel-sim/abi/socket.ts';
import { bytesOf } from '../../../kernel-sim/kern/kernel.ts';
import { UCONTEXT_SIZE } from '../../../kernel-sim/kern/sendsig.ts';
import type { OpenFile, Socket } from '../../../kernel-sim/kern/state.ts';
import { sysctlRows } from '../../../kernel-sim/sys/sysctl-nodes.ts';
import { DATA, TEXT } from '../../../src/testing/guest-program.ts';
import { type Draft, THREAD_STACK_BYTES, THREAD_STACKS } from './draft.ts';
import { type Drawing, filePath, linkPath, path } from './kinds.ts';
import { drawPtrace } from './ptrace-shape.ts';

/* What arguments of particular calls look like, where their kind says too little. */

const DATA_END = DATA + 0x4000;
const MC_SIZE = 640;
const FPFMT_NODEV = 0x10000;
const FPOWNED_NONE = 0x20000;

/** Arguments by name. */
type ByName = Readonly<Record<string, Drawing>>;

const orNull =
  (draw: Drawing): Drawing =>
  (d) =>
    d.oneIn(3) ? 0 : draw(d);
const oneOf =
  (...values: readonly number[]): Drawing =>
  (d) =>
    d.oneIn(12) ? d.raw() : d.pick(values);
const structOf =
  (...fields: readonly Drawing[]): Drawing =>
  (d) =>
    d.words(...fields.map((field) => field(d)));
const constant =
  (value: number): Drawing =>
  () =>
    value;

const ofType =
  (...types: readonly string[]) =>
  (d: Draft, file: OpenFile): boolean =>
    file.kind === 'vnode' && types.includes(d.k.vnode(file.vnode).type);
const isShm = (file: OpenFile): boolean => file.kind === 'shm';
const fdWhere =
  (isWanted: (d: Draft, file: OpenFile) => boolean): Drawing =>
  (d) =>
    d.fd((file) => isWanted(d, file));
const isSocket = ({ kind }: OpenFile): boolean => kind === 'socket';
const socketWhere =
  (...wanted: readonly ((socket: Socket) => boolean)[]): Drawing =>
  (d) =>
    d.fd(...wanted.map((is) => (file: OpenFile) => file.kind === 'socket' && is(d.k.socket(file.socket))), isSocket);

const anySocket = socketWhere(() => true);
const listener = socketWhere(
  ({ state, pending }) => state === 'listening' && pending.length > 0,
  ({ state }) => state === 'listening',
);
const connected = socketWhere(({ state }) => state === 'connected');
const unconnected = socketWhere(({ state }) => state === 'open');
const stream = socketWhere(
  ({ state, type, local }) => state === 'open' && type !== 'dgram' && local !== null,
  ({ state, type }) => state === 'open' && type !== 'dgram',
);
const anyKqueue = fdWhere((_d, { kind }) => kind === 'kqueue');
const regular = fdWhere(ofType('reg'));
const processDescriptor = fdWhere((_, { kind }) => kind === 'procdesc');
const mappable = fdWhere((d, file) => isShm(file) || ofType('reg')(d, file));
const folder = fdWhere(ofType('dir'));
const terminal = fdWhere((d, file) => !['reg', 'dir'].some((type) => ofType(type)(d, file)));

// ---- sockets -----------------------------------------------------------------------------------------------------------

function sockaddr(d: Draft): Uint8Array {
  const port = d.pick([0, 2000, 2001, 2002, d.below(65536)]);
  switch (d.below(4)) {
    case 0:
      return so.encodeSockaddr(so.AF_INET, { kind: 'inet', address: d.pick([so.LOOPBACK_V4, so.ANY_V4]), port });
    case 1:
      return so.encodeSockaddr(so.AF_INET6, { kind: 'inet', address: d.pick([so.LOOPBACK_V6, so.ANY_V6]), port });
    case 2:
      return so.encodeSockaddr(so.AF_UNIX, { kind: 'unix', path: `/tmp/s${d.below(3)}` });
    default:
      return Uint8Array.from([
        d.below(256),
        d.pick([0, 1, 2, 28, 99]),
        ...Array.from({ length: d.below(130) }, () => d.below(256)),
      ]);
  }
}

/** The socket behind a descriptor, if it is one. */
function socketAt(d: Draft, fd: number): Socket | null {
  const entry = d.p.fds[fd];
  const file = entry ? d.k.file(entry.file) : null;
  return file?.kind === 'socket' ? d.k.socket(file.socket) : null;
}

const FAMILIES = { unix: so.AF_UNIX, inet: so.AF_INET, inet6: so.AF_INET6 } as const;

/** A name for the socket and its length: mostly of the socket's family; with `of`, mostly one that such a socket has. */
function nameAndLength(d: Draft, fd: number, of: (other: Socket) => boolean = () => false): [number, number] {
  const socket = socketAt(d, fd);
  const family = socket && FAMILIES[socket.domain];
  const others = [...d.k.state.sockets.values()].filter(
    (other) => other.domain === socket?.domain && other.type === socket.type && other.local && of(other),
  );
  let bytes = sockaddr(d);
  for (let tries = 0; family !== null && bytes[1] !== family && tries < 8; tries++) bytes = sockaddr(d);
  if (family !== null && others.length > 0 && !d.oneIn(4)) bytes = so.encodeSockaddr(family, d.pick(others).local);
  return [d.place(bytes), d.oneIn(12) ? d.raw() : bytes.length];
}

const lengthWord: Drawing = (d) => d.words(d.pick([0, 1, 2, 16, 28, 106, 128, d.raw()]));
const messageFlags: Drawing = (d) =>
  (d.oneIn(4) ? d.bits(1, 2, 8, 0x40, 0x100, 0x20000, 0x40000) : 0) | (d.oneIn(3) ? 0 : 0x80);
const domain: Drawing = oneOf(so.AF_UNIX, so.AF_UNIX, so.AF_INET, so.AF_INET6);
const socketType: Drawing = (d) =>
  d.pick([1, 1, 2, 5, d.below(8)]) | (d.oneIn(3) ? d.bits(so.SOCK_CLOEXEC, so.SOCK_NONBLOCK) : so.SOCK_NONBLOCK);
const vector: Drawing = (d) =>
  d.words(
    ...Array.from({ length: d.pick([1, 2, 4]) }, () => [d.pointer(), d.pick([0, 1, 8, 100, 4096, d.raw()])]).flat(),
  );
const vectorCount: Drawing = oneOf(0, 1, 1, 2, 4);

function messageHeader(d: Draft, fd: number): number {
  const [name, length] = d.oneIn(2) ? [0, 0] : nameAndLength(d, fd);
  const control = d.oneIn(2) ? 0 : d.words(16, so.SOL_SOCKET, d.pick([1, 1, 2, 3]), d.fd(), d.raw());
  return d.words(
    name,
    length,
    vector(d),
    d.pick([1, 1, 2]),
    control,
    control === 0 ? 0 : d.pick([12, 16, 20, d.raw()]),
    0,
  );
}

const levels = oneOf(so.SOL_SOCKET, so.SOL_SOCKET, so.IPPROTO_IP, so.IPPROTO_TCP, so.IPPROTO_IPV6);
// biome-ignore format: by number
const optionNames = oneOf(1, 2, 3, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1006, 0x1007, 0x1008, 0x1011, 0x1012, 27);

// ---- times, scheduling ---------------------------------------------------------------------------------------------------

const timeval: Drawing = (d) => d.words(...d.time(1e6));
const itimerval: Drawing = (d) => d.words(...d.time(1e6), ...d.time(1e6));
const itimerspec: Drawing = (d) => d.words(...d.time(1e9), ...d.time(1e9));
const limit: Drawing = (d) => {
  const big = (): number[] =>
    d.pick([
      [0x7fffffff, -1],
      [-1, 0x7fffffff],
      [1 << 22, 0],
      [1 << 28, 0],
      [64, 0],
      [d.raw(), d.raw()],
    ]);
  return d.words(...big(), ...big());
};
const rtprio: Drawing = (d) => d.words(d.pick([2, 3, 3, 3, 4, 10, d.below(12)]) | (d.below(40) << 16));
const whichCpus: Drawing = oneOf(1, 2, 3);
const levelCpus: Drawing = oneOf(1, 2, 3, 3);
const cpuId: Drawing = (d) => d.pick([-1, -1, d.pid(), d.tid(), d.below(4)]);
const cpuMask: Drawing = (d) => d.words(d.pick([1, 2, 3, 3, 3, 7, d.raw()]), 0, 0, 0);
const cpuMaskSize: Drawing = oneOf(4, 4, 8, 16);

// ---- everything else -----------------------------------------------------------------------------------------------------

const pollfds: Drawing = (d) =>
  d.words(...Array.from({ length: 4 }, () => [d.fd(), d.bits(1, 2, 4, 0x40, 0x80, 0x100)]).flat());
const fdSet: Drawing = (d) =>
  d.oneIn(3) ? 0 : d.words(d.bits(1, 2, 4, 8, 16, 32, 64, 128, d.raw()), 0, 0, d.oneIn(8) ? d.raw() : 0);
const fdCount: Drawing = oneOf(0, 3, 8, 12, 32, 64, 1024);
const fifoMode = oneOf(0o010666, 0o010666, 0o020666, 0o100644);
const sleepTimeval: Drawing = (d) => (d.oneIn(6) ? 0 : timeval(d));
const programs = ['/bin/true', '/bin/fuzz', '/bin/fuzz', '/bin/fuzz', '/tmp/script', '/tmp/a', '/tmp/d', '/tmp/deep'];
const stringList: Drawing = (d) => {
  const strings = Array.from({ length: d.below(4) }, (_, n) => (d.oneIn(12) ? d.pointer() : d.text(`arg${n}`)));
  return d.oneIn(12) ? d.pointer() : d.words(...strings, 0);
};

/** A ucontext_t that can be gone on with, with a few words spoilt at times. Offsets: kern/sendsig.ts. */
const ucontext: Drawing = (d) => {
  const words = new Int32Array(UCONTEXT_SIZE / 4);
  const selectors = {
    5: SELECTOR_UGS,
    6: SELECTOR_UFS,
    7: SELECTOR_UDATA,
    8: SELECTOR_UDATA,
    20: SELECTOR_UCODE,
    23: SELECTOR_UDATA,
  };
  for (const [at, selector] of Object.entries(selectors)) words[Number(at)] = selector;
  words[19] = TEXT;
  words.set([0x202, THREAD_STACKS + THREAD_STACK_BYTES], 21);
  words.set([MC_SIZE, FPFMT_NODEV, FPOWNED_NONE], 24);
  if (d.oneIn(3)) for (let n = d.below(3); n >= 0; n--) words[d.below(words.length)] = d.raw();
  return d.words(...words);
};
const threadStack = (d: Draft): number[] => [THREAD_STACKS + THREAD_STACK_BYTES * d.below(4), THREAD_STACK_BYTES];
const threadParameters: Drawing = (d) =>
  d.words(
    TEXT,
    d.raw(),
    ...threadStack(d),
    d.pointer(),
    64,
    d.lock(),
    d.pick([0, d.lock()]),
    d.oneIn(5) ? 1 : 0,
    d.oneIn(8) ? rtprio(d) : 0,
    0,
    0,
    0,
  );
const deadline: Drawing = (d) => d.timeout();

function kevents(d: Draft, count: number): number {
  const one = (): number[] => {
    const filter = d.oneIn(24) ? d.raw() : d.pick(ev.FILTERS);
    const flags =
      d.pick([ev.EV_ADD, ev.EV_ADD, ev.EV_ADD, 0]) | (d.oneIn(2) ? d.bits(2, 4, 8, 0x10, 0x20, 0x40, 0x80) : 0);
    const ident = filter === ev.EVFILT_PROC ? d.pid() : filter === ev.EVFILT_SIGNAL ? d.signo() : d.fd();
    const notes = d.pick([
      0,
      1,
      6,
      0x3f,
      0x1000000,
      ev.NOTE_EXIT,
      ev.NOTE_FORK | ev.NOTE_TRACK | ev.NOTE_EXIT,
      d.raw(),
    ]);
    return [ident, (filter & 0xffff) | (flags << 16), notes, d.pick([0, 1, 50, 1000, d.raw()]), d.raw()];
  };
  return d.words(...Array.from({ length: count }, one).flat());
}

/** struct flock, for the commands that take one. */
const fcntlArgument: Drawing = (d) =>
  d.oneIn(2)
    ? d.pick([d.fd(), 4, 0x40, 0x44, d.p.pid, -d.p.pgid, d.pid()])
    : d.words(
        d.below(200),
        d.oneIn(8) ? d.raw() : 0,
        d.pick([0, 10, 100, d.raw()]),
        0,
        d.p.pid,
        d.pick([1, 2, 3]) | (d.pick([0, 0, 1, 2]) << 16),
        0,
      );

const sysctlNames = sysctlRows.map((row) => row.name);
function sysctl(d: Draft): number[] {
  const row = d.pick(sysctlRows);
  const questions = d.below(5) + 1;
  const mib = d.pick([
    row.mib,
    row.mib,
    [...row.mib, d.pid()],
    [...row.mib, d.pid(), d.below(3)],
    [0, questions, ...row.mib],
    [1, 14, d.below(60), d.pid()],
    [d.raw(), d.raw()],
  ]);
  const old = orNull((x) => x.room(400))(d);
  const size = d.words(d.pick([400, 400, 0, 4, 64, 100_000, d.raw()]));
  if (d.oneIn(8)) {
    const name = d.pick(sysctlNames);
    return [d.words(0, 3), 2, d.room(128), d.words(128), d.place(bytesOf(name)), name.length];
  }
  const value = d.oneIn(5) ? (d.oneIn(2) ? d.text('a-new-name') : d.noise(2)) : 0;
  return [
    d.words(...mib),
    d.oneIn(24) ? d.raw() : mib.length,
    old,
    size,
    value,
    value === 0 ? 0 : d.pick([4, 10, d.raw()]),
  ];
}

function umtx(d: Draft): number[] {
  const operation = d.oneIn(24) ? d.raw() : d.below(23);
  const object = d.oneIn(16) ? d.pointer() : d.lock();
  // Sometimes as user mode leaves it: free, or owned by a thread.
  if (d.oneIn(3))
    d.k.copyout(
      d.p.pid,
      object,
      new Uint8Array(
        Int32Array.of(d.pick([0, 0, d.td.tid, d.td.tid | (1 << 31), 1 << 31]), d.pick([0, 0, 0, 2, 4, 8, 12])).buffer,
      ),
    );
  const value = d.pick([0, 1, d.td.tid, 0x7fffffff, d.raw()]);
  // CV_WAIT's mutex is uaddr1; NWAKE_PRIVATE takes a list.
  if (operation === 8) return [object, operation, d.pick([0, 0, 2, 4]), d.lock(), d.timeout()];
  if (operation === 21) return [d.words(d.lock(), d.lock(), d.pointer()), operation, d.pick([1, 2, 3, d.raw()]), 0, 0];
  return [object, operation, value, d.pick([0, 0, 16, d.raw()]), d.timeout()];
}

function map(d: Draft): number[] {
  const anonymous = d.oneIn(2);
  const fixed = d.oneIn(4) ? 0x10 : 0;
  const at = fixed ? (d.oneIn(2) ? d.mapped() & ~0xfff : 0x20000000 + 4096 * d.below(64)) : d.pick([0, 0, 0, d.raw()]);
  const length = d.pick([1, 4096, 4096, 16384, 65536, 1 << 20, d.raw()]);
  const flags = (anonymous ? 0x1000 : 0) | d.pick([1, 2]) | fixed | d.bits(0x400, 0x20000);
  return [
    at,
    length,
    d.pick([0, 1, 3, 3, 3, 3, 7, d.raw()]),
    d.oneIn(16) ? d.raw() : flags,
    anonymous ? -1 : mappable(d),
    d.pick([0, 0, 0, 0, 4096, 8192, 0, d.raw()]),
  ];
}

/** A range that is mapped, mostly. */
const range = (d: Draft): number[] => [
  d.oneIn(8) ? d.raw() : d.mapped() & (d.oneIn(6) ? -1 : ~0xfff),
  d.pick([0, 1, 4096, 4096, 8192, 65536, d.raw()]),
];
const withRange =
  (...rest: readonly Drawing[]) =>
  (d: Draft): number[] => [...range(d), ...rest.map((draw) => draw(d))];

const segmentId: Drawing = (d) =>
  d.k.state.sysvShm.size > 0 && !d.oneIn(8) ? d.pick([...d.k.state.sysvShm.keys()]) : d.raw();
const timerId: Drawing = (d) => (d.oneIn(8) ? d.raw() : d.below(Math.max(1, d.p.timers.length)));
/** A struct aiocb of 17 words, of a regular file mostly. */
const aiocb: Drawing = (d) => {
  const sigevent = d.oneIn(3) ? [1, d.signo(), d.raw()] : [0, 0, 0];
  const place = [d.pick([0, 0, 10, d.raw()]), d.pick([0, 0, 0, -1])];
  const transfer = [d.pointer(), d.pick([0, 1, 100, 5000, d.raw()])];
  return d.words(regular(d), ...place, ...transfer, 0, 0, 0, d.pick([0, 1, 2, 3]), 0, 0, 0, 0, ...sigevent, 0);
};
/** What a transfer is known by as long as nobody has asked for its result. */
const aiocbOfJob: Drawing = (d) => (d.p.aio.length > 0 && !d.oneIn(8) ? d.pick(d.p.aio).address : aiocb(d));
const descriptors: Drawing = (d) =>
  d.words(...Array.from({ length: 4 }, () => [d.raw(), d.pick([0x0000f200, 0x00c0f200, d.raw()])]).flat());

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

const named = (d: Draft, fd: number, of?: (other: Socket) => boolean): number[] => [fd, ...nameAndLength(d, fd, of)];

/** Single arguments by call and name. */
// biome-ignore format: one call per line
export const ARGUMENTS: Readonly<Record<string, ByName>> = {
  wait4: { options: (d) => (d.oneIn(4) ? 0 : 1) | d.bits(2, 4, 8) | (d.oneIn(16) ? d.raw() : 0), pid: (d) => d.pick([-1, -1, 0, d.child(), d.child(), -d.p.pgid]), status: orNull((d) => d.room(4)), rusage: orNull((d) => d.room(72)) },
  kill: { pid: (d) => d.pick([d.pid(), d.p.pid, d.p.pid, d.child(), d.child(), d.p.ppid, -d.p.pgid, 0]) },
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
