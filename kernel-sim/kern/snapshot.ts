import { sameValue } from '../../emu/base/same-value.ts';
import { AddressSpace, type SpaceSnapshot } from '../../emu/memory/address-space.ts';
import type { Tid } from '../abi/ids.ts';
import { endSpace } from '../vm/vmspace.ts';
import type { Kernel } from './kernel.ts';
import { tablesOf } from './regs.ts';
import type { KernelState, VmspaceId } from './state.ts';

/** The kernel between two instructions. The tables hold the kernel's own records, which are never changed; nothing else is shared. */
export interface KernelSnapshot {
  readonly clockNs: number;
  readonly state: KernelState;
  readonly pcbs: ReadonlyMap<Tid, Uint8Array>;
  readonly spaces: ReadonlyMap<VmspaceId, SpaceSnapshot>;
  readonly copies: ReadonlyMap<VmspaceId, { readonly block: Uint8Array; readonly space: SpaceSnapshot }>;
}

export function snapshotKernel(k: Kernel): KernelSnapshot {
  const spaces = new Map<VmspaceId, SpaceSnapshot>();
  for (const [id, space] of k.spaces) spaces.set(id, space.snapshot());
  const copies = new Map(
    [...k.copies].map(([id, { block, space }]) => [id, { block: block.slice(), space: space.snapshot() }]),
  );
  return { clockNs: k.clockNs, state: copyTables(k.state), pcbs: copyBlocks(k.pcbs), spaces, copies };
}

/** Makes the kernel what it was. The cores' registers are the machine's business, and have to be those of the snapshot too. */
export function restoreKernel(k: Kernel, snapshot: KernelSnapshot): void {
  k.current = null;
  k.clockNs = snapshot.clockNs;
  k.state = copyTables(snapshot.state);
  k.pcbs.clear();
  for (const [tid, block] of copyBlocks(snapshot.pcbs)) k.pcbs.set(tid, block);
  restoreSpaces(k, snapshot.spaces);
  restoreCopies(k, snapshot.copies);
  for (const { cpu, current } of k.state.cpus) if (current !== 0) k.cores[cpu]!.state.tables = tablesOf(k, current);
}

/** Whether the kernel is what a snapshot says: then it goes on in the same way. */
export function isKernelAt(k: Kernel, snapshot: KernelSnapshot): boolean {
  if (k.clockNs !== snapshot.clockNs || !sameValue(k.pcbs, snapshot.pcbs) || !sameValue(k.state, snapshot.state))
    return false;
  if (!sameValue([...k.spaces.keys()], [...snapshot.spaces.keys()])) return false;
  for (const [id, contents] of snapshot.spaces) if (!k.space(id).equals(contents)) return false;
  if (!sameValue([...k.copies.keys()], [...snapshot.copies.keys()])) return false;
  for (const [id, { block, space }] of snapshot.copies) {
    const copy = k.copies.get(id)!;
    if (!sameValue(copy.block, block) || !copy.space.equals(space)) return false;
  }
  return true;
}

/** Spaces that have the id of a kept one, or had it when they ended, become that one: most of their pages are likely to be equal. */
function restoreSpaces(k: Kernel, kept: KernelSnapshot['spaces']): void {
  for (const id of [...k.spaces.keys()]) if (!kept.has(id)) endSpace(k, id);
  const before = new Map(k.spaces);
  k.spaces.clear();
  for (const [id, contents] of kept) {
    const space = before.get(id) ?? endedSpace(k, id) ?? new AddressSpace();
    space.restore(contents);
    k.spaces.set(id, space);
  }
}

function endedSpace(k: Kernel, id: VmspaceId): AddressSpace | undefined {
  const space = k.endedSpaces.get(id);
  k.endedSpaces.delete(id);
  return space;
}

function restoreCopies(k: Kernel, kept: KernelSnapshot['copies']): void {
  for (const { space } of k.copies.values()) space.dispose();
  k.copies.clear();
  for (const [id, { block, space: contents }] of kept) {
    const space = new AddressSpace();
    space.restore(contents);
    k.copies.set(id, { block: block.slice(), space });
  }
}

/** The tables themselves change; the records in them do not. */
function copyTables(state: KernelState): KernelState {
  const copy: Record<string, unknown> = {};
  for (const [name, table] of Object.entries(state)) {
    copy[name] = table instanceof Map ? new Map(table) : Array.isArray(table) ? [...table] : table;
  }
  return copy as unknown as KernelState;
}

const copyBlocks = (pcbs: ReadonlyMap<Tid, Uint8Array>): Map<Tid, Uint8Array> =>
  new Map([...pcbs].map(([tid, block]) => [tid, block.slice()]));
