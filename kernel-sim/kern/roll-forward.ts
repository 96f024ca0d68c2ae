import { cpuId } from '../../emu/base/brand.ts';
import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { PROT_WRITE } from '../abi/vmparam.ts';
import { readCore } from '../elf/core-file.ts';
import { readFile } from '../vfs/memfs.ts';
import { makeResident } from '../vm/fault.ts';
import { entryAt } from '../vm/map.ts';
import { isShared } from '../vm/shared.ts';
import type { FaultReport } from './fault-report.ts';
import type { Kernel } from './kernel.ts';
import { lastPoint } from './rollback-point.ts';
import type { Proc, VmEntry } from './state.ts';

/**
 * Roll-forward: the process goes on where it is when all that is wrong is one page of its memory, and its true bytes are still
 * somewhere: in the file that it is mapped from, or in the last checkpoint, provided the page was not written since. A page that is
 * not there at all is no loss either. Otherwise a sentence says why it cannot be done.
 */
export function rollForward(k: Kernel, p: Proc, report: FaultReport): string | null {
  const { corruptAddress: address } = report;
  if (report.permanent) return 'the core is gone, and its registers with it';
  if (address === undefined) return 'the fault does not say what is corrupt';
  const page = Math.floor(address / PAGE_SIZE);
  const where = `page 0x${(page * PAGE_SIZE).toString(16)}`;
  const what = replacePage(k, p, page);
  if (what === null) return `${where} was, or may have been, written since the last checkpoint`;
  k.emit({ kind: 'roll-forward', pid: p.pid, victim: cpuId(report.core.id), what: `${where}: ${what}` });
  report.core.clockNs += (PAGE_SIZE / 1024) * k.config.costs.checkpointNsPerKiB;
  return null;
}

/** Puts the true bytes of a page back and says from where; null when nobody has them. */
function replacePage(k: Kernel, p: Proc, page: number): string | null {
  const space = k.space(p.vmspace);
  if (!space.isResident(page)) return 'it was not in use';
  const entry = entryAt(k.vmspace(p.vmspace).map, page * PAGE_SIZE)!;
  // Others may have written it, and this space would not know.
  if (isShared(entry)) return null;
  if (entry.object.kind === 'vnode' && isNeverWritten(p, entry)) {
    space.unmapPage(page);
    makeResident(k, p.vmspace, entry, page, false);
    return 'read again from its file';
  }
  const file = lastPoint(p)?.file;
  if (!file || k.vmspace(p.vmspace).refs > 1 || space.isDirty(page)) return null;
  const core = readFile(k, file);
  if (typeof core === 'number') return null;
  const address = page * PAGE_SIZE;
  const segment = readCore(core).segments.find(({ vaddr, data }) => address >= vaddr && address < vaddr + data.length);
  if (!segment) return null;
  space.poke(address, segment.data.subarray(address - segment.vaddr, address - segment.vaddr + PAGE_SIZE));
  return `read again from ${file}`;
}

/** Neither by the program nor by a tracer: its bytes are the file's. */
const isNeverWritten = (p: Proc, { prot }: VmEntry): boolean => (prot & PROT_WRITE) === 0 && !p.traced;
