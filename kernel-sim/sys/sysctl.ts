import { EFAULT, EINVAL, ENAMETOOLONG, ENOENT, ENOMEM, EPERM } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { words } from '../abi/layout.ts';
import { bytesOf, type Kernel, latin1 } from '../kern/kernel.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';
import { sysctlRows } from './sysctl-nodes.ts';
import { CTL_MAXNAME, type SysctlRequest, type SysctlRow, SysctlTree } from './sysctl-row.ts';

/* __sysctl(2): FreeBSD 9.1 kern/kern_sysctl.c. */

const MAXPATHLEN = 1024;

const tree = new SysctlTree(sysctlRows);

/** The new value, still in user memory. */
interface NewValue {
  readonly address: number;
  readonly length: number;
}

/**
 * __sysctl(name, namelen, old, oldlenp, new, newlen): first the old value goes out, then the new one comes in. With `old` NULL
 * only the length is told. A value that does not fit is cut off, *oldlenp says where, and the call fails with ENOMEM.
 * Differs: FreeBSD looks at all of `old` and `new` before (EFAULT), here only what is used is.
 */
function sys___sysctl(k: Kernel, td: Thread, args: readonly number[]): SyscallResult {
  const [nameAt, nameLength, oldAt, lengthAt, newAt, newLength] = args.map((arg) => arg >>> 0) as Arguments;
  if (nameLength < 2 || nameLength > CTL_MAXNAME) return fail(EINVAL);
  const name = k.copyin(td.pid, nameAt, nameLength * 4);
  if (typeof name === 'number') return fail(EFAULT);
  const mib = Array.from(new Int32Array(name.buffer));
  const roomGiven = lengthAt === 0 ? 0 : k.fuword(td.pid, lengthAt);
  if (roomGiven === null) return fail(EFAULT);

  const room = oldAt === 0 ? null : roomGiven;
  const newValue = newAt === 0 ? null : { address: newAt, length: newLength };
  const access = mib[0] === 0 ? accessNames(k, td, mib, newValue) : accessRow(k, td, mib, room, newValue);
  if (typeof access === 'number') return fail(access);

  const { old } = access;
  const copied = room === null ? 0 : Math.min(old.length, room);
  if (copied > 0 && !k.copyout(td.pid, oldAt, old.subarray(0, copied))) return fail(EFAULT);
  const cutOff = room !== null && old.length > room;
  const error = cutOff ? 0 : (access.store?.() ?? 0);
  if (error) return fail(error);
  if (lengthAt !== 0 && !k.suword(td.pid, lengthAt, room === null ? old.length : copied)) return fail(EFAULT);
  return cutOff ? fail(ENOMEM) : ok(0);
}

type Arguments = [number, number, number, number, number, number];

/** The old value, and what takes the new one when there is one. */
interface Access {
  readonly old: Uint8Array;
  readonly store?: () => Errno | 0;
}

function accessRow(
  k: Kernel,
  td: Thread,
  mib: readonly number[],
  room: number | null,
  newValue: NewValue | null,
): Access | Errno {
  const found = tree.find(mib);
  if (typeof found === 'number') {
    if (found === ENOENT) k.log(`sysctl: pid ${td.pid}: unknown ${tree.nameOf(mib)}`);
    return found;
  }
  const { row, args } = found;
  if ('inputSize' in row) return askRow(k, row, { td, args, room }, newValue);
  const writable = 'write' in row && row.write !== undefined;
  if (newValue && (!writable || k.proc(td.pid).uid !== 0)) return EPERM;
  const old = readRow(k, row, { td, args, room, input: null });
  if (typeof old === 'number') return old;
  return newValue ? { old, store: () => writeRow(k, td, row, newValue) } : { old };
}

/** A row whose new value is a question. EINVAL when that has another size. */
function askRow(
  k: Kernel,
  row: SysctlRow & { readonly inputSize?: number },
  request: Omit<SysctlRequest, 'input'>,
  newValue: NewValue | null,
): Access | Errno {
  if (newValue && newValue.length !== row.inputSize) return EINVAL;
  const input = newValue ? k.copyin(request.td.pid, newValue.address, newValue.length) : null;
  if (typeof input === 'number') return input;
  const old = readRow(k, row, { ...request, input });
  return typeof old === 'number' ? old : { old };
}

function readRow(k: Kernel, row: SysctlRow, request: SysctlRequest): Uint8Array | Errno {
  if ('format' in row) return row.read(k, request);
  return row.kind === 'string' ? bytesOf(`${row.read(k)}\0`) : words([row.read(k)]);
}

