import { beforeEach, describe, expect, it } from 'vitest';
import { EIO, ENOTTY, ENXIO, EPERM } from '../../../kernel-sim/abi/errno.ts';
import type { Pid, Signo } from '../../../kernel-sim/abi/ids.ts';
import { SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH } from '../../../kernel-sim/abi/signal.ts';
import { TOSTOP } from '../../../kernel-sim/abi/termios.ts';
import * as ttycom from '../../../kernel-sim/abi/ttycom.ts';
import { exitProcess } from '../../../kernel-sim/kern/exit.ts';
import { isOrphaned } from '../../../kernel-sim/kern/job-control.ts';
import { bytesOf, type Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { psignal, stopProcess } from '../../../kernel-sim/kern/signal.ts';
import type { Proc } from '../../../kernel-sim/kern/state.ts';
import { ok } from '../../../kernel-sim/kern/syscall-result.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { processSyscalls } from '../../../kernel-sim/sys/process.ts';
import { CONSOLE, controlTerminal } from '../../../kernel-sim/tty/tty.ts';
import { feedConsole } from '../../../kernel-sim/vfs/console.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { addProcess, Caller, fileKernel, MEMORY, OUT } from '../../support/kernel.ts';

const HANDLER = { handler: 0x1000, flags: 0, mask: [0, 0, 0, 0] };
const SYSCALLS = [...fileSyscalls, ...processSyscalls];

let k: Kernel;
/** init; a shell that leads a session; two jobs of the shell in groups of their own, the first in the foreground. */
let shell: Caller;
let front: Caller;
let back: Caller;

const spawn = (parent: Pid, patch: Partial<Proc> = {}): Caller => {
  const td = addProcess(k, { ppid: parent, ...patch });
  return new Caller(k, td, SYSCALLS);
};
const pending = ({ td }: Caller): number[] => k.proc(td.pid).sigqueue.map(({ signo }) => signo);
const halt = ({ td }: Caller): void => {
  k.setThread(td.tid, { state: 'suspended' });
  stopProcess(k, td.pid, 'signal', SIGTSTP, td.tid);
};
const end = ({ td }: Caller): void => {
  k.setThread(td.tid, { state: 'suspended' });
  exitProcess(k, td.pid, { code: 0 });
};
const ignore = ({ td }: Caller, signo: number): void => {
  const sigacts = [...k.proc(td.pid).sigacts];
  for (let n = sigacts.length; n <= signo; n++) sigacts.push(null);
  sigacts[signo] = { handler: 1, flags: 0, mask: [0, 0, 0, 0] };
  k.setProc(td.pid, { sigacts });
};
const setForeground = (c: Caller, pgid: number): number => {
  c.poke(OUT, new Uint8Array(Int32Array.of(pgid).buffer));
  const result = c.call('ioctl', 0, ttycom.TIOCSPGRP, OUT);
  return result.kind === 'error' ? result.errno : 0;
};

beforeEach(() => {
  ({ k } = fileKernel({ consoleIsTty: true }));
  const init = addProcess(k, { comm: 'init' }).pid;
  shell = spawn(init);
  const sid = shell.td.pid;
  controlTerminal(k, sid, CONSOLE);
  ignore(shell, SIGTTOU);
  const job = (): Caller => {
    return spawn(sid, { sid, controlTerminal: true });
  };
  front = job();
  back = job();
  expect(setForeground(shell, front.td.pid)).toBe(0);
});

it('a terminal that is taken away is locked by nobody', () => {
  const LOCK_EX = 2;
  front.ok('flock', 0, LOCK_EX);
  expect(k.state.fileLocks.size).toBe(1);
  end(shell);
  expect(k.state.fileLocks.size).toBe(0);
  expect(checkFileInvariants(k)).toEqual([]);
});

describe('a background process', () => {
  it('is stopped by SIGTTIN when it reads, and reads once it is in the foreground', () => {
    feedConsole(k, bytesOf('line\n'));
    expect(back.call('read', 0, OUT, 100)).toMatchObject({ kind: 'sleep', wmesg: 'ttybg' });
    expect(pending(back)).toEqual([SIGTTIN]);
    expect(pending(front)).toEqual([]);
    expect(back.awake).toBe(false);
    expect(setForeground(shell, back.td.pid)).toBe(0);
    expect(back.awake).toBe(true);
    expect(back.resume()).toEqual(ok(5));
  });

  it('gets EIO when it ignores or masks SIGTTIN', () => {
    ignore(back, SIGTTIN);
    expect(back.errno('read', 0, OUT, 100)).toBe(EIO);
    k.setProc(back.td.pid, { sigacts: [] });
    k.setThread(back.td.tid, { sigmask: [1 << (SIGTTIN - 1), 0, 0, 0] });
    expect(back.errno('read', 0, OUT, 100)).toBe(EIO);
  });

  it('may write unless TOSTOP is set, and change nothing', () => {
    expect(back.write(1, 'x')).toEqual(ok(1));
    const tty = k.tty(CONSOLE);
    k.setTty({ ...tty, termios: { ...tty.termios, lflag: tty.termios.lflag | TOSTOP } });
    expect(back.write(1, 'x')).toMatchObject({ kind: 'sleep', wmesg: 'ttybg' });
    expect(front.write(1, 'x')).toEqual(ok(1));
    expect(pending(back)).toEqual([SIGTTOU]);
    k.setThread(back.td.tid, { sigmask: [1 << (SIGTTOU - 1), 0, 0, 0], state: 'running', sleep: null });
    expect(back.write(1, 'x')).toEqual(ok(1));
  });

  it('of an orphaned group gets EIO, and no stop signal of a terminal', () => {
    end(shell);
    const orphan = spawn(1 as Pid, { sid: shell.td.pid, controlTerminal: true });
    controlTerminalAgain(orphan);
    expect(isOrphaned(k, orphan.td.pid)).toBe(true);
    expect(orphan.errno('read', 0, OUT, 100)).toBe(EIO);
    for (const signo of [SIGTSTP, SIGTTIN, SIGTTOU] as Signo[]) psignal(k, orphan.td.pid, signo);
    expect(pending(orphan)).toEqual([]);
  });
});

/** The session has a terminal again, with nobody in the foreground. */
const controlTerminalAgain = ({ td }: Caller): void => {
  k.setTty({ ...k.tty(CONSOLE), session: k.proc(td.pid).sid, foreground: 0 });
};

describe('the terminal of a session', () => {
  it('belongs to the leader that asks for it, once', () => {
    expect(front.errno('ioctl', 0, ttycom.TIOCSCTTY, 0)).toBe(EPERM);
    expect(shell.ok('ioctl', 0, ttycom.TIOCGSID, OUT)).toBe(0);
    const other = spawn(1 as Pid);
    expect(other.errno('ioctl', 0, ttycom.TIOCSCTTY, 0)).toBe(EPERM);
    expect(other.errno('ioctl', 0, ttycom.TIOCGPGRP, OUT)).toBe(ENOTTY);
    expect(setForeground(other, other.td.pid)).toBe(ENOTTY);
    expect(other.errno('open', '/dev/tty', 2, 0)).toBe(ENXIO);
    end(shell);
    const fd = other.ok('open', '/dev/console', 2, 0);
    expect(other.ok('ioctl', fd, ttycom.TIOCSCTTY, 0)).toBe(0);
    expect(k.tty(CONSOLE)).toMatchObject({ session: other.td.pid, foreground: other.td.pid });
    expect(other.ok('ioctl', other.ok('open', '/dev/tty', 2, 0), ttycom.TIOCGPGRP, OUT)).toBe(0);
    expect(other.view(OUT, 4).getInt32(0, true)).toBe(other.td.pid);
  });

  it('has only groups of that session in the foreground', () => {
    const other = spawn(1 as Pid);
    expect(setForeground(front, other.td.pid)).toBe(EPERM);
    expect(setForeground(front, 4711)).toBe(EPERM);
    expect(setForeground(front, back.td.pid)).toBe(0);
  });

  it('hangs up its foreground and is taken from everybody when the leader ends', () => {
    halt(back);
    end(shell);
    expect(pending(front)).toEqual([SIGHUP]);
    // Stopped, and orphaned by that end.
    expect(k.proc(back.td.pid).stopped).toBe('no');
    expect(pending(back)).toContain(SIGHUP);
    expect(front.read(0, 100)).toBe('');
    expect(front.write(1, 'x')).toEqual({ kind: 'error', errno: EIO });
    expect(front.errno('ioctl', 0, ttycom.TIOCGETA, OUT)).toBe(ENOTTY);
  });

  it('tells the foreground of a new size', () => {
    k.setProc(front.td.pid, { sigacts: Object.assign(Array(29).fill(null), { [SIGWINCH]: HANDLER }) });
    const winsize = new Uint8Array(Uint16Array.of(50, 132, 0, 0).buffer);
    let heard = 0;
    for (let n = 0; n < 2; n++) {
      front.poke(MEMORY + 64, winsize);
      expect(front.ok('ioctl', 0, ttycom.TIOCSWINSZ, MEMORY + 64)).toBe(0);
      heard += pending(front).length;
      k.setProc(front.td.pid, { sigqueue: [] });
    }
    expect(heard).toBe(1);
    front.ok('ioctl', 0, ttycom.TIOCGWINSZ, OUT);
    expect([...new Uint16Array(front.bytes(OUT, 8).buffer)]).toEqual([50, 132, 0, 0]);
  });
});

describe('process groups', () => {
  it('are joined by children before they execute a program', () => {
    expect(shell.ok('setpgid', back.td.pid, front.td.pid)).toBe(0);
    expect(k.proc(back.td.pid).pgid).toBe(front.td.pid);
    k.setProc(back.td.pid, { executed: true });
    expect(shell.errno('setpgid', back.td.pid, 0)).toBe(13);
    expect(back.ok('setpgid', 0, 0)).toBe(0);
    expect(shell.errno('setpgid', 0, 0)).toBe(EPERM);
  });

  it('are hung up when a member that could continue them goes to another session', () => {
    const child = spawn(front.td.pid, { sid: shell.td.pid, controlTerminal: true });
    halt(child);
    k.setProc(front.td.pid, { pgid: shell.td.pid });
    front.ok('setsid');
    expect(k.proc(front.td.pid)).toMatchObject({ sid: front.td.pid, controlTerminal: false });
    expect(isOrphaned(k, child.td.pid)).toBe(true);
    expect(pending(child)).toContain(SIGHUP);
  });
});
