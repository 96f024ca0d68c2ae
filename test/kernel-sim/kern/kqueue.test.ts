import { describe, expect, it } from 'vitest';
import { registerEvent } from '../../../kernel-sim/kern/kqueue.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { at, type GuestProgram, runOne, SCRATCH } from '../../support/guest-program.ts';
import { addProcess, Caller, fileKernel } from '../../support/kernel.ts';

const [EINTR, EBADF, ENOENT, EINVAL] = [4, 9, 2, 22];
const [READ, WRITE, PROC, SIGNAL, TIMER, USER] = [-1, -2, -5, -6, -7, -11];
const [ADD, DELETE, ENABLE, DISABLE, ONESHOT, CLEAR, RECEIPT, DISPATCH] = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80];
const [ERROR, EOF] = [0x4000, 0x8000];
const NOTE_EXIT = 0x80000000 | 0;
const NOTE_TRIGGER = 0x01000000;

const KQ = SCRATCH + 0x10;
const RFD = SCRATCH + 0x20;
const WFD = SCRATCH + 0x24;
const CHANGE = SCRATCH + 0x40;
const EVENTS = SCRATCH + 0x80;
const BYTES = SCRATCH + 0x200;

/** A kqueue and a pipe. */
const open = (p: GuestProgram): GuestProgram => p.sys('kqueue').store(KQ).sys('pipe2', RFD, 0);

/** One change; `ident` is a number or a word of memory. */
function change(
  p: GuestProgram,
  ident: number | { at: number },
  filter: number,
  flags: number,
  more: { fflags?: number; data?: number; room?: number } = {},
): GuestProgram {
  if (typeof ident === 'number') p.set(CHANGE, ident);
  else p.load(ident.at).store(CHANGE);
  p.set(CHANGE + 4, (filter & 0xffff) | (flags << 16)).set(CHANGE + 8, more.fflags ?? 0);
  p.set(CHANGE + 12, more.data ?? 0).set(CHANGE + 16, 77);
  return p.sys('kevent', at(KQ), CHANGE, 1, EVENTS, more.room ?? 0, 0);
}

/** What is there now; logs how many, and of the first its filter and flags, data and fflags. */
function poll(p: GuestProgram, name: string, ms = 0): GuestProgram {
  p.set(EVENTS, 0).set(EVENTS + 4, 0);
  p.sys('kevent', at(KQ), 0, 0, EVENTS, 4, p.words(Math.floor(ms / 1000), (ms % 1000) * 1e6)).log(name);
  return p
    .load(EVENTS + 4)
    .log(`${name}.what`)
    .load(EVENTS + 12)
    .log(`${name}.data`);
}
const what = (filter: number, flags: number): number => (filter & 0xffff) | (flags << 16) | 0;

