import { describe, expect, it } from 'vitest';
import { readCore } from '../../../kernel-sim/elf/core-file.ts';
import { readFile } from '../../../kernel-sim/vfs/memfs.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { at, type GuestProgram, program, Run, runOne, SCRATCH } from '../../support/guest-program.ts';

const [ESRCH, EINVAL, EFAULT, EPROCLIM, ETIMEDOUT] = [3, 22, 14, 67, 60];
const [WAIT, WAKE] = [2, 3];
const [SIGTERM, SIGSTOP, SIGCONT, SIGUSR1, SIGUSR2] = [15, 17, 19, 30, 31];
const stopped = (signo: number): number => (signo << 8) | 0x7f;
const bit = (signo: number): number => 1 << (signo - 1);

const CHILD_TID = SCRATCH + 0x10;
const PARENT_TID = SCRATCH + 0x14;
const STATE = SCRATCH + 0x18;
const FLAG = SCRATCH + 0x1c;
const FLAG2 = SCRATCH + 0x20;
const STACK = SCRATCH + 0x400;
const STACK_SIZE = 0x500;

/** thr_new of a routine, with its own stack (there is room for two). */
function spawn(p: GuestProgram, routine: string, { arg = 0, tls = 0, n = 0 } = {}): GuestProgram {
  const stack = STACK + n * STACK_SIZE;
  const param = p.words(p.address(routine), arg, stack, STACK_SIZE, tls, 0, CHILD_TID, PARENT_TID, 0, 0, 0, 0, 0);
  return p.sys('thr_new', param, 52);
}

/** Waits, by _umtx_op, until thr_exit has made the word at STATE 1. */
const join = (p: GuestProgram): GuestProgram => p.sys('_umtx_op', STATE, WAIT, 0, 0, 0);

const interleavings: SystemConfig[] = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => ({
  cores: 1 + (seed % 4),
  seed,
  schedule: { kind: 'seeded', seed, minInstructions: 1, maxInstructions: 60 },
}));

describe('thr_new', () => {
  it.each(interleavings)(
    'starts a thread on its stack, with its argument, its own TLS and its id told (%#)',
    (config) => {
      const { log, stop } = runOne((p) => {
        p.routine('thread', (t) => {
          t.loadStack(4).log('argument').raw('89e0').log('esp').raw('89e8').log('ebp');
          t.raw('8ce8').log('gs').raw('65a100000000').log('tls');
          t.sys('thr_self', SCRATCH).load(SCRATCH).log('self').sys('thr_exit', STATE);
        });
        spawn(p, 'thread', { arg: 1234, tls: p.words(4321) }).log('new');
        join(p).log('join').load(STATE).log('state');
        p.load(CHILD_TID).log('child tid').load(PARENT_TID).log('parent tid').exit(0);
      }, config);
      expect(stop.reason).toBe('finished');
      expect(log).toMatchObject({
        new: 0,
        argument: 1234,
        esp: ((STACK + STACK_SIZE - 4) & ~15) - 4,
        ebp: 0,
        gs: 0x1b,
        tls: 4321,
        join: 0,
        state: 1,
      });
      expect(log.self).toBe(log['child tid']);
      expect(log['parent tid']).toBe(log['child tid']);
    },
  );

  it('refuses a parameter block that is too long (EINVAL) or not there (EFAULT)', () => {
    const { log } = runOne((p) => {
      p.sys('thr_new', SCRATCH, 53).log('long').sys('thr_new', SCRATCH, -1).log('negative');
      p.sys('thr_new', 0x70000000, 52).log('wild').exit(0);
    });
    expect(log).toMatchObject({ long: -EINVAL, negative: -EINVAL, wild: -EFAULT });
  });

  it('refuses the 1501st thread: EPROCLIM', () => {
    const { log } = runOne(
      (p) => {
        p.routine('thread', (t) => t.spin());
        const param = p.words(p.address('thread'), 0, STACK, STACK_SIZE, 0, 0, 0, 0, 1, 0, 0, 0, 0);
        p.repeat(1499, FLAG, (q) => q.sys('thr_new', param, 52));
        p.log('last').sys('thr_new', param, 52).log('one more').exit(0);
      },
      { paranoid: false },
    );
    expect(log).toMatchObject({ last: 0, 'one more': -EPROCLIM });
  });

  it('leaves the last thread in its process: thr_exit returns 0', () => {
    const { log } = runOne((p) => p.sys('thr_exit', STATE).log('exit').load(STATE).log('state').exit(0));
    expect(log).toEqual({ exit: 0, state: 1 });
  });
});

