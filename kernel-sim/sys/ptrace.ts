import { EIP } from '../../emu/core/core-state.ts';
import { DBREG_SIZE, decodeDbreg, encodeDbreg } from '../abi/dbreg.ts';
import { EFAULT, EINVAL, ENAMETOOLONG, ENOENT } from '../abi/errno.ts';
import { fpregFromSavexmm, SAVEXMM_SIZE, savexmmFromFpreg } from '../abi/fpreg.ts';
import type { Signo } from '../abi/ids.ts';
import {
  LWPINFO_SIZE,
  PIOD_READ_D,
  PIOD_READ_I,
  PIOD_WRITE_D,
  PIOD_WRITE_I,
  PL_EVENT_NONE,
  PL_EVENT_SIGNAL,
  PL_FLAG_FORKED,
  PL_FLAG_SCE,
  PL_FLAG_SCX,
  PL_FLAG_SI,
  PT_ATTACH,
  PT_CLEARSTEP,
  PT_CONTINUE,
  PT_DETACH,
  PT_FOLLOW_FORK,
  PT_GETDBREGS,
  PT_GETFPREGS,
  PT_GETLWPLIST,
  PT_GETNUMLWPS,
  PT_GETREGS,
  PT_GETXMMREGS,
  PT_IO,
  PT_KILL,
  PT_LWP_EVENTS,
  PT_LWPINFO,
  PT_READ_D,
  PT_READ_I,
  PT_RESUME,
  PT_SETDBREGS,
  PT_SETFPREGS,
  PT_SETREGS,
  PT_SETSTEP,
  PT_SETXMMREGS,
  PT_STEP,
  PT_SUSPEND,
  PT_SYSCALL,
  PT_TO_SCE,
  PT_TO_SCX,
  PT_TRACE_ME,
  PT_VM_ENTRY,
  PT_VM_TIMESTAMP,
  PT_WRITE_D,
  PT_WRITE_I,
  type PtraceVmEntry,
  vmEntryLayout,
} from '../abi/ptrace.ts';
import { decodeReg, encodeReg } from '../abi/reg.ts';
import { encodeSiginfo } from '../abi/siginfo.ts';
import { SIG_MAX, SIGKILL } from '../abi/signal.ts';
import { setUserDbregs, userDbregs } from '../kern/dbregs.ts';
import { bytesOf, type Kernel } from '../kern/kernel.ts';
import {
  attachTracer,
  detachTracer,
  readTracee,
  setUserRegs,
  stoppedTracee,
  type Tracee,
  traceMe,
  writeTracee,
} from '../kern/ptrace.ts';
import { fxsaveOf, regsOf, setTrapFlag, userRegs } from '../kern/regs.ts';
import { resumeProcess } from '../kern/signal.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { pathOf } from '../vfs/memfs.ts';
import type { SyscallRow } from './row.ts';

const REG_BYTES = 76;
const FPREG_BYTES = 176;
/** Where MXCSR stands in an FXSAVE image, and its bits (SDM Vol. 1, MXCSR). */
const MXCSR_OFFSET = 24;
const MXCSR_MASK = 0xffff;
/** PT_IO moves at most so much in one request; piod_len says how much it was. */
const PT_IO_MAX = 1 << 20;