describe('kevent', () => {
  it('tells of bytes in a pipe for as long as they are there, with EV_CLEAR once for each writing', () => {
    const { log } = runOne((p) => {
      open(p);
      change(p, at(RFD), READ, ADD).log('add');
      poll(p, 'empty').sys('write', at(WFD), BYTES, 3);
      poll(p, 'three');
      poll(p, 'still');
      change(p, at(RFD), READ, DELETE);
      change(p, at(RFD), READ, ADD | CLEAR);
      poll(p, 'edge');
      poll(p, 'silent').sys('write', at(WFD), BYTES, 2);
      poll(p, 'again').sys('close', at(WFD));
      poll(p, 'closed').exit(0);
    });
    expect(log).toMatchObject({
      add: 0,
      empty: 0,
      three: 1,
      'three.what': what(READ, 0),
      'three.data': 3,
      still: 1,
      edge: 1,
      silent: 0,
      again: 1,
      'again.data': 5,
      closed: 1,
      'closed.what': what(READ, CLEAR | EOF),
    });
  });

  it('tells of room in a pipe, and EV_ONESHOT, EV_DISPATCH, EV_DISABLE do what they say', () => {
    const { log } = runOne((p) => {
      open(p);
      change(p, at(WFD), WRITE, ADD | ONESHOT);
      poll(p, 'room');
      poll(p, 'gone');
      change(p, at(WFD), WRITE, DELETE).log('delete');
      change(p, at(WFD), WRITE, ADD | DISPATCH);
      poll(p, 'dispatched');
      poll(p, 'disabled');
      change(p, at(WFD), WRITE, ENABLE);
      poll(p, 'enabled');
      change(p, at(WFD), WRITE, ADD | DISABLE);
      poll(p, 'off').exit(0);
    });
    expect(log).toMatchObject({
      room: 1,
      'room.data': 16384,
      gone: 0,
      delete: -ENOENT,
      dispatched: 1,
      disabled: 0,
      enabled: 1,
      off: 0,
    });
  });

  it('sleeps until another thread of control makes something happen, or its time is over', () => {
    const { log } = runOne(
      (p) => {
        open(p);
        change(p, at(RFD), READ, ADD);
        p.sys('fork').ifZero((c) => c.sleep(3_000_000).sys('write', at(WFD), BYTES, 1).sys('exit', 0));
        poll(p, 'slept', 1000);
        p.sys('read', at(RFD), BYTES, 9).log('read');
        poll(p, 'timeout', 5).exit(0);
      },
      { cores: 2 },
    );
    expect(log).toMatchObject({ slept: 1, 'slept.data': 1, read: 1, timeout: 0 });
  });

  it('counts signals, whatever becomes of them, and expiries of timers', () => {
    const { log } = runOne((p) => {
      open(p);
      change(p, 28, SIGNAL, ADD).sys('getpid').store(SCRATCH);
      p.sys('kill', at(SCRATCH), 28).sys('kill', at(SCRATCH), 28);
      poll(p, 'signals');
      change(p, 28, SIGNAL, DELETE);
      change(p, 5, TIMER, ADD, { data: 2 });
      poll(p, 'before');
      p.sleep(7_000_000);
      poll(p, 'timer');
      change(p, 5, TIMER, DELETE);
      change(p, 6, TIMER, ADD | ONESHOT, { data: 2 });
      poll(p, 'once', 100);
      poll(p, 'never', 20).exit(0);
    });
    expect(log).toMatchObject({ signals: 1, 'signals.data': 2, before: 0, timer: 1, 'timer.data': 3 });
    expect(log).toMatchObject({ once: 1, 'once.what': what(TIMER, ONESHOT | CLEAR), never: 0 });
  });

  it("tells of a process's end with its status, and of what the user triggers", () => {
    const { log } = runOne((p) => {
      open(p).sys('fork').store(SCRATCH);
      p.ifZero((c) => c.sleep(2_000_000).sys('exit', 3));
      change(p, at(SCRATCH), PROC, ADD, { fflags: NOTE_EXIT });
      poll(p, 'exit', 100);
      change(p, 9, USER, ADD | CLEAR);
      poll(p, 'quiet');
      change(p, 9, USER, 0, { fflags: NOTE_TRIGGER });
      poll(p, 'user');
      poll(p, 'cleared').exit(0);
    });
    expect(log).toMatchObject({
      exit: 1,
      'exit.data': 0x300,
      'exit.what': what(PROC, (ADD * 0) | ONESHOT | CLEAR | EOF),
    });
    expect(log).toMatchObject({ quiet: 0, user: 1, cleared: 0 });
  });

  it('refuses what it cannot watch, as an error or as an event, and forgets closed descriptors', () => {
    const { log } = runOne((p) => {
      open(p);
      change(p, 99, READ, ADD).log('bad fd');
      change(p, 1, -9, ADD).log('bad filter');
      change(p, 99, READ, ADD, { room: 1 })
        .log('as event')
        .load(EVENTS + 4)
        .log('event.what');
      p.load(EVENTS + 12).log('event.data');
      change(p, at(RFD), READ, ADD | RECEIPT, { room: 1 }).log('receipt');
      p.sys('kevent', 1, 0, 0, EVENTS, 1, 0).log('no kqueue');
      p.sys('close', at(RFD));
      poll(p, 'closed').sys('read', at(KQ), BYTES, 1).log('read').exit(0);
    });
    expect(log).toMatchObject({ 'bad fd': -EBADF, 'bad filter': -EINVAL, 'as event': 1, 'no kqueue': -EBADF });
    expect(log).toMatchObject({
      'event.what': what(READ, ERROR),
      'event.data': EBADF,
      receipt: 1,
      closed: 0,
      read: -6,
    });
  });

  it('is no descriptor of a child', () => {
    const { run, log } = runOne((p) => {
      open(p).sys('fork');
      p.ifZero((c) => {
        poll(c, 'child');
        c.flush().sys('exit', 0);
      });
      p.wait('end').exit(0);
    });
    expect(log['end.status']).toBe(0);
    const child = run.events('fork').find((event) => event.how === 'fork')!.child;
    expect(run.logOf(child).child).toBe(-EBADF);
  });
});

