import { EINVAL, ENOENT, EPERM, ESRCH } from '../abi/errno.ts';
import { type Errno, PID_MAX, type Tid } from '../abi/ids.ts';
import { encodeKinfoFiles, encodeKinfoVmentries, KINFO_PROC_SIZE, kinfoProcLayout, NODEV } from '../abi/kinfo.ts';
import { encodeArray, words } from '../abi/layout.ts';
import { encodeRlimits } from '../abi/resource.ts';
import { PS_STRINGS } from '../abi/vmparam.ts';
import { canDebug } from '../kern/credentials.ts';
import { ARG_MAX } from '../kern/exec.ts';
import { bytesOf, type Kernel } from '../kern/kernel.ts';
import { kinfoFiles, kinfoProc, kinfoVmmap, SV_NAME } from '../kern/kinfo.ts';
import type { Proc, Thread } from '../kern/state.ts';
import { pathOf } from '../vfs/memfs.ts';
import type { SysctlRequest, SysctlRow } from './sysctl-row.ts';

/* kern.proc: FreeBSD 9.1 kern/kern_proc.c, kern/kern_descrip.c. */

/** Added to a KERN_PROC_ number: one record for each thread. */
const KERN_PROC_INC_THREAD = 0x10;
/** A length query is answered with room for so many processes more, since they may be born before the reading. */
const SPARE_RECORDS = 5;

// ---- tables of processes -----------------------------------------------------------------------------------------------

interface Selection {
  /** KERN_PROC_ number. */
  readonly number: number;
  readonly name: string;
  /** How many numbers there may be behind it. */
  readonly args: readonly number[];
  readonly select: (k: Kernel, p: Proc, arg: number) => boolean;
  readonly description: string;
}

// biome-ignore format: one selection per line
const SELECTIONS: readonly Selection[] = [
  { number: 0, name: 'all', args: [0], select: () => true, description: 'Return entire process table' },
  { number: 1, name: 'pid', args: [1], select: (k, p, pid) => p === processOf(k, pid), description: 'Process table' },
  { number: 2, name: 'pgrp', args: [1], select: (_k, p, pgid) => p.pgid === pgid, description: 'Process table' },
  { number: 3, name: 'sid', args: [1], select: (_k, p, sid) => p.sid === sid, description: 'Process table' },
  { number: 4, name: 'tty', args: [1], select: (k, p, tty) => tty >>> 0 !== NODEV && kinfoProc(k, p).ki_tdev === tty >>> 0, description: 'Process table' },
  { number: 5, name: 'uid', args: [1], select: (_k, p, uid) => p.uid === uid, description: 'Process table' },
  { number: 6, name: 'ruid', args: [1], select: (_k, p, uid) => p.ruid === uid, description: 'Process table' },
  { number: 8, name: 'proc', args: [0, 1], select: () => true, description: 'Return process table, no threads' },
  { number: 10, name: 'rgid', args: [1], select: (_k, p, gid) => p.rgid === gid, description: 'Process table' },
  { number: 11, name: 'gid', args: [1], select: (_k, p, gid) => p.gid === gid, description: 'Process table' },
];

type Read = (k: Kernel, request: SysctlRequest) => Uint8Array | Errno;

/** sysctl_kern_proc: living processes by pid, then zombies. ESRCH when `pid` finds none; other selections may be empty. */
function processTable({ name, args: counts, select }: Selection, withThreads: boolean): Read {
  return (k, { args, room }) => {
    if (!counts.includes(args.length)) return EINVAL;
    const found = [...k.state.procs.values()].filter((p) => select(k, p, args[0] ?? 0));
    if (name === 'pid' && found.length === 0) return ESRCH;
    const isZombie = (p: Proc): number => (p.state === 'zombie' ? 1 : 0);
    found.sort((a, b) => isZombie(a) - isZombie(b) || a.pid - b.pid);
    const records = found.flatMap((p) =>
      withThreads && p.threads.length > 0 ? p.threads.map((id) => kinfoProc(k, p, k.thread(id))) : [kinfoProc(k, p)],
    );
    const bytes = encodeArray(kinfoProcLayout, records);
    if (room !== null || name === 'pid') return bytes;
    return new Uint8Array(bytes.length + SPARE_RECORDS * KINFO_PROC_SIZE);
  };
}

/** kern.proc.all shows threads whether asked or not; the others do under their number with KERN_PROC_INC_THREAD. */
const tableRows: readonly SysctlRow[] = SELECTIONS.flatMap((selection): SysctlRow[] => {
  const { number, name, description } = selection;
  const row = { kind: 'node', format: 'S,proc', description } as const;
  const threads = { ...row, read: processTable(selection, true) };
  if (name === 'all') return [{ ...threads, kind: 'opaque', mib: [1, 14, number], name: 'kern.proc.all' }];
  return [
    { ...row, mib: [1, 14, number], name: `kern.proc.${name}`, read: processTable(selection, false) },
    { ...threads, mib: [1, 14, number | KERN_PROC_INC_THREAD], name: `kern.proc.${name}_td` },
  ];
});

// ---- one process -------------------------------------------------------------------------------------------------------

/** A process by its pid or the id of one of its threads (pget). */
function processOf(k: Kernel, id: number): Proc | undefined {
  if (id <= PID_MAX) return k.findProc(id);
  const td = k.state.threads.get(id as Tid);
  return td && k.findProc(td.pid);
}

/** p_candebug: the same user, or root. */
const mayDebug = (k: Kernel, td: Thread, p: Proc): boolean => canDebug(k.proc(td.pid), p);

