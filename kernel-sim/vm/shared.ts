import { assert } from '../../emu/base/errors.ts';
import { PAGE_SIZE, PERM_W } from '../../emu/memory/address-space.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { PageHolder, SharedPage, VmEntry, VmObject, VmObjectId, VmspaceId, VnodeId } from '../kern/state.ts';
import { readFileRange, writeFileRange } from '../vfs/file-data.ts';
import { type RegVnode, setFileData } from '../vfs/vnode.ts';
import { permOfProt } from './map.ts';
import { forgetPrivatePages } from './private-file.ts';

/*
 * Memory that address spaces share. Each space has its bytes in flat memory of its own, so a shared page is kept coherent as in
 * distributed shared memory: any number of spaces may hold a copy to read, or one alone holds it to write. A fault for writing takes the
 * copies of all others away; a fault for reading makes the writer a reader. Page faults are all that it takes, so engines know nothing
 * of it; and since cores take turns, a LOCKed instruction is alone with its page.
 * What nobody may write stands in the object (SharedPage.bytes) or in the file; the writer's copy is newer than that.
 */

export type SharedObject = Extract<VmObject, { kind: 'object' }> | Extract<VmObject, { kind: 'vnode' }>;
type SharedEntry = VmEntry & { readonly object: SharedObject };

export const isShared = (entry: VmEntry): entry is SharedEntry =>
  entry.object.kind === 'object' || (entry.object.kind === 'vnode' && entry.object.shared);

const NO_PAGE: SharedPage = { bytes: null, writer: null, readers: [] };
const isSame = (a: PageHolder, b: PageHolder): boolean => a.space === b.space && a.page === b.page;

const fileKey = (vnode: VnodeId, index: number): string => `f${vnode}:${index}`;
const objectKey = (object: VmObjectId, index: number): string => `o${object}:${index}`;

/** What names a place in shared memory, whichever address it has in a space: of a page, its key in `sharedPages`. */
export function sharedName({ object, start }: SharedEntry, address: number, unit: number): string {
  const offset = object.offset + (address - start);
  const index = Math.floor(offset / unit);
  return object.kind === 'vnode' ? fileKey(object.vnode, index) : objectKey(object.object, index);
}
const pageKey = (entry: SharedEntry, page: number): string => sharedName(entry, page * PAGE_SIZE, PAGE_SIZE);

function setPage(k: Kernel, key: string, next: SharedPage): void {
  if (!next.bytes && !next.writer && next.readers.length === 0) k.state.sharedPages.delete(key);
  else k.state.sharedPages.set(key, next);
}

// ---- objects -----------------------------------------------------------------------------------------------------------

/** Memory without a file, all zero. Nothing refers to it yet. */
export function newVmObject(k: Kernel, sizeBytes: number): VmObjectId {
  const id = k.next('nextVmObject');
  k.state.vmObjects.set(id, { id, sizeBytes });
  return id;
}

/** Objects that a mapping, an open file, or a name refers to. */
export function usedVmObjects(k: Kernel): Set<VmObjectId> {
  const used = new Set<VmObjectId>();
  for (const { map } of k.state.vmspaces.values())
    for (const { object } of map) if (object.kind === 'object') used.add(object.object);
  for (const { object } of k.state.posixShm.values()) used.add(object);
  for (const { object } of k.state.sysvShm.values()) used.add(object);
  return used;
}

/** Removes objects that nothing refers to, with their pages. */
export function sweepVmObjects(k: Kernel): void {
  if (k.state.vmObjects.size === 0) return;
  const used = usedVmObjects(k);
  for (const id of [...k.state.vmObjects.keys()]) {
    if (used.has(id)) continue;
    k.state.vmObjects.delete(id);
    for (const key of [...k.state.sharedPages.keys()]) if (key.startsWith(`o${id}:`)) k.state.sharedPages.delete(key);
  }
}

/** An object is cut or grows, by zeros. */
export function resizeVmObject(k: Kernel, id: VmObjectId, sizeBytes: number): void {
  const old = k.state.vmObjects.get(id)!.sizeBytes;
  if (sizeBytes < old) discardPages(k, (index) => objectKey(id, index), sizeBytes, old);
  k.state.vmObjects.set(id, { id, sizeBytes });
}

// ---- coherence ---------------------------------------------------------------------------------------------------------

