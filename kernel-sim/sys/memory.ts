import { EACCES, EBADF, EFAULT, EINVAL, ENODEV, ENOMEM, EPERM } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { RLIMIT_DATA, RLIMIT_MEMLOCK } from '../abi/resource.ts';
import {
  MAP_ANON,
  MAP_FIXED,
  MAP_NOCORE,
  MAP_SHARED,
  MAP_STACK,
  PROT_ALL,
  PROT_READ,
  PROT_WRITE,
  pageCeil,
  pageFloor,
  VM_MAXUSER_ADDRESS,
  VM_MIN_ADDRESS,
} from '../abi/vmparam.ts';
import type { Kernel } from '../kern/kernel.ts';
import { mayMap, softLimit } from '../kern/resource.ts';
import type { Thread, VmEntry, VmspaceId } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { getFile } from '../vfs/filedesc.ts';
import { makeResident } from '../vm/fault.ts';
import { changeRange, insertEntry, protectRange, residentIn, unmapRange } from '../vm/map.ts';
import { anonEntry, type Mapping, type Placement, placeMapping } from '../vm/map-in.ts';
import { adoptPage, isShared, newVmObject, sweepVmObjects, syncFile } from '../vm/shared.ts';
import type { SyscallRow } from './row.ts';

/** Value of P_OSREL_MAP_ANON: from this release on a length of 0 is refused (vm/vm_mmap.c). */
const OSREL_MAP_ANON = 800104;

/** break(2): sets the end of the data segment. FreeBSD vm/vm_unix.c, sys_obreak. */
function sys_break(k: Kernel, td: Thread, [wanted]: readonly number[]): SyscallResult {
  const p = k.proc(td.pid);
  const id = p.vmspace;
  const vm = k.vmspace(id);
  const base = pageCeil(vm.dataAddr);
  const oldEnd = base + vm.dataSize;
  const newEnd = pageCeil(wanted! >>> 0);
  if (newEnd < base) return fail(EINVAL);
  if (newEnd - base > softLimit(p, RLIMIT_DATA) || newEnd > VM_MAXUSER_ADDRESS) return fail(ENOMEM);
  if (newEnd > oldEnd && !mayMap(k, p, newEnd - oldEnd)) return fail(ENOMEM);
  if (newEnd > oldEnd) {
    if (vm.map.some((e) => e.start < newEnd && e.end > oldEnd)) return fail(ENOMEM);
    const entry = { ...anonEntry(oldEnd, newEnd), wired: vm.wiresAll };
    k.setVmspace(id, { map: insertEntry(vm.map, entry) });
  } else if (newEnd < oldEnd) unmapRange(k, id, newEnd, oldEnd);
  k.setVmspace(id, { dataSize: newEnd - base });
  return ok(0);
}

// ---- mmap --------------------------------------------------------------------------------------------------------------

/** What a mapping shows: its object, what it may ever be made, and what a child gets. */
type Contents = Pick<Mapping, 'object' | 'maxProt' | 'inherit'>;

const PRIVATE_ANON: Contents = { object: { kind: 'anon' }, maxProt: PROT_ALL, inherit: 'copy' };

const sharedAnon = (k: Kernel, size: number): Contents => ({
  object: { kind: 'object', object: newVmObject(k, size), offset: 0 },
  maxProt: PROT_ALL,
  inherit: 'share',
});