describe('timers that end in signals', () => {
  const [GOT, INFO] = [SCRATCH + 0x300, SCRATCH + 0x310];
  /** Counts in GOT. */
  const counter = (p: GuestProgram, signo: number): GuestProgram => {
    p.routine(`count ${signo}`, (h) => h.raw('ff05').raw(le(GOT)).raw('c3'));
    return p.sys('sigaction', signo, p.words(p.address(`count ${signo}`), 0, 0, 0, 0, 0), 0);
  };

  it('setitimer: real time, once and again and again', () => {
    const { log } = runOne((p) => {
      counter(p, 14)
        .sys('setitimer', 0, p.words(0, 0, 0, 2000), 0)
        .log('set');
      p.sleep(5_000_000).log('interrupted').load(GOT).log('one');
      p.sys('setitimer', 0, p.words(0, 1000, 0, 1000), 0);
      p.repeat(3, SCRATCH, (q) => q.sleep(50_000_000))
        .load(GOT)
        .log('four');
      p.sys('getitimer', 0, BYTES)
        .load(BYTES + 4)
        .log('interval');
      p.sys('setitimer', 0, p.words(0, 0, 0, 0), 0)
        .sleep(5_000_000)
        .log('quiet')
        .load(GOT)
        .log('still four')
        .exit(0);
    });
    expect(log).toMatchObject({
      set: 0,
      interrupted: -EINTR,
      one: 1,
      four: 4,
      interval: 1000,
      quiet: 0,
      'still four': 4,
    });
  });

  it('setitimer: CPU time of the process', () => {
    const { log } = runOne((p) => {
      counter(p, 27)
        .sys('setitimer', 2, p.words(0, 1000, 0, 1000), 0)
        .sleep(20_000_000)
        .load(GOT)
        .log('asleep');
      p.burn(100_000).load(GOT).log('busy').exit(0);
    });
    expect(log.asleep).toBe(0);
    expect(log.busy).toBeGreaterThan(10);
  });

  it('ktimer: a signal with value and id, and overruns while it is pending', () => {
    const { log } = runOne((p) => {
      const id = SCRATCH + 0x320;
      const set = p.words(1 << 29, 0, 0, 0);
      p.sys('sigprocmask', 1, set, 0)
        .sys('ktimer_create', 4, p.words(1, 30, 4321, 0), id)
        .log('create');
      p.sys('ktimer_settime', at(id), 0, p.words(0, 1_000_000, 0, 1_000_000), 0).sleep(4_500_000);
      p.sys('sigwaitinfo', set, INFO)
        .log('signal')
        .load(INFO + 8)
        .log('code')
        .load(INFO + 28)
        .log('value');
      p.sys('ktimer_getoverrun', at(id)).log('overrun').sys('ktimer_delete', at(id)).log('delete');
      p.sys('ktimer_gettime', at(id), BYTES).log('gone').exit(0);
    });
    expect(log).toMatchObject({
      create: 0,
      signal: 30,
      code: 0x10003,
      value: 4321,
      overrun: 3,
      delete: 0,
      gone: -EINVAL,
    });
  });

  it('sigtimedwait takes a signal without its action, EAGAIN when none comes; sigqueue sends each', () => {
    const { log } = runOne((p) => {
      const set = p.words(1 << 30, 0, 0, 0);
      p.sys('sigprocmask', 1, set, 0).sys('getpid').store(SCRATCH);
      p.sys('sigtimedwait', set, INFO, p.words(0, 2_000_000)).log('none');
      p.sys('sigqueue', at(SCRATCH), 31, 5).sys('sigqueue', at(SCRATCH), 31, 6);
      p.sys('sigwaitinfo', set, INFO)
        .load(INFO + 28)
        .log('first');
      p.sys('sigwaitinfo', set, INFO)
        .load(INFO + 28)
        .log('second');
      p.sys('fork').ifZero((c) => c.sleep(1_000_000).sys('kill', at(SCRATCH), 31).sys('exit', 0));
      p.sys('sigwait', set, INFO).log('sigwait').load(INFO).log('signo').exit(0);
    });
    expect(log).toEqual({ none: -35, first: 5, second: 6, sigwait: 0, signo: 31 });
  });
});

const le = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join('');

describe('a list of changes that is very long', () => {
  it('lets others run in between, and is made all the same', () => {
    const [COUNT, LIST] = [3000, SCRATCH + 0x300];
    const { log, run, pid } = runOne((p) => {
      p.sys('kqueue').store(KQ);
      // Zeros: no filter 0, so that every change is an error.
      p.sys('mmap', 0, COUNT * 20, 3, 0x1000, -1, 0, 0).store(LIST);
      p.sys('fork').ifZero((c) => {
        c.sys('kevent', at(KQ), 0, 0, 0, 0, 0).log('not inherited').flush().sys('exit', 0);
      });
      p.sys('kevent', at(KQ), at(LIST), COUNT, at(LIST), COUNT, 0).log('refused');
      p.sys('kevent', at(KQ), at(LIST), COUNT, at(LIST), COUNT - 1, 0);
      p.log('no room').wait('w').exit(0);
    });
    expect(log).toMatchObject({ refused: COUNT, 'no room': -EINVAL });
    // Others have run before the call was over.
    const ends = run.events('exit').map((event) => event.pid);
    expect(ends[0]).toBe(pid + 1);
    expect(run.logOf(pid + 1)).toEqual({ 'not inherited': -EBADF });
  });

  it('cannot ask for more than there is room for', () => {
    const ENOMEM = 12;
    const { k } = fileKernel();
    const c = new Caller(k, addProcess(k), SYSCALLS);
    const kq = c.ok('kqueue');
    const id = [...k.state.kqueues.keys()][0]!;
    const register = (ident: number): number =>
      registerEvent(k, id, { ident, filter: USER, flags: ADD, fflags: 0, data: 0, udata: 0 });
    register(0);
    const one = k.state.kqueues.get(id)!.knotes[0]!;
    const many = Array.from({ length: (1 << 15) - 1 }, (_, ident) => ({ ...one, ident }));
    k.state.kqueues.set(id, { ...k.state.kqueues.get(id)!, knotes: many });
    expect([register(1 << 20), register(1 << 21), register(5)]).toEqual([0, ENOMEM, 0]);
    c.ok('close', kq);
  });
});