/** The bytes of a page as they are now, for whoever only looks. Null: all zero. */
function currentBytes(k: Kernel, key: string, entry: SharedEntry, page: number): Uint8Array | null {
  const { bytes, writer } = k.state.sharedPages.get(key) ?? NO_PAGE;
  if (writer) return k.space(writer.space).peek(writer.page * PAGE_SIZE, PAGE_SIZE);
  if (entry.object.kind === 'object') return bytes;
  const vnode = k.vnode(entry.object.vnode);
  if (vnode.type !== 'reg') return null;
  const full = new Uint8Array(PAGE_SIZE);
  full.set(readFileRange(vnode.data, entry.object.offset + (page * PAGE_SIZE - entry.start), PAGE_SIZE));
  return full;
}

/** The pages of a shared mapping that hold anything, as they are now: it may be gigabytes of which none was ever touched. */
export function* contentsOf(k: Kernel, entry: SharedEntry): Generator<{ page: number; bytes: Uint8Array }> {
  for (let page = entry.start / PAGE_SIZE; page < entry.end / PAGE_SIZE; page++) {
    if (!isInside(k, entry, page)) return;
    const bytes = currentBytes(k, pageKey(entry, page), entry, page);
    if (bytes) yield { page, bytes };
  }
}

/** All of a shared mapping's bytes as they are now. */
export function sharedContents(k: Kernel, entry: SharedEntry): Uint8Array {
  const contents = new Uint8Array(entry.end - entry.start);
  for (const { page, bytes } of contentsOf(k, entry)) contents.set(bytes, page * PAGE_SIZE - entry.start);
  return contents;
}

/** The writer's bytes go where readers find them; it may go on as a reader. */
function writeBack(k: Kernel, key: string): SharedPage {
  const record = k.state.sharedPages.get(key) ?? NO_PAGE;
  const { writer } = record;
  if (!writer) return record;
  const space = k.space(writer.space);
  const bytes = space.peek(writer.page * PAGE_SIZE, PAGE_SIZE);
  space.protectPage(writer.page, space.permOf(writer.page) & ~PERM_W);
  const isFile = key.startsWith('f');
  const next: SharedPage = { bytes: isFile ? null : bytes, writer: null, readers: [writer] };
  setPage(k, key, next);
  if (isFile) writeFilePage(k, key, bytes);
  return next;
}

/** Room in the file was made when the page became writable. */
function writeFilePage(k: Kernel, key: string, bytes: Uint8Array): void {
  const [id, index] = key.slice(1).split(':').map(Number) as [VnodeId, number];
  const vnode = k.vnode(id);
  if (vnode.type !== 'reg') return;
  const offset = index * PAGE_SIZE;
  const inFile = bytes.subarray(0, Math.max(0, vnode.data.size - offset));
  const error = setFileData(k, vnode, writeFileRange(vnode.data, offset, inFile));
  assert(error === 0, `page ${index} of file ${id} has lost its room`);
}

/** Is there such a page? A file's last page counts, what lies behind it does not. */
function isInside(k: Kernel, { object, start }: SharedEntry, page: number): boolean {
  const offset = object.offset + (page * PAGE_SIZE - start);
  if (object.kind === 'object') return offset < k.state.vmObjects.get(object.object)!.sizeBytes;
  const vnode = k.vnode(object.vnode);
  return vnode.type === 'reg' && offset < vnode.data.size;
}

/** A file that is written through memory must not find the disk full when the bytes come back: the page gets its room at once. */
function reserveFilePage(k: Kernel, key: string, { object }: SharedEntry, bytes: Uint8Array | null): boolean {
  if (object.kind !== 'vnode') return true;
  const vnode = k.vnode(object.vnode) as RegVnode;
  const offset = Number(key.slice(key.indexOf(':') + 1)) * PAGE_SIZE;
  const inFile = bytes!.subarray(0, vnode.data.size - offset);
  return setFileData(k, vnode, writeFileRange(vnode.data, offset, inFile)) === 0;
}

