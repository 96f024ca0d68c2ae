import { beforeEach, describe, expect, it } from 'vitest';
import { eventSyscalls } from '../../../kernel-sim/sys/event.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { selectSyscalls } from '../../../kernel-sim/sys/select.ts';
import { feedConsole } from '../../../kernel-sim/vfs/console.ts';
import { at, runOne, SCRATCH } from '../../support/guest-program.ts';
import { addProcess, addThread, Caller, fileKernel, OUT } from '../../support/kernel.ts';

const [EINTR, EBADF, EFAULT, EINVAL] = [4, 9, 14, 22];
const [IN, OUTPUT, HUP, NVAL, RDNORM] = [1, 4, 0x10, 0x20, 0x40];
const ROWS = [...fileSyscalls, ...eventSyscalls, ...selectSyscalls];
const NOW = OUT + 64;
const POLLFDS = OUT + 128;
const SETS = [OUT + 256, OUT + 320, OUT + 384] as const;

let c: Caller;
let other: Caller;
let reader: number;
let writer: number;

const words = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);

/** poll(2) of descriptors and events; the result, and revents of each. */
function poll(timeoutMs: number, ...fds: [fd: number, events: number][]) {
  for (const [n, one] of fds.entries()) c.poke(POLLFDS + 8 * n, words(...one));
  return c.call('poll', POLLFDS, fds.length, timeoutMs);
}
const revents = (n: number): number => c.view(POLLFDS + 8 * n, 8).getUint16(6, true);

/** Sets as bit masks of the first 32 descriptors; the timeout is 0. */
function select(sets: readonly (number | null)[]): { result: number; sets: number[] } {
  sets.forEach((bits, n) => {
    if (bits !== null) c.poke(SETS[n]!, words(bits));
  });
  c.poke(NOW, words(0, 0));
  const places = sets.map((bits, n) => (bits === null ? 0 : SETS[n]!));
  const result = c.ok('select', 32, places[0] ?? 0, places[1] ?? 0, places[2] ?? 0, NOW);
  return { result, sets: SETS.map((place) => c.view(place, 4).getUint32(0, true)) };
}

beforeEach(() => {
  const { k } = fileKernel({ consoleIsTty: true });
  const td = addProcess(k);
  c = new Caller(k, td, ROWS);
  other = new Caller(k, addThread(k, td.pid), ROWS);
  c.ok('pipe2', OUT, 0);
  reader = c.view(OUT, 8).getInt32(0, true);
  writer = c.view(OUT, 8).getInt32(4, true);
});

describe('poll(2)', () => {
  it('reports what holds now, hang-ups unasked, and nothing for negative descriptors', () => {
    expect(poll(0, [reader, IN | RDNORM], [writer, IN | OUTPUT], [-1, IN], [77, IN], [1, OUTPUT])).toMatchObject({
      eax: 3,
    });
    expect([0, 1, 2, 3, 4].map(revents)).toEqual([0, OUTPUT, 0, NVAL, OUTPUT]);
    c.write(writer, 'x');
    expect(poll(0, [reader, IN | RDNORM | OUTPUT])).toMatchObject({ eax: 1 });
    // Both ends of a FreeBSD pipe read and write.
    expect(revents(0)).toBe(IN | RDNORM | OUTPUT);
    c.ok('close', writer);
    expect(poll(0, [reader, 0])).toMatchObject({ eax: 1 });
    expect(revents(0)).toBe(HUP);
  });

  it('never lets wait for files, and for a terminal only until a line is there', () => {
    const file = c.ok('open', '/tmp/f', 0x202, 0o644);
    expect(poll(0, [file, IN | OUTPUT], [0, IN | OUTPUT])).toMatchObject({ eax: 2 });
    expect([revents(0), revents(1)]).toEqual([IN | OUTPUT, OUTPUT]);
    expect(poll(-1, [0, IN])).toMatchObject({ kind: 'sleep', deadlineNs: null });
    feedConsole(c.k, words(0x78).subarray(0, 1));
    expect(c.awake).toBe(false);
    feedConsole(c.k, words(0x0a).subarray(0, 1));
    expect(c.resume()).toMatchObject({ eax: 1 });
  });

  it('sleeps until a descriptor is ready, its time is over or a signal comes', () => {
    expect(poll(250, [reader, IN])).toMatchObject({ kind: 'sleep', deadlineNs: 250e6 });
    expect(c.resume('timeout')).toMatchObject({ eax: 0 });
    poll(-1, [reader, IN]);
    expect(c.resume('signal')).toEqual({ kind: 'error', errno: EINTR });
    poll(-1, [reader, IN], [writer, IN]);
    other.write(reader, 'back');
    expect(c.resume()).toMatchObject({ eax: 1 });
    expect([revents(0), revents(1)]).toEqual([0, IN]);
    expect(poll(-2, [reader, IN])).toEqual({ kind: 'error', errno: EINVAL });
    expect(c.errno('poll', 0x70000000, 1, 0)).toBe(EFAULT);
    expect(c.errno('poll', POLLFDS, 100_000, 0)).toBe(EINVAL);
  });

  it('wakes when what it waits for has been closed by another thread', () => {
    poll(-1, [reader, IN]);
    other.ok('close', writer);
    expect(c.resume()).toMatchObject({ eax: 1 });
    expect(revents(0)).toBe(IN | HUP);
  });
});

