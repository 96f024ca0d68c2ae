import { EACCES, EFAULT, ENOTTY, EPERM } from '../abi/errno.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import { layout } from '../abi/layout.ts';
import { SIGTTOU, SIGWINCH } from '../abi/signal.ts';
import { decodeTermios, encodeTermios, ICANON, TERMIOS_SIZE } from '../abi/termios.ts';
import * as ttycom from '../abi/ttycom.ts';
import {
  backgroundChannel,
  groupMembers,
  isControlledBy,
  signalForeground,
  terminalOf,
  waitForForeground,
} from '../kern/job-control.ts';
import type { Kernel } from '../kern/kernel.ts';
import { wakeup } from '../kern/sleep.ts';
import type { OpenFile, Proc, Thread, Tty, TtyName } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { LineDiscipline } from './line-discipline.ts';
import { controlTerminal, putTty, typeInto } from './tty.ts';

/* ioctl(2) of terminals: FreeBSD 9.1 kern/tty.c. TIOCNOTTY, and what is for modems, no terminal answers to (ENOTTY). */

const winsizeLayout = layout(8, [
  { name: 'rows', at: 0, kind: 'u16' },
  { name: 'columns', at: 2, kind: 'u16' },
  { name: 'xPixels', at: 4, kind: 'u16' },
  { name: 'yPixels', at: 6, kind: 'u16' },
]);

/** What TIOCGPGRP says where there is no foreground group (NO_PID). */
const NO_GROUP = 100000;

/** These change the terminal: a background process has to wait. */
const CHANGES: ReadonlySet<number> = new Set([
  ttycom.TIOCDRAIN,
  ttycom.TIOCEXCL,
  ttycom.TIOCFLUSH,
  ttycom.TIOCNXCL,
  ttycom.TIOCSCTTY,
  ttycom.TIOCSETA,
  ttycom.TIOCSETAF,
  ttycom.TIOCSETAW,
  ttycom.TIOCSPGRP,
  ttycom.TIOCSTART,
  ttycom.TIOCSTAT,
  ttycom.TIOCSTI,
  ttycom.TIOCSTOP,
  ttycom.TIOCSWINSZ,
]);

export interface TtyCommand {
  readonly file: OpenFile;
  readonly name: TtyName;
  readonly command: number;
  /** Where the command's argument is. */
  readonly data: number;
}

/** ioctl(2) on a terminal. ENOTTY for commands that it does not know. */
export function ttyIoctl(k: Kernel, td: Thread, ioctl: TtyCommand, entry: SyscallEntry): SyscallResult {
  if (entry.woken === 'signal') return RESTART;
  if (CHANGES.has(ioctl.command)) {
    const background = waitForForeground(k, td, k.tty(ioctl.name), SIGTTOU);
    if (background) return background;
  }
  return genericIoctl(k, td, ioctl);
}

