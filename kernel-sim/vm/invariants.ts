import { PAGE_SIZE, PERM_W } from '../../emu/memory/address-space.ts';
import type { Kernel } from '../kern/kernel.ts';
import { residentIn } from './map.ts';
import { isShared, sharedName, usedVmObjects } from './shared.ts';

/** What must hold of shared memory between system calls: one line for each thing that is wrong. */
export function checkSharedPages(k: Kernel): string[] {
  const problems: string[] = [];
  /** Pages of spaces, as `space:page`, and which shared page each of them shows. */
  const shown = new Map<string, string>();
  for (const vm of k.state.vmspaces.values()) {
    for (const entry of vm.map.filter(isShared)) {
      const { object } = entry;
      if (object.kind === 'object' && !k.state.vmObjects.has(object.object))
        problems.push(`vmspace ${vm.id}: no object ${object.object}`);
      for (const page of residentIn(k.space(vm.id), entry))
        shown.set(`${vm.id}:${page}`, sharedName(entry, page * PAGE_SIZE, PAGE_SIZE));
    }
    for (const { segment } of vm.sysvShm)
      if (!k.state.sysvShm.has(segment)) problems.push(`vmspace ${vm.id} has segment ${segment}, which is gone`);
  }
  for (const [key, { bytes, writer, readers }] of k.state.sharedPages) {
    if (writer && (readers.length > 0 || bytes)) problems.push(`shared page ${key} is written, and others see it`);
    for (const { space, page } of writer ? [writer] : readers) {
      if (shown.get(`${space}:${page}`) !== key)
        problems.push(`shared page ${key} is not at ${page} of space ${space}`);
      shown.delete(`${space}:${page}`);
      if (writer) continue;
      if ((k.space(space).permOf(page) & PERM_W) !== 0) problems.push(`space ${space} may write page ${page}, a copy`);
      if (bytes && !sameBytes(k.space(space).peek(page * PAGE_SIZE, PAGE_SIZE), bytes))
        problems.push(`space ${space} has an old copy at page ${page}`);
    }
  }
  for (const [place, key] of shown) problems.push(`page ${place} shows ${key}, which does not know of it`);
  const used = usedVmObjects(k);
  for (const id of k.state.vmObjects.keys()) if (!used.has(id)) problems.push(`nothing refers to object ${id}`);
  for (const shm of k.state.posixShm.values()) {
    const isOpen = [...k.state.files.values()].some((file) => file.kind === 'shm' && file.shm === shm.id);
    if (shm.path === null && !isOpen) problems.push(`shared memory ${shm.id} has neither name nor open file`);
  }
  return problems;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, n) => byte === b[n]);
