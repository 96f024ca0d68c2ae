import type { Errno, Pid } from '../abi/ids.ts';
import { SIGHUP } from '../abi/signal.ts';
import { CLOCAL, RAW, TTYDEF } from '../abi/termios.ts';
import { TIOCPKT_DOSTOP, TIOCPKT_NOSTOP, TIOCPKT_START, TIOCPKT_STOP } from '../abi/ttycom.ts';
import { fileEvent } from '../kern/file-event.ts';
import { backgroundChannel, signalForeground, terminalOf } from '../kern/job-control.ts';
import type { Kernel } from '../kern/kernel.ts';
import { latin1 } from '../kern/kernel.ts';
import { forgetSigio, sendSigio } from '../kern/sigio.ts';
import { psignal } from '../kern/signal.ts';
import { wakeup } from '../kern/sleep.ts';
import type { Proc, Tty, TtyName, Vnode, VnodeId } from '../kern/state.ts';
import { purgeLocks } from '../vfs/file-lock.ts';
import { DEVFS_DEVICE } from '../vfs/file-systems.ts';
import { newVnode } from '../vfs/vnode.ts';
import { LineDiscipline } from './line-discipline.ts';

/* Terminals as the rest of the kernel sees them: who waits for them, whose they are, what is typed into them. */

export const CONSOLE: TtyName = 'console';

/** What can be typed ahead on the console (FreeBSD TTYBUF_MAX). */
const CONSOLE_INPUT_MAX = 65536;
/** FreeBSD tty_watermarks: what a line of 9600 baud transfers in a fifth of a second. */
const QUEUE_MAX = 1920;

const BLANK = {
  winsize: { rows: 0, columns: 0, xPixels: 0, yPixels: 0 },
  session: 0,
  foreground: 0,
  input: new Uint8Array(0),
  quoted: new Uint8Array(0),
  readable: 0,
  reprintFrom: 0,
  output: new Uint8Array(0),
  column: 0,
  writeColumn: 0,
  literalNext: false,
  stopped: false,
  exclusive: false,
  inputEnded: false,
  finished: false,
  packetMode: false,
  packetEvents: 0,
  gone: false,
} as const;

/** The console before anybody typed. One that is no terminal passes bytes through, as many as the host has. */
export function newConsole(isTerminal: boolean): Tty {
  return {
    ...BLANK,
    name: CONSOLE,
    termios: isTerminal ? TTYDEF : RAW,
    winsize: { ...BLANK.winsize, rows: 24, columns: 80 },
    inputMax: isTerminal ? CONSOLE_INPUT_MAX : Number.MAX_SAFE_INTEGER,
    outputMax: Number.MAX_SAFE_INTEGER,
  };
}

/** A pseudo-terminal whose slave nobody has opened yet: it takes no input. */
export const newPty = (name: TtyName): Tty => ({
  ...BLANK,
  name,
  termios: TTYDEF,
  inputMax: 0,
  outputMax: QUEUE_MAX,
});

/** The terminal that a vnode stands for. */
export const ttyOf = (k: Kernel, vnode: Vnode): Tty | undefined =>
  vnode.type === 'chr' ? k.state.ttys.get(vnode.device as TtyName) : undefined;

/** Where threads wait for a terminal: readers for bytes, writers for room. */
export const readerChannel = (name: TtyName): string => `ttyin:${name}`;
export const writerChannel = (name: TtyName): string => `ttyout:${name}`;
/** Where readers and writers of a master wait. */
export const masterReaderChannel = (name: TtyName): string => `ptsout:${name}`;
export const masterWriterChannel = (name: TtyName): string => `ptsin:${name}`;

/** Replaces a terminal's record, and wakes whoever can go on now. */
export function putTty(k: Kernel, after: Tty): void {
  const { name } = after;
  const before = k.tty(name);
  k.setTty(after);
  const starts = before.stopped && !after.stopped;
  if (after.readable > before.readable || after.inputEnded || after.termios !== before.termios)
    wakeup(k, readerChannel(name));
  if (after.output.length < before.output.length || starts || after.gone) wakeup(k, writerChannel(name));
  const tells = after.packetMode && after.packetEvents !== 0;
  if (after.output.length > before.output.length || starts || after.finished || tells)
    wakeup(k, masterReaderChannel(name));
  if (after.input.length < before.input.length || after.finished) wakeup(k, masterWriterChannel(name));
  const comes = after.readable > before.readable || (after.inputEnded && !before.inputEnded);
  if (comes || after.output.length < before.output.length) sendSigio(k, `tty:${name}`, after.session !== 0);
  fileEvent(k, { tty: name });
}

/** Events that take each other's place. */
const OPPOSITES = new Map<number, number>([
  [TIOCPKT_STOP, TIOCPKT_START],
  [TIOCPKT_START, TIOCPKT_STOP],
  [TIOCPKT_NOSTOP, TIOCPKT_DOSTOP],
  [TIOCPKT_DOSTOP, TIOCPKT_NOSTOP],
]);

