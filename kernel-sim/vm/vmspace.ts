import { AddressSpace, PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { USRSTACK } from '../abi/vmparam.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { VmEntry, VmspaceId } from '../kern/state.ts';
import { permOfProt, residentIn } from './map.ts';
import { contentsOf, isShared, releasePage, sweepVmObjects } from './shared.ts';
import { dropDetachedSegments } from './sysv-shm.ts';

/** Each keeps 4 GiB of addresses and the pages that it had. */
const ENDED_SPACES_MAX = 8;

/** An empty address space with one user. */
export function newVmspace(k: Kernel): VmspaceId {
  const id = k.next('nextVmspace');
  k.state.vmspaces.set(id, {
    id,
    refs: 1,
    map: [],
    textAddr: 0,
    textSize: 0,
    dataAddr: 0,
    dataSize: 0,
    stackLow: USRSTACK,
    sysvShm: [],
    mapChanges: 0,
    wiresAll: false,
  });
  k.spaces.set(id, new AddressSpace());
  return id;
}

/** What fork(2) does: the child's own copy of everything that is not shared. Memory locks are not inherited. */
export function cloneVmspace(k: Kernel, from: VmspaceId): VmspaceId {
  const id = k.next('nextVmspace');
  const vm = k.vmspace(from);
  const space = k.space(from).clone();
  const map: VmEntry[] = [];
  for (const entry of vm.map) {
    if (!isShared(entry) && entry.inherit !== 'none') {
      map.push({ ...entry, wired: false });
      continue;
    }
    // Pages of shared memory come by faults; what the child does not get goes.
    for (const page of residentIn(space, entry)) space.unmapPage(page);
    if (entry.inherit === 'share') map.push({ ...entry, wired: false });
    else if (entry.inherit === 'copy') map.push(privateCopy(k, space, entry));
  }
  k.state.vmspaces.set(id, { ...vm, id, map, refs: 1, wiresAll: false });
  k.spaces.set(id, space);
  return id;
}

/** minherit(INHERIT_COPY) of shared memory: the child has its own, as it was at the fork. */
function privateCopy(k: Kernel, space: AddressSpace, entry: VmEntry): VmEntry {
  if (!isShared(entry)) return entry;
  for (const { page, bytes } of contentsOf(k, entry)) {
    space.mapPage(page, permOfProt(entry.prot));
    space.u8.set(bytes, page * PAGE_SIZE);
  }
  return { ...entry, object: { kind: 'anon' }, touched: true, wired: false };
}

/** One more user: vfork(2), rfork(RFMEM). */
export function shareVmspace(k: Kernel, id: VmspaceId): VmspaceId {
  k.setVmspace(id, { refs: k.vmspace(id).refs + 1 });
  return id;
}

/** The pages of a vmspace that is over. */
export function endSpace(k: Kernel, id: VmspaceId): void {
  const space = k.space(id);
  k.spaces.delete(id);
  if (!space.hasSnapshot) {
    space.dispose();
    return;
  }
  const { endedSpaces } = k;
  const [oldest] = endedSpaces.keys();
  const goes = endedSpaces.has(id) ? id : endedSpaces.size < ENDED_SPACES_MAX ? undefined : oldest;
  if (goes !== undefined) {
    endedSpaces.get(goes)!.dispose();
    endedSpaces.delete(goes);
  }
  endedSpaces.set(id, space);
}

/** One user less; the last one takes the pages with it. */
export function releaseVmspace(k: Kernel, id: VmspaceId): void {
  const vm = k.vmspace(id);
  if (vm.refs > 1) {
    k.setVmspace(id, { refs: vm.refs - 1 });
    return;
  }
  const shared = vm.map.filter(isShared);
  for (const entry of shared) for (const page of residentIn(k.space(id), entry)) releasePage(k, id, entry, page);
  endSpace(k, id);
  k.state.vmspaces.delete(id);
  k.copies.get(id)?.space.dispose();
  k.copies.delete(id);
  k.state.duplicates.delete(id);
  if (shared.length === 0) return;
  dropDetachedSegments(k);
  sweepVmObjects(k);
}