/** mmap(2). Rules and order of the checks: FreeBSD 9.1 vm/vm_mmap.c (freebsd-i386-abi.md, B.4). */
function sys_mmap(k: Kernel, td: Thread, args: readonly number[]): SyscallResult {
  const [hint, length, prot, flagsGiven, fd, position] = args as [number, number, number, number, number, number];
  const p = k.proc(td.pid);
  let flags = flagsGiven;
  if (length === 0 && p.osrel >= OSREL_MAP_ANON) return fail(EINVAL);
  if (flags & MAP_STACK) {
    if (fd !== -1 || (prot & (PROT_READ | PROT_WRITE)) !== (PROT_READ | PROT_WRITE)) return fail(EINVAL);
    flags |= MAP_ANON;
  }
  if (flags & MAP_ANON && (fd !== -1 || position !== 0)) return fail(EINVAL);
  // Differs: FreeBSD finds out when it asks the file for a page.
  if (position < 0) return fail(EINVAL);
  const inPage = position % 4096;
  const size = pageCeil(length + inPage);
  if (size > VM_MAXUSER_ADDRESS || !mayMap(k, p, size)) return fail(ENOMEM);
  let place: Placement = { kind: 'anywhere', hint: hint >>> 0 };
  if (flags & MAP_FIXED) {
    const at = (hint >>> 0) - inPage;
    if (at % 4096 !== 0 || at < VM_MIN_ADDRESS || at + size > VM_MAXUSER_ADDRESS) return fail(EINVAL);
    place = { kind: 'replace', at };
  }
  const shared = (flags & MAP_SHARED) !== 0;
  let contents: Contents | Errno;
  if ((flags & MAP_ANON) === 0) contents = fileContents(k, td, fd, { shared, prot, offset: position - inPage, size });
  else contents = shared ? sharedAnon(k, size) : PRIVATE_ANON;
  if (typeof contents === 'number') return fail(contents);
  const noCoredump = (flags & MAP_NOCORE) !== 0;
  const start = placeMapping(k, p.vmspace, place, { size, prot: prot & PROT_ALL, noCoredump, ...contents });
  if (start === null || size === 0) sweepVmObjects(k);
  if (start === null) return fail(ENOMEM);
  const { object } = contents;
  if (object.kind === 'vnode' && size > 0) {
    const vnode = k.vnode(object.vnode);
    const fileLeft = vnode.type === 'reg' ? Math.max(0, vnode.data.size - object.offset) : 0;
    const fileEnd = start + Math.min(fileLeft, size);
    changeRange(k, p.vmspace, start, start + size, (part) => ({ ...part, object: { ...object, fileEnd } }));
  }
  return ok(start + inPage);
}

/** What a descriptor has to map. EBADF, ENODEV, EACCES. */
function fileContents(
  k: Kernel,
  td: Thread,
  fd: number,
  { shared, prot, offset, size }: { shared: boolean; prot: number; offset: number; size: number },
): Contents | Errno {
  const file = getFile(k, td, fd);
  if (!file) return EBADF;
  // Who cannot write the file can never be given a shared mapping that writes it.
  const maxProt = shared && !file.writable ? PROT_ALL & ~PROT_WRITE : PROT_ALL;
  const inherit = shared ? 'share' : 'copy';
  if (file.kind === 'shm') {
    if (prot & PROT_WRITE & ~maxProt) return EACCES;
    const { object } = k.state.posixShm.get(file.shm)!;
    if (!shared) return ENODEV;
    if (offset + size > pageCeil(k.state.vmObjects.get(object)!.sizeBytes)) return EINVAL;
    return { object: { kind: 'object', object, offset }, maxProt, inherit };
  }
  if (file.kind !== 'vnode') return ENODEV;
  const vnode = k.vnode(file.vnode);
  if (vnode.type === 'chr' && vnode.device === 'zero') return shared ? sharedAnon(k, size) : PRIVATE_ANON;
  if (vnode.type !== 'reg') return ENODEV;
  if (!file.readable || prot & PROT_WRITE & ~maxProt) return EACCES;
  return { object: { kind: 'vnode', vnode: vnode.id, offset, fileEnd: 0, shared }, maxProt, inherit };
}

// ---- ranges ------------------------------------------------------------------------------------------------------------

function sys_munmap(k: Kernel, td: Thread, [address, length]: readonly number[]): SyscallResult {
  const start = pageFloor(address!);
  const end = pageCeil(address! + length!);
  if (length === 0 || start < VM_MIN_ADDRESS || end > VM_MAXUSER_ADDRESS) return fail(EINVAL);
  unmapRange(k, k.proc(td.pid).vmspace, start, end);
  return ok(0);
}

function sys_mprotect(k: Kernel, td: Thread, [address, length, prot]: readonly number[]): SyscallResult {
  const start = pageFloor(address!);
  const end = pageCeil(address! + length!);
  if (end > VM_MAXUSER_ADDRESS) return fail(EINVAL);
  const id = k.proc(td.pid).vmspace;
  const touched = k.vmspace(id).map.filter((e) => e.start < end && e.end > start);
  if (touched.some((e) => (prot! & ~e.maxProt & PROT_ALL) !== 0)) return fail(EACCES);
  protectRange(k, id, start, end, prot! & PROT_ALL);
  return ok(0);
}

