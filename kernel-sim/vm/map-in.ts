import { MAXDSIZ, PROT_ALL, pageCeil, pageFloor } from '../abi/vmparam.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { VmEntry, VmspaceId } from '../kern/state.ts';
import { clearRange, findSpace, insertEntry } from './map.ts';
import { sweepVmObjects } from './shared.ts';

/**
 * Where a mapping goes: anywhere, preferably at or above `hint` (0: above where the data segment may grow); in the place of what
 * is there (MAP_FIXED); or at an address that must be free.
 */
export type Placement =
  | { readonly kind: 'anywhere'; readonly hint: number }
  | { readonly kind: 'replace'; readonly at: number }
  | { readonly kind: 'free'; readonly at: number };

export type Mapping = Pick<VmEntry, 'prot' | 'maxProt' | 'object' | 'noCoredump' | 'inherit'> & {
  /** In bytes, whole pages. */
  readonly size: number;
};

/** Memory of a space's own, all zero. */
export const anonEntry = (start: number, end: number): VmEntry => ({
  ...{ start, end, prot: PROT_ALL, maxProt: PROT_ALL, object: { kind: 'anon' }, noCoredump: false },
  ...{ growsDown: false, touched: false, inherit: 'copy', wired: false },
});

/** Makes a mapping: its address; null where there is no room. */
export function placeMapping(k: Kernel, id: VmspaceId, place: Placement, { size, ...rest }: Mapping): number | null {
  const start = findPlace(k, id, place, size);
  if (start === null) return null;
  const replacesShared = place.kind === 'replace' && clearRange(k, id, start, start + size);
  if (size > 0) {
    const { map, wiresAll } = k.vmspace(id);
    const entry = { ...anonEntry(start, start + size), ...rest, wired: wiresAll };
    k.setVmspace(id, { map: insertEntry(map, entry) });
  }
  if (replacesShared) sweepVmObjects(k);
  return start;
}

function findPlace(k: Kernel, id: VmspaceId, place: Placement, size: number): number | null {
  const vm = k.vmspace(id);
  switch (place.kind) {
    case 'replace':
      return place.at;
    case 'free':
      return findSpace(vm.map, place.at, size, vm.stackLow) === place.at ? place.at : null;
    case 'anywhere': {
      const base = pageCeil(vm.dataAddr) + MAXDSIZ;
      const wanted = pageFloor(place.hint);
      const from = wanted === 0 || (wanted >= pageFloor(vm.textAddr) && wanted < base) ? base : wanted;
      return findSpace(vm.map, from, size, vm.stackLow);
    }
  }
}
