import { EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EIO, EOPNOTSUPP } from '../abi/errno.ts';
import { type Errno, type Pid, signo } from '../abi/ids.ts';
import { SI_ASYNCIO } from '../abi/siginfo.ts';
import { SIG_MAX } from '../abi/signal.ts';
import type { Kernel } from '../kern/kernel.ts';
import { psignal, sigInfo } from '../kern/signal.ts';
import { wakeup } from '../kern/sleep.ts';
import type { AioJob, Thread } from '../kern/state.ts';
import { FIRST_ENTRY, fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { copyinDeadline } from '../kern/umtx.ts';
import { readOpenFile, writeOpenFile } from '../vfs/file-io.ts';
import { getFile } from '../vfs/filedesc.ts';
import { singleUio } from '../vfs/uio.ts';
import type { SyscallRow } from './row.ts';

/*
 * Asynchronous transfers. Those of regular files are the only ones, and they are complete when the call that asks for them returns; what came of
 * them is kept until aio_return(2). Differs: pipes, sockets and devices give EOPNOTSUPP, as from FreeBSD 11 on without vfs.aio.enable_unsafe.
 */

type Args = readonly number[];

/** sys/aio.h: LIO_ opcodes and modes, AIO_ALLDONE; vfs.aio.max_aio_queue_per_proc. */
const [LIO_NOP, LIO_WRITE, LIO_READ, LIO_SYNC] = [0, 1, 2, 3];
const [LIO_NOWAIT, LIO_WAIT] = [0, 1];
const AIO_ALLDONE = 3;
export const AIO_LISTIO_MAX = 16;
export const AIO_QUEUE_MAX = 256;
const O_SYNC = 0x80;
const TICK_NS = 1e6;
const [SIGEV_NONE, SIGEV_SIGNAL] = [0, 1];

/** struct aiocb: aio_fildes at 0, aio_offset 4, aio_buf 12, aio_nbytes 16, aio_lio_opcode 32, status and error 40, aio_sigevent 52. */
const AIOCB_BYTES = 68;
const STATUS_AT = 40;

/** struct sigevent as far as it is supported. EINVAL, EOPNOTSUPP. */
function checkSigevent(view: DataView, at: number): Errno | 0 {
  const notify = view.getInt32(at, true);
  if (notify !== SIGEV_NONE && notify !== SIGEV_SIGNAL) return EOPNOTSUPP;
  const signum = view.getInt32(at + 4, true);
  return notify === SIGEV_SIGNAL && (signum < 1 || signum > SIG_MAX) ? EINVAL : 0;
}

function notify(k: Kernel, td: Thread, view: DataView, at: number): void {
  if (view.getInt32(at, true) !== SIGEV_SIGNAL) return;
  const value = view.getInt32(at + 8, true);
  const info = sigInfo(signo(view.getInt32(at + 4, true)), { code: SI_ASYNCIO, value });
  psignal(k, td.pid, info.signo, 0, info);
}

/** FreeBSD aio_aqueue: does what a control block asks for. `opcode` null: its own. */
function submit(k: Kernel, td: Thread, address: number, opcode: number | null): Errno | 0 {
  const bytes = k.copyin(td.pid, address, AIOCB_BYTES);
  if (typeof bytes === 'number') return EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const what = opcode ?? view.getInt32(32, true);
  if (what === LIO_NOP) return 0;
  if (what !== LIO_READ && what !== LIO_WRITE && what !== LIO_SYNC) return EINVAL;
  const refused = checkSigevent(view, 52);
  if (refused) return refused;
  if (k.proc(td.pid).aio.length >= AIO_QUEUE_MAX) return EAGAIN;
  const done = transfer(k, td, view, what);
  if (typeof done === 'number') return done;
  const { aio } = k.proc(td.pid);
  k.setProc(td.pid, { aio: [...aio.filter((job) => job.address !== address), { address, ...done }] });
  wakeup(k, waitChannel(td.pid));
  notify(k, td, view, 52);
  return 0;
}

function transfer(k: Kernel, td: Thread, view: DataView, what: number): Omit<AioJob, 'address'> | Errno {
  const file = getFile(k, td, view.getInt32(0, true));
  if (!file || (what === LIO_READ && !file.readable) || (what === LIO_WRITE && !file.writable)) return EBADF;
  if (file.kind !== 'vnode' || k.vnode(file.vnode).type !== 'reg') return EOPNOTSUPP;
  if (what === LIO_SYNC) return { status: 0, error: 0 };
  const offset = Number(view.getBigInt64(4, true));
  const uio = singleUio(td.pid, view.getUint32(12, true), view.getUint32(16, true));
  if (typeof uio === 'number' || offset < 0) return EINVAL;
  const result =
    what === LIO_READ
      ? readOpenFile(k, td, file, uio, offset, FIRST_ENTRY)
      : writeOpenFile(k, td, file, uio, offset, FIRST_ENTRY);
  if (result.kind === 'return') return { status: result.eax, error: 0 };
  return { status: -1, error: result.kind === 'error' ? result.errno : EIO };
}

const queue =
  (opcode: number) =>
  (k: Kernel, td: Thread, [address]: Args): SyscallResult => {
    const error = submit(k, td, address!, opcode);
    return error ? fail(error) : ok();
  };

function sys_aio_fsync(k: Kernel, td: Thread, [op, address]: Args): SyscallResult {
  return op === O_SYNC ? queue(LIO_SYNC)(k, td, [address!]) : fail(EINVAL);
}

const jobAt = (k: Kernel, td: Thread, address: number): AioJob | undefined =>
  k.proc(td.pid).aio.find((job) => job.address === address);

function sys_aio_error(k: Kernel, td: Thread, [address]: Args): SyscallResult {
  const job = jobAt(k, td, address!);
  return job ? ok(job.error) : fail(EINVAL);
}

function sys_aio_return(k: Kernel, td: Thread, [address]: Args): SyscallResult {
  const job = jobAt(k, td, address!);
  return job ? finish(k, td, job) : fail(EINVAL);
}

/** What the transfer itself would have returned; then nothing is known of it any more. */
function finish(k: Kernel, td: Thread, job: AioJob): SyscallResult {
  k.setProc(td.pid, { aio: k.proc(td.pid).aio.filter((other) => other !== job) });
  k.suword(td.pid, job.address + STATUS_AT, job.status);
  k.suword(td.pid, job.address + STATUS_AT + 4, job.error);
  return job.error ? fail(job.error as Errno) : ok(job.status);
}

/** Where threads wait for the first transfer of their process that is complete. */
const waitChannel = (pid: Pid): string => `aio:${pid}`;

interface WaitResume {
  readonly deadlineNs: number | null;
}

/** Returns the transfer that was complete first, and writes whose it is. A wait takes at least a tick of the clock (itimerfix). */
function sys_aio_waitcomplete(
  k: Kernel,
  td: Thread,
  [jobAddressAt, timeoutAt]: Args,
  entry: SyscallEntry,
): SyscallResult {
  let { deadlineNs } = entry.woken === 'first' ? { deadlineNs: null } : (entry.resume as WaitResume);
  if (entry.woken === 'first') {
    const read = copyinDeadline(k, td.pid, timeoutAt!, { absolute: false, id: 0 });
    k.suword(td.pid, jobAddressAt!, 0);
    if (typeof read === 'number') return fail(read);
    if (read.deadlineNs !== null) deadlineNs = Math.max(read.deadlineNs, k.now() + TICK_NS);
  }
  const [job] = k.proc(td.pid).aio;
  if (job) {
    k.suword(td.pid, jobAddressAt!, job.address);
    return finish(k, td, job);
  }
  if (entry.woken === 'timeout') return fail(EAGAIN);
  if (entry.woken === 'signal') return deadlineNs === null ? RESTART : fail(EINTR);
  const resume: WaitResume = { deadlineNs };
  return { kind: 'sleep', wchan: waitChannel(td.pid), wmesg: 'aiowc', deadlineNs, resume };
}

/** There is nothing to wait for. */
function sys_aio_suspend(k: Kernel, td: Thread, [list, count]: Args): SyscallResult {
  if (count! < 0 || count! > AIO_LISTIO_MAX) return fail(EINVAL);
  return typeof k.copyin(td.pid, list!, 4 * count!) === 'number' ? fail(EFAULT) : ok();
}

function sys_aio_cancel(k: Kernel, td: Thread, [fd]: Args): SyscallResult {
  return getFile(k, td, fd!) ? ok(AIO_ALLDONE) : fail(EBADF);
}

/** EIO when one of them is refused; the others are made. */
function sys_lio_listio(k: Kernel, td: Thread, [mode, list, count, sig]: Args): SyscallResult {
  if ((mode !== LIO_NOWAIT && mode !== LIO_WAIT) || count! < 0 || count! > AIO_LISTIO_MAX) return fail(EINVAL);
  const pointers = k.copyin(td.pid, list!, 4 * count!);
  const event = mode === LIO_NOWAIT && sig !== 0 ? k.copyin(td.pid, sig!, 12) : null;
  if (typeof pointers === 'number' || typeof event === 'number') return fail(EFAULT);
  const view = event && new DataView(event.buffer, event.byteOffset);
  const refused = view ? checkSigevent(view, 0) : 0;
  if (refused) return fail(refused);
  const errors = [...new Uint32Array(pointers.slice().buffer)].map((at) => (at === 0 ? 0 : submit(k, td, at, null)));
  if (view) notify(k, td, view, 0);
  return errors.some((error) => error !== 0) ? fail(EIO) : ok();
}

const NOTE = 'regular files, complete at once; no SIGEV_KEVENT, SIGEV_THREAD_ID';

// biome-ignore format: one system call per line
export const aioSyscalls: readonly SyscallRow[] = [
  { number: 255, name: 'aio_read', args: [['aiocbp', 'inout']], support: 'partial', note: NOTE, handler: queue(LIO_READ) },
  { number: 256, name: 'aio_write', args: [['aiocbp', 'inout']], support: 'partial', note: NOTE, handler: queue(LIO_WRITE) },
  { number: 257, name: 'lio_listio', args: [['mode', 'int'], ['acb_list', 'in'], ['nent', 'int'], ['sig', 'in']], support: 'partial', note: 'as aio_read', handler: sys_lio_listio },
  { number: 314, name: 'aio_return', args: [['aiocbp', 'inout']], support: 'full', handler: sys_aio_return },
  { number: 315, name: 'aio_suspend', args: [['aiocbp', 'in'], ['nent', 'int'], ['timeout', 'in']], support: 'full', handler: sys_aio_suspend },
  { number: 316, name: 'aio_cancel', args: [['fd', 'fd'], ['aiocbp', 'in']], support: 'full', handler: sys_aio_cancel },
  { number: 317, name: 'aio_error', args: [['aiocbp', 'in']], support: 'full', handler: sys_aio_error },
  { number: 359, name: 'aio_waitcomplete', args: [['aiocbp', 'out'], ['timeout', 'in']], support: 'full', handler: sys_aio_waitcomplete },
  { number: 465, name: 'aio_fsync', args: [['op', 'int'], ['aiocbp', 'inout']], support: 'partial', note: 'as aio_read', handler: sys_aio_fsync },
];
