import { EAGAIN, EFAULT } from '../abi/errno.ts';
import { SIGINT } from '../abi/signal.ts';
import { fileEvent } from '../kern/file-event.ts';
import { type Kernel, latin1 } from '../kern/kernel.ts';
import { psignal } from '../kern/signal.ts';
import { wakeup } from '../kern/sleep.ts';
import type { Console, OpenFile, Thread } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { IO_PIECE } from './limits.ts';
import type { TransferResume } from './pipe.ts';
import { copyFrom, copyTo, type Uio } from './uio.ts';

/** The console before anybody typed. */
export const INITIAL_CONSOLE: Console = { input: new Uint8Array(0), foreground: 0, inputClosed: false };

const CHANNEL = 'ttyin';
const CTRL_C = 3;
const CTRL_D = 4;
const BACKSPACE = 8;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const CTRL_U = 21;
const DELETE = 127;

/** Host side: somebody types. In terminal mode lines are edited here (^C, ^U, erase), as a tty's input routine does. */
export function feedConsole(k: Kernel, bytes: Uint8Array): void {
  const { input, inputClosed } = k.state.console;
  if (inputClosed) return;
  const queue = [...input];
  for (const byte of bytes) {
    if (k.config.consoleIsTty) type(k, queue, byte);
    else queue.push(byte);
  }
  k.state.console = { ...k.state.console, input: Uint8Array.from(queue) };
  wakeup(k, CHANNEL);
  fileEvent(k, 'console');
}

/** Host side: no more input will come; readers get what there is, then end of file. */
export function closeConsoleInput(k: Kernel): void {
  k.state.console = { ...k.state.console, inputClosed: true };
  wakeup(k, CHANNEL);
  fileEvent(k, 'console');
}

/** One key of a terminal in canonical mode: changes the queue of typed bytes. */
function type(k: Kernel, queue: number[], byte: number): void {
  const lineIsEmpty = (): boolean => queue.length === 0 || endsLine(queue.at(-1)!);
  switch (byte) {
    case CTRL_C:
      queue.length = 0;
      interrupt(k);
      return;
    case CTRL_U:
      while (!lineIsEmpty()) queue.pop();
      return;
    case BACKSPACE:
    case DELETE:
      if (!lineIsEmpty()) queue.pop();
      return;
    case CARRIAGE_RETURN:
      queue.push(NEWLINE);
      return;
    default:
      queue.push(byte);
  }
}

const endsLine = (byte: number): boolean => byte === NEWLINE || byte === CTRL_D;

function interrupt(k: Kernel): void {
  const { foreground } = k.state.console;
  if (foreground === 0) k.log('console: ^C, but there is no foreground process group');
  const group = [...k.state.procs.values()].filter((p) => p.pgid === foreground && p.state !== 'zombie');
  for (const p of group.sort((a, b) => a.pid - b.pid)) psignal(k, p.pid, SIGINT);
}

/** Bytes that a read would get now without waiting: null when it would wait, 0 at end of file. */
export function consoleReady(k: Kernel): number | null {
  const { input, inputClosed } = k.state.console;
  const end = k.config.consoleIsTty ? input.findIndex(endsLine) : input.length - 1;
  if (end < 0) return inputClosed ? input.length : null;
  return input[end] === CTRL_D && k.config.consoleIsTty ? end : end + 1;
}

/** At most one line, or what there is when the console is not a terminal; 0 at end of file (^D, or input closed). */
export function readConsole(k: Kernel, file: OpenFile, uio: Uio, entry: SyscallEntry): SyscallResult {
  if (uio.length === 0) return ok(0);
  const ready = consoleReady(k);
  if (ready === null) {
    if (entry.woken === 'signal') return RESTART;
    if (file.nonblock) return fail(EAGAIN);
    const resume: TransferResume = { file: file.id, done: 0 };
    return { kind: 'sleep', wchan: CHANNEL, wmesg: 'ttyin', interruptible: true, resume };
  }
  const { input } = k.state.console;
  const size = Math.min(ready, uio.length);
  if (!copyTo(k, uio, 0, input.subarray(0, size))) return fail(EFAULT);
  // ^D goes with the last byte before it.
  const eof = k.config.consoleIsTty && size === ready && input[ready] === CTRL_D ? 1 : 0;
  k.state.console = { ...k.state.console, input: input.slice(size + eof) };
  return ok(size);
}

/**
 * Differs: a write of more than IO_PIECE bytes is cut short (the caller goes on with the rest), so that one call cannot put
 * gigabytes into one event.
 */
export function writeConsole(k: Kernel, td: Thread, uio: Uio): SyscallResult {
  const bytes = copyFrom(k, uio, 0, IO_PIECE);
  if (typeof bytes === 'number') return fail(bytes);
  if (bytes.length > 0) k.emit({ kind: 'output', pid: td.pid, text: latin1(bytes) });
  return ok(bytes.length);
}

const TERMIOS_SIZE = 44;
// c_cc: EOF, EOL, EOL2, ERASE, WERASE, KILL, REPRINT, ERASE2, INTR, QUIT, SUSP, DSUSP, START, STOP, LNEXT, DISCARD, MIN, TIME, STATUS, spare
const CONTROL_CHARACTERS = [4, 255, 255, 127, 23, 21, 18, 8, 3, 28, 26, 25, 17, 19, 22, 15, 1, 0, 20, 255];

/**
 * struct termios of the console: the modes that a tty starts with (sys/sys/ttydefaults.h), 9600 baud.
 * Layout: c_iflag, c_oflag, c_cflag, c_lflag, 20 control characters, c_ispeed, c_ospeed; 44 bytes. Source: sys/sys/_termios.h.
 */
export function consoleTermios(): Uint8Array {
  const bytes = new Uint8Array(TERMIOS_SIZE);
  const view = new DataView(bytes.buffer);
  [0x2b02, 0x3, 0x4b00, 0x5cb].forEach((flags, i) => {
    view.setUint32(i * 4, flags, true);
  });
  bytes.set(CONTROL_CHARACTERS, 16);
  view.setUint32(36, 9600, true);
  view.setUint32(40, 9600, true);
  return bytes;
}
