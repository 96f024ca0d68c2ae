import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { PF_W, PF_X } from '../abi/elf.ts';
import {
  PROT_ALL,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  pageCeil,
  pageFloor,
  SGROWSIZ,
  USRSTACK,
  VM_MAXUSER_ADDRESS,
  VM_MIN_ADDRESS,
} from '../abi/vmparam.ts';
import type { ExecLoad } from '../elf/exec-image.ts';
import { insertEntry } from '../vm/map.ts';
import { anonEntry } from '../vm/map-in.ts';
import type { Kernel } from './kernel.ts';
import type { VmEntry, VmspaceId, VnodeId } from './state.ts';

/** FreeBSD exec_new_vmspace: nothing but the first part of the stack. */
export function mapStack(k: Kernel, id: VmspaceId): void {
  const stack: VmEntry = { ...anonEntry(USRSTACK - SGROWSIZ, USRSTACK), growsDown: true, touched: true };
  k.setVmspace(id, { map: [stack], stackLow: stack.start });
}

/** What is mapped of a file: its segments go `base` beyond the addresses that they name. */
export interface MappedFile {
  readonly vnode: VnodeId;
  readonly bytes: Uint8Array;
  readonly loads: readonly ExecLoad[];
  readonly base: number;
}

/**
 * Adds a file's segments to a map. False, and the map is as before, when one does not fit into the user's addresses or beside what is
 * there. Source: FreeBSD 9.0 kern/imgact_elf.c, load_section.
 */
export function mapSegments(k: Kernel, id: VmspaceId, { vnode, bytes, loads, base }: MappedFile): boolean {
  let map = k.vmspace(id).map;
  const tails: { at: number; bytes: Uint8Array }[] = [];
  for (const load of loads) {
    const vaddr = load.vaddr + base;
    const start = pageFloor(vaddr);
    const fileEnd = vaddr + load.filesz;
    const end = pageCeil(vaddr + load.memsz);
    if (start < VM_MIN_ADDRESS || end > VM_MAXUSER_ADDRESS) return false;
    if (map.some((e) => e.start < end && e.end > start)) return false;
    const prot = PROT_READ | (load.flags & PF_W ? PROT_WRITE : 0) | (load.flags & PF_X ? PROT_EXEC : 0);
    const common = { ...anonEntry(start, end), prot, noCoredump: (load.flags & PF_W) === 0 };
    // Whole file pages come from the file; a page in which the bss starts is anonymous, with the file's part copied in.
    const fileMapEnd = load.memsz > load.filesz ? pageFloor(fileEnd) : pageCeil(fileEnd);
    if (fileMapEnd > start) {
      const offset = pageFloor(load.offset);
      const object = { kind: 'vnode', vnode, offset, fileEnd: Math.min(fileMapEnd, fileEnd), shared: false } as const;
      map = insertEntry(map, { ...common, end: fileMapEnd, object });
    }
    if (end > fileMapEnd) {
      const from = Math.max(start, fileMapEnd);
      map = insertEntry(map, { ...common, start: from, touched: fileEnd > from });
      const tailStart = Math.max(from, vaddr);
      if (fileEnd > tailStart) {
        const offset = load.offset + (tailStart - vaddr);
        tails.push({ at: tailStart, bytes: bytes.subarray(offset, offset + (fileEnd - tailStart)) });
      }
    }
  }
  k.setVmspace(id, { map });
  for (const tail of tails) poke(k, id, tail.at, tail.bytes);
  return true;
}

/** Writes into a new address space that nobody runs in yet. */
export function poke(k: Kernel, id: VmspaceId, address: number, bytes: Uint8Array): void {
  const space = k.space(id);
  const prot = k.vmspace(id).map.find((e) => address >= e.start && address < e.end)?.prot ?? PROT_ALL;
  const perm = 1 | 4 | (prot & PROT_WRITE ? 2 : 0);
  for (let page = Math.floor(address / PAGE_SIZE); page * PAGE_SIZE < address + bytes.length; page++) {
    if (!space.isResident(page)) space.mapPage(page, perm);
  }
  space.poke(address, bytes);
}
