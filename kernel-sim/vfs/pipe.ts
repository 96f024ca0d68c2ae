import { assert } from '../../emu/base/errors.ts';
import { EAGAIN, EFAULT, EPIPE } from '../abi/errno.ts';
import { PIPE_BUF } from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import { SIGPIPE } from '../abi/signal.ts';
import { fileEvent } from '../kern/file-event.ts';
import type { Kernel } from '../kern/kernel.ts';
import { forgetSigio, sendSigio } from '../kern/sigio.ts';
import { psignal } from '../kern/signal.ts';
import { wakeup } from '../kern/sleep.ts';
import type { OpenFile, Pipe, PipeId, Thread } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { newFile, releaseFile } from './filedesc.ts';
import { copyFrom, copyTo, type Uio } from './uio.ts';

/**
 * FreeBSD PIPE_SIZE, in each direction.
 * Differs: FreeBSD's buffers grow to 64 KiB under pressure, and a large write may lend its pages to the reader.
 */
export const PIPE_SIZE = 16384;

export type PipeFile = Extract<OpenFile, { kind: 'pipe' }>;
export type PipeEnd = PipeFile['end'];
export type FifoFile = Extract<OpenFile, { kind: 'fifo' }>;
type BufferFile = PipeFile | FifoFile;

const other = (end: PipeEnd): PipeEnd => (end === 'read' ? 'write' : 'read');
/** The end at which an open file reads, and the end that reads what it writes. A FIFO has one way only. */
export const readsAt = (file: BufferFile): PipeEnd => (file.kind === 'fifo' ? 'read' : file.end);
export const writesTo = (file: BufferFile): PipeEnd => (file.kind === 'fifo' ? 'read' : other(file.end));
/** Bytes that wait to be read at this end. */
export const incoming = (pipe: Pipe, end: PipeEnd): Uint8Array => (end === 'read' ? pipe.toRead : pipe.toWrite);
/** Is this end open? */
export const isEndOpen = (pipe: Pipe, end: PipeEnd): boolean => (end === 'read' ? pipe.readEnds : pipe.writeEnds) > 0;

/** Where a reader at this end waits for bytes, and where a writer waits for room in what this end will read. */
const readChannel = (id: PipeId, end: PipeEnd): string => `pipe:${id}:${end}:bytes`;
const roomChannel = (id: PipeId, end: PipeEnd): string => `pipe:${id}:${end}:room`;

/** How far a transfer had come when it went to sleep. The descriptor may be another file by the time it wakes. */
export interface TransferResume {
  readonly file: number;
  readonly done: number;
}

/** A pipe and its two open files, without references yet. Both are open for reading and writing. ENFILE. */
export function newPipe(k: Kernel): { readonly read: OpenFile; readonly write: OpenFile } | Errno {
  const id = k.next('nextPipe');
  const body = { kind: 'pipe', pipe: id, readable: true, writable: true, append: false, nonblock: false } as const;
  const read = newFile(k, { ...body, end: 'read', offset: 0 });
  if (typeof read === 'number') return read;
  const write = newFile(k, { ...body, end: 'write', offset: 0 });
  if (typeof write === 'number') {
    k.state.files.delete(read.id);
    return write;
  }
  const empty = new Uint8Array(0);
  k.setPipe({ id, toRead: empty, toWrite: empty, readEnds: 1, writeEnds: 1, birthNs: k.now(), fifo: null });
  return { read, write };
}

/** The last reference to an end is gone: whoever waits at the other learns of it. */
export function closePipeEnd(k: Kernel, id: PipeId, end: PipeEnd): void {
  const pipe = k.pipe(id);
  closeEnds(k, end === 'read' ? { ...pipe, readEnds: 0 } : { ...pipe, writeEnds: 0 });
}

/** One open file of a FIFO less. With the last one its bytes are gone. */
export function closeFifo(k: Kernel, { pipe: id, readable, writable }: FifoFile): void {
  const pipe = k.pipe(id);
  closeEnds(k, {
    ...pipe,
    readEnds: pipe.readEnds - (readable ? 1 : 0),
    writeEnds: pipe.writeEnds - (writable ? 1 : 0),
  });
}