/** FreeBSD ptsdrv_pktnotify: a master in packet mode is to know. */
export const withPacketEvent = (tty: Tty, event: number): Tty => ({
  ...tty,
  packetEvents: (tty.packetEvents & ~(OPPOSITES.get(event) ?? 0)) | event,
});

/** What a flush leaves: nothing typed, and nothing written, that is still on its way. */
export const NO_INPUT = { input: BLANK.input, quoted: BLANK.quoted, readable: 0, reprintFrom: 0 };
export const NO_OUTPUT = { output: BLANK.output };

// ---- opening and closing -------------------------------------------------------------------------------------------------

/** Has anybody the terminal open, its master aside? */
function isOpen(k: Kernel, name: TtyName): boolean {
  for (const file of k.state.files.values())
    if (file.kind === 'vnode' && ttyOf(k, k.vnode(file.vnode))?.name === name) return true;
  return false;
}

/** The first who opens a pseudo-terminal finds it in its initial modes. */
export function terminalOpened(k: Kernel, name: TtyName): void {
  if (name === CONSOLE || isOpen(k, name)) return;
  putTty(k, { ...k.tty(name), termios: TTYDEF, inputMax: QUEUE_MAX, finished: false });
}

/**
 * One open file of a terminal less. The last one takes along what was typed into a pseudo-terminal. Differs: close(2) does not wait
 * until the master has read what was written; that is there for it all the same.
 */
export function terminalClosed(k: Kernel, name: TtyName): void {
  const tty = k.state.ttys.get(name);
  if (!tty || name === CONSOLE || isOpen(k, name)) return;
  forgetSigio(k, `tty:${name}`);
  if (tty.gone) k.state.ttys.delete(name);
  else putTty(k, { ...tty, ...NO_INPUT, inputMax: 0, stopped: false, exclusive: false, finished: true });
}

/** The other end of a pseudo-terminal is closed: carrier is lost, and the terminal goes once nobody has it open. */
export function hangUpTerminal(k: Kernel, name: TtyName): void {
  const tty = k.tty(name);
  const leader = k.findProc(tty.session);
  if (leader && isOpen(k, name) && !(tty.termios.cflag & CLOCAL)) psignal(k, leader.pid, SIGHUP);
  const free = { session: 0, foreground: 0, stopped: false } as const;
  putTty(k, { ...k.tty(name), ...NO_INPUT, ...NO_OUTPUT, ...free, inputEnded: true, gone: true });
  wakeup(k, backgroundChannel(name));
  if (isOpen(k, name)) return;
  k.state.ttys.delete(name);
  forgetSigio(k, `tty:${name}`);
}

/** Somebody types: what the console shows of it goes to the host at once, and that of a pseudo-terminal to its master. Returns how many of the bytes there was room for. */
export function typeInto(k: Kernel, name: TtyName, bytes: Uint8Array): number {
  const line = new LineDiscipline(k.tty(name));
  let taken = 0;
  let echoed = '';
  while (taken < bytes.length && line.type(bytes[taken]!)) {
    if (name === CONSOLE) echoed += latin1(line.takeOutput());
    taken++;
  }
  if (echoed !== '') k.emit({ kind: 'echo', text: echoed });
  putTty(k, line.result());
  for (const signo of line.signals) signalForeground(k, name, signo);
  return taken;
}

// ---- sessions ------------------------------------------------------------------------------------------------------------

/** The leader of a session gets a terminal for it (TIOCSCTTY); its group is in the foreground. */
export function controlTerminal(k: Kernel, leader: Pid, name: TtyName): void {
  const { sid, pgid } = k.setProc(leader, { controlTerminal: true });
  putTty(k, { ...k.tty(name), session: sid, foreground: pgid });
}

/**
 * FreeBSD exit1, for the leader of a session: the foreground group is hung up, and what anybody has open of the terminal is taken away.
 * Differs: the terminal is free at once, not when the last process of the session has ended.
 */
export function releaseTerminal(k: Kernel, leader: Proc): void {
  const tty = terminalOf(k, leader.sid);
  if (!tty) return;
  signalForeground(k, tty.name, SIGHUP);
  putTty(k, { ...k.tty(tty.name), session: 0, foreground: 0 });
  for (const vnode of [...k.state.vnodes.values()])
    if (vnode.type === 'chr' && vnode.device === tty.name) revokeVnode(k, vnode.id);
}

/** revoke(2) of a device: its open files stay what they are, and refer to nothing any more. */
export function revokeVnode(k: Kernel, id: VnodeId): Errno | 0 {
  const open = [...k.state.files.values()].filter((file) => file.kind === 'vnode' && file.vnode === id);
  if (open.length === 0) return 0;
  const dead = newVnode(k, DEVFS_DEVICE, { type: 'chr', mode: 0, uid: 0, gid: 0, device: 'dead' });
  if (typeof dead === 'number') return dead;
  for (const file of open) if (file.kind === 'vnode') k.setFile({ ...file, vnode: dead.id });
  purgeLocks(k, id);
  const tty = ttyOf(k, k.vnode(id));
  if (tty) {
    for (const channel of [readerChannel, writerChannel, backgroundChannel]) wakeup(k, channel(tty.name));
    terminalClosed(k, tty.name);
  }
  return 0;
}