describe('select(2)', () => {
  it('leaves in its sets what is ready and counts it', () => {
    const both = (1 << reader) | (1 << writer);
    expect(select([both, both, both])).toEqual({ result: 2, sets: [0, both, 0] });
    c.write(writer, 'x');
    expect(select([both, null, both])).toMatchObject({ result: 1, sets: [1 << reader, both, 0] });
    expect(select([null, null, null]).result).toBe(0);
  });

  it('refuses closed descriptors, bad sets and bad times', () => {
    c.poke(SETS[0], words(1 << 20));
    c.poke(NOW, words(0, 0));
    expect(c.errno('select', 32, SETS[0], 0, 0, NOW)).toBe(EBADF);
    expect(c.ok('select', 20, SETS[0], 0, 0, NOW)).toBe(0);
    expect(c.errno('select', -1, 0, 0, 0, NOW)).toBe(EINVAL);
    expect(c.errno('select', 8, 0x70000000, 0, 0, NOW)).toBe(EFAULT);
    c.poke(NOW, words(0, 1_000_000));
    expect(c.errno('select', 0, 0, 0, 0, NOW)).toBe(EINVAL);
  });

  it('sees a kqueue that has events, and a kqueue sees another but not itself', () => {
    const inner = c.ok('kqueue');
    const outer = c.ok('kqueue');
    const change = (fd: number): Uint8Array => words(fd, (1 << 16) | 0xffff, 0, 0, 7);
    c.poke(OUT, change(inner));
    c.ok('kevent', outer, OUT, 1, 0, 0, 0);
    c.poke(OUT, change(outer));
    expect(c.errno('kevent', outer, OUT, 1, 0, 0, 0)).toBe(EINVAL);
    c.poke(OUT, change(reader));
    c.ok('kevent', inner, OUT, 1, 0, 0, 0);
    expect(poll(-1, [outer, IN])).toMatchObject({ kind: 'sleep' });
    other.write(writer, 'abc');
    expect(c.resume()).toMatchObject({ eax: 1 });
    c.poke(NOW, words(0, 0));
    expect(c.ok('kevent', outer, 0, 0, OUT, 1, NOW)).toBe(1);
    expect(c.view(OUT, 20).getUint32(0, true)).toBe(inner);
  });
});

describe('pselect(2) and ppoll(2)', () => {
  it('let in, for the time of the call, a signal that is masked otherwise', () => {
    const { log } = runOne((p) => {
      const mask = p.words(1 << 29, 0, 0, 0);
      const none = p.words(0, 0, 0, 0);
      p.routine('handler', (h) => h.set(SCRATCH, 5).raw('c3'));
      p.sys('sigaction', 30, p.words(p.address('handler'), 0, 0, 0, 0, 0), 0);
      p.sys('sigprocmask', 1, mask, 0)
        .sys('getpid')
        .store(SCRATCH + 8);
      p.sys('kill', at(SCRATCH + 8), 30)
        .load(SCRATCH)
        .log('held');
      p.sys('pselect', 0, 0, 0, 0, 0, none).log('pselect').load(SCRATCH).log('acted');
      p.sys('sigprocmask', 1, 0, SCRATCH + 16)
        .load(SCRATCH + 16)
        .log('mask after');
      p.set(SCRATCH, 0).sys('kill', at(SCRATCH + 8), 30);
      p.sys('ppoll', 0, 0, p.words(0, 1_000_000), 0).log('ppoll').load(SCRATCH).log('still held');
      p.sys('ppoll', 0, 0, p.words(1, 0), none).log('ppoll 2').load(SCRATCH).log('acted 2').exit(0);
    });
    expect(log).toMatchObject({ held: 0, pselect: -EINTR, acted: 5, 'mask after': 1 << 29 });
    expect(log).toMatchObject({ ppoll: 0, 'still held': 0, 'ppoll 2': -EINTR, 'acted 2': 5 });
  });
});

