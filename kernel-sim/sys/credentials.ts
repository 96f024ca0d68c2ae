import { EFAULT, EINVAL, EPERM } from '../abi/errno.ts';
import { words } from '../abi/layout.ts';
import type { ProcCredentials } from '../kern/credentials.ts';
import { bytesOf, type Kernel } from '../kern/kernel.ts';
import type { Proc, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';

/*
 * Who a process is. Source: FreeBSD 9.0 kern/kern_prot.c, without _POSIX_SAVED_IDS and with POSIX_APPENDIX_B_4_2_2, as it is built: setuid(2) that
 * is permitted sets all three ids.
 */

type Args = readonly number[];

const NGROUPS_MAX = 1023;
/** MAXLOGNAME, with the NUL. */
const LOGIN_BYTES = 17;
/** "Leave it as it is." */
const KEEP = -1;

/** Users and groups obey the same rules: where the three ids of each stand. */
const USER = { effective: 'uid', real: 'ruid', saved: 'svuid' } as const;
const GROUP = { effective: 'gid', real: 'rgid', saved: 'svgid' } as const;
type Kind = typeof USER | typeof GROUP;
type Ids = Partial<Pick<ProcCredentials, Kind[keyof Kind]>>;

/** Gives a process other ids; that it has had others is known from then on. */
function setIds(k: Kernel, p: Proc, ids: Ids): SyscallResult {
  const changes = Object.entries(ids).some(([name, id]) => p[name as keyof Ids] !== id);
  if (changes) k.setProc(p.pid, { ...ids, setugid: true });
  return ok();
}

/** May it take these ids? Root may take any, others those of `own`. */
const mayTake = (p: Proc, wanted: readonly number[], own: readonly number[]): boolean =>
  p.uid === 0 || wanted.every((id) => id === KEEP || own.includes(id));

const setAll =
  (kind: Kind) =>
  (k: Kernel, td: Thread, [id]: Args): SyscallResult => {
    const p = k.proc(td.pid);
    if (!mayTake(p, [id!], [p[kind.real], p[kind.effective]])) return fail(EPERM);
    return setIds(k, p, { [kind.effective]: id!, [kind.real]: id!, [kind.saved]: id! });
  };

const setEffective =
  (kind: Kind) =>
  (k: Kernel, td: Thread, [id]: Args): SyscallResult => {
    const p = k.proc(td.pid);
    if (!mayTake(p, [id!], [p[kind.real], p[kind.saved]])) return fail(EPERM);
    return setIds(k, p, { [kind.effective]: id! });
  };

const setRealEffective =
  (kind: Kind) =>
  (k: Kernel, td: Thread, [realId, effectiveId]: Args): SyscallResult => {
    const p = k.proc(td.pid);
    const { [kind.real]: real, [kind.saved]: saved, [kind.effective]: before } = p as Record<Kind[keyof Kind], number>;
    if (!mayTake(p, [realId!], [real, saved]) || !mayTake(p, [effectiveId!], [before, real, saved])) return fail(EPERM);
    const effective = effectiveId === KEEP ? before : effectiveId!;
    const nextReal = realId === KEEP ? real : realId!;
    const savesIt = realId !== KEEP || effective !== nextReal;
    return setIds(k, p, {
      [kind.effective]: effective,
      [kind.real]: nextReal,
      [kind.saved]: savesIt ? effective : saved,
    });
  };

const setThree =
  (kind: Kind) =>
  (k: Kernel, td: Thread, [real, effective, saved]: Args): SyscallResult => {
    const p = k.proc(td.pid);
    const own = [p[kind.real], p[kind.saved], p[kind.effective]];
    if (!mayTake(p, [real!, effective!, saved!], own)) return fail(EPERM);
    return setIds(k, p, {
      ...(real === KEEP ? {} : { [kind.real]: real! }),
      ...(effective === KEEP ? {} : { [kind.effective]: effective! }),
      ...(saved === KEEP ? {} : { [kind.saved]: saved! }),
    });
  };

const getThree =
  (kind: Kind) =>
  (k: Kernel, td: Thread, [real, effective, saved]: Args): SyscallResult => {
    const p = k.proc(td.pid);
    const wanted = [
      [real!, p[kind.real]],
      [effective!, p[kind.effective]],
      [saved!, p[kind.saved]],
    ] as const;
    const done = wanted.every(([at, id]) => at === 0 || k.suword(td.pid, at, id));
    return done ? ok() : fail(EFAULT);
  };

/** The effective group first. A size of 0 only asks how many. */
function sys_getgroups(k: Kernel, td: Thread, [size, at]: Args): SyscallResult {
  const { gid, groups } = k.proc(td.pid);
  const all = [gid, ...groups];
  if (size === 0) return ok(all.length);
  if (size! < all.length) return fail(EINVAL);
  return k.copyout(td.pid, at!, words(all)) ? ok(all.length) : fail(EFAULT);
}

/** The first of them becomes the effective group. */
function sys_setgroups(k: Kernel, td: Thread, [count, at]: Args): SyscallResult {
  const p = k.proc(td.pid);
  if (count! > NGROUPS_MAX + 1) return fail(EINVAL);
  const bytes = k.copyin(p.pid, at!, 4 * count!);
  if (typeof bytes === 'number') return fail(bytes);
  if (p.uid !== 0) return fail(EPERM);
  const [gid = p.gid, ...groups] = new Int32Array(bytes.slice().buffer);
  k.setProc(p.pid, { gid, groups, setugid: true });
  return ok();
}

/** All of `size` bytes, up to MAXLOGNAME: the name with NULs behind it. */
function sys_getlogin(k: Kernel, td: Thread, [at, size]: Args): SyscallResult {
  const name = bytesOf(k.proc(td.pid).login.padEnd(LOGIN_BYTES, '\0'));
  return k.copyout(td.pid, at!, name.subarray(0, size!)) ? ok() : fail(EFAULT);
}

function sys_setlogin(k: Kernel, td: Thread, [at]: Args): SyscallResult {
  const me = k.proc(td.pid);
  if (me.uid !== 0) return fail(EPERM);
  const login = k.copyinstr(me.pid, at!, LOGIN_BYTES);
  if (typeof login === 'number') return fail(login === EFAULT ? EFAULT : EINVAL);
  for (const p of [...k.state.procs.values()]) if (p.sid === me.sid) k.setProc(p.pid, { login });
  return ok();
}

const get =
  (id: keyof Ids) =>
  (k: Kernel, td: Thread): SyscallResult =>
    ok(k.proc(td.pid)[id]);

const sys_issetugid = (k: Kernel, td: Thread): SyscallResult => ok(k.proc(td.pid).setugid ? 1 : 0);

// biome-ignore format: one system call per line
export const credentialSyscalls: readonly SyscallRow[] = [
  { number: 23, name: 'setuid', args: [['uid', 'int']], support: 'full', handler: setAll(USER) },
  { number: 24, name: 'getuid', args: [], support: 'full', handler: get('ruid') },
  { number: 25, name: 'geteuid', args: [], support: 'full', handler: get('uid') },
  { number: 43, name: 'getegid', args: [], support: 'full', handler: get('gid') },
  { number: 47, name: 'getgid', args: [], support: 'full', handler: get('rgid') },
  { number: 49, name: 'getlogin', args: [['namebuf', 'out'], ['namelen', 'uint']], support: 'full', handler: sys_getlogin },
  { number: 50, name: 'setlogin', args: [['namebuf', 'str']], support: 'full', handler: sys_setlogin },
  { number: 79, name: 'getgroups', args: [['gidsetsize', 'uint'], ['gidset', 'out']], support: 'full', handler: sys_getgroups },
  { number: 80, name: 'setgroups', args: [['gidsetsize', 'uint'], ['gidset', 'in']], support: 'full', handler: sys_setgroups },
  { number: 126, name: 'setreuid', args: [['ruid', 'int'], ['euid', 'int']], support: 'full', handler: setRealEffective(USER) },
  { number: 127, name: 'setregid', args: [['rgid', 'int'], ['egid', 'int']], support: 'full', handler: setRealEffective(GROUP) },
  { number: 181, name: 'setgid', args: [['gid', 'int']], support: 'full', handler: setAll(GROUP) },
  { number: 182, name: 'setegid', args: [['egid', 'int']], support: 'full', handler: setEffective(GROUP) },
  { number: 183, name: 'seteuid', args: [['euid', 'int']], support: 'full', handler: setEffective(USER) },
  { number: 253, name: 'issetugid', args: [], support: 'full', handler: sys_issetugid },
  { number: 311, name: 'setresuid', args: [['ruid', 'int'], ['euid', 'int'], ['suid', 'int']], support: 'full', handler: setThree(USER) },
  { number: 312, name: 'setresgid', args: [['rgid', 'int'], ['egid', 'int'], ['sgid', 'int']], support: 'full', handler: setThree(GROUP) },
  { number: 360, name: 'getresuid', args: [['ruid', 'out'], ['euid', 'out'], ['suid', 'out']], support: 'full', handler: getThree(USER) },
  { number: 361, name: 'getresgid', args: [['rgid', 'out'], ['egid', 'out'], ['sgid', 'out']], support: 'full', handler: getThree(GROUP) },
];
