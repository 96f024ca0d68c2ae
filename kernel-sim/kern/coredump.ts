import { type AddressSpace, PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { PF_R, PF_W, PF_X } from '../abi/elf.ts';
import { fpregFromSavexmm } from '../abi/fpreg.ts';
import type { Pid, Tid } from '../abi/ids.ts';
import {
  encodeKinfoFiles,
  encodeKinfoVmentries,
  KINFO_FILE_SIZE,
  KINFO_PROC_SIZE,
  KINFO_VMENTRY_SIZE,
  kinfoProcLayout,
} from '../abi/kinfo.ts';
import { encodeArray } from '../abi/layout.ts';
import {
  PRI_FIFO_BIT,
  PRI_IDLE,
  PRI_REALTIME,
  RTP_PRIO_FIFO,
  RTP_PRIO_IDLE,
  RTP_PRIO_NORMAL,
  RTP_PRIO_REALTIME,
} from '../abi/priority.ts';
import { RLIMIT_CORE, rlimBits } from '../abi/resource.ts';
import { PROT_EXEC, PROT_READ, PROT_WRITE, PS_STRINGS } from '../abi/vmparam.ts';
import { coreChunksWithoutChecksum } from '../elf/core-file.ts';
import type { CoreImage, CoreLayout, CoreSegment } from '../elf/core-image.ts';
import type { ProcstatNotes } from '../elf/procstat-notes.ts';
import { type FilePiece, fileDataOfPieces } from '../vfs/file-data.ts';
import { FILE_SIZE_MAX } from '../vfs/limits.ts';
import { directoryPath, writeFileData } from '../vfs/memfs.ts';
import { makeResident } from '../vm/fault.ts';
import { isShared, sharedContents } from '../vm/shared.ts';
import { cpusOf } from './cpumask.ts';
import { baseSet } from './cpuset.ts';
import type { Kernel } from './kernel.ts';
import { kinfoFiles, kinfoProc, kinfoVmmap } from './kinfo.ts';
import { usageOf } from './proc.ts';
import { fxsaveOf, userRegs } from './regs.ts';
import { RELEASES } from './release.ts';
import { softLimit } from './resource.ts';
import type { FileData, Proc, Thread, VmEntry } from './state.ts';

/**
 * The XSAVE image of a processor without AVX: the FXSAVE image with XCR0 in its software bytes, and a header that says which parts are
 * there (SDM Vol. 1, XSAVE Area; FreeBSD 10 NT_X86_XSTATE).
 */
function xstateOf(fxsave: Uint8Array): Uint8Array {
  const image = new Uint8Array(XSAVE_BYTES);
  image.set(fxsave);
  const view = new DataView(image.buffer);
  view.setUint32(XSAVE_XCR0, XCR0_X87_SSE, true);
  view.setUint32(XSAVE_XCR0 + 4, 0, true);
  view.setUint32(XSAVE_HEADER, XCR0_X87_SSE, true);
  return image;
}

const XSAVE_BYTES = 576;
const XSAVE_XCR0 = 464;
const XSAVE_HEADER = 512;
const XCR0_X87_SSE = 3;

/**
 * The core image of a process as the kernel writes it: FreeBSD 9.1 kern/imgact_elf.c. `first` is the thread that comes first (the
 * faulting one); `cursig` the signal, 0 for a checkpoint. Nothing in the process changes.
 */
export function coreImage(
  k: Kernel,
  pid: Pid,
  options: { layout: CoreLayout; cursig: number; first: Tid; sequence: number },
): CoreImage {
  const p = k.proc(pid);
  const tids = [options.first, ...p.threads.filter((tid) => tid !== options.first)];
  const { userNs, systemNs } = usageOf(k, p);
  const td = k.thread(options.first);
  return {
    layout: options.layout,
    flavor: 'kernel',
    osreldate: RELEASES[k.config.release],
    psinfo: { fname: p.comm, psargs: p.comm },
    threads: tids.map((tid) => {
      const { name, fsBase, gsBase } = k.thread(tid);
      return {
        tid,
        cursig: options.cursig,
        reg: userRegs(k, tid),
        fpreg: fpregFromSavexmm(fxsaveOf(k, tid).slice()),
        name,
        segbases: { fsbase: fsBase, gsbase: gsBase },
        xstate: xstateOf(fxsaveOf(k, tid)),
      };
    }),
    segments: dumpedSegments(k, p),
    procstat: procstatNotes(k, p),
    signals: {
      version: 1,
      threads: tids.map((tid) => {
        const { sigmask, sigmaskAfter, sigstack } = k.thread(tid);
        // A call of sigsuspend(2) is made again, with the mask from before it.
        return { tid, sigmask: sigmaskAfter ?? sigmask, sigstack };
      }),
      actions: p.sigacts.flatMap((action, signo) => (action ? [{ signo, ...action }] : [])),
      ldt: p.ldt,
    },
    coreback: {
      version: 1,
      pid: p.pid,
      ppid: p.realParent || p.ppid,
      pgid: p.pgid,
      sid: p.sid,
      name: p.comm,
      args: p.args,
      execPath: p.execPath,
      nice: p.nice,
      priorityClass: rtpType(td),
      affinity: cpusOf(k.cpuset(td.cpuset).mask),
      cpusetId: baseSet(k, td.cpuset).id,
      virtualNs: k.now(),
      instructions: Math.floor((userNs + systemNs) / k.config.cycleNs),
      seq: options.sequence,
    },
  };
}

/**
 * What kern.proc.* says of the process, as 9.2 puts it into cores: by it a debugger knows the process id, the mapped files, the open
 * ones and the limits, and finds the program's symbols (AT_PHDR). FreeBSD 9.2 kern/imgact_elf.c, __elfN(note_procstat_*).
 */
function procstatNotes(k: Kernel, p: Proc): ProcstatNotes {
  const threads = p.threads.map((tid) => kinfoProc(k, p, k.thread(tid)));
  return {
    proc: { structsize: KINFO_PROC_SIZE, records: encodeArray(kinfoProcLayout, threads) },
    files: { structsize: KINFO_FILE_SIZE, records: encodeKinfoFiles(kinfoFiles(k, p)) },
    vmmap: { structsize: KINFO_VMENTRY_SIZE, records: encodeKinfoVmentries(kinfoVmmap(k, p) ?? []) },
    groups: [p.gid, ...p.groups],
    umask: p.umask,
    rlimits: p.limits.map(({ soft, hard }) => ({ cur: rlimBits(soft), max: rlimBits(hard) })),
    osrel: p.osrel,
    psStrings: PS_STRINGS,
    auxv: p.auxv.map(([type, value]) => ({ type, value })),
  };
}

function rtpType({ priClass }: Thread): number {
  if (priClass === (PRI_REALTIME | PRI_FIFO_BIT)) return RTP_PRIO_FIFO;
  if (priClass === PRI_REALTIME) return RTP_PRIO_REALTIME;
  return priClass === PRI_IDLE ? RTP_PRIO_IDLE : RTP_PRIO_NORMAL;
}

/** Entries with any access, with an object, and not marked NOCOREDUMP (freebsd-i386-abi.md, E.1). */
function dumpedEntries(k: Kernel, p: Proc): VmEntry[] {
  return k.vmspace(p.vmspace).map.filter((entry) => {
    // Anonymous memory that was never touched has no object; a mapped file and shared memory always are one.
    const hasObject = entry.touched || entry.object.kind !== 'anon';
    return entry.prot !== 0 && !entry.noCoredump && hasObject;
  });
}

/** Bytes of memory that a core of the process would hold: the rest is small. */
export function dumpedBytes(k: Kernel, p: Proc): number {
  return dumpedEntries(k, p).reduce((sum, { start, end }) => sum + (end - start), 0);
}

function dumpedSegments(k: Kernel, p: Proc): CoreSegment[] {
  const space = k.space(p.vmspace);
  const segments: CoreSegment[] = [];
  for (const entry of dumpedEntries(k, p)) {
    const shared = isShared(entry) ? sharedContents(k, entry) : null;
    if (entry.object.kind === 'vnode' && !shared) {
      for (let page = entry.start / 4096; page < entry.end / 4096; page++)
        makeResident(k, p.vmspace, entry, page, false);
    }
    const flags =
      (entry.prot & PROT_READ ? PF_R : 0) | (entry.prot & PROT_WRITE ? PF_W : 0) | (entry.prot & PROT_EXEC ? PF_X : 0);
    segments.push({ vaddr: entry.start, flags, data: shared ?? space.u8.subarray(entry.start, entry.end) });
  }
  return segments;
}

/** The core of a process as a file. Of memory that was never touched nothing is copied: a stack may have grown by megabytes at once. */
function coreFileData(image: CoreImage, space: AddressSpace): FileData {
  const { chunks, checksumAt } = coreChunksWithoutChecksum(image);
  const pieces: FilePiece[] = [];
  let size = 0;
  for (const chunk of chunks) {
    if (chunk.buffer === space.memory.buffer) pieces.push(...residentPieces(space, chunk, size));
    else pieces.push({ at: size, bytes: chunk });
    size += chunk.length;
  }
  return fileDataOfPieces(size, pieces, checksumAt);
}

/** The resident pages of a part of a space that stands in a file from `at` on; the others are zero. */
function residentPieces(space: AddressSpace, { byteOffset: from, length }: Uint8Array, at: number): FilePiece[] {
  const pieces: FilePiece[] = [];
  for (let address = from; address < from + length; address += PAGE_SIZE) {
    if (space.isResident(address / PAGE_SIZE))
      pieces.push({ at: at + address - from, bytes: space.u8.subarray(address, address + PAGE_SIZE) });
  }
  return pieces;
}

/** The core dump of a fatal signal: `%N.core` in the working directory. True when it was written. */
export function coredump(k: Kernel, pid: Pid, tid: Tid, signo: number): boolean {
  const p = k.proc(pid);
  if (p.native) return false;
  const directory = directoryPath(k, p.cwd);
  if (typeof directory === 'number') return false;
  const path = `${directory === '/' ? '' : directory}/${p.comm}.core`;
  // Before anything is made: it may be gigabytes.
  if (dumpedBytes(k, p) >= Math.min(softLimit(p, RLIMIT_CORE), FILE_SIZE_MAX)) {
    k.log(`pid ${pid} (${p.comm}), uid ${p.uid}: exited on signal ${signo} (no core: too large)`);
    return false;
  }
  const image = coreImage(k, pid, { layout: k.config.coreLayout, cursig: signo, first: tid, sequence: 0 });
  const errno = writeFileData(k, path, coreFileData(image, k.space(p.vmspace)), 0o600);
  if (errno) k.log(`pid ${pid} (${p.comm}): cannot write ${path}: errno ${errno}`);
  else k.log(`pid ${pid} (${p.comm}), uid ${p.uid}: exited on signal ${signo} (core dumped)`);
  return errno === 0;
}