function sys_ptrace(k: Kernel, td: Thread, args: readonly number[]): SyscallResult {
  const [request, id, addr, data] = args as [number, number, number, number];
  if (request === PT_TRACE_ME) return result(traceMe(k, td.pid));
  if (request === PT_ATTACH) return result(attachTracer(k, td.pid, id));
  if (request === PT_KILL) {
    const doomed = stoppedTracee(k, td.pid, id);
    if (typeof doomed === 'number') return fail(doomed);
    resumeProcess(k, doomed.proc.pid, SIGKILL);
    return ok(0);
  }
  // A thread may take its own flag back.
  if (request === PT_CLEARSTEP && id === td.tid) {
    setTrapFlag(k, td.tid, false);
    return ok(0);
  }
  const tracee = stoppedTracee(k, td.pid, id);
  if (typeof tracee === 'number') return fail(tracee);
  switch (request) {
    case PT_READ_I:
    case PT_READ_D: {
      const bytes = readTracee(k, tracee.proc, addr, 4);
      return bytes ? ok(new DataView(bytes.buffer).getInt32(0, true)) : fail(EFAULT);
    }
    case PT_WRITE_I:
    case PT_WRITE_D: {
      const bytes = new Uint8Array(Int32Array.of(data).buffer);
      return writeTracee(k, tracee.proc, addr, bytes) ? ok(0) : fail(EFAULT);
    }
    case PT_CONTINUE:
    case PT_TO_SCE:
    case PT_TO_SCX:
    case PT_SYSCALL:
    case PT_STEP:
    case PT_DETACH:
      return resume(k, tracee, request, addr, data);
    case PT_IO:
      return io(k, td, tracee, addr);
    case PT_LWPINFO:
      return lwpinfo(k, td, tracee, addr, data);
    case PT_GETNUMLWPS:
      return ok(tracee.proc.threads.length);
    case PT_GETLWPLIST: {
      if (data <= 0) return fail(EINVAL);
      const list = tracee.proc.threads.slice(0, data);
      return k.copyout(td.pid, addr, new Uint8Array(Int32Array.from(list).buffer)) ? ok(list.length) : fail(EFAULT);
    }
    case PT_SETSTEP:
    case PT_CLEARSTEP:
      setTrapFlag(k, tracee.td.tid, request === PT_SETSTEP);
      return ok(0);
    case PT_FOLLOW_FORK:
      k.setProc(tracee.proc.pid, { followFork: data !== 0 });
      return ok(0);
    case PT_LWP_EVENTS:
      k.setProc(tracee.proc.pid, { lwpEvents: data !== 0 });
      return ok(0);
    case PT_VM_TIMESTAMP:
      return ok(k.vmspace(tracee.proc.vmspace).mapChanges | 0);
    case PT_VM_ENTRY:
      return vmEntry(k, td, tracee, addr);
    case PT_SUSPEND:
    case PT_RESUME:
      k.setThread(tracee.td.tid, { held: request === PT_SUSPEND });
      return ok(0);
    case PT_GETREGS:
      return k.copyout(td.pid, addr, encodeReg(userRegs(k, tracee.td.tid))) ? ok(0) : fail(EFAULT);
    case PT_SETREGS: {
      const bytes = k.copyin(td.pid, addr, REG_BYTES);
      return typeof bytes === 'number' ? fail(bytes) : result(setUserRegs(k, tracee.td.tid, decodeReg(bytes)));
    }
    case PT_GETFPREGS:
      return k.copyout(td.pid, addr, fpregFromSavexmm(fxsaveOf(k, tracee.td.tid))) ? ok(0) : fail(EFAULT);
    case PT_SETFPREGS: {
      const bytes = k.copyin(td.pid, addr, FPREG_BYTES);
      if (typeof bytes === 'number') return fail(bytes);
      const image = fxsaveOf(k, tracee.td.tid);
      image.set(savexmmFromFpreg(bytes, image.slice()));
      return ok(0);
    }
    case PT_GETXMMREGS:
      return k.copyout(td.pid, addr, fxsaveOf(k, tracee.td.tid).slice()) ? ok(0) : fail(EFAULT);
    case PT_SETXMMREGS: {
      const bytes = k.copyin(td.pid, addr, SAVEXMM_SIZE);
      if (typeof bytes === 'number') return fail(bytes);
      // Reserved bits of MXCSR cannot be set: npxsetregs masks them.
      const view = new DataView(bytes.buffer);
      view.setUint32(MXCSR_OFFSET, view.getUint32(MXCSR_OFFSET, true) & MXCSR_MASK, true);
      fxsaveOf(k, tracee.td.tid).set(bytes);
      return ok(0);
    }
    case PT_GETDBREGS:
      return k.copyout(td.pid, addr, encodeDbreg(userDbregs(k, tracee.td.tid))) ? ok(0) : fail(EFAULT);
    case PT_SETDBREGS: {
      const bytes = k.copyin(td.pid, addr, DBREG_SIZE);
      return typeof bytes === 'number' ? fail(bytes) : result(setUserDbregs(k, tracee.td.tid, decodeDbreg(bytes)));
    }
    default:
      k.log(`ptrace: pid ${td.pid}: there is no request ${request}`);
      return fail(EINVAL);
  }
}

const result = (error: number): SyscallResult => (error ? fail(error as never) : ok(0));

/** What the requests that go on add to the stops at system calls. 9.0 never takes any back: they last as long as the process. */
const SYSCALL_STOPS = new Map<number, number>([
  [PT_TO_SCE, PL_FLAG_SCE],
  [PT_TO_SCX, PL_FLAG_SCX],
  [PT_SYSCALL, PL_FLAG_SCE | PL_FLAG_SCX],
]);

/** PT_CONTINUE and its kin, PT_STEP, PT_DETACH: addr 1 goes on where it is (these two never say otherwise), data is the signal. */
function resume(k: Kernel, { proc, td }: Tracee, request: number, addr: number, data: number): SyscallResult {
  if (data < 0 || data > SIG_MAX) return fail(EINVAL);
  const jumps = request !== PT_STEP && request !== PT_DETACH && addr !== 1;
  if (jumps) regsOf(k, td.tid)[EIP] = addr | 0;
  k.setProc(proc.pid, { syscallStops: proc.syscallStops | (SYSCALL_STOPS.get(request) ?? 0) });
  setTrapFlag(k, td.tid, request === PT_STEP);
  if (request === PT_DETACH) detachTracer(k, proc.pid, data as Signo);
  else resumeProcess(k, proc.pid, data as Signo);
  return ok(0);
}

