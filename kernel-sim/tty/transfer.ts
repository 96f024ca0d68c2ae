import { EAGAIN, EFAULT, ENXIO } from '../abi/errno.ts';
import { SIGTTIN, SIGTTOU } from '../abi/signal.ts';
import { ICANON, TOSTOP, VEOF, VMIN, VTIME } from '../abi/termios.ts';
import { waitForForeground } from '../kern/job-control.ts';
import { type Kernel, latin1 } from '../kern/kernel.ts';
import type { OpenFile, Thread, Tty, TtyName } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { IO_PIECE } from '../vfs/limits.ts';
import type { TransferResume } from '../vfs/pipe.ts';
import { copyFrom, copyTo, type Uio } from '../vfs/uio.ts';
import { endsLine, LineDiscipline } from './line-discipline.ts';
import { CONSOLE, putTty, readerChannel, writerChannel } from './tty.ts';

/* Reading and writing terminals: FreeBSD 9.1 kern/tty_ttydisc.c, kern/tty.c. */

/** VTIME counts tenths of a second. */
const VTIME_NS = 100_000_000;

interface ReadResume extends TransferResume {
  /** Of a read under VTIME, once its time runs. */
  readonly deadlineNs: number | null;
}

/** What a read takes off the front of the input: bytes to give, bytes to throw away behind them (VEOF), and whether that ends it. */
interface Portion {
  readonly given: number;
  readonly dropped: number;
  readonly ends: boolean;
}

/** In canonical mode a line at most; what was typed in another mode may have no end. */
function linePortion(tty: Tty, room: number): Portion {
  const most = Math.min(room, tty.readable);
  const end = tty.input.subarray(0, most).findIndex((c, n) => tty.quoted[n] === 0 && endsLine(tty.termios, c));
  if (end < 0) return { given: most, dropped: 0, ends: false };
  const isEof = tty.input[end] === tty.termios.cc[VEOF];
  return isEof ? { given: end, dropped: 1, ends: true } : { given: end + 1, dropped: 0, ends: true };
}

function takeInput(k: Kernel, tty: Tty, count: number): void {
  if (count === 0) return;
  putTty(k, {
    ...tty,
    input: tty.input.slice(count),
    quoted: tty.quoted.slice(count),
    readable: tty.readable - count,
    reprintFrom: Math.max(0, tty.reprintFrom - count),
  });
}

export function readTty(
  k: Kernel,
  td: Thread,
  file: OpenFile,
  name: TtyName,
  uio: Uio,
  entry: SyscallEntry,
): SyscallResult {
  if (uio.length === 0) return ok(0);
  let { done, deadlineNs } = entry.woken === 'first' ? { done: 0, deadlineNs: null } : (entry.resume as ReadResume);
  const soFar = (otherwise: SyscallResult): SyscallResult => (done > 0 ? ok(done) : otherwise);
  if (entry.woken === 'signal') return soFar(RESTART);
  // The master of a pseudo-terminal has gone: as at the end of a file.
  if (k.tty(name).gone) return ok(done);
  const background = waitForForeground(k, td, k.tty(name), SIGTTIN);
  if (background?.kind === 'sleep') return { ...background, resume: { file: file.id, done, deadlineNs } };
  if (background) return soFar(background);

  const { termios } = k.tty(name);
  const [vmin, vtime] = [termios.cc[VMIN]!, termios.cc[VTIME]!];
  const canonical = (termios.lflag & ICANON) !== 0;
  const enough = vtime > 0 ? Math.max(vmin, 1) : vmin;
  for (;;) {
    const tty = k.tty(name);
    const room = uio.length - done;
    const portion = canonical
      ? linePortion(tty, room)
      : { given: Math.min(room, tty.readable), dropped: 0, ends: false };
    if (!copyTo(k, uio, done, tty.input.subarray(0, portion.given))) return fail(EFAULT);
    takeInput(k, tty, portion.given + portion.dropped);
    done += portion.given;
    if (portion.ends || done === uio.length || (!canonical && done >= enough)) return ok(done);
    if (portion.given === 0) break;
  }
  if (entry.woken === 'timeout') return ok(done);
  if (file.nonblock) return soFar(fail(EAGAIN));
  if (k.tty(name).inputEnded) return ok(done);
  // Without VMIN the time begins with the call, otherwise with the first byte.
  if (!canonical && vtime > 0 && (vmin === 0 || done > 0)) deadlineNs ??= k.now() + vtime * VTIME_NS;
  const resume: ReadResume = { file: file.id, done, deadlineNs };
  const shown = done > 0 ? { shown: { eax: done, carry: false } } : {};
  return { kind: 'sleep', wchan: readerChannel(name), wmesg: 'ttyin', deadlineNs, resume, ...shown };
}

/**
 * A pseudo-terminal takes as much as there is room for, and lets wait for its master to read. What is written to the console goes to the
 * host at once, but for the time of a ^S.
 */
export function writeTty(
  k: Kernel,
  td: Thread,
  file: OpenFile,
  name: TtyName,
  uio: Uio,
  entry: SyscallEntry,
): SyscallResult {
  let { done } = entry.woken === 'first' ? { done: 0 } : (entry.resume as TransferResume);
  const soFar = (otherwise: SyscallResult): SyscallResult => (done > 0 ? ok(done) : otherwise);
  const tty = k.tty(name);
  if (tty.gone) return soFar(fail(ENXIO));
  if (entry.woken === 'signal') return soFar(RESTART);
  if (tty.termios.lflag & TOSTOP) {
    const background = waitForForeground(k, td, tty, SIGTTOU);
    if (background?.kind === 'sleep') return { ...background, resume: { file: file.id, done } };
    if (background) return soFar(background);
  }
  if (name === CONSOLE) {
    if (!tty.stopped || uio.length === 0) return writeConsole(k, td, tty, uio);
  } else {
    for (let isFull = false; !isFull; ) {
      const bytes = copyFrom(k, uio, done, tty.outputMax);
      if (typeof bytes === 'number') return fail(bytes);
      const line = new LineDiscipline(k.tty(name));
      const taken = line.write(bytes);
      putTty(k, line.result());
      done += taken;
      if (done === uio.length) return ok(done);
      isFull = taken < bytes.length;
    }
  }
  if (file.nonblock) return soFar(fail(EAGAIN));
  const resume: TransferResume = { file: file.id, done };
  const shown = done > 0 ? { shown: { eax: done, carry: false } } : {};
  return { kind: 'sleep', wchan: writerChannel(name), wmesg: 'ttyout', resume, ...shown };
}

/**
 * Differs: a write of more than IO_PIECE bytes is cut short (the caller goes on with the rest), so that one call cannot put gigabytes
 * into one event. What c_oflag asks for is done by the host's terminal: events hold what programs have written.
 */
function writeConsole(k: Kernel, td: Thread, tty: Tty, uio: Uio): SyscallResult {
  const bytes = copyFrom(k, uio, 0, IO_PIECE);
  if (typeof bytes === 'number') return fail(bytes);
  if (bytes.length === 0) return ok(0);
  if (k.config.consoleIsTty) {
    const line = new LineDiscipline(tty);
    line.write(bytes);
    line.takeOutput();
    k.setTty(line.result());
  }
  k.emit({ kind: 'output', pid: td.pid, text: latin1(bytes) });
  return ok(bytes.length);
}
