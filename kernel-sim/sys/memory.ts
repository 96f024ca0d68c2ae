import { EACCES, EBADF, EINVAL, ENODEV, ENOMEM } from '../abi/errno.ts';
import {
  MAP_ANON,
  MAP_FIXED,
  MAP_NOCORE,
  MAP_SHARED,
  MAP_STACK,
  MAXDSIZ,
  PROT_ALL,
  PROT_READ,
  PROT_WRITE,
  pageCeil,
  pageFloor,
  VM_MAXUSER_ADDRESS,
  VM_MIN_ADDRESS,
} from '../abi/vmparam.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread, VmEntry } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { getFile } from '../vfs/filedesc.ts';
import { findSpace, insertEntry, protectRange, unmapRange } from '../vm/map.ts';
import type { SyscallRow } from './row.ts';

/** Value of P_OSREL_MAP_ANON: from this release on a length of 0 is refused (vm/vm_mmap.c). */
const OSREL_MAP_ANON = 800104;

/** break(2): sets the end of the data segment. FreeBSD vm/vm_unix.c, sys_obreak. */
function sys_break(k: Kernel, td: Thread, [wanted]: readonly number[]): SyscallResult {
  const id = k.proc(td.pid).vmspace;
  const vm = k.vmspace(id);
  const base = pageCeil(vm.dataAddr);
  const oldEnd = base + vm.dataSize;
  const newEnd = pageCeil(wanted! >>> 0);
  if (newEnd < base) return fail(EINVAL);
  if (newEnd - base > MAXDSIZ || newEnd > VM_MAXUSER_ADDRESS) return fail(ENOMEM);
  if (newEnd > oldEnd) {
    if (vm.map.some((e) => e.start < newEnd && e.end > oldEnd)) return fail(ENOMEM);
    k.setVmspace(id, { map: insertEntry(vm.map, anonEntry(oldEnd, newEnd, PROT_ALL, false)) });
  } else if (newEnd < oldEnd) unmapRange(k, id, newEnd, oldEnd);
  k.setVmspace(id, { dataSize: newEnd - base });
  return ok(0);
}

export function anonEntry(start: number, end: number, prot: number, noCoredump: boolean): VmEntry {
  const object = { kind: 'anon' } as const;
  return { start, end, prot, maxProt: PROT_ALL, object, noCoredump, growsDown: false, touched: false };
}

/** mmap(2). Rules and order of the checks: FreeBSD 9.1 vm/vm_mmap.c (freebsd-i386-abi.md, B.4). */
function sys_mmap(k: Kernel, td: Thread, args: readonly number[]): SyscallResult {
  const [hint, length, prot, flagsGiven, fd, position] = args as [number, number, number, number, number, number];
  const p = k.proc(td.pid);
  const vm = k.vmspace(p.vmspace);
  let flags = flagsGiven;
  if (length === 0 && p.osrel >= OSREL_MAP_ANON) return fail(EINVAL);
  if (flags & MAP_STACK) {
    if (fd !== -1 || (prot & (PROT_READ | PROT_WRITE)) !== (PROT_READ | PROT_WRITE)) return fail(EINVAL);
    flags |= MAP_ANON;
  }
  if (flags & MAP_ANON && (fd !== -1 || position !== 0)) return fail(EINVAL);
  const inPage = position % 4096;
  const size = pageCeil(length + inPage);
  if (size > VM_MAXUSER_ADDRESS) return fail(ENOMEM);

  let object: VmEntry['object'] = { kind: 'anon' };
  if ((flags & MAP_ANON) === 0) {
    const file = getFile(k, td, fd);
    if (!file) return fail(EBADF);
    if (file.kind !== 'vnode') return fail(ENODEV);
    const vnode = k.vnode(file.vnode);
    if (vnode.type === 'chr' && vnode.device === 'zero') object = { kind: 'anon' };
    else if (vnode.type !== 'reg') return fail(ENODEV);
    else {
      if (!file.readable) return fail(EACCES);
      if (flags & MAP_SHARED && prot & PROT_WRITE) {
        k.log(`mmap: pid ${td.pid}: shared writable file mappings are not supported`);
        return fail(ENODEV);
      }
      object = { kind: 'vnode', vnode: vnode.id, offset: position - inPage, fileEnd: 0 };
    }
  } else if (flags & MAP_SHARED) {
    k.log(`mmap: pid ${td.pid}: MAP_SHARED|MAP_ANON is private after fork`);
  }

  let start: number;
  if (flags & MAP_FIXED) {
    start = (hint >>> 0) - inPage;
    if (start % 4096 !== 0 || start < VM_MIN_ADDRESS || start + size > VM_MAXUSER_ADDRESS) return fail(EINVAL);
    unmapRange(k, p.vmspace, start, start + size);
  } else {
    const base = pageCeil(vm.dataAddr) + MAXDSIZ;
    const wanted = pageFloor(hint >>> 0);
    const from = wanted === 0 || (wanted >= pageFloor(vm.textAddr) && wanted < base) ? base : wanted;
    const found = findSpace(vm.map, from, size, vm.stackLow);
    if (found === null) return fail(ENOMEM);
    start = found;
  }
  if (size > 0) {
    if (object.kind === 'vnode') {
      const vnode = k.vnode(object.vnode);
      const fileLeft = vnode.type === 'reg' ? Math.max(0, vnode.data.size - object.offset) : 0;
      object = { ...object, fileEnd: start + Math.min(fileLeft, size) };
    }
    const entry = { ...anonEntry(start, start + size, prot & PROT_ALL, (flags & MAP_NOCORE) !== 0), object };
    k.setVmspace(p.vmspace, { map: insertEntry(k.vmspace(p.vmspace).map, entry) });
  }
  return ok(start + inPage);
}

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

/** Advice changes nothing that a program could see here. */
function sys_madvise(_k: Kernel, _td: Thread, [, , advice]: readonly number[]): SyscallResult {
  return advice! >= 0 && advice! <= 10 ? ok(0) : fail(EINVAL);
}

// biome-ignore format: one system call per line
export const memorySyscalls = [
  { number: 17, name: 'break', args: [['nsize', 'ptr']], support: 'full', handler: sys_break },
  { number: 73, name: 'munmap', args: [['addr', 'ptr'], ['len', 'size']], support: 'full', handler: sys_munmap },
  { number: 74, name: 'mprotect', args: [['addr', 'ptr'], ['len', 'size'], ['prot', 'int']], support: 'full', handler: sys_mprotect },
  { number: 75, name: 'madvise', args: [['addr', 'ptr'], ['len', 'size'], ['behav', 'int']], support: 'partial', note: 'advice is accepted and has no effect', handler: sys_madvise },
  { number: 197, name: 'freebsd6_mmap', args: [['addr', 'ptr'], ['len', 'size'], ['prot', 'int'], ['flags', 'int'], ['fd', 'int'], ['pad', 'pad'], ['pos', 'off']], support: 'partial', note: 'as mmap', handler: (k, td, a) => sys_mmap(k, td, [a[0]!, a[1]!, a[2]!, a[3]!, a[4]!, a[6]!]) },
  { number: 477, name: 'mmap', args: [['addr', 'ptr'], ['len', 'size'], ['prot', 'int'], ['flags', 'int'], ['fd', 'int'], ['pos', 'off']], support: 'partial', note: 'no shared writable file mappings; MAP_SHARED|MAP_ANON is private after fork', handler: sys_mmap },
] as const satisfies readonly SyscallRow[];
