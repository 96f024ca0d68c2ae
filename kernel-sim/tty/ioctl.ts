import { EACCES, EFAULT, EINVAL, ENOTTY, ENXIO, EPERM } from '../abi/errno.ts';
import type { Errno, Pid, Signo } from '../abi/ids.ts';
import { layout } from '../abi/layout.ts';
import { SIGTTOU, SIGWINCH } from '../abi/signal.ts';
import { decodeTermios, encodeTermios, ICANON, IXON, TERMIOS_SIZE, VSTART, VSTOP } from '../abi/termios.ts';
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
import { unitOf } from './pty.ts';
import { controlTerminal, NO_INPUT, NO_OUTPUT, putTty, typeInto, withPacketEvent, writerChannel } from './tty.ts';

/* ioctl(2) of terminals: FreeBSD 9.1 kern/tty.c. TIOCNOTTY, and what is for modems, no terminal answers to (ENOTTY). */

const winsizeLayout = layout(8, [
  { name: 'rows', at: 0, kind: 'u16' },
  { name: 'columns', at: 2, kind: 'u16' },
  { name: 'xPixels', at: 4, kind: 'u16' },
  { name: 'yPixels', at: 6, kind: 'u16' },
]);

/** The keys by which packet mode tells whether they stop and start output. */
const [CTRL_Q, CTRL_S] = [0x11, 0x13];
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

/** These wait until what was written has gone. */
const DRAINS: ReadonlySet<number> = new Set([ttycom.TIOCDRAIN, ttycom.TIOCSETAF, ttycom.TIOCSETAW]);

export interface TtyCommand {
  readonly file: OpenFile;
  readonly name: TtyName;
  readonly command: number;
  /** Where the command's argument is. */
  readonly data: number;
}

/** ioctl(2) on a terminal. ENOTTY for commands that it does not know. */
export function ttyIoctl(k: Kernel, td: Thread, ioctl: TtyCommand, entry: SyscallEntry): SyscallResult {
  const { name, command } = ioctl;
  if (k.tty(name).gone) return fail(ENXIO);
  if (entry.woken === 'signal') return RESTART;
  if (CHANGES.has(command)) {
    const background = waitForForeground(k, td, k.tty(name), SIGTTOU);
    if (background) return background;
  }
  if (DRAINS.has(command) && k.tty(name).output.length > 0)
    return { kind: 'sleep', wchan: writerChannel(name), wmesg: 'ttyout' };
  return genericIoctl(k, td, ioctl);
}

/** FreeBSD ptsdev_ioctl: the master may do all that the slave may, from wherever it is, and does not wait for itself. */
export function masterIoctl(k: Kernel, td: Thread, ioctl: TtyCommand): SyscallResult {
  const { name, command, data } = ioctl;
  const tty = k.tty(name);
  const putWord = (value: number): SyscallResult => (k.suword(td.pid, data, value) ? ok() : fail(EFAULT));
  switch (command) {
    case ttycom.FIONREAD:
      return putWord(tty.finished ? 1 : tty.stopped ? 0 : tty.output.length);
    case ttycom.TIOCGPTN:
      return putWord(unitOf(name));
    case ttycom.TIOCPTMASTER:
      return ok();
    case ttycom.TIOCPKT: {
      const value = k.fuword(td.pid, data);
      if (value === null) return fail(EFAULT);
      putTty(k, { ...tty, packetMode: value !== 0 });
      return ok();
    }
    case ttycom.TIOCGPGRP:
      return putWord(tty.foreground || NO_GROUP);
    case ttycom.TIOCGSID:
      return tty.session === 0 ? fail(ENOTTY) : putWord(tty.session);
    case ttycom.TIOCSIG:
      if (data < 1 || data > 32) return fail(EINVAL);
      signalForeground(k, name, data as Signo);
      return ok();
    case ttycom.TIOCSETAW:
    case ttycom.TIOCSETAF:
      return genericIoctl(k, td, { ...ioctl, command: ttycom.TIOCSETA });
    default:
      return genericIoctl(k, td, ioctl);
  }
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
      putTty(
        k,
        command === ttycom.TIOCSTOP
          ? withPacketEvent({ ...tty, stopped: true }, ttycom.TIOCPKT_STOP)
          : withPacketEvent({ ...tty, stopped: false }, ttycom.TIOCPKT_START),
      );
      return ok();
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
  const termios = decodeTermios(bytes);
  const usesKeys = (termios.iflag & IXON) !== 0 && termios.cc[VSTOP] === CTRL_S && termios.cc[VSTART] === CTRL_Q;
  const next = withPacketEvent({ ...tty, termios }, usesKeys ? ttycom.TIOCPKT_DOSTOP : ttycom.TIOCPKT_NOSTOP);
  if (next.termios.lflag & ICANON) {
    putTty(k, next);
    return;
  }
  const line = new LineDiscipline(next);
  line.canonicalize();
  putTty(k, line.result());
}

const flushed = (tty: Tty, which: number): Tty => {
  const unwritten = which & ttycom.FWRITE ? withPacketEvent({ ...tty, ...NO_OUTPUT }, ttycom.TIOCPKT_FLUSHWRITE) : tty;
  return which & ttycom.FREAD ? withPacketEvent({ ...unwritten, ...NO_INPUT }, ttycom.TIOCPKT_FLUSHREAD) : unwritten;
};

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
