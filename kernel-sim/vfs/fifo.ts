import { EINTR, ENXIO } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { fileEvent } from '../kern/file-event.ts';
import type { Kernel } from '../kern/kernel.ts';
import { wakeup } from '../kern/sleep.ts';
import type { FileId, Pipe, PipeId, Thread, VnodeId } from '../kern/state.ts';
import { fail, ok, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { closeDescriptor, newFile } from './filedesc.ts';
import type { FifoFile } from './pipe.ts';

/*
 * FIFOs: FreeBSD 9.1 fs/fifofs/fifo_vnops.c. Differs: a FIFO's buffer is that of a pipe, not a pair of sockets'.
 * The descriptor is there while open(2) still waits for the other side, as in FreeBSD; so whoever waits counts, and a process that is
 * killed leaves nothing behind.
 */

const openChannel = (id: PipeId, waiter: 'readers' | 'writers'): string => `fifo:${id}:${waiter}`;

/** What open(2) remembers while it waits for the other side. */
export interface FifoResume {
  readonly fd: number;
  readonly file: FileId;
}

/** The buffer of a FIFO, which exists as long as somebody has it open. */
function bufferOf(k: Kernel, vnode: VnodeId): Pipe {
  for (const pipe of k.state.pipes.values()) if (pipe.fifo?.vnode === vnode) return pipe;
  const empty = new Uint8Array(0);
  const ends = { toRead: empty, toWrite: empty, readEnds: 0, writeEnds: 0 };
  const pipe = { id: k.next('nextPipe'), ...ends, birthNs: k.now(), fifo: { vnode, writerOpens: 0 } };
  k.setPipe(pipe);
  return pipe;
}

export interface FifoMode {
  readonly readable: boolean;
  readonly writable: boolean;
  readonly nonblock: boolean;
}

/** An open file of a FIFO, without references. ENXIO: to be written without waiting, and nobody reads. ENFILE. */
export function newFifoFile(k: Kernel, vnode: VnodeId, mode: FifoMode): FifoFile | Errno {
  const { readable, writable, nonblock } = mode;
  const pipe = bufferOf(k, vnode);
  const { readEnds, writeEnds, id } = pipe;
  const fifo = pipe.fifo!;
  const refused = writable && !readable && nonblock && readEnds === 0;
  const file = refused
    ? ENXIO
    : newFile(k, {
        ...{ kind: 'fifo', vnode, pipe: id, writersBefore: fifo.writerOpens - writeEnds, append: false, offset: 0 },
        ...mode,
      } as const);
  if (typeof file === 'number') {
    if (readEnds + writeEnds === 0) k.state.pipes.delete(id);
    return file;
  }
  k.setPipe({
    ...pipe,
    readEnds: readEnds + (readable ? 1 : 0),
    writeEnds: writeEnds + (writable ? 1 : 0),
    fifo: { vnode, writerOpens: fifo.writerOpens + (writable ? 1 : 0) },
  });
  if (readable) wakeup(k, openChannel(id, 'writers'));
  if (writable) wakeup(k, openChannel(id, 'readers'));
  fileEvent(k, { pipe: id });
  return file as FifoFile;
}

/** open(2) of a FIFO that has its descriptor: waits for the other side, unless it must not. */
export function waitForOtherSide(k: Kernel, fd: number, file: FifoFile): SyscallResult {
  const { readEnds, writeEnds, id } = k.pipe(file.pipe);
  const { readable, writable, nonblock } = file;
  const alone = readable ? writeEnds === 0 : readEnds === 0;
  if (nonblock || (readable && writable) || !alone) return ok(fd);
  const resume: FifoResume = { fd, file: file.id };
  const wchan = openChannel(id, readable ? 'readers' : 'writers');
  return { kind: 'sleep', wchan, wmesg: readable ? 'fifoor' : 'fifoow', resume };
}

/** The wait is over. Whoever came may be gone again already. */
export function otherSideCame(k: Kernel, td: Thread, entry: SyscallEntry): SyscallResult {
  const { fd, file } = entry.resume as FifoResume;
  if (entry.woken !== 'signal') return ok(fd);
  if (k.proc(td.pid).fds[fd]?.file === file) closeDescriptor(k, td.pid, fd);
  return fail(EINTR);
}