/** FreeBSD tty_generic_ioctl. */
function genericIoctl(k: Kernel, td: Thread, { file, name, command, data }: TtyCommand): SyscallResult {
  const p = k.proc(td.pid);
  const tty = k.tty(name);
  const put = (bytes: Uint8Array): SyscallResult => (k.copyout(p.pid, data, bytes) ? ok() : fail(EFAULT));
  const putWord = (value: number): SyscallResult => (k.suword(p.pid, data, value) ? ok() : fail(EFAULT));
  const change = (patch: Partial<Tty>): SyscallResult => {
    putTty(k, { ...tty, ...patch });
    return ok();
  };
  switch (command) {
    case ttycom.FIONREAD:
      return putWord(tty.readable);
    case ttycom.FIONWRITE:
    case ttycom.TIOCOUTQ:
      return putWord(tty.output.length);
    case ttycom.TIOCGETA:
      return put(encodeTermios(tty.termios));
    case ttycom.TIOCSETA:
    case ttycom.TIOCSETAW:
    case ttycom.TIOCSETAF: {
      const bytes = k.copyin(p.pid, data, TERMIOS_SIZE);
      if (typeof bytes === 'number') return fail(bytes);
      setModes(k, command === ttycom.TIOCSETAF ? flushed(tty, ttycom.FREAD) : tty, bytes);
      return ok();
    }
    case ttycom.TIOCGETD:
      return putWord(0);
    case ttycom.TIOCGPGRP:
      return isControlledBy(p, tty) ? putWord(tty.foreground || NO_GROUP) : fail(ENOTTY);
    case ttycom.TIOCGSID:
      return isControlledBy(p, tty) ? putWord(tty.session) : fail(ENOTTY);
    case ttycom.TIOCSCTTY:
      return becomeControlling(k, p, tty);
    case ttycom.TIOCSPGRP: {
      const group = k.fuword(p.pid, data);
      if (group === null) return fail(EFAULT);
      const error = setForeground(k, p, tty, group as Pid);
      return error ? fail(error) : ok();
    }
    case ttycom.TIOCFLUSH: {
      const which = k.fuword(p.pid, data);
      if (which === null) return fail(EFAULT);
      return change(flushed(tty, which === 0 ? ttycom.FREAD | ttycom.FWRITE : which));
    }
    case ttycom.TIOCDRAIN:
    case ttycom.TIOCSTAT:
      return ok();
    case ttycom.TIOCGWINSZ: {
      const bytes = new Uint8Array(winsizeLayout.sizeBytes);
      winsizeLayout.put(new DataView(bytes.buffer), 0, tty.winsize);
      return put(bytes);
    }
    case ttycom.TIOCSWINSZ: {
      const bytes = k.copyin(p.pid, data, winsizeLayout.sizeBytes);
      if (typeof bytes === 'number') return fail(bytes);
      resizeWindow(k, name, winsizeLayout.get(new DataView(bytes.buffer, bytes.byteOffset), 0));
      return ok();
    }
    case ttycom.TIOCEXCL:
    case ttycom.TIOCNXCL:
      return change({ exclusive: command === ttycom.TIOCEXCL });
    case ttycom.TIOCSTOP:
    case ttycom.TIOCSTART:
      return change({ stopped: command === ttycom.TIOCSTOP });
    case ttycom.TIOCSTI: {
      if (!file.readable && p.uid !== 0) return fail(EPERM);
      if (!isControlledBy(p, tty) && p.uid !== 0) return fail(EACCES);
      const byte = k.copyin(p.pid, data, 1);
      if (typeof byte === 'number') return fail(byte);
      typeInto(k, name, byte);
      return ok();
    }
    default:
      return fail(ENOTTY);
  }
}

/** tcsetattr(3). Without canonical mode there are no lines: all that was typed can be read. */
function setModes(k: Kernel, tty: Tty, bytes: Uint8Array): void {
  const next = { ...tty, termios: decodeTermios(bytes) };
  if (next.termios.lflag & ICANON) {
    putTty(k, next);
    return;
  }
  const line = new LineDiscipline(next);
  line.canonicalize();
  putTty(k, line.result());
}

function flushed(tty: Tty, which: number): Tty {
  const nothing = new Uint8Array(0);
  const input = which & ttycom.FREAD ? { input: nothing, quoted: nothing, readable: 0, reprintFrom: 0 } : {};
  return { ...tty, ...input, ...(which & ttycom.FWRITE ? { output: nothing } : {}) };
}

/** A window has another size: the foreground hears of it. */
export function resizeWindow(k: Kernel, name: TtyName, winsize: Tty['winsize']): void {
  const tty = k.tty(name);
  const { rows, columns, xPixels, yPixels } = tty.winsize;
  const isSame =
    rows === winsize.rows && columns === winsize.columns && xPixels === winsize.xPixels && yPixels === winsize.yPixels;
  if (isSame) return;
  putTty(k, { ...tty, winsize });
  signalForeground(k, name, SIGWINCH);
}

function becomeControlling(k: Kernel, p: Proc, tty: Tty): SyscallResult {
  if (p.sid !== p.pid) return fail(EPERM);
  if (tty.session === p.sid) return ok();
  if (tty.session !== 0 || terminalOf(k, p.sid)) return fail(EPERM);
  controlTerminal(k, p.pid, tty.name);
  return ok();
}

/** tcsetpgrp(3). */
function setForeground(k: Kernel, p: Proc, tty: Tty, pgid: Pid): Errno | 0 {
  if (!groupMembers(k, pgid).some(({ sid }) => sid === p.sid)) return EPERM;
  if (!isControlledBy(p, tty)) return ENOTTY;
  putTty(k, { ...tty, foreground: pgid });
  wakeup(k, backgroundChannel(tty.name));
  return 0;
}
