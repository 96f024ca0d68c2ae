import { type AddressSpace, PAGE_SHIFT, PERM_R, PERM_W, PERM_X } from '../../emu/memory/address-space.ts';
import { PROT_WRITE } from '../abi/vmparam.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { VmEntry, VmspaceId } from '../kern/state.ts';
import { isShared, releasePage, sharedPerm, sweepVmObjects } from './shared.ts';

/** The entry that covers an address, if any. */
export function entryAt(map: readonly VmEntry[], address: number): VmEntry | undefined {
  let low = 0;
  let high = map.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const entry = map[middle]!;
    if (address < entry.start) high = middle - 1;
    else if (address >= entry.end) low = middle + 1;
    else return entry;
  }
  return undefined;
}

/** What the i386 without PAE can express: no execute bit, and writable or executable implies readable. */
export function permOfProt(prot: number): number {
  if (prot === 0) return 0;
  return PERM_R | PERM_X | (prot & PROT_WRITE ? PERM_W : 0);
}

/** The map with [start, end) cut out; entries that cross a border are split. */
export function cutRange(map: readonly VmEntry[], start: number, end: number): VmEntry[] {
  const rest: VmEntry[] = [];
  for (const entry of map) {
    if (entry.end <= start || entry.start >= end) {
      rest.push(entry);
      continue;
    }
    if (entry.start < start) rest.push({ ...entry, end: start });
    if (entry.end > end) rest.push(clipStart(entry, end));
  }
  return rest;
}

/** The part of an entry from `start` on. */
export function clipStart(entry: VmEntry, start: number): VmEntry {
  const object =
    entry.object.kind === 'anon'
      ? entry.object
      : { ...entry.object, offset: entry.object.offset + (start - entry.start) };
  return { ...entry, start, object };
}

/** The map with an entry added; it must not overlap another. Neighbours that continue each other become one. */
export function insertEntry(map: readonly VmEntry[], entry: VmEntry): VmEntry[] {
  const next = [...map, entry].sort((a, b) => a.start - b.start);
  return coalesce(next);
}

function coalesce(map: readonly VmEntry[]): VmEntry[] {
  const out: VmEntry[] = [];
  for (const entry of map) {
    const last = out.at(-1);
    if (last && last.end === entry.start && mergeable(last, entry)) {
      out[out.length - 1] = { ...last, end: entry.end, touched: last.touched || entry.touched };
    } else out.push(entry);
  }
  return out;
}

function mergeable(a: VmEntry, b: VmEntry): boolean {
  return (
    a.object.kind === 'anon' &&
    b.object.kind === 'anon' &&
    a.prot === b.prot &&
    a.maxProt === b.maxProt &&
    a.noCoredump === b.noCoredump &&
    a.inherit === b.inherit &&
    a.wired === b.wired &&
    !a.growsDown &&
    !b.growsDown
  );
}

/** First fit: the lowest free range of `size` bytes at or above `from` and below `limit`; null when there is none. */
export function findSpace(map: readonly VmEntry[], from: number, size: number, limit: number): number | null {
  let at = from;
  for (const entry of map) {
    if (entry.end <= at) continue;
    if (entry.start >= at + size) break;
    at = entry.end;
  }
  return at + size <= limit ? at : null;
}

/** The resident pages of a range, ascending. */
export function residentIn(space: AddressSpace, { start, end }: Pick<VmEntry, 'start' | 'end'>): number[] {
  const first = start >>> PAGE_SHIFT;
  const count = (end - start) >>> PAGE_SHIFT;
  if (count > space.residentCount) return space.residentPages().filter((page) => page >= first && page < first + count);
  return Array.from({ length: count }, (_, n) => first + n).filter((page) => space.isResident(page));
}

/** Takes a range out of the address space: entries, pages and all, and objects that nothing else refers to. */
export function unmapRange(k: Kernel, id: VmspaceId, start: number, end: number): void {
  if (clearRange(k, id, start, end)) sweepVmObjects(k);
}

/** As `unmapRange`, but objects stay. True when some were mapped there: the caller sweeps, once what it maps instead is in place. */
export function clearRange(k: Kernel, id: VmspaceId, start: number, end: number): boolean {
  const vm = k.vmspace(id);
  const space = k.space(id);
  let wasShared = false;
  for (const entry of vm.map) {
    const range = { start: Math.max(entry.start, start), end: Math.min(entry.end, end) };
    if (range.start >= range.end) continue;
    const shared = isShared(entry) ? entry : null;
    for (const page of residentIn(space, range)) {
      if (shared) releasePage(k, id, shared, page);
      else space.unmapPage(page);
    }
    if (shared) wasShared = true;
  }
  k.setVmspace(id, { map: cutRange(vm.map, start, end) });
  return wasShared;
}

/** Changes the entries of [start, end), which are split at its borders. The range may contain holes, which stay holes. */
export function changeRange(
  k: Kernel,
  id: VmspaceId,
  start: number,
  end: number,
  change: (part: VmEntry) => VmEntry,
): void {
  const vm = k.vmspace(id);
  let map = [...vm.map];
  for (const entry of vm.map) {
    const from = Math.max(entry.start, start);
    const to = Math.min(entry.end, end);
    if (from >= to) continue;
    map = cutRange(map, from, to);
    map.push(change({ ...clipStart(entry, from), end: to }));
  }
  map.sort((a, b) => a.start - b.start);
  k.setVmspace(id, { map: coalesce(map) });
}

/** Gives [start, end) other protection. */
export function protectRange(k: Kernel, id: VmspaceId, start: number, end: number, prot: number): void {
  changeRange(k, id, start, end, (part) => ({ ...part, prot }));
  const space = k.space(id);
  const perm = permOfProt(prot);
  for (const page of residentIn(space, { start, end })) {
    const entry = entryAt(k.vmspace(id).map, page * 4096);
    space.protectPage(page, entry && isShared(entry) ? sharedPerm(k, id, entry, page) : perm);
  }
}