type Answer = (k: Kernel, p: Proc, request: SysctlRequest) => Uint8Array | Errno;

/** One number, the pid: ESRCH unless the process is there and not dead; EPERM when `guarded` and it is somebody else's. */
const ofProcess =
  (answer: Answer, { guarded = false, self = false, more = 0 } = {}) =>
  (k: Kernel, request: SysctlRequest): Uint8Array | Errno => {
    const { args, td } = request;
    if (args.length < 1 || args.length > 1 + more) return EINVAL;
    const p = self && args[0] === -1 ? k.proc(td.pid) : processOf(k, args[0]!);
    if (!p || p.state === 'zombie') return ESRCH;
    if (guarded && !mayDebug(k, td, p)) return EPERM;
    return answer(k, p, request);
  };

const strings = (texts: readonly string[]): Uint8Array => bytesOf(texts.map((text) => `${text}\0`).join(''));

/** The text's path as the caller sees it; ENOENT when the file has none any more. A native program has a path and no file. */
function pathname(k: Kernel, p: Proc, { td }: SysctlRequest): Uint8Array | Errno {
  const path = (p.textVnode && pathOf(k, p.textVnode, k.proc(td.pid).root)) || (p.native ? p.execPath : '');
  return path === '' ? ENOENT : strings([path]);
}

function vmmap(k: Kernel, p: Proc): Uint8Array | Errno {
  const entries = kinfoVmmap(k, p);
  return entries ? encodeKinfoVmentries(entries) : ESRCH;
}

/**
 * The environment, read from the process's own memory by way of ps_strings, where it may have been overwritten; what cannot be
 * read ends it. At most ARG_MAX bytes.
 */
function environment(k: Kernel, p: Proc): Uint8Array {
  const vector = k.spaces.has(p.vmspace) ? k.copyin(p.pid, PS_STRINGS + 8, 8) : 0;
  if (typeof vector === 'number') return new Uint8Array(0);
  const view = new DataView(vector.buffer);
  const count = view.getUint32(4, true);
  const pointers = count * 4 <= ARG_MAX ? k.copyin(p.pid, view.getUint32(0, true), count * 4) : 0;
  if (typeof pointers === 'number') return new Uint8Array(0);
  const found: string[] = [];
  let left = ARG_MAX;
  for (const pointer of new Uint32Array(pointers.buffer)) {
    const text = pointer !== 0 && left > 0 ? k.copyinstr(p.pid, pointer, left) : 0;
    if (typeof text === 'number') break;
    left -= text.length + 1;
    found.push(text);
  }
  return strings(found);
}

/** All limits, or with a second number that one. Differs: 9.1 has the second form alone. */
function rlimits(_k: Kernel, p: Proc, { args }: SysctlRequest): Uint8Array | Errno {
  if (args.length === 1) return encodeRlimits(p.limits);
  const limit = p.limits[args[1]!];
  return limit ? encodeRlimits([limit]) : ENOENT;
}

const umask = (_k: Kernel, p: Proc): Uint8Array => Uint8Array.of(p.umask & 0xff, p.umask >> 8);

// biome-ignore format: one OID per line
const processRows: readonly SysctlRow[] = [
  { mib: [1, 14, 7], name: 'kern.proc.args', kind: 'node', format: 'N', description: 'Process argument list', read: ofProcess((_k, p) => strings(p.args)) },
  { mib: [1, 14, 9], name: 'kern.proc.sv_name', kind: 'node', format: 'N', description: 'Process syscall vector name (ABI type)', read: ofProcess(() => strings([SV_NAME])) },
  { mib: [1, 14, 12], name: 'kern.proc.pathname', kind: 'node', format: 'N', description: 'Process executable path', read: ofProcess(pathname, { self: true }) },
  { mib: [1, 14, 32], name: 'kern.proc.vmmap', kind: 'node', format: 'N', description: 'Process vm map entries', read: ofProcess(vmmap, { guarded: true }) },
  { mib: [1, 14, 33], name: 'kern.proc.filedesc', kind: 'node', format: 'N', description: 'Process filedesc entries', read: ofProcess((k, p) => encodeKinfoFiles(kinfoFiles(k, p)), { guarded: true }) },
  { mib: [1, 14, 34], name: 'kern.proc.groups', kind: 'node', format: 'N', description: 'Process groups', read: ofProcess((_k, p) => words([p.gid, ...p.groups]), { self: true }) },
  { mib: [1, 14, 35], name: 'kern.proc.env', kind: 'node', format: 'N', description: 'Process environment', read: ofProcess(environment, { guarded: true }) },
  { mib: [1, 14, 36], name: 'kern.proc.auxv', kind: 'node', format: 'N', description: 'Process ELF auxiliary vector', read: ofProcess((_k, p) => words(p.auxv.flat()), { guarded: true }) },
  { mib: [1, 14, 37], name: 'kern.proc.rlimit', kind: 'node', format: 'N', description: 'Process resource limits', read: ofProcess(rlimits, { more: 1 }) },
  { mib: [1, 14, 38], name: 'kern.proc.ps_strings', kind: 'node', format: 'N', description: 'Process ps_strings location', read: ofProcess(() => words([PS_STRINGS]), { guarded: true }) },
  { mib: [1, 14, 39], name: 'kern.proc.umask', kind: 'node', format: 'N', description: 'Process umask', read: ofProcess(umask) },
  { mib: [1, 14, 40], name: 'kern.proc.osrel', kind: 'node', format: 'N', description: 'Process binary osreldate', read: ofProcess((_k, p) => words([p.osrel])) },
];

export const procRows: readonly SysctlRow[] = [...tableRows, ...processRows];
