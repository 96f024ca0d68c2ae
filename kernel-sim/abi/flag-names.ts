import * as fcntl from './fcntl.ts';
import * as ttycom from './ttycom.ts';
import * as vm from './vmparam.ts';
import * as wait from './wait.ts';

/** Bits and their names; `none` is what 0 is called. */
interface Flags {
  readonly none: string;
  readonly bits: readonly (readonly [bit: number, name: string])[];
}

const named = <M extends Readonly<Record<string, unknown>>>(
  module: M,
  none: string,
  ...names: readonly (keyof M & string)[]
): Flags => ({ none, bits: names.map((name) => [module[name] as number, name]) });

/** By kind of argument (kernel-sim/sys/row.ts). */
export const FLAGS = {
  'at-flags': named(fcntl, '0', 'AT_EACCESS', 'AT_SYMLINK_NOFOLLOW', 'AT_SYMLINK_FOLLOW', 'AT_REMOVEDIR'),
  access: named(fcntl, 'F_OK', 'R_OK', 'W_OK', 'X_OK'),
  prot: named(vm, 'PROT_NONE', 'PROT_READ', 'PROT_WRITE', 'PROT_EXEC'),
  'map-flags': named(vm, '0', 'MAP_SHARED', 'MAP_PRIVATE', 'MAP_FIXED', 'MAP_STACK', 'MAP_ANON', 'MAP_NOCORE'),
  'wait-options': named(wait, '0', 'WNOHANG', 'WUNTRACED', 'WCONTINUED', 'WNOWAIT', 'WEXITED', 'WTRAPPED'),
  flock: named(fcntl, '0', 'LOCK_SH', 'LOCK_EX', 'LOCK_NB', 'LOCK_UN'),
} as const;

const OPEN_BITS = named(
  fcntl,
  '',
  'O_NONBLOCK',
  'O_APPEND',
  'O_SHLOCK',
  'O_EXLOCK',
  'O_NOFOLLOW',
  'O_CREAT',
  'O_TRUNC',
  'O_EXCL',
  'O_NOCTTY',
  'O_DIRECTORY',
  'O_EXEC',
  'O_CLOEXEC',
).bits;
const ACCESS_MODES = ['O_RDONLY', 'O_WRONLY', 'O_RDWR'] as const;

/** `PROT_READ|PROT_WRITE`; bits without a name as one hexadecimal number at the end. */
export function flagNames({ none, bits }: Flags, value: number): string {
  return joined([], bits, value) || none;
}

/** `O_WRONLY|O_CREAT` */
export function openFlagNames(value: number): string {
  const mode = ACCESS_MODES[value & fcntl.O_ACCMODE] ?? '0x3';
  return joined([mode], OPEN_BITS, value & ~fcntl.O_ACCMODE);
}

function joined(first: readonly string[], bits: Flags['bits'], value: number): string {
  const names = [...first];
  let rest = value >>> 0;
  for (const [bit, name] of bits) {
    if ((rest & bit) === 0) continue;
    names.push(name);
    rest = (rest & ~bit) >>> 0;
  }
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.join('|');
}

const SEEKS = ['SEEK_SET', 'SEEK_CUR', 'SEEK_END'] as const;
export const whenceName = (whence: number): string => SEEKS[whence] ?? String(whence);

const FCNTL_NAMES = new Map<number, string>(
  named(
    fcntl,
    '',
    'F_DUPFD',
    'F_GETFD',
    'F_SETFD',
    'F_GETFL',
    'F_SETFL',
    'F_OGETLK',
    'F_OSETLK',
    'F_OSETLKW',
    'F_DUP2FD',
    'F_GETLK',
    'F_SETLK',
    'F_SETLKW',
    'F_DUPFD_CLOEXEC',
    'F_DUP2FD_CLOEXEC',
  ).bits,
);
/** `F_GETFL`; the number itself when it has no name here. */
export const fcntlName = (command: number): string => FCNTL_NAMES.get(command) ?? String(command);

const IOCTL_NAMES = new Map<number, string>(
  Object.entries(ttycom).flatMap(([name, value]) => (/^(FIO|TIOC)/.test(name) ? [[value, name] as const] : [])),
);
/** `TIOCGETA`; hexadecimal when it has no name here. */
export const ioctlName = (command: number): string =>
  IOCTL_NAMES.get(command >>> 0) ?? `0x${(command >>> 0).toString(16)}`;