/** PT_IO: struct ptrace_io_desc {op, offs, addr, len}; len comes back as what was moved. */
function io(k: Kernel, td: Thread, { proc }: Tracee, descAt: number): SyscallResult {
  const desc = k.copyin(td.pid, descAt, 16);
  if (typeof desc === 'number') return fail(desc);
  const view = new DataView(desc.buffer);
  const op = view.getInt32(0, true);
  const offs = view.getUint32(4, true);
  const addr = view.getUint32(8, true);
  const wanted = view.getUint32(12, true);
  if (wanted > 0x7fffffff) return fail(EINVAL);
  const length = Math.min(wanted, PT_IO_MAX);
  let moved: boolean;
  if (op === PIOD_READ_D || op === PIOD_READ_I) {
    const bytes = readTracee(k, proc, offs, length);
    if (!bytes) return fail(EFAULT);
    moved = k.copyout(td.pid, addr, bytes);
  } else if (op === PIOD_WRITE_D || op === PIOD_WRITE_I) {
    const bytes = k.copyin(td.pid, addr, length);
    if (typeof bytes === 'number') return fail(bytes);
    if (!writeTracee(k, proc, offs, bytes)) return fail(EFAULT);
    moved = true;
  } else return fail(EINVAL);
  if (!moved) return fail(EFAULT);
  return k.suword(td.pid, descAt + 12, length) ? ok(0) : fail(EFAULT);
}

/** PT_VM_ENTRY: the entry of the map with the number given, and the number of the next; ENOENT behind the last. With a path only if asked for. */
function vmEntry(k: Kernel, td: Thread, { proc }: Tracee, at: number): SyscallResult {
  const bytes = k.copyin(td.pid, at, vmEntryLayout.sizeBytes);
  if (typeof bytes === 'number') return fail(bytes);
  const asked = vmEntryLayout.get(new DataView(bytes.buffer), 0);
  const { map, mapChanges } = k.vmspace(proc.vmspace);
  if (asked.entry < 0 || asked.entry > map.length) return fail(EINVAL);
  const entry = map[asked.entry];
  if (!entry) return fail(ENOENT);
  const { object } = entry;
  const file = object.kind === 'vnode' && asked.pathlen > 0 ? k.vnode(object.vnode) : null;
  const path = file ? bytesOf(pathOf(k, file.id)) : null;
  const found: PtraceVmEntry = {
    entry: asked.entry + 1,
    timestamp: mapChanges,
    start: entry.start,
    end: entry.end - 1,
    offset: object.kind === 'anon' ? 0 : object.offset,
    prot: entry.prot,
    pathlen: path && path.length > 0 ? path.length + 1 : 0,
    fileid: file ? file.id : -1,
    fsid: file ? file.dev : 0xffffffff,
    path: asked.path,
  };
  if (found.pathlen > asked.pathlen) return fail(ENAMETOOLONG);
  if (path && path.length > 0 && !k.copyout(td.pid, asked.path, Uint8Array.of(...path, 0))) return fail(EFAULT);
  vmEntryLayout.put(new DataView(bytes.buffer), 0, found);
  return k.copyout(td.pid, at, bytes) ? ok(0) : fail(EFAULT);
}

/** struct ptrace_lwpinfo as of 9.0. */
function lwpinfo(k: Kernel, td: Thread, { proc, td: target }: Tracee, addr: number, size: number): SyscallResult {
  if (size <= 0 || size > LWPINFO_SIZE) return fail(EINVAL);
  const bytes = new Uint8Array(LWPINFO_SIZE);
  const view = new DataView(bytes.buffer);
  const stopper = proc.stopThread === target.tid && proc.stopped === 'trace';
  const info = stopper ? proc.stopInfo : null;
  view.setInt32(0, target.tid, true);
  view.setInt32(4, stopper ? PL_EVENT_SIGNAL : PL_EVENT_NONE, true);
  view.setInt32(8, (stopper ? proc.stopFlags : 0) | (info ? PL_FLAG_SI : 0), true);
  target.sigmask.forEach((word, n) => {
    view.setInt32(12 + n * 4, word, true);
  });
  for (const { signo } of [...target.sigqueue, ...proc.sigqueue]) {
    const at = 28 + ((signo - 1) >> 5) * 4;
    view.setInt32(at, view.getInt32(at, true) | (1 << ((signo - 1) & 31)), true);
  }
  if (info) bytes.set(encodeSiginfo(info), 44);
  bytes.set(bytesOf(target.name.slice(0, 19)), 108);
  if (stopper && proc.stopFlags & PL_FLAG_FORKED) view.setInt32(128, target.forkedChild, true);
  return k.copyout(td.pid, addr, bytes.subarray(0, size)) ? ok(0) : fail(EFAULT);
}

// biome-ignore format: one system call per line
export const ptraceSyscalls = [
  { number: 26, name: 'ptrace', args: [['req', 'ptrace'], ['pid', 'pid'], ['addr', 'ptr'], ['data', 'int']], support: 'full', note: 'TRACE_ME READ WRITE CONTINUE KILL STEP ATTACH DETACH IO LWPINFO GETNUMLWPS GETLWPLIST SETSTEP CLEARSTEP SUSPEND RESUME TO_SCE TO_SCX SYSCALL FOLLOW_FORK LWP_EVENTS (of 10.4) VM_TIMESTAMP VM_ENTRY and the register requests', handler: sys_ptrace },
] as const satisfies readonly SyscallRow[];