/** The whole pages of a range that is mapped without holes; ENOMEM otherwise, EINVAL when it wraps around. */
function mappedRange(
  k: Kernel,
  id: VmspaceId,
  address: number,
  length: number,
): { start: number; end: number } | Errno {
  const start = pageFloor(address);
  const end = pageCeil(address + length);
  if (end > 0xffffffff) return EINVAL;
  let at = start;
  for (const entry of k.vmspace(id).map) if (entry.start <= at && entry.end > at) at = entry.end;
  return at >= end ? { start, end } : ENOMEM;
}

/** Advice changes nothing that a program could see here. */
function sys_madvise(_k: Kernel, _td: Thread, [, , advice]: readonly number[]): SyscallResult {
  return advice! >= 0 && advice! <= 10 ? ok(0) : fail(EINVAL);
}

const MS_ASYNC = 1;
const MS_INVALIDATE = 2;

/** msync(2): files get what was written to them through memory. */
function sys_msync(k: Kernel, td: Thread, [address, length, flags]: readonly number[]): SyscallResult {
  if (address! % 4096 !== 0 || (flags! & MS_ASYNC && flags! & MS_INVALIDATE)) return fail(EINVAL);
  const id = k.proc(td.pid).vmspace;
  const entryOnly = length === 0 ? k.vmspace(id).map.find((e) => e.start <= address! && e.end > address!) : undefined;
  const range = entryOnly ?? mappedRange(k, id, address!, length!);
  if (typeof range === 'number') return fail(range);
  for (const entry of k.vmspace(id).map) {
    const [from, to] = [Math.max(entry.start, range.start), Math.min(entry.end, range.end)];
    if (from >= to || !isShared(entry) || entry.object.kind !== 'vnode') continue;
    const vnode = k.vnode(entry.object.vnode);
    if (vnode.type === 'reg') syncFile(k, vnode, entry.object.offset + (from - entry.start), to - from);
  }
  return ok();
}

const MINCORE_INCORE = 1;
const MINCORE_REFERENCED = 2;

/** mincore(2): one byte for each page. Differs: MINCORE_MODIFIED is not told. */
function sys_mincore(k: Kernel, td: Thread, [address, length, out]: readonly number[]): SyscallResult {
  const id = k.proc(td.pid).vmspace;
  const range = mappedRange(k, id, address!, length!);
  if (typeof range === 'number') return fail(range);
  const bytes = new Uint8Array((range.end - range.start) / 4096);
  for (const page of residentIn(k.space(id), range))
    bytes[page - range.start / 4096] = MINCORE_INCORE | MINCORE_REFERENCED;
  return k.copyout(td.pid, out!, bytes) ? ok() : fail(EFAULT);
}

// ---- minherit ----------------------------------------------------------------------------------------------------------

const INHERITANCES = ['share', 'copy', 'none'] as const;

function sys_minherit(k: Kernel, td: Thread, [address, length, how]: readonly number[]): SyscallResult {
  const inherit = INHERITANCES[how!];
  const start = pageFloor(address!);
  const end = pageCeil(address! + length!);
  if (!inherit || end > VM_MAXUSER_ADDRESS) return fail(EINVAL);
  const id = k.proc(td.pid).vmspace;
  changeRange(k, id, start, end, (part) => ({ ...part, inherit }));
  if (inherit === 'share')
    for (const entry of [...k.vmspace(id).map])
      if (entry.start >= start && entry.end <= end) makeShareable(k, id, entry);
  return ok();
}

/** Memory that was the space's own becomes an object that a child can share; its pages stay where they are. */
function makeShareable(k: Kernel, id: VmspaceId, entry: VmEntry): void {
  if (isShared(entry) || entry.growsDown) return;
  if (entry.object.kind === 'vnode') {
    // The object is to hold all that the file does.
    for (let page = entry.start / 4096; page < entry.end / 4096; page++) makeResident(k, id, entry, page, false);
  }
  const object = { kind: 'object', object: newVmObject(k, entry.end - entry.start), offset: 0 } as const;
  changeRange(k, id, entry.start, entry.end, (part) => ({ ...part, object }));
  for (const page of residentIn(k.space(id), entry)) adoptPage(k, id, { ...entry, object }, page);
}

// ---- memory locks ------------------------------------------------------------------------------------------------------

const MCL_CURRENT = 1;
const MCL_FUTURE = 2;

