import { EACCES, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, EPERM } from '../abi/errno.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import { PROT_READ, PROT_WRITE, pageCeil } from '../abi/vmparam.ts';
import type { Kernel } from '../kern/kernel.ts';
import { mayMap } from '../kern/resource.ts';
import type { Proc, SysvShm, VmspaceId } from '../kern/state.ts';
import { unmapRange } from './map.ts';
import { type Placement, placeMapping } from './map-in.ts';
import { newVmObject, sweepVmObjects } from './shared.ts';

/* Shared memory of System V: FreeBSD 9.1 kern/sysv_shm.c, sysv_ipc.c. How often a segment is attached is counted in the vmspaces. */

const IPC_PRIVATE = 0;
const IPC_CREAT = 0o1000;
const IPC_EXCL = 0o2000;
/** ipcperm: who may read, write, change. */
export const IPC_R = 0o400;
const IPC_W = 0o200;
const SHM_RDONLY = 0o10000;
const SHM_RND = 0o20000;
/** kern.ipc.shmmax, shmmni, shmseg. */
const SHMMAX = 128 << 20;
const SHMMNI = 192;
const SHMSEG = 128;
/** IXSEQ_TO_IPCID: the lower half says where the segment stands, the upper that it is not the one before. */
const INDEX_BITS = 16;

const isCreator = (p: Proc, { uid, creator }: SysvShm): boolean =>
  p.uid === 0 || p.uid === uid || p.uid === creator.uid;

/** FreeBSD ipcperm: 0 or EACCES. `wanted`: bits of the owner's part of a mode. */
function checkAccess(p: Proc, segment: SysvShm, wanted: number): Errno | 0 {
  if (p.uid === 0) return 0;
  const mode = isCreator(p, segment)
    ? segment.mode
    : p.gid === segment.gid || p.gid === segment.creator.gid
      ? segment.mode << 3
      : segment.mode << 6;
  return (mode & wanted) === wanted ? 0 : EACCES;
}

export const attachments = (k: Kernel, id: number): number => {
  let count = 0;
  for (const { sysvShm } of k.state.vmspaces.values()) for (const { segment } of sysvShm) if (segment === id) count++;
  return count;
};

/** shmget(2): an id. */
export function shmget(k: Kernel, p: Proc, key: number, size: number, flags: number): { id: number } | Errno {
  const found = [...k.state.sysvShm.values()].find((one) => key !== IPC_PRIVATE && one.key === key && !one.removed);
  if (found) {
    if ((flags & (IPC_CREAT | IPC_EXCL)) === (IPC_CREAT | IPC_EXCL)) return EEXIST;
    const denied = checkAccess(p, found, flags & (IPC_R | IPC_W));
    if (denied) return denied;
    return size > found.sizeBytes ? EINVAL : { id: found.id };
  }
  if (key !== IPC_PRIVATE && (flags & IPC_CREAT) === 0) return ENOENT;
  if (size < 1 || size > SHMMAX) return EINVAL;
  if (k.state.sysvShm.size >= SHMMNI) return ENOSPC;
  const indices = new Set([...k.state.sysvShm.keys()].map((one) => one & ((1 << INDEX_BITS) - 1)));
  let index = 0;
  while (indices.has(index)) index++;
  const sequence = k.next('nextSysvShm') & 0x7fff;
  const id = (sequence << INDEX_BITS) | index;
  const { uid, gid, pid } = p;
  k.state.sysvShm.set(id, {
    ...{ id, key, sizeBytes: size, uid, gid, creator: { uid, gid, pid }, mode: flags & 0o777 },
    ...{ lastPid: 0, attachNs: null, detachNs: null, changeNs: k.now(), removed: false },
    object: newVmObject(k, pageCeil(size)),
  });
  return { id };
}

/** shmat(2): where the segment stands now. */
export function shmat(k: Kernel, p: Proc, id: number, address: number, flags: number): { address: number } | Errno {
  const segment = k.state.sysvShm.get(id);
  const vm = k.vmspace(p.vmspace);
  if (!segment || segment.removed) return EINVAL;
  const readOnly = (flags & SHM_RDONLY) !== 0;
  const denied = checkAccess(p, segment, readOnly ? IPC_R : IPC_R | IPC_W);
  if (denied) return denied;
  if (vm.sysvShm.length >= SHMSEG) return EINVAL;
  if (!mayMap(k, p, pageCeil(segment.sizeBytes))) return ENOMEM;
  let place: Placement = { kind: 'anywhere', hint: 0 };
  if (address !== 0) {
    if (address % 4096 !== 0 && (flags & SHM_RND) === 0) return EINVAL;
    place = { kind: 'free', at: Math.floor(address / 4096) * 4096 };
  }
  const prot = readOnly ? PROT_READ : PROT_READ | PROT_WRITE;
  const object = { kind: 'object', object: segment.object, offset: 0 } as const;
  const at = placeMapping(k, p.vmspace, place, {
    ...{ size: pageCeil(segment.sizeBytes), prot, maxProt: prot, object, noCoredump: false, inherit: 'share' },
  });
  if (at === null) return ENOMEM;
  const sysvShm = [...k.vmspace(p.vmspace).sysvShm, { address: at, segment: id }];
  k.setVmspace(p.vmspace, { sysvShm: sysvShm.sort((a, b) => a.address - b.address) });
  k.state.sysvShm.set(id, { ...segment, lastPid: p.pid, attachNs: k.now() });
  return { address: at };
}

/** shmdt(2): EINVAL when nothing is attached at the address. */
export function shmdt(k: Kernel, pid: Pid, vmspace: VmspaceId, address: number): Errno | 0 {
  const { sysvShm } = k.vmspace(vmspace);
  const attached = sysvShm.find((one) => one.address === address);
  if (!attached) return EINVAL;
  const segment = k.state.sysvShm.get(attached.segment)!;
  k.setVmspace(vmspace, { sysvShm: sysvShm.filter((one) => one !== attached) });
  k.state.sysvShm.set(segment.id, { ...segment, lastPid: pid, detachNs: k.now() });
  unmapRange(k, vmspace, address, address + pageCeil(segment.sizeBytes));
  dropDetachedSegments(k);
  sweepVmObjects(k);
  return 0;
}

/** A segment for shmctl(2): EINVAL, EACCES; EPERM for who may not change it. */
export function findSegment(k: Kernel, p: Proc, id: number, wanted: 'read' | 'change'): SysvShm | Errno {
  const segment = k.state.sysvShm.get(id);
  if (!segment) return EINVAL;
  if (wanted === 'read') return checkAccess(p, segment, IPC_R) || segment;
  return isCreator(p, segment) ? segment : EPERM;
}

/** IPC_RMID: it goes at once, or when nobody has it attached any more. */
export function removeSegment(k: Kernel, segment: SysvShm): void {
  k.state.sysvShm.set(segment.id, { ...segment, removed: true });
  dropDetachedSegments(k);
  sweepVmObjects(k);
}

/** Removed segments that nobody has attached are gone. The caller sweeps their objects. */
export function dropDetachedSegments(k: Kernel): void {
  for (const { id, removed } of [...k.state.sysvShm.values()])
    if (removed && attachments(k, id) === 0) k.state.sysvShm.delete(id);
}