/** FreeBSD vm_fault on a shared mapping: the space gets the page, to read or to write. False: there is no such page, or no room. */
export function acquirePage(k: Kernel, id: VmspaceId, entry: SharedEntry, page: number, write: boolean): boolean {
  if (!isInside(k, entry, page)) return false;
  const key = pageKey(entry, page);
  const me: PageHolder = { space: id, page };
  const before = k.state.sharedPages.get(key) ?? NO_PAGE;
  if (before.writer && isSame(before.writer, me)) return true;
  const space = k.space(id);
  const record = writeBack(k, key);
  const bytes = currentBytes(k, key, entry, page);
  if (write && !reserveFilePage(k, key, entry, bytes)) return false;
  const perm = permOfProt(entry.prot);
  if (!space.isResident(page)) {
    space.mapPage(page, write ? perm : perm & ~PERM_W);
    if (bytes) space.u8.set(bytes, page * PAGE_SIZE);
  } else if (write) space.protectPage(page, perm);
  if (!write) {
    const readers = record.readers.some((holder) => isSame(holder, me)) ? record.readers : [...record.readers, me];
    setPage(k, key, { ...record, readers });
    return true;
  }
  if (entry.object.kind === 'vnode') {
    // What is stored from now on is seen where the file is mapped MAP_PRIVATE, too.
    const offset = entry.object.offset + (page * PAGE_SIZE - entry.start);
    const { id: file, data } = k.vnode(entry.object.vnode) as RegVnode;
    forgetPrivatePages(k, file, data, offset, offset + PAGE_SIZE);
  }
  for (const holder of record.readers) if (!isSame(holder, me)) k.space(holder.space).unmapPage(holder.page);
  setPage(k, key, { bytes: null, writer: me, readers: [] });
  return true;
}

/** What a resident page of a shared mapping may be given of the mapping's protection. */
export function sharedPerm(k: Kernel, id: VmspaceId, entry: SharedEntry, page: number): number {
  const { writer } = k.state.sharedPages.get(pageKey(entry, page)) ?? NO_PAGE;
  const perm = permOfProt(entry.prot);
  return writer && isSame(writer, { space: id, page }) ? perm : perm & ~PERM_W;
}

/** A space gives a resident page back. */
export function releasePage(k: Kernel, id: VmspaceId, entry: SharedEntry, page: number): void {
  const key = pageKey(entry, page);
  const me: PageHolder = { space: id, page };
  const before = k.state.sharedPages.get(key) ?? NO_PAGE;
  const record = before.writer && isSame(before.writer, me) ? writeBack(k, key) : before;
  setPage(k, key, { ...record, readers: record.readers.filter((holder) => !isSame(holder, me)) });
  k.space(id).unmapPage(page);
}

/** minherit(2): a page that was the space's own becomes that of an object, with the space as its writer. */
export function adoptPage(k: Kernel, id: VmspaceId, entry: SharedEntry, page: number): void {
  setPage(k, pageKey(entry, page), { bytes: null, writer: { space: id, page }, readers: [] });
}

// ---- files -------------------------------------------------------------------------------------------------------------

/** Brings a file up to date with what was written to it through memory, in a range of bytes. Call it before its data is looked at. */
export function syncFile(k: Kernel, vnode: RegVnode, offset = 0, length = vnode.data.size): RegVnode {
  if (k.state.sharedPages.size === 0) return vnode;
  const end = Math.min(offset + length, vnode.data.size);
  for (let index = Math.floor(offset / PAGE_SIZE); index * PAGE_SIZE < end; index++)
    writeBack(k, fileKey(vnode.id, index));
  return k.vnode(vnode.id) as RegVnode;
}

/** The bytes of a file in [from, to) have changed: whoever has them in memory gets them again. Call `syncFile` first. */
export function forgetFilePages(k: Kernel, vnode: VnodeId, from: number, to: number): void {
  if (k.state.sharedPages.size > 0) discardPages(k, (index) => fileKey(vnode, index), from, to);
}

/** Takes pages away from all their holders, without keeping what was written. The first page keeps what lies before `from`. */
function discardPages(k: Kernel, keyOf: (index: number) => string, from: number, to: number): void {
  for (let index = Math.floor(from / PAGE_SIZE); index * PAGE_SIZE < to; index++) {
    const key = keyOf(index);
    const kept = from - index * PAGE_SIZE;
    const { readers, bytes } = kept > 0 ? writeBack(k, key) : (k.state.sharedPages.get(key) ?? NO_PAGE);
    const { writer } = k.state.sharedPages.get(key) ?? NO_PAGE;
    for (const { space, page } of writer ? [writer, ...readers] : readers) k.space(space).unmapPage(page);
    const left = kept > 0 && bytes ? bytes.slice().fill(0, kept) : null;
    setPage(k, key, { bytes: left, writer: null, readers: [] });
  }
}