describe('EVFILT_VNODE and NOTE_TRACK', () => {
  it('tell of changes to a file and its directory', () => {
    const file = c.ok('open', '/tmp/f', 0x202, 0o644);
    const dir = c.ok('open', '/tmp', 0, 0);
    const kq = c.ok('kqueue');
    const [VNODE, CLEAR_ADD] = [0xfffc, 0x21];
    for (const fd of [file, dir]) {
      c.poke(OUT, words(fd, VNODE | (CLEAR_ADD << 16), 0x7f, 0, fd));
      c.ok('kevent', kq, OUT, 1, 0, 0, 0);
    }
    /** fflags by descriptor, of what has happened since the last time. */
    const changes = (): Record<number, number> => {
      c.poke(NOW, words(0, 0));
      const count = c.ok('kevent', kq, 0, 0, OUT, 4, NOW);
      const view = c.view(OUT, 80);
      return Object.fromEntries(
        Array.from({ length: count }, (_, n) => [view.getUint32(n * 20, true), view.getUint32(n * 20 + 8, true)]),
      );
    };
    const [DELETE, WRITE, EXTEND, ATTRIB, LINK, RENAME] = [1, 2, 4, 8, 0x10, 0x20];
    c.write(file, 'longer');
    expect(changes()).toEqual({ [file]: WRITE | EXTEND });
    c.ok('fchmod', file, 0o600);
    expect(changes()).toEqual({ [file]: ATTRIB });
    c.ok('link', '/tmp/f', '/tmp/g');
    expect(changes()).toEqual({ [file]: LINK, [dir]: WRITE });
    c.ok('rename', '/tmp/g', '/tmp/h');
    expect(changes()).toEqual({ [file]: RENAME, [dir]: WRITE });
    c.ok('mkdir', '/tmp/d', 0o755);
    expect(changes()).toEqual({ [dir]: WRITE | LINK });
    c.ok('unlink', '/tmp/f');
    expect(changes()).toEqual({ [file]: DELETE, [dir]: WRITE });
    c.ok('close', file);
    c.ok('unlink', '/tmp/h');
    expect(changes()).toEqual({ [dir]: WRITE });
  });

  it('follow forks, with the parent as data', () => {
    const { log } = runOne((p) => {
      const [KQ, EVENTS, CHANGE] = [SCRATCH + 0x10, SCRATCH + 0x80, SCRATCH + 0x40];
      p.sys('kqueue').store(KQ).sys('getpid').store(CHANGE);
      p.set(CHANGE + 4, 0xfffb | (1 << 16))
        .set(CHANGE + 8, 0x40000001)
        .set(CHANGE + 12, 0);
      p.sys('kevent', at(KQ), CHANGE, 1, 0, 0, 0);
      p.sys('fork').ifZero((child) => child.sys('exit', 0));
      p.store(SCRATCH);
      p.sys('kevent', at(KQ), 0, 0, EVENTS, 2, 0).log('events');
      p.load(EVENTS + 8).log('parent notes');
      p.load(EVENTS + 28)
        .log('child notes')
        .load(EVENTS + 20)
        .log('child')
        .load(EVENTS + 32)
        .log('data');
      p.load(SCRATCH).log('pid').load(CHANGE).log('self').exit(0);
    });
    expect(log).toMatchObject({ events: 2, 'parent notes': 0x40000000, 'child notes': 4 });
    expect(log.child).toBe(log.pid);
    expect(log.data).toBe(log.self);
  });
});
