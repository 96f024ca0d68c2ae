import type { Errno, Pid } from '../abi/ids.ts';
import { SIGHUP } from '../abi/signal.ts';
import { RAW, TTYDEF } from '../abi/termios.ts';
import { fileEvent } from '../kern/file-event.ts';
import { signalForeground, terminalOf } from '../kern/job-control.ts';
import type { Kernel } from '../kern/kernel.ts';
import { latin1 } from '../kern/kernel.ts';
import { wakeup } from '../kern/sleep.ts';
import type { Proc, Tty, TtyName, Vnode, VnodeId } from '../kern/state.ts';
import { newVnode } from '../vfs/vnode.ts';
import { LineDiscipline } from './line-discipline.ts';

/* Terminals as the rest of the kernel sees them: who waits for them, whose they are, what is typed into them. */

export const CONSOLE: TtyName = 'console';

/** What can be typed ahead on the console (FreeBSD TTYBUF_MAX). */
const CONSOLE_INPUT_MAX = 65536;

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

/** The terminal that a vnode stands for. */
export const ttyOf = (k: Kernel, vnode: Vnode): Tty | undefined =>
  vnode.type === 'chr' ? k.state.ttys.get(vnode.device as TtyName) : undefined;

/** Where threads wait for a terminal: readers for bytes, writers for room. */
export const readerChannel = (name: TtyName): string => `ttyin:${name}`;
export const writerChannel = (name: TtyName): string => `ttyout:${name}`;

/** Replaces a terminal's record, and wakes whoever can go on now. */
export function putTty(k: Kernel, after: Tty): void {
  const { name } = after;
  const before = k.tty(name);
  k.setTty(after);
  if (after.readable > before.readable || after.inputEnded || after.termios !== before.termios)
    wakeup(k, readerChannel(name));
  const hasRoom = after.output.length < before.output.length || (before.stopped && !after.stopped);
  if (hasRoom) wakeup(k, writerChannel(name));
  fileEvent(k, { tty: name });
}

/** Somebody types: what the console shows of it goes to the host at once. Returns how many of the bytes there was room for. */
export function typeInto(k: Kernel, name: TtyName, bytes: Uint8Array): number {
  const line = new LineDiscipline(k.tty(name));
  let taken = 0;
  let echoed = '';
  while (taken < bytes.length && line.type(bytes[taken]!)) {
    echoed += latin1(line.takeOutput());
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
  const dead = newVnode(k, { type: 'chr', mode: 0, uid: 0, gid: 0, device: 'dead' });
  if (typeof dead === 'number') return dead;
  for (const file of open) if (file.kind === 'vnode') k.setFile({ ...file, vnode: dead.id });
  return 0;
}