describe('a process with several threads', () => {
  it.each(interleavings)('ends with all of them, whoever calls exit (%#)', (config) => {
    const run = new Run(
      {
        main: program((p) => {
          p.routine('spinner', (t) => t.spin()).routine('ender', (t) => t.burn(200).sys('exit', 5));
          spawn(p, 'spinner');
          spawn(p, 'ender', { n: 1 }).sys('_umtx_op', FLAG, WAIT, 0, 0, 0).spin();
        }),
      },
      config,
    );
    const pid = run.start('main');
    expect(run.go().reason).toBe('finished');
    expect(run.exitOf(pid)).toEqual({ code: 5, signal: 0 });
    expect(run.system.kernel.state.threads.size).toBe(0);
  });

  it.each(interleavings)('is one thread again after exec (%#)', (config) => {
    const run = new Run(
      {
        main: program((p) => {
          p.routine('spinner', (t) => t.spin()).routine('execer', (t) =>
            t.sys('execve', '/bin/next', t.vector('next'), 0).log('failed').exit(1),
          );
          spawn(p, 'spinner');
          spawn(p, 'execer', { n: 1 }).sys('_umtx_op', FLAG, WAIT, 0, 0, 0).spin();
        }),
        next: program((p) => p.sys('thr_self', SCRATCH).sys('thr_kill', -1, 0).log('others').exit(3)),
      },
      config,
    );
    const pid = run.start('main');
    expect(run.go().reason).toBe('finished');
    expect(run.exitOf(pid)).toEqual({ code: 3, signal: 0 });
    expect(run.logOf(pid, 'next')).toEqual({ others: -ESRCH });
  });

  it('keeps its other threads when exec fails', () => {
    const { log } = runOne((p) => {
      p.routine('thread', (t) => t.sys('execve', '/nowhere', 0, 0).log('exec').sys('thr_exit', STATE));
      spawn(p, 'thread');
      join(p).log('join').exit(0);
    });
    expect(log).toEqual({ exec: -EFAULT, join: 0 });
  });

  it('counts the time of threads that have ended', () => {
    const { log } = runOne((p) => {
      p.routine('thread', (t) => t.burn(30_000).sys('thr_exit', STATE));
      spawn(p, 'thread');
      join(p)
        .sys('getrusage', 0, SCRATCH)
        .load(SCRATCH + 4)
        .log('usec')
        .exit(0);
    });
    expect(log.usec).toBeGreaterThan(5_000);
  });

  it('dumps all its threads into a core, the faulting one first', () => {
    const run = new Run({
      main: program((p) => {
        p.routine('faulty', (t) => t.sys('thr_set_name', at(CHILD_TID), 'faulty').load(8));
        spawn(p, 'faulty').spin();
      }),
    });
    run.start('main', { cwd: '/tmp' });
    run.go();
    const bytes = readFile(run.system.kernel, '/tmp/main.core');
    if (typeof bytes === 'number') throw new Error(`no core: ${bytes}`);
    const core = readCore(bytes);
    expect(core.threads.map(({ tid, name, cursig }) => [tid, name, cursig])).toEqual([
      [100002, 'faulty', 11],
      [100001, 'main', 11],
    ]);
    expect(core.threads[0]!.reg.r_gs).toBe(0x1b);
  });
});

/** Handler for `signo` that logs who ran it; sigaction's struct is {handler, flags, mask}. */
function handler(p: GuestProgram, name: string, signo: number, flags = 0): GuestProgram {
  p.routine(name, (h) => {
    h.loadStack(8).log(`${name} code`).sys('thr_self', SCRATCH).load(SCRATCH).log(`${name} ran on`);
    h.set(FLAG, 1).raw('c3');
  });
  return p.sys('sigaction', signo, p.words(p.address(name), flags, 0, 0, 0, 0), 0);
}

