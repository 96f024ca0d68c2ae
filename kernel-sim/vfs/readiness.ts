import { PIPE_BUF } from '../abi/fcntl.ts';
import type { Errno } from '../abi/ids.ts';
import { POLLHUP, POLLIN, POLLINIGNEOF, POLLOUT, POLLRDNORM } from '../abi/poll.ts';
import type { Kernel } from '../kern/kernel.ts';
import { hasExited } from '../kern/procdesc.ts';
import type { OpenFile, Vnode } from '../kern/state.ts';
import { receiveCondition, sendCondition } from '../net/readiness.ts';
import { CONSOLE, ttyOf } from '../tty/tty.ts';
import { vnodeSize } from './file-io.ts';
import { incoming, isEndOpen, PIPE_SIZE, writesTo } from './pipe.ts';

/* What select(2), poll(2) and kevent(2) see of an open file: whether a read or a write would go on now. */

export interface Condition {
  readonly ready: boolean;
  /** Bytes to be read, or room for bytes. */
  readonly data: number;
  /** The other side is gone. */
  readonly eof: boolean;
  /** What a socket will answer with (so_error). */
  readonly error?: Errno | 0;
}

const NOT_READY: Condition = { ready: false, data: 0, eof: false };
const READY: Condition = { ready: true, data: 0, eof: false };

/** As EVFILT_READ sees it. */
export function readCondition(k: Kernel, file: OpenFile): Condition {
  switch (file.kind) {
    case 'pipe': {
      const pipe = k.pipe(file.pipe);
      const eof = !isEndOpen(pipe, file.end === 'read' ? 'write' : 'read');
      const data = incoming(pipe, file.end).length;
      return { ready: eof || data > 0, data, eof };
    }
    case 'fifo': {
      const pipe = k.pipe(file.pipe);
      // Before anybody has opened it for writing since, a reader sees no end.
      const eof = !isEndOpen(pipe, 'write') && pipe.fifo!.writerOpens !== file.writersBefore;
      const data = pipe.toRead.length;
      return { ready: file.readable && (eof || data > 0), data, eof };
    }
    case 'kqueue': {
      const { knotes } = k.state.kqueues.get(file.kqueue)!;
      const data = knotes.filter((knote) => knote.active && !knote.disabled).length;
      return { ready: data > 0, data, eof: false };
    }
    case 'socket':
      return receiveCondition(k, file.socket);
    case 'ptm': {
      const { output, stopped, finished } = k.tty(file.tty);
      const data = stopped ? 0 : output.length;
      return { ready: finished || data > 0, data, eof: finished };
    }
    case 'shm':
      return READY;
    case 'procdesc':
      return NOT_READY;
    case 'vnode':
      return readVnodeCondition(k, file, k.vnode(file.vnode));
  }
}

function readVnodeCondition(k: Kernel, file: OpenFile, vnode: Vnode): Condition {
  if (vnode.type === 'chr') {
    const tty = ttyOf(k, vnode);
    if (!tty) return READY;
    const { readable, inputEnded } = tty;
    return { ready: readable > 0 || inputEnded, data: readable, eof: readable === 0 && inputEnded };
  }
  const data = vnodeSize(vnode) - file.offset;
  return { ready: data !== 0, data, eof: false };
}

/** As EVFILT_WRITE sees it. */
export function writeCondition(k: Kernel, file: OpenFile): Condition {
  switch (file.kind) {
    case 'pipe':
    case 'fifo': {
      const pipe = k.pipe(file.pipe);
      const to = writesTo(file);
      const eof = !isEndOpen(pipe, to);
      const data = eof ? 0 : PIPE_SIZE - incoming(pipe, to).length;
      return { ready: file.writable && (eof || data >= PIPE_BUF), data, eof };
    }
    case 'kqueue':
    case 'procdesc':
      return NOT_READY;
    case 'socket':
      return sendCondition(k, file.socket);
    case 'ptm': {
      const { input, inputMax, readable, finished } = k.tty(file.tty);
      // A full line that nobody can read yet can still be edited.
      const data = Math.max(inputMax - input.length, readable === 0 ? 1 : 0);
      return { ready: finished || data > 0, data, eof: finished };
    }
    case 'shm':
      return READY;
    case 'vnode': {
      const tty = ttyOf(k, k.vnode(file.vnode));
      if (!tty) return READY;
      if (tty.name === CONSOLE) return tty.stopped ? NOT_READY : READY;
      const data = tty.outputMax - tty.output.length;
      return { ready: tty.gone || data > 0, data, eof: tty.gone };
    }
  }
}

/** FreeBSD fo_poll: those of `events` (POLL bits) that hold now; POLLHUP comes unasked. */
export function pollFile(k: Kernel, file: OpenFile, events: number): number {
  if (file.kind === 'vnode') {
    const vnode = k.vnode(file.vnode);
    if (ttyOf(k, vnode)?.gone) return (events & (POLLIN | POLLRDNORM)) | POLLHUP;
    // A file never lets wait, not even at its end (vop_stdpoll).
    const readable = vnode.type !== 'chr' || readVnodeCondition(k, file, vnode).ready;
    const writable = writeCondition(k, file).ready;
    return events & ((writable ? POLLOUT : 0) | (readable ? POLLIN | POLLRDNORM : 0));
  }
  if (file.kind === 'procdesc') return hasExited(k, file) ? POLLHUP : 0;
  if (file.kind === 'ptm' && k.tty(file.tty).finished) return (events & (POLLIN | POLLRDNORM)) | POLLHUP;
  const read = readCondition(k, file);
  // kevent(2) does not look at the events of packet mode.
  const tells = file.kind === 'ptm' && k.tty(file.tty).packetMode && k.tty(file.tty).packetEvents !== 0;
  const write = writeCondition(k, file);
  let revents = 0;
  const ignoresEof = (events & POLLINIGNEOF) !== 0;
  if (tells || (read.eof && ignoresEof ? read.data > 0 || read.error : read.ready))
    revents |= events & (POLLIN | POLLRDNORM);
  if (write.ready) revents |= events & POLLOUT;
  // A FIFO's reader has no other direction that could be open still.
  if (read.eof && (write.eof || file.kind === 'fifo') && !ignoresEof) revents |= POLLHUP;
  return revents;
}
