import * as fcntl from '../../../kernel-sim/abi/fcntl.ts';
import * as ttycom from '../../../kernel-sim/abi/ttycom.ts';
import type { ArgKind } from '../../../kernel-sim/sys/row.ts';
import type { Draft } from './draft.ts';

/** Draws one argument. */
export type Drawing = (d: Draft) => number;

const PATHS = [
  '/',
  '.',
  '..',
  '',
  '/tmp',
  '/tmp/',
  '/tmp/a',
  '/tmp/b',
  '/tmp/c',
  '/tmp/d',
  '/tmp/d/a',
  '/tmp/d/b',
  '/tmp/d/e',
  '/tmp/d/e/f',
  '/tmp/d/../a',
  '/tmp/a/b',
  '/tmp/l',
  '/tmp/m',
  '/tmp/loop',
  '/tmp/p',
  '/tmp/q',
  '/tmp/s0',
  '/tmp/s1',
  'a',
  'b',
  'd/a',
  '/bin/true',
  '/bin/fuzz',
  '/dev/null',
  '/dev/zero',
  '/dev/random',
  '/dev/console',
  '/dev/tty',
  '/dev/ptmx',
  '/dev/pts/0',
  '/dev/pts/1',
  '/shm0',
  '/shm1',
  '/nowhere/x',
  'x'.repeat(255),
  'x'.repeat(256),
  `/${'d/'.repeat(511)}`,
  '\xff\x01 %s',
];

export const path: Drawing = (d) => {
  if (d.oneIn(24)) return d.pointer();
  return d.text(d.oneIn(12) ? `/tmp/${d.below(50)}` : d.pick(PATHS));
};
/** Where symbolic links are, if there are any. */
export const linkPath: Drawing = (d) => (d.oneIn(3) ? path(d) : d.text(d.pick(['/tmp/l', '/tmp/m', '/tmp/loop'])));
/** Where files are from the beginning. */
export const filePath: Drawing = (d) =>
  d.oneIn(3) ? path(d) : d.text(d.pick(['/tmp/a', '/tmp/b', '/tmp/d/e/f', '/tmp/script']));

const OPEN_FLAGS = [
  fcntl.O_NONBLOCK,
  fcntl.O_APPEND,
  fcntl.O_SHLOCK,
  fcntl.O_EXLOCK,
  fcntl.O_NOFOLLOW,
  fcntl.O_TRUNC,
  fcntl.O_EXCL,
];

/** Of ioctl(2): all that there are names for. */
const COMMANDS = Object.values(ttycom).filter((value) => typeof value === 'number' && value > 0x1000_0000) as number[];

/** By the table's kinds of arguments; src of truth for what is not said of a call in particular (shapes.ts). */
export const KINDS: Readonly<Record<ArgKind, Drawing>> = {
  int: (d) => (d.oneIn(2) ? d.below(6) : d.raw()),
  uint: (d) => (d.oneIn(2) ? d.below(6) : d.raw()),
  size: (d) =>
    d.oneIn(3) ? d.raw() : d.pick([0, 1, 2, 4, 8, 16, 64, 256, 511, 512, 513, 4096, 5000, 65536, 65537, 100_000]),
  off: (d) => (d.oneIn(4) ? d.raw() * d.pick([1, 1, 0x100000000]) : d.pick([0, 0, 1, 10, 512, 4096, 5000, 100_000])),
  fd: (d) => d.fd(),
  'at-fd': (d) =>
    d.oneIn(2) ? fcntl.AT_FDCWD : d.fd((file) => file.kind === 'vnode' && d.k.vnode(file.vnode).type === 'dir'),
  pid: (d) => d.pid(),
  ptr: (d) => d.pointer(),
  in: (d) => (d.oneIn(4) ? d.pointer() : d.noise(16)),
  out: (d) => (d.oneIn(4) ? d.pointer() : d.room(256)),
  inout: (d) => (d.oneIn(4) ? d.pointer() : d.noise(16)),
  'buf-in': (d) => d.pointer(),
  'buf-out': (d) => d.pointer(),
  str: path,
  mode: (d) => d.pick([0, 0o400, 0o644, 0o666, 0o755, 0o777, 0o4755, d.raw()]),
  signo: (d) => d.signo(),
  'open-flags': (d) =>
    d.pick([0, 1, 2, 2]) |
    (d.oneIn(2) ? fcntl.O_CREAT : 0) |
    (d.oneIn(2) ? d.bits(...OPEN_FLAGS, fcntl.O_DIRECTORY, fcntl.O_CLOEXEC) : fcntl.O_NONBLOCK) |
    (d.oneIn(24) ? d.raw() : 0),
  'at-flags': (d) => (d.oneIn(8) ? d.raw() : d.pick([0, 0, 0, 0x100, 0x200, 0x400, 0x800])),
  access: (d) => (d.oneIn(8) ? d.raw() : d.below(8)),
  prot: (d) => (d.oneIn(8) ? d.raw() : d.pick([0, 1, 3, 3, 3, 3, 5, 7])),
  'map-flags': (d) =>
    d.oneIn(8) ? d.raw() : d.pick([1, 2, 2]) | (d.oneIn(2) ? 0x1000 : 0) | d.bits(0x10, 0x400, 0x20000),
  'wait-options': (d) => (d.oneIn(8) ? d.raw() : (d.oneIn(4) ? 0 : 1) | d.bits(2, 4, 8, 16, 32)),
  flock: (d) => (d.oneIn(8) ? d.raw() : d.pick([1, 2, 5, 6, 6, 8, 8])),
  fcntl: (d) => (d.oneIn(8) ? d.raw() : d.pick([0, 1, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18])),
  ioctl: (d) => (d.oneIn(12) ? d.raw() : d.pick(COMMANDS)),
  whence: (d) => (d.oneIn(8) ? d.raw() : d.below(3)),
  ptrace: (d) => d.below(40),
  pad: () => 0,
};