describe('signals of a process with several threads', () => {
  it.each(interleavings)('go to a thread that does not mask them (%#)', (config) => {
    const { log } = runOne((p) => {
      handler(p, 'handler', SIGUSR1);
      p.routine('thread', (t) => {
        t.sys('sigprocmask', 3, t.words(0, 0, 0, 0), 0).set(FLAG2, 1);
        t.awaitWord(FLAG).sys('thr_exit', STATE);
      });
      p.sys('sigprocmask', 3, p.words(bit(SIGUSR1), 0, 0, 0), 0);
      spawn(p, 'thread')
        .awaitWord(FLAG2)
        .sys('getpid')
        .store(SCRATCH + 4);
      p.sys('kill', at(SCRATCH + 4), SIGUSR1);
      join(p).load(CHILD_TID).log('thread').exit(0);
    }, config);
    expect(log['handler ran on']).toBe(log.thread);
  });

  it('wait for the process when every thread masks them, and for the first that unmasks them', () => {
    const { log } = runOne((p) => {
      handler(p, 'handler', SIGUSR1);
      p.routine('thread', (t) => {
        t.sys('sigpending', SCRATCH + 0x30)
          .load(SCRATCH + 0x30)
          .log('pending');
        t.sys('sigprocmask', 2, t.words(bit(SIGUSR1), 0, 0, 0), 0).sys('thr_exit', STATE);
      });
      p.sys('sigprocmask', 1, p.words(bit(SIGUSR1), 0, 0, 0), 0)
        .sys('getpid')
        .store(SCRATCH + 4);
      p.sys('kill', at(SCRATCH + 4), SIGUSR1);
      spawn(p, 'thread');
      join(p).load(CHILD_TID).log('thread').exit(0);
    });
    expect(log.pending).toBe(bit(SIGUSR1));
    expect(log['handler ran on']).toBe(log.thread);
  });

  it('pass to another thread when the one that slept for them blocks or ends', () => {
    const { log } = runOne((p) => {
      handler(p, 'handler', SIGUSR1);
      p.routine('thread', (t) => t.sys('nanosleep', t.words(0, 50_000_000), 0).log('sleep').sys('thr_exit', STATE));
      spawn(p, 'thread').sleep(5_000_000);
      // Chosen for the running thread, which masks it before it returns to user mode: never delivered here.
      p.sys('sigprocmask', 1, p.words(bit(SIGUSR1), 0, 0, 0), 0)
        .sys('getpid')
        .store(SCRATCH + 4);
      p.sys('kill', at(SCRATCH + 4), SIGUSR1);
      join(p).load(CHILD_TID).log('thread').exit(0);
    });
    expect(log['handler ran on']).toBe(log.thread);
    expect(log.sleep).toBe(-4);
  });

  it('by thr_kill reach one thread, with SI_LWP', () => {
    const { log } = runOne((p) => {
      handler(p, 'handler', SIGUSR2);
      p.routine('thread', (t) => t.awaitWord(FLAG).sys('thr_exit', STATE));
      spawn(p, 'thread');
      p.sys('thr_kill', at(CHILD_TID), 0).log('probe').sys('thr_kill', at(CHILD_TID), SIGUSR2).log('kill');
      p.sys('thr_kill', 99, SIGUSR2).log('nobody').sys('thr_kill', at(CHILD_TID), 200).log('no signal');
      p.sys('getpid')
        .store(SCRATCH + 4)
        .sys('thr_kill2', at(SCRATCH + 4), at(CHILD_TID), 0)
        .log('kill2');
      join(p).load(CHILD_TID).log('thread').exit(0);
    });
    expect(log).toMatchObject({ probe: 0, kill: 0, nobody: -ESRCH, 'no signal': -EINVAL, kill2: 0 });
    expect(log['handler ran on']).toBe(log.thread);
    expect(log['handler code']).toBe(0x10007);
  });

  it.each(interleavings)('stop and continue all threads; the parent is told once (%#)', (config) => {
    const run = new Run(
      {
        main: program((p) => {
          p.sys('fork').store(SCRATCH + 4);
          p.ifZero((c) => {
            c.routine('counter', (t) => t.forever((q) => q.raw('ff05').raw('00000000'.replace(/.*/, le(FLAG)))));
            spawn(c, 'counter').spin();
          });
          p.sleep(3_000_000)
            .sys('kill', at(SCRATCH + 4), SIGSTOP)
            .wait('stop', at(SCRATCH + 4), 2);
          p.sys('wait4', at(SCRATCH + 4), 0, 3, 0).log('again');
          p.sys('kill', at(SCRATCH + 4), SIGCONT).wait('cont', at(SCRATCH + 4), 4);
          p.sys('kill', at(SCRATCH + 4), SIGTERM)
            .wait('end', at(SCRATCH + 4))
            .exit(0);
        }),
      },
      config,
    );
    const pid = run.start('main');
    expect(run.go().reason).toBe('finished');
    expect(run.logOf(pid)).toMatchObject({
      'stop.status': stopped(SIGSTOP),
      again: 0,
      'cont.status': 0x13,
      'end.status': SIGTERM,
    });
  });
});

