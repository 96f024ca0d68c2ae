import { AddressSpace } from '../../emu/memory/address-space.ts';
import { USRSTACK } from '../abi/vmparam.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { VmspaceId } from '../kern/state.ts';

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
  });
  k.spaces.set(id, new AddressSpace());
  return id;
}

/** What fork(2) does: the child's own copy of everything. */
export function cloneVmspace(k: Kernel, from: VmspaceId): VmspaceId {
  const id = k.next('nextVmspace');
  const vm = k.vmspace(from);
  k.state.vmspaces.set(id, { ...vm, id, refs: 1 });
  k.spaces.set(id, k.space(from).clone());
  return id;
}

/** One more user: vfork(2), rfork(RFMEM). */
export function shareVmspace(k: Kernel, id: VmspaceId): VmspaceId {
  k.setVmspace(id, { refs: k.vmspace(id).refs + 1 });
  return id;
}

/** One user less; the last one takes the pages with it. */
export function releaseVmspace(k: Kernel, id: VmspaceId): void {
  const vm = k.vmspace(id);
  if (vm.refs > 1) {
    k.setVmspace(id, { refs: vm.refs - 1 });
    return;
  }
  k.space(id).dispose();
  k.spaces.delete(id);
  k.state.vmspaces.delete(id);
}
