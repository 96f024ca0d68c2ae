import { beforeEach, describe, expect, it } from 'vitest';
import { EAGAIN, EINVAL, EIO, ENOTTY, ENXIO } from '../../../kernel-sim/abi/errno.ts';
import { F_SETFL, O_NONBLOCK, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { POLLHUP, POLLIN, POLLOUT } from '../../../kernel-sim/abi/poll.ts';
import { SIGHUP, SIGINT } from '../../../kernel-sim/abi/signal.ts';
import { decodeTermios, encodeTermios, RAW, type Termios, VMIN, VTIME } from '../../../kernel-sim/abi/termios.ts';
import * as ttycom from '../../../kernel-sim/abi/ttycom.ts';
import type { Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { ok } from '../../../kernel-sim/kern/syscall-result.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { processSyscalls } from '../../../kernel-sim/sys/process.ts';
import { ttySyscalls } from '../../../kernel-sim/sys/tty.ts';
import { checkTerminals } from '../../../kernel-sim/tty/invariants.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { listDir } from '../../../kernel-sim/vfs/memfs.ts';
import { pollFile } from '../../../kernel-sim/vfs/readiness.ts';
import { addProcess, Caller, fileKernel, MEMORY, OUT } from '../../support/kernel.ts';

const SYSCALLS = [...fileSyscalls, ...ttySyscalls, ...processSyscalls];
const MODES = MEMORY + 512;

let k: Kernel;
/** Who holds the master, and the leader of a session of its own that has the slave. */
let host: Caller;
let guest: Caller;
let master: number;
let slave: number;

const setModes = (termios: Termios): void => {
  guest.poke(MODES, encodeTermios(termios));
  guest.ok('ioctl', slave, ttycom.TIOCSETA, MODES);
};
const poll = ({ td }: Caller, fd: number): number =>
  pollFile(k, k.file(k.proc(td.pid).fds[fd]!.file), POLLIN | POLLOUT);
const pending = ({ td }: Caller): number[] => k.proc(td.pid).sigqueue.map(({ signo }) => signo);

beforeEach(() => {
  ({ k } = fileKernel());
  host = new Caller(k, addProcess(k), SYSCALLS);
  guest = new Caller(k, addProcess(k), SYSCALLS);
  master = host.ok('posix_openpt', O_RDWR);
  slave = guest.ok('open', '/dev/pts/0', O_RDWR, 0);
  guest.ok('ioctl', slave, ttycom.TIOCSCTTY, 0);
});

describe('a pseudo-terminal', () => {
  it('is known by the lowest free number, as long as somebody has it', () => {
    expect(host.errno('posix_openpt', O_NONBLOCK)).toBe(EINVAL);
    const second = host.ok('open', '/dev/ptmx', O_RDWR, 0);
    expect(listDir(k, '/dev/pts')).toEqual(['0', '1']);
    host.ok('ioctl', second, ttycom.TIOCGPTN, OUT);
    expect(host.view(OUT, 4).getInt32(0, true)).toBe(1);
    host.poke(MODES, new Uint8Array(Int32Array.of(16, OUT).buffer));
    host.ok('ioctl', second, ttycom.FIODGNAME, MODES);
    expect(host.text(OUT, 6)).toBe('pts/1\0');
    host.ok('ioctl', second, ttycom.FIODTYPE, OUT);
    expect(host.view(OUT, 4).getInt32(0, true)).toBe(4);
    expect(host.ok('ioctl', master, ttycom.TIOCPTMASTER, 0)).toBe(0);
    expect(guest.errno('ioctl', slave, ttycom.TIOCPTMASTER, 0)).toBe(ENOTTY);
    host.ok('close', second);
    expect(listDir(k, '/dev/pts')).toEqual(['0']);
    host.ok('close', master);
    // Its slave is still open: the number is taken.
    host.ok('posix_openpt', O_RDWR);
    expect(listDir(k, '/dev/pts')).toEqual(['1']);
    expect([...checkTerminals(k), ...checkFileInvariants(k)]).toEqual([]);
  });

  it('gives what is typed to the slave, and echo and output to the master', () => {
    expect(guest.call('read', slave, OUT, 100)).toMatchObject({ kind: 'sleep', wmesg: 'ttyin' });
    expect(host.write(master, 'abc\x7f\r')).toEqual(ok(5));
    expect(guest.resume()).toEqual(ok(3));
    expect(guest.text(OUT, 3)).toBe('ab\n');
    expect(guest.write(slave, 'x\ty\n')).toEqual(ok(4));
    expect(host.read(master, 100)).toBe('abc\b \b\r\nx\ty\r\n');
    expect(host.call('read', master, OUT, 100)).toMatchObject({ kind: 'sleep', wmesg: 'ptsout' });
  });

  it('lets a writer wait until the master has read', () => {
    const text = 'x'.repeat(3000);
    expect(guest.write(slave, text)).toMatchObject({ kind: 'sleep', wmesg: 'ttyout', shown: { eax: 1920 } });
    expect(poll(guest, slave) & POLLOUT).toBe(0);
    expect(host.read(master, 4000)).toHaveLength(1920);
    expect(guest.awake).toBe(true);
    expect(guest.resume()).toEqual(ok(3000));
    guest.ok('fcntl', slave, F_SETFL, O_NONBLOCK);
    expect(guest.write(slave, text)).toEqual(ok(1920 - 1080));
    expect(guest.errno('write', slave, MEMORY, 1)).toBe(EAGAIN);
  });

  it('lets the master wait when the slave does not read, and rings for a line that is too long', () => {
    expect(host.write(master, 'y'.repeat(3000))).toEqual(ok(3000));
    expect(host.read(master, 4000)).toHaveLength(1920);
    expect(guest.errno('ioctl', slave, ttycom.TIOCNOTTY, 0)).toBe(ENOTTY);
    setModes(RAW);
    expect(guest.read(slave, 3000)).toHaveLength(1920);
    expect(host.write(master, 'z'.repeat(3000))).toMatchObject({ kind: 'sleep', wmesg: 'ptsin' });
    expect(guest.read(slave, 3000)).toHaveLength(1920);
    expect(host.resume()).toEqual(ok(3000));
  });

  it('interrupts the foreground of its session', () => {
    host.write(master, 'lost\x03');
    expect(pending(guest)).toEqual([SIGINT]);
    expect(host.read(master, 100)).toBe('^C');
    host.ok('ioctl', master, ttycom.TIOCGSID, OUT);
    expect(host.view(OUT, 4).getInt32(0, true)).toBe(guest.td.pid);
    host.ok('ioctl', master, ttycom.TIOCSIG, 30);
    expect(pending(guest)).toEqual([SIGINT, 30]);
  });

  it('hangs up the session when the master is closed', () => {
    expect(guest.call('read', slave, OUT, 100)).toMatchObject({ kind: 'sleep' });
    host.ok('close', master);
    expect(pending(guest)).toEqual([SIGHUP]);
    expect(guest.resume()).toEqual(ok(0));
    expect(guest.errno('write', slave, MEMORY, 1)).toBe(ENXIO);
    expect(guest.errno('ioctl', slave, ttycom.TIOCGETA, OUT)).toBe(ENXIO);
    expect(poll(guest, slave)).toBe(POLLIN | POLLHUP);
    expect(guest.errno('open', '/dev/tty', O_RDWR, 0)).toBe(ENXIO);
    guest.ok('close', slave);
    expect(k.state.ttys.has('pts/0')).toBe(false);
  });

  it('shows the master its end when the slave is closed, behind what was written', () => {
    guest.write(slave, 'bye');
    guest.ok('close', slave);
    expect(host.read(master, 100)).toBe('bye');
    expect(host.read(master, 100)).toBe('');
    expect(poll(host, master)).toBe(POLLIN | POLLHUP);
    // Typed while nobody listens.
    expect(host.write(master, 'lost\n')).toEqual(ok(5));
    slave = guest.ok('open', '/dev/pts/0', O_RDWR, 0);
    expect(guest.call('read', slave, OUT, 100)).toMatchObject({ kind: 'sleep' });
    expect(poll(host, master)).toBe(POLLOUT);
  });

  it('is taken away by revoke(2)', () => {
    guest.ok('revoke', '/dev/pts/0');
    expect(guest.read(slave, 10)).toBe('');
    expect(guest.errno('write', slave, MEMORY, 1)).toBe(EIO);
    expect(host.read(master, 10)).toBe('');
    expect(host.errno('revoke', '/bin')).toBe(EINVAL);
  });
});

describe('raw modes', () => {
  const raw = (vmin: number, vtime: number): void =>
    setModes({ ...RAW, cc: RAW.cc.map((c, n) => (n === VMIN ? vmin : n === VTIME ? vtime : c)) });

  it('are what tcsetattr says, without bits that there are not', () => {
    guest.poke(MODES, new Uint8Array(44).fill(0xff));
    guest.ok('ioctl', slave, ttycom.TIOCSETA, MODES);
    guest.ok('ioctl', slave, ttycom.TIOCGETA, OUT);
    expect(decodeTermios(guest.bytes(OUT, 44))).toMatchObject({ iflag: 0x2fff, oflag: 0x7f, ispeed: 0xffffffff });
  });

  it('with VMIN wait for so many bytes, or for as many as were asked for', () => {
    raw(3, 0);
    host.write(master, 'ab');
    expect(guest.call('read', slave, OUT, 10)).toMatchObject({ kind: 'sleep', deadlineNs: null });
    host.write(master, '\x03d');
    expect(guest.resume()).toEqual(ok(4));
    host.write(master, 'e');
    expect(guest.read(slave, 1)).toBe('e');
    raw(0, 0);
    expect(guest.read(slave, 10)).toBe('');
  });

  it('with VTIME wait so long for a first byte, or from the first byte on', () => {
    raw(0, 5);
    expect(guest.call('read', slave, OUT, 10)).toMatchObject({ kind: 'sleep', deadlineNs: k.now() + 500e6 });
    expect(guest.resume('timeout')).toEqual(ok(0));
    raw(4, 5);
    expect(guest.call('read', slave, OUT, 10)).toMatchObject({ kind: 'sleep', deadlineNs: null });
    host.write(master, 'ab');
    expect(guest.resume()).toMatchObject({ kind: 'sleep', deadlineNs: k.now() + 500e6 });
    expect(guest.resume('timeout')).toEqual(ok(2));
  });

  it('make a line readable that was not finished', () => {
    host.write(master, 'half');
    expect(guest.call('read', slave, OUT, 10)).toMatchObject({ kind: 'sleep' });
    raw(1, 0);
    expect(guest.resume()).toEqual(ok(4));
  });

  it('wait for the master to read when they are set by TIOCSETAW', () => {
    guest.write(slave, 'x');
    guest.poke(MODES, encodeTermios(RAW));
    expect(guest.call('ioctl', slave, ttycom.TIOCSETAF, MODES)).toMatchObject({ kind: 'sleep', wmesg: 'ttyout' });
    expect(host.read(master, 10)).toBe('x');
    expect(guest.resume()).toEqual(ok(0));
    expect(k.tty('pts/0').termios.lflag).toBe(0);
  });
});

describe('packet mode', () => {
  const { TIOCPKT_FLUSHREAD: READ, TIOCPKT_FLUSHWRITE: WRITE, TIOCPKT_STOP: STOP, TIOCPKT_START: START } = ttycom;
  const { TIOCPKT_NOSTOP: NOSTOP, TIOCPKT_DOSTOP: DOSTOP } = ttycom;
  const packetMode = (on: number): void => {
    host.poke(MODES, new Uint8Array(Int32Array.of(on).buffer));
    host.ok('ioctl', master, ttycom.TIOCPKT, MODES);
  };
  /** What one read of the master gives. */
  const packet = (): number[] => [...host.read(master, 100)].map((c) => c.charCodeAt(0));

  it('puts a zero before what was written', () => {
    packetMode(1);
    guest.write(slave, 'ab');
    expect(packet()).toEqual([0, 97, 98]);
    guest.write(slave, 'ab');
    expect([host.read(master, 1), host.read(master, 2)]).toEqual(['\0', '\0a']);
    packetMode(0);
    expect(packet()).toEqual([98]);
  });

  it('tells of stops, starts and flushes in a byte of their own, of opposite ones the last', () => {
    packetMode(1);
    expect(poll(host, master) & POLLIN).toBe(0);
    const reading = host.call('read', master, OUT, 100);
    expect(reading.kind).toBe('sleep');
    guest.ok('ioctl', slave, ttycom.TIOCSTOP, 0);
    expect(host.awake).toBe(true);
    expect([host.resume(), host.text(OUT, 1).charCodeAt(0)]).toEqual([ok(1), STOP]);
    guest.ok('ioctl', slave, ttycom.TIOCSTOP, 0);
    guest.ok('ioctl', slave, ttycom.TIOCSTART, 0);
    guest.poke(MODES, new Uint8Array(4));
    guest.write(slave, 'lost');
    guest.ok('ioctl', slave, ttycom.TIOCFLUSH, MODES);
    expect(poll(host, master) & POLLIN).toBe(POLLIN);
    expect([packet(), poll(host, master) & POLLIN]).toEqual([[START | READ | WRITE], 0]);
    host.write(master, '\x03');
    expect([packet(), packet()]).toEqual([[READ | WRITE], [0, ...[...'^C'].map((c) => c.charCodeAt(0))]]);
  });

  it('tells whether ^S and ^Q stop and start', () => {
    packetMode(1);
    guest.ok('ioctl', slave, ttycom.TIOCGETA, MODES);
    const modes = decodeTermios(guest.bytes(MODES, 44));
    setModes(RAW);
    expect(packet()).toEqual([NOSTOP]);
    setModes(RAW);
    setModes(modes);
    expect(packet()).toEqual([DOSTOP]);
  });
});