const le = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join('');

describe('ptrace of a process with several threads', () => {
  it.each(interleavings.filter(({ cores }) => cores! > 1))(
    'lists them, shows who stopped, and holds one back (%#)',
    (config) => {
      const LIST = SCRATCH + 0x40;
      const PID = SCRATCH + 4;
      const [CONTINUE, ATTACH, LWPINFO, NUM, LWPLIST, SUSPEND, RESUME, READ] = [7, 10, 13, 14, 15, 18, 19, 2];
      const { log, stop } = runOne((p) => {
        p.sys('fork').store(PID);
        p.ifZero((c) => {
          c.routine('counter', (t) => t.forever((q) => q.raw('ff05').raw(le(FLAG))));
          spawn(c, 'counter').forever((q) => q.raw('ff05').raw(le(FLAG2)));
        });
        p.sleep(2_000_000).sys('ptrace', ATTACH, at(PID), 0, 0).wait('stop');
        p.sys('ptrace', NUM, at(PID), 0, 0).log('count').sys('ptrace', LWPLIST, at(PID), LIST, 8).log('listed');
        p.load(LIST)
          .log('first')
          .load(LIST + 4)
          .log('second');
        p.sys('ptrace', LWPINFO, at(PID), SCRATCH + 0x80, 132)
          .load(SCRATCH + 0x80)
          .log('stopper');
        p.sys('ptrace', SUSPEND, at(LIST + 4), 0, 0).log('suspend');
        p.sys('ptrace', READ, at(PID), FLAG, 0).log('before');
        p.sys('ptrace', CONTINUE, at(PID), 1, 0).sleep(3_000_000).sys('kill', at(PID), SIGSTOP).wait('held');
        p.sys('ptrace', READ, at(PID), FLAG, 0).log('after').sys('ptrace', READ, at(PID), FLAG2, 0).log('other');
        p.sys('ptrace', RESUME, at(LIST + 4), 0, 0).sys('ptrace', CONTINUE, at(PID), 1, 0);
        p.sleep(3_000_000).sys('kill', at(PID), SIGSTOP).wait('freed');
        p.sys('ptrace', READ, at(PID), FLAG, 0).log('later').sys('ptrace', 8, at(PID), 0, 0).wait('end').exit(0);
      }, config);
      expect(stop.reason).toBe('finished');
      expect(log).toMatchObject({ 'stop.status': stopped(SIGSTOP), count: 2, listed: 2, suspend: 0 });
      expect([log.first, log.second]).toContain(log.stopper);
      expect(log.after).toBe(log.before);
      expect(log.other).toBeGreaterThan(0);
      expect(log.later).toBeGreaterThan(log.after!);
      expect(log['end.status']).toBe(9);
    },
  );
});

describe('thr_suspend and thr_wake', () => {
  it('park a thread and let it go; a wake that comes first is remembered; a time limit ends it', () => {
    const { log } = runOne((p) => {
      p.routine('thread', (t) => t.sys('thr_suspend', 0).log('parked').sys('thr_exit', STATE));
      p.sys('thr_self', SCRATCH + 4)
        .sys('thr_wake', at(SCRATCH + 4))
        .sys('thr_suspend', 0)
        .log('remembered');
      p.sys('thr_suspend', p.words(0, 1_000_000)).log('timeout').sys('thr_wake', 77).log('nobody');
      spawn(p, 'thread').sleep(2_000_000).sys('thr_wake', at(CHILD_TID)).log('wake');
      join(p).exit(0);
    });
    expect(log).toEqual({ remembered: 0, timeout: -ETIMEDOUT, nobody: -ESRCH, wake: 0, parked: 0 });
  });
});

