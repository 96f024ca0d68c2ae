import { type AddressSpace, PAGE_SIZE } from '../../emu/memory/address-space.ts';
import type { Pid } from '../abi/ids.ts';
import { RLIMIT_STACK } from '../abi/resource.ts';
import { MAXSSIZ, PROT_READ, PROT_WRITE, SGROWSIZ, USRSTACK } from '../abi/vmparam.ts';
import type { Kernel } from '../kern/kernel.ts';
import { mayMap, softLimit } from '../kern/resource.ts';
import type { VmEntry, VmspaceId } from '../kern/state.ts';
import { readFileRange } from '../vfs/file-data.ts';
import { entryAt, permOfProt } from './map.ts';
import { hasFreePages, killLargest } from './memory.ts';
import { acquirePage, isShared, syncFile } from './shared.ts';

/**
 * `mapped`: try again. `no-memory`: the same, when the process that is killed for it has gone. The others become signals: SIGSEGV with
 * MAPERR, or a protection fault (past the end of a file, too).
 */
export type FaultOutcome = 'mapped' | 'no-memory' | 'no-entry' | 'protection';

/** FreeBSD vm_fault: makes the page at `address` present for a read or a write, growing the stack when the address is just below it. */
export function vmFault(k: Kernel, id: VmspaceId, address: number, write: boolean): FaultOutcome {
  let entry = entryAt(k.vmspace(id).map, address);
  if (!entry) {
    if (!growStack(k, id, address)) return 'no-entry';
    entry = entryAt(k.vmspace(id).map, address);
    if (!entry) return 'no-entry';
  }
  if (entry.prot === 0 || (write && (entry.prot & PROT_WRITE) === 0)) return 'protection';
  const page = Math.floor(address / PAGE_SIZE);
  if (!mayBecomeResident(k, id, page)) return 'no-memory';
  return makeResident(k, id, entry, page, write) ? 'mapped' : 'protection';
}

/** Is there a page for it? Otherwise room is being made. */
function mayBecomeResident(k: Kernel, id: VmspaceId, page: number): boolean {
  if (k.space(id).isResident(page) || hasFreePages(k, 1)) return true;
  killLargest(k);
  return false;
}

/**
 * Brings a page in whatever its protection: zero, the file's bytes, or what the memory holds that it shares. False where a file or a
 * shared object has no such page.
 */
export function makeResident(k: Kernel, id: VmspaceId, entry: VmEntry, page: number, write: boolean): boolean {
  if (!entry.touched) {
    const map = k.vmspace(id).map.map((e) => (e === entry ? { ...e, touched: true } : e));
    k.setVmspace(id, { map });
  }
  if (isShared(entry)) return acquirePage(k, id, entry, page, write);
  if (!isInFile(k, entry, page)) return false;
  makePrivateResident(k, id, entry, page);
  return true;
}

/** Does a page of a private mapping still lie in its file? */
function isInFile(k: Kernel, { object, start }: VmEntry, page: number): boolean {
  if (object.kind !== 'vnode') return true;
  const vnode = k.vnode(object.vnode);
  const size = vnode.type === 'reg' ? vnode.data.size : Number.POSITIVE_INFINITY;
  return page * PAGE_SIZE < Math.min(object.fileEnd, start + size - object.offset);
}

function makePrivateResident(k: Kernel, id: VmspaceId, entry: VmEntry, page: number): void {
  const space = k.space(id);
  if (space.isResident(page)) return;
  space.mapPage(page, permOfProt(entry.prot));
  const { object } = entry;
  if (object.kind !== 'vnode') return;
  const start = page * PAGE_SIZE;
  const length = Math.min(PAGE_SIZE, object.fileEnd - start);
  if (length <= 0) return;
  const vnode = k.vnode(object.vnode);
  if (vnode.type !== 'reg') return;
  const offset = object.offset + (start - entry.start);
  space.u8.set(readFileRange(syncFile(k, vnode, offset, length).data, offset, length), start);
}

/**
 * FreeBSD vm_map_growstack: a touch below the stack, inside the region that is kept for it, extends it in steps of SGROWSIZ.
 * Anything mapped in that region stops the growth.
 */