/** mlock(2) and munlock(2): root's. Nothing is ever paged out, so it is bookkeeping. */
function wire(k: Kernel, td: Thread, address: number, length: number, wired: boolean): SyscallResult {
  const p = k.proc(td.pid);
  if (p.uid !== 0) return fail(EPERM);
  const range = mappedRange(k, p.vmspace, address, length);
  if (typeof range === 'number') return fail(range);
  const held = k.vmspace(p.vmspace).map.reduce((sum, e) => sum + (e.wired ? e.end - e.start : 0), 0);
  if (wired && held + range.end - range.start > softLimit(p, RLIMIT_MEMLOCK)) return fail(ENOMEM);
  changeRange(k, p.vmspace, range.start, range.end, (part) => ({ ...part, wired }));
  return ok();
}

function wireAll(k: Kernel, td: Thread, patch: { wired: boolean | null; wiresAll: boolean }): SyscallResult {
  const p = k.proc(td.pid);
  if (p.uid !== 0) return fail(EPERM);
  const { wired } = patch;
  if (wired !== null) changeRange(k, p.vmspace, 0, VM_MAXUSER_ADDRESS, (part) => ({ ...part, wired }));
  k.setVmspace(p.vmspace, { wiresAll: patch.wiresAll });
  return ok();
}

function sys_mlockall(k: Kernel, td: Thread, [how]: readonly number[]): SyscallResult {
  if (how === 0 || how! & ~(MCL_CURRENT | MCL_FUTURE)) return fail(EINVAL);
  return wireAll(k, td, { wired: how! & MCL_CURRENT ? true : null, wiresAll: (how! & MCL_FUTURE) !== 0 });
}

type Args = readonly number[];
const sys_mlock = (k: Kernel, td: Thread, [address, length]: Args): SyscallResult =>
  wire(k, td, address!, length!, true);
const sys_munlock = (k: Kernel, td: Thread, [address, length]: Args): SyscallResult =>
  wire(k, td, address!, length!, false);
const sys_munlockall = (k: Kernel, td: Thread): SyscallResult => wireAll(k, td, { wired: false, wiresAll: false });

// biome-ignore format: one system call per line
export const memorySyscalls = [
  { number: 17, name: 'break', args: [['nsize', 'ptr']], support: 'full', handler: sys_break },
  { number: 65, name: 'msync', args: [['addr', 'ptr'], ['len', 'size'], ['flags', 'int']], support: 'full', handler: sys_msync },
  { number: 73, name: 'munmap', args: [['addr', 'ptr'], ['len', 'size']], support: 'full', handler: sys_munmap },
  { number: 74, name: 'mprotect', args: [['addr', 'ptr'], ['len', 'size'], ['prot', 'prot']], support: 'full', handler: sys_mprotect },
  { number: 75, name: 'madvise', args: [['addr', 'ptr'], ['len', 'size'], ['behav', 'int']], support: 'partial', note: 'advice is accepted and has no effect', handler: sys_madvise },
  { number: 78, name: 'mincore', args: [['addr', 'ptr'], ['len', 'size'], ['vec', 'out']], support: 'partial', note: 'resident pages; MINCORE_MODIFIED is not told', handler: sys_mincore },
  { number: 197, name: 'freebsd6_mmap', args: [['addr', 'ptr'], ['len', 'size'], ['prot', 'prot'], ['flags', 'map-flags'], ['fd', 'int'], ['pad', 'pad'], ['pos', 'off']], returns: 'ptr', support: 'full', handler: (k, td, a) => sys_mmap(k, td, [a[0]!, a[1]!, a[2]!, a[3]!, a[4]!, a[6]!]) },
  { number: 203, name: 'mlock', args: [['addr', 'ptr'], ['len', 'size']], support: 'full', handler: sys_mlock },
  { number: 204, name: 'munlock', args: [['addr', 'ptr'], ['len', 'size']], support: 'full', handler: sys_munlock },
  { number: 250, name: 'minherit', args: [['addr', 'ptr'], ['len', 'size'], ['inherit', 'int']], support: 'full', handler: sys_minherit },
  { number: 324, name: 'mlockall', args: [['how', 'int']], support: 'full', handler: sys_mlockall },
  { number: 325, name: 'munlockall', args: [], support: 'full', handler: sys_munlockall },
  { number: 477, name: 'mmap', args: [['addr', 'ptr'], ['len', 'size'], ['prot', 'prot'], ['flags', 'map-flags'], ['fd', 'int'], ['pos', 'off']], returns: 'ptr', support: 'full', handler: sys_mmap },
] as const satisfies readonly SyscallRow[];