/** EINVAL unless the length fits: four bytes for a number, text shorter than the row's size for a string. */
function writeRow(k: Kernel, td: Thread, row: SysctlRow, { address, length }: NewValue): Errno | 0 {
  if ('format' in row || !row.write) return EPERM;
  if (row.kind === 'string') {
    if (length >= (row.sizeMax ?? 0)) return EINVAL;
    const bytes = k.copyin(td.pid, address, length);
    if (typeof bytes === 'number') return bytes;
    const [text] = latin1(bytes).split('\0');
    row.write(k, text!);
    return 0;
  }
  if (length < 4) return EINVAL;
  const value = k.fuword(td.pid, address);
  if (value === null) return EFAULT;
  return row.write(k, row.kind === 'int' || row.kind === 'long' ? value | 0 : value);
}

// ---- names -------------------------------------------------------------------------------------------------------------

const SYSCTL_NAME = 1;
const SYSCTL_NEXT = 2;
const SYSCTL_NAME2OID = 3;
const SYSCTL_OIDFMT = 4;
const SYSCTL_OIDDESCR = 5;

/** CTLTYPE_ and CTLFLAG_ of sys/sys/sysctl.h. */
const CTLTYPE: Record<SysctlRow['kind'], number> = {
  node: 1,
  int: 2,
  string: 3,
  opaque: 5,
  uint: 6,
  long: 7,
  ulong: 8,
};
const CTLFLAG_RD = 0x80000000;
const CTLFLAG_WR = 0x40000000;
const FORMATS = { int: 'I', uint: 'IU', long: 'L', ulong: 'LU', string: 'A' } as const;

/** The questions under {0}, in which everybody may write, since the name of a value comes as a new value. */
function accessNames(k: Kernel, td: Thread, mib: readonly number[], newValue: NewValue | null): Access | Errno {
  const rest = mib.slice(2);
  switch (mib[1]) {
    case SYSCTL_NAME:
      return newValue ? EPERM : { old: bytesOf(`${tree.nameOf(rest)}\0`) };
    case SYSCTL_NEXT: {
      const next = tree.after(rest);
      if (newValue) return EPERM;
      return next ? { old: words(next.mib) } : ENOENT;
    }
    case SYSCTL_NAME2OID:
      return nameToOid(k, td, newValue);
    case SYSCTL_OIDFMT:
    case SYSCTL_OIDDESCR:
      if (newValue) return EPERM;
      return describe(mib[1], rest);
    default:
      k.log(`sysctl: pid ${td.pid}: unknown ${mib.join('.')}`);
      return ENOENT;
  }
}

function nameToOid(k: Kernel, td: Thread, newValue: NewValue | null): Access | Errno {
  if (!newValue || newValue.length === 0) return ENOENT;
  if (newValue.length >= MAXPATHLEN) return ENAMETOOLONG;
  const bytes = k.copyin(td.pid, newValue.address, newValue.length);
  if (typeof bytes === 'number') return bytes;
  const [name] = latin1(bytes).split('\0');
  const mib = tree.mibOf(name!);
  if (mib) return { old: words(mib) };
  k.log(`sysctl: pid ${td.pid}: unknown ${name}`);
  return ENOENT;
}

/** {0,4}: kind and format; {0,5}: what it is. */
function describe(question: number, mib: readonly number[]): Access | Errno {
  const found = tree.find(mib);
  const row = typeof found === 'number' ? null : found.row;
  if (!row && !tree.isInnerNode(mib)) return ENOENT;
  if (question === SYSCTL_OIDDESCR) return row ? { old: bytesOf(`${row.description}\0`) } : ENOENT;
  const writable = row !== null && ('inputSize' in row || ('write' in row && row.write !== undefined));
  const kind = (CTLTYPE[row?.kind ?? 'node'] | CTLFLAG_RD | (writable ? CTLFLAG_WR : 0)) >>> 0;
  const format = !row ? 'N' : 'format' in row ? row.format : FORMATS[row.kind];
  return { old: new Uint8Array([...words([kind]), ...bytesOf(`${format}\0`)]) };
}

// biome-ignore format: one system call per line
export const sysctlSyscalls: readonly SyscallRow[] = [
  { number: 202, name: '__sysctl', args: [['name', 'in'], ['namelen', 'uint'], ['old', 'out'], ['oldlenp', 'inout'], ['new', 'in'], ['newlen', 'size']], support: 'partial', note: 'the names in sysctl-nodes.ts and sysctl-proc.ts', handler: sys___sysctl },
];
