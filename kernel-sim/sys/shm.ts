import { EFAULT, EINVAL, EMFILE } from '../abi/errno.ts';
import * as fcntl from '../abi/fcntl.ts';
import { encode, layout } from '../abi/layout.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { SysvShm, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { fdalloc, installDescriptor, newFile } from '../vfs/filedesc.ts';
import { openPosixShm, reapPosixShm, unlinkPosixShm } from '../vm/posix-shm.ts';
import { attachments, findSegment, removeSegment, shmat, shmdt, shmget } from '../vm/sysv-shm.ts';
import type { SyscallRow } from './row.ts';

/* Shared memory with a name: shm_open(2) and its kin, and that of System V. */

type Args = readonly number[];

/** The path that asks shm_open(2) for memory without a name. */
const SHM_ANON = 1;

function sys_shm_open(k: Kernel, td: Thread, [at, flags, mode]: Args): SyscallResult {
  const path = at === SHM_ANON ? null : k.copyinstr(td.pid, at!, fcntl.PATH_MAX);
  if (typeof path === 'number') return fail(path);
  const p = k.proc(td.pid);
  const fd = fdalloc(p);
  if (fd === null) return fail(EMFILE);
  const shm = openPosixShm(k, p, path, flags!, mode!);
  if (typeof shm === 'number') return fail(shm);
  const writable = (flags! & fcntl.O_ACCMODE) === fcntl.O_RDWR;
  const how = { readable: true, writable, append: false, nonblock: false, offset: 0 };
  const file = newFile(k, { kind: 'shm', shm: shm.id, ...how });
  if (typeof file === 'number') {
    reapPosixShm(k, shm.id);
    return fail(file);
  }
  installDescriptor(k, td.pid, fd, file.id, true);
  return ok(fd);
}

function sys_shm_unlink(k: Kernel, td: Thread, [at]: Args): SyscallResult {
  const path = k.copyinstr(td.pid, at!, fcntl.PATH_MAX);
  if (typeof path === 'number') return fail(path);
  const error = unlinkPosixShm(k, k.proc(td.pid), path);
  return error ? fail(error) : ok();
}

function sys_shmget(k: Kernel, td: Thread, [key, size, flags]: Args): SyscallResult {
  const got = shmget(k, k.proc(td.pid), key!, size!, flags!);
  return typeof got === 'number' ? fail(got) : ok(got.id);
}

function sys_shmat(k: Kernel, td: Thread, [id, address, flags]: Args): SyscallResult {
  const at = shmat(k, k.proc(td.pid), id!, address!, flags!);
  return typeof at === 'number' ? fail(at) : ok(at.address);
}

function sys_shmdt(k: Kernel, td: Thread, [address]: Args): SyscallResult {
  const error = shmdt(k, td.pid, k.proc(td.pid).vmspace, address!);
  return error ? fail(error) : ok();
}

const IPC_RMID = 0;
const IPC_SET = 1;
const IPC_STAT = 2;

/** struct shmid_ds, which begins with struct ipc_perm: 52 bytes. */
// biome-ignore format: one field per line
const shmidLayout = layout(52, [
  { name: 'cuid', at: 0, kind: 'u32' },
  { name: 'cgid', at: 4, kind: 'u32' },
  { name: 'uid', at: 8, kind: 'u32' },
  { name: 'gid', at: 12, kind: 'u32' },
  { name: 'mode', at: 16, kind: 'u16' },
  { name: 'seq', at: 18, kind: 'u16' },
  { name: 'key', at: 20, kind: 'i32' },
  { name: 'shm_segsz', at: 24, kind: 'u32' },
  { name: 'shm_lpid', at: 28, kind: 'i32' },
  { name: 'shm_cpid', at: 32, kind: 'i32' },
  { name: 'shm_nattch', at: 36, kind: 'i32' },
  { name: 'shm_atime', at: 40, kind: 'i32' },
  { name: 'shm_dtime', at: 44, kind: 'i32' },
  { name: 'shm_ctime', at: 48, kind: 'i32' },
]);
/** SHMSEG_ALLOCATED and SHMSEG_REMOVED, which stand in the mode. */
const SHMSEG_REMOVED = 0x0400;
const SHMSEG_ALLOCATED = 0x0800;

function describe(k: Kernel, segment: SysvShm): typeof shmidLayout.zero {
  const seconds = (ns: number | null): number => (ns === null ? 0 : k.config.bootTimeSec + Math.floor(ns / 1e9));
  const { creator, uid, gid, mode, id, key, sizeBytes, lastPid } = segment;
  return {
    ...{ cuid: creator.uid, cgid: creator.gid, uid, gid, seq: id >>> 16, key },
    mode: mode | SHMSEG_ALLOCATED | (segment.removed ? SHMSEG_REMOVED : 0),
    ...{ shm_segsz: sizeBytes, shm_lpid: lastPid, shm_cpid: creator.pid, shm_nattch: attachments(k, id) },
    ...{ shm_atime: seconds(segment.attachNs), shm_dtime: seconds(segment.detachNs) },
    shm_ctime: seconds(segment.changeNs),
  };
}

function sys_shmctl(k: Kernel, td: Thread, [id, command, at]: Args): SyscallResult {
  const p = k.proc(td.pid);
  const segment = findSegment(k, p, id!, command === IPC_STAT ? 'read' : 'change');
  if (typeof segment === 'number') return fail(segment);
  switch (command) {
    case IPC_RMID:
      removeSegment(k, segment);
      return ok();
    case IPC_STAT:
      return k.copyout(td.pid, at!, encode(shmidLayout, describe(k, segment))) ? ok() : fail(EFAULT);
    case IPC_SET: {
      const bytes = k.copyin(td.pid, at!, shmidLayout.sizeBytes);
      if (typeof bytes === 'number') return fail(EFAULT);
      const { uid, gid, mode } = shmidLayout.get(new DataView(bytes.buffer), 0);
      k.state.sysvShm.set(segment.id, { ...segment, uid, gid, mode: mode & 0o777, changeNs: k.now() });
      return ok();
    }
    default:
      return fail(EINVAL);
  }
}

// biome-ignore format: one system call per line
export const shmSyscalls: readonly SyscallRow[] = [
  { number: 228, name: 'shmat', args: [['shmid', 'int'], ['shmaddr', 'ptr'], ['shmflg', 'int']], returns: 'ptr', support: 'full', handler: sys_shmat },
  { number: 230, name: 'shmdt', args: [['shmaddr', 'ptr']], support: 'full', handler: sys_shmdt },
  { number: 231, name: 'shmget', args: [['key', 'int'], ['size', 'size'], ['shmflg', 'int']], support: 'full', handler: sys_shmget },
  { number: 482, name: 'shm_open', args: [['path', 'str'], ['flags', 'open-flags'], ['mode', 'mode']], support: 'partial', note: 'no MAP_PRIVATE of it', handler: sys_shm_open },
  { number: 483, name: 'shm_unlink', args: [['path', 'str']], support: 'full', handler: sys_shm_unlink },
  { number: 512, name: 'shmctl', args: [['shmid', 'int'], ['cmd', 'int'], ['buf', 'inout']], support: 'partial', note: 'IPC_RMID, IPC_SET, IPC_STAT', handler: sys_shmctl },
];
