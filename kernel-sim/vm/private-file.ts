import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { pageCeil, pageFloor } from '../abi/vmparam.ts';
import { leaveCopy } from '../kern/duplicate.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { FileData, VnodeId } from '../kern/state.ts';
import { readFileRange } from '../vfs/file-data.ts';
import { residentIn } from './map.ts';

/*
 * A page of a file that is mapped MAP_PRIVATE is the file's own until the process writes to it: so it is in FreeBSD, where both have one
 * page of memory. Here a space has bytes of its own, and its page counts as the file's as long as it has the file's bytes. Differs: a
 * process that has written the very bytes that were there goes on with the file.
 */

/** Bytes of a file in [from, to) change: `before` is what they were. Pages that nobody wrote go, and come again as the file then is. */
export function forgetPrivatePages(k: Kernel, vnode: VnodeId, before: FileData, from: number, to: number): void {
  for (const { id, map } of [...k.state.vmspaces.values()]) {
    for (const { object, start, end } of map) {
      if (object.kind !== 'vnode' || object.vnode !== vnode || object.shared) continue;
      const changed = {
        start: Math.max(start, pageFloor(start + from - object.offset)),
        end: Math.min(end, pageCeil(object.fileEnd), pageCeil(start + to - object.offset)),
      };
      if (changed.start >= changed.end) continue;
      const space = k.space(id);
      for (const page of residentIn(space, changed)) {
        const at = page * PAGE_SIZE;
        const length = Math.min(PAGE_SIZE, object.fileEnd - at);
        const original = readFileRange(before, object.offset + (at - start), length);
        if (!isFilled(space.peek(at, PAGE_SIZE), original)) continue;
        leaveCopy(k, id);
        space.unmapPage(page);
      }
    }
  }
}

/** Is a page these bytes, and zeros behind them? */
const isFilled = (page: Uint8Array, bytes: Uint8Array): boolean => page.every((byte, n) => byte === (bytes[n] ?? 0));