function closeEnds(k: Kernel, next: Pipe): void {
  const { id } = next;
  if (next.readEnds + next.writeEnds === 0) k.state.pipes.delete(id);
  else k.setPipe(next);
  // Sleepers at the closed end too: a thread may have closed what its sibling reads.
  for (const side of ['read', 'write'] as const) {
    wakeup(k, readChannel(id, side));
    wakeup(k, roomChannel(id, side));
    sendSigio(k, `pipe:${id}:${side}`);
    if (!isEndOpen(next, side)) forgetSigio(k, `pipe:${id}:${side}`);
  }
  fileEvent(k, { pipe: id });
}

/** FreeBSD pipe_read: what is there, up to the length asked for; waits only when nothing is. 0 at end of file. */
export function readPipe(k: Kernel, file: BufferFile, uio: Uio, entry: SyscallEntry): SyscallResult {
  const pipe = k.pipe(file.pipe);
  const end = readsAt(file);
  const waiting = incoming(pipe, end);
  if (uio.length === 0) return ok(0);
  if (waiting.length > 0) {
    const size = Math.min(waiting.length, uio.length);
    if (!copyTo(k, uio, 0, waiting.subarray(0, size))) return fail(EFAULT);
    setIncoming(k, pipe, end, waiting.subarray(size));
    // A writer of up to PIPE_BUF bytes waits for room for all of them.
    if (PIPE_SIZE - (waiting.length - size) >= PIPE_BUF) wakeup(k, roomChannel(pipe.id, end));
    // Differs: who reads from a pipe without a name is not sent SIGIO for having read.
    if (file.kind === 'fifo') sendSigio(k, `pipe:${pipe.id}:write`);
    return ok(size);
  }
  if (!isEndOpen(pipe, other(end))) return ok(0);
  if (entry.woken === 'signal') return RESTART;
  if (file.nonblock) return fail(EAGAIN);
  const resume: TransferResume = { file: file.id, done: 0 };
  return { kind: 'sleep', wchan: readChannel(pipe.id, end), wmesg: 'piperd', interruptible: true, resume };
}

/**
 * FreeBSD pipe_write: everything, waiting for room as often as needed; up to PIPE_BUF bytes go in one piece. A signal ends a
 * write that has begun with the count so far, but a closed reader gives EPIPE, whatever was written before.
 */
export function writePipe(k: Kernel, td: Thread, file: BufferFile, uio: Uio, entry: SyscallEntry): SyscallResult {
  let done = entry.woken === 'first' ? 0 : (entry.resume as TransferResume).done;
  const to = writesTo(file);
  const channel = roomChannel(file.pipe, to);
  for (;;) {
    const pipe = k.pipe(file.pipe);
    if (!isEndOpen(pipe, to)) {
      psignal(k, td.pid, SIGPIPE);
      return fail(EPIPE);
    }
    const left = uio.length - done;
    if (left === 0) return ok(done);
    const before = incoming(pipe, to);
    const free = PIPE_SIZE - before.length;
    const room = uio.length <= PIPE_BUF && free < left ? 0 : free;
    if (room > 0) {
      const bytes = copyFrom(k, uio, done, room);
      if (typeof bytes === 'number') return fail(bytes);
      const joined = new Uint8Array(before.length + bytes.length);
      joined.set(before);
      joined.set(bytes, before.length);
      setIncoming(k, pipe, to, joined);
      done += bytes.length;
      wakeup(k, readChannel(pipe.id, to));
      sendSigio(k, `pipe:${pipe.id}:${to}`);
      continue;
    }
    if (entry.woken === 'signal') return done > 0 ? ok(done) : RESTART;
    if (file.nonblock) return done > 0 ? ok(done) : fail(EAGAIN);
    const resume: TransferResume = { file: file.id, done };
    const shown = done > 0 ? { shown: { eax: done, carry: false } } : {};
    return { kind: 'sleep', wchan: channel, wmesg: 'pipewr', interruptible: true, resume, ...shown };
  }
}

function setIncoming(k: Kernel, pipe: Pipe, end: PipeEnd, bytes: Uint8Array): void {
  assert(bytes.length <= PIPE_SIZE, `pipe ${pipe.id} holds ${bytes.length} bytes`);
  k.setPipe(end === 'read' ? { ...pipe, toRead: bytes } : { ...pipe, toWrite: bytes });
  fileEvent(k, { pipe: pipe.id });
}

/** Both ends given back before a descriptor could refer to them. */
export function discardPipe(k: Kernel, ends: { readonly read: OpenFile; readonly write: OpenFile }): void {
  for (const { id } of [ends.read, ends.write]) {
    k.setFile({ ...k.file(id), refs: 1 });
    releaseFile(k, id);
  }
}