function growStack(k: Kernel, id: VmspaceId, address: number): boolean {
  const vm = k.vmspace(id);
  if (address < USRSTACK - MAXSSIZ || address >= vm.stackLow) return false;
  const index = vm.map.findIndex((e) => e.growsDown && e.start === vm.stackLow);
  const stack = vm.map[index];
  if (!stack) return false;
  const steps = Math.ceil((vm.stackLow - address) / SGROWSIZ);
  let low = Math.max(USRSTACK - MAXSSIZ, vm.stackLow - steps * SGROWSIZ);
  const below = vm.map[index - 1];
  if (below && below.end > low) low = below.end;
  if (address < low || !mayGrowStack(k, id, low)) return false;
  const map = vm.map.map((e) => (e === stack ? { ...e, start: low } : e));
  k.setVmspace(id, { map, stackLow: low });
  return true;
}

/** RLIMIT_STACK and RLIMIT_VMEM of whoever has the space. */
function mayGrowStack(k: Kernel, id: VmspaceId, low: number): boolean {
  for (const p of k.state.procs.values()) {
    if (p.vmspace !== id) continue;
    return USRSTACK - low <= softLimit(p, RLIMIT_STACK) && mayMap(k, p, k.vmspace(id).stackLow - low);
  }
  return true;
}

/** A page that the kernel touches for a thread is that thread's page fault, as in FreeBSD. */
function countFault(k: Kernel): void {
  const tid = k.current ? k.cpu(k.current.id).current : 0;
  if (tid !== 0) k.setThread(tid, { minorFaults: k.thread(tid).minorFaults + 1 });
}

/** Makes all of [address, address + length) present for the kernel's own access; false when a part of it may not be accessed, or no page is free. */
export function faultIn(k: Kernel, pid: Pid, address: number, length: number, write: boolean): boolean {
  if (length === 0) return true;
  const start = address >>> 0;
  if (start + length > USRSTACK) return false;
  const id = k.proc(pid).vmspace;
  const space = k.space(id);
  const need = write ? PROT_WRITE : PROT_READ;
  const last = Math.floor((start + length - 1) / PAGE_SIZE);
  for (let page = Math.floor(start / PAGE_SIZE); page <= last; page++) {
    if ((space.permOf(page) & need) === need) continue;
    if (vmFault(k, id, page * PAGE_SIZE, write) !== 'mapped') return false;
    countFault(k);
  }
  return true;
}

/**
 * Writes to a range whose pages have been made present for that, page by page: of memory that the range has at two places only one is present
 * at a time, so `bringIn` is asked again for each. False when a page has no room any more.
 */
export function writePages(
  space: AddressSpace,
  address: number,
  bytes: Uint8Array,
  bringIn: (address: number, length: number) => boolean,
): boolean {
  const end = address + bytes.length;
  for (let at = address; at < end; ) {
    const next = Math.min(end, (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE);
    if (!bringIn(at, next - at)) return false;
    space.poke(at, bytes.subarray(at - address, next - address));
    at = next;
  }
  return true;
}

/** As faultIn, but past the protection: what ptrace may touch. False where nothing is mapped; shared memory needs the right to write. */
export function faultInAnyProt(k: Kernel, id: VmspaceId, address: number, length: number, write: boolean): boolean {
  if (length === 0) return true;
  const start = address >>> 0;
  if (start + length > USRSTACK) return false;
  const last = Math.floor((start + length - 1) / PAGE_SIZE);
  for (let page = Math.floor(start / PAGE_SIZE); page <= last; page++) {
    if (k.space(id).isResident(page) && !write) continue;
    const entry = entryAt(k.vmspace(id).map, page * PAGE_SIZE);
    if (!entry || !mayBecomeResident(k, id, page)) return false;
    if (isShared(entry)) {
      if (write && (entry.maxProt & PROT_WRITE) === 0) return false;
      if (!acquirePage(k, id, entry, page, write)) return false;
    } else if (!makeResident(k, id, entry, page, write)) return false;
  }
  return true;
}