describe('rtprio_thread', () => {
  it('sets the class of one thread only', () => {
    const { log } = runOne((p) => {
      const out = SCRATCH + 8;
      p.routine('thread', (t) => t.awaitWord(FLAG).sys('thr_exit', STATE));
      spawn(p, 'thread')
        .sys('rtprio_thread', 1, at(CHILD_TID), p.words(4 | (7 << 16)))
        .log('set');
      p.sys('rtprio_thread', 0, at(CHILD_TID), out).load(out).log('thread').sys('rtprio_thread', 0, 0, out);
      p.load(out).log('main').sys('rtprio_thread', 0, 12, out).log('nobody').set(FLAG, 1);
      join(p).exit(0);
    });
    expect(log).toEqual({ set: 0, thread: 4 | (7 << 16), main: 3, nobody: -ESRCH });
  });
});

describe('_umtx_op WAKE', () => {
  it('wakes at most as many as it is told', () => {
    const { log } = runOne((p) => {
      p.routine('thread', (t) =>
        t.sys('_umtx_op', FLAG, WAIT, 0, 0, 0).raw('f0ff05').raw(le(FLAG2)).sys('thr_exit', 0),
      );
      spawn(p, 'thread');
      spawn(p, 'thread', { n: 1 }).sleep(3_000_000).sys('_umtx_op', FLAG, WAKE, 1, 0, 0).sleep(3_000_000);
      p.load(FLAG2).log('one').sys('_umtx_op', FLAG, WAKE, 9, 0, 0).sleep(3_000_000).load(FLAG2).log('both').exit(0);
    });
    expect(log).toEqual({ one: 1, both: 2 });
  });
});

describe('thr_create', () => {
  it('starts a thread where a ucontext says', () => {
    const CONTEXT = SCRATCH + 0x700;
    const { log } = runOne((p) => {
      p.routine('thread', (t) => t.raw('89e0').log('esp').sys('thr_exit', STATE));
      // A context by hand: selectors, eip, esp, mc_len.
      const mc = CONTEXT + 16;
      const words: [number, number][] = [
        [4, 0x3b],
        [8, 0x3b],
        [12, 0x3b],
        [16, 0x3b],
        [60, p.address('thread')],
        [64, 0x33],
        [68, 0x202],
        [72, STACK + 0x200],
        [76, 0x3b],
        [80, 640],
        [88, 0x20000],
      ];
      for (const [offset, value] of words) p.set(mc + offset, value);
      p.sys('thr_create', CONTEXT, CHILD_TID, 0).log('create').sys('_umtx_op', STATE, WAIT, 0, 0, 0).log('join');
      p.set(mc + 80, 0)
        .sys('thr_create', CONTEXT, CHILD_TID, 0)
        .log('no context')
        .exit(0);
    });
    expect(log).toEqual({ create: 0, join: 0, esp: STACK + 0x200, 'no context': -EINVAL });
  });
});

describe('wait6', () => {
  it('reports only what it is asked for, with siginfo', () => {
    const [EXITED, NOHANG, NOWAIT] = [16, 1, 8];
    const INFO = SCRATCH + 0x80;
    const { log } = runOne((p) => {
      p.sys('fork').store(SCRATCH + 4);
      p.ifZero((c) => c.sys('exit', 6));
      p.sleep(2_000_000)
        .sys('wait6', 7, 0, 0, SCRATCH, 4 | NOHANG, 0, 0)
        .log('not asked for');
      p.sys('wait6', 0, at(SCRATCH + 4), 0, SCRATCH, EXITED | NOWAIT, 0, INFO).log('left there');
      p.load(INFO)
        .log('signo')
        .load(INFO + 8)
        .log('code')
        .load(INFO + 20)
        .log('status');
      p.sys('wait6', 7, 0, 0, SCRATCH, EXITED, 0, 0).load(SCRATCH).log('collected');
      p.sys('wait6', 7, 0, 0, SCRATCH, EXITED, 0, 0).log('none').sys('wait6', 7, 0, 0, 0, 0, 0, 0).log('nothing');
      p.sys('getrandom', SCRATCH, 16, 0).log('random').sys('accept4', 0, 0, 0, 0).log('accept4').exit(0);
    });
    expect(log).toMatchObject({ 'not asked for': 0, signo: 20, code: 1, status: 6, collected: 0x600 });
    expect(log).toMatchObject({ none: -10, nothing: -EINVAL, random: 16, accept4: -38 });
  });
});
