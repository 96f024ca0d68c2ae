import { describe, expect, it } from 'vitest';
import { at, type GuestProgram, program, Run, runOne, SCRATCH } from '../../support/guest-program.ts';

const SIGKILL = 9;
const SIGTERM = 15;
const SIGSTOP = 17;
const SIGCONT = 19;
const WNOHANG = 1;
const WUNTRACED = 2;
const WCONTINUED = 4;
const ECHILD = 10;
const EINTR = 4;
const stopped = (signo: number): number => (signo << 8) | 0x7f;
const exited = (code: number): number => code << 8;
const CHILD = SCRATCH + 0x10;

describe('getrusage', () => {
  it('counts page faults and handled signals, and those of children once they are waited for', () => {
    const [USAGE, MAPPED] = [SCRATCH + 0x100, SCRATCH + 0x180];
    const [MINFLT, NSIGNALS] = [USAGE + 32, USAGE + 60];
    const SIGUSR1 = 30;
    const look = (p: GuestProgram, name: string, who: number): GuestProgram =>
      p.sys('getrusage', who, USAGE).load(MINFLT).log(`${name}.faults`).load(NSIGNALS).log(`${name}.signals`);
    const touch = (p: GuestProgram): GuestProgram => {
      p.sys('mmap', 0, 3 * 4096, 3, 0x1000, -1, 0, 0).store(MAPPED);
      // mov byte [eax + page], 1
      for (const page of ['00000000', '00100000', '00200000']) p.load(MAPPED).raw(`c680${page}01`);
      return p;
    };
    const { log } = runOne((p) => {
      look(p, 'to have touched the log', 0);
      look(p, 'before', 0);
      look(touch(p), 'after', 0);
      p.routine('handler', (h) => h.raw('c3'));
      p.sys('sigaction', SIGUSR1, p.words(p.address('handler'), 0, 0, 0, 0, 0), 0);
      for (const _ of [1, 2]) p.sys('getpid').store(CHILD).sys('kill', at(CHILD), SIGUSR1);
      look(p, 'signalled', 0);
      look(p, 'childless', -1);
      p.sys('fork').ifZero((c) => touch(c).sys('exit', 0));
      look(p.wait('w'), 'children', -1);
      p.exit(0);
    });
    expect(log['after.faults']! - log['before.faults']!).toBe(3);
    expect(log).toMatchObject({
      'before.signals': 0,
      'signalled.signals': 2,
      'childless.faults': 0,
      'children.signals': 0,
    });
    expect(log['children.faults']).toBe(3);
  });
});

describe('getrusage of what the kernel touches', () => {
  it('counts a page that read(2) brings in', () => {
    const [USAGE, MAPPED] = [SCRATCH + 0x100, SCRATCH + 0x180];
    const { log } = runOne((p) => {
      const look = (name: string): GuestProgram =>
        p
          .sys('getrusage', 0, USAGE)
          .load(USAGE + 32)
          .log(name);
      look('to have touched the log');
      p.sys('open', '/dev/zero', 0, 0).store(CHILD).sys('mmap', 0, 8192, 3, 0x1000, -1, 0, 0).store(MAPPED);
      look('before');
      p.sys('read', at(CHILD), at(MAPPED), 5000).log('read');
      look('after').exit(0);
    });
    expect(log).toMatchObject({ read: 5000, after: log.before! + 2 });
  });
});

describe('fork and wait4', () => {
  it('gives the parent the exit code of the child', () => {
    const { log, pid, stop } = runOne((p) => {
      p.sys('fork')
        .log('child')
        .ifZero((c) => c.sys('exit', 7));
      p.wait('w').exit(3);
    });
    expect(stop.reason).toBe('finished');
    expect(log).toEqual({ child: pid + 1, 'w.pid': pid + 1, 'w.status': exited(7) });
  });

  it('copies memory: what the child writes the parent does not see, and the other way round', () => {
    const { log, run, pid } = runOne((p) => {
      p.set(SCRATCH, 1)
        .sys('fork')
        .ifZero((c) => {
          c.load(SCRATCH).log('before').set(SCRATCH, 2).load(SCRATCH).log('after').exit(0);
        });
      p.set(SCRATCH, 3).wait('w').load(SCRATCH).log('mine').exit(0);
    });
    expect(log).toMatchObject({ mine: 3 });
    expect(run.logOf(pid + 1)).toMatchObject({ before: 1, after: 2 });
  });

  it('says ECHILD without children, and for a pid that is no child', () => {
    const { log } = runOne((p) => {
      p.sys('wait4', -1, 0, 0, 0)
        .log('none')
        .sys('fork')
        .ifZero((c) => c.sys('exit', 0));
      p.sys('wait4', 1, 0, 0, 0).log('other').wait('w').sys('wait4', -1, 0, 0, 0).log('again').exit(0);
    });
    expect(log).toMatchObject({ none: -ECHILD, other: -ECHILD, 'w.status': 0, again: -ECHILD });
  });

  it('returns 0 at once with WNOHANG while the child lives', () => {
    const { log, pid } = runOne((p) => {
      p.sys('fork').ifZero((c) => c.sleep(50e6).sys('exit', 1));
      p.wait('early', -1, WNOHANG).sleep(200e6).wait('late', -1, WNOHANG).exit(0);
    });
    expect(log).toMatchObject({ 'early.pid': 0, 'early.status': -1, 'late.pid': pid + 1, 'late.status': exited(1) });
  });

  it('picks children by process group with pid 0 and below -1', () => {
    const { log, pid } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.sys('setpgid', 0, 0).sys('exit', 4));
      p.sleep(10e6).sys('wait4', 0, 0, 0, 0).log('own group').sys('wait4', -77, 0, 0, 0).log('nobody');
      p.load(CHILD).raw('f7d8').store(SCRATCH).wait('group', at(SCRATCH)).exit(0);
    });
    expect(log).toMatchObject({
      'own group': -ECHILD,
      nobody: -ECHILD,
      'group.pid': pid + 1,
      'group.status': exited(4),
    });
  });

  it('reports a stopped child with WUNTRACED once, and a continued one with WCONTINUED once', () => {
    const { log, pid } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.spin());
      p.sys('kill', at(CHILD), SIGSTOP)
        .wait('stop', -1, WUNTRACED)
        .wait('again', -1, WUNTRACED | WNOHANG);
      p.sys('kill', at(CHILD), SIGCONT)
        .wait('cont', -1, WCONTINUED)
        .wait('cont2', -1, WCONTINUED | WNOHANG);
      p.sys('kill', at(CHILD), SIGKILL).wait('end').exit(0);
    });
    expect(log).toMatchObject({
      'stop.pid': pid + 1,
      'stop.status': stopped(SIGSTOP),
      'again.pid': 0,
      'cont.status': 0x13,
      'cont2.pid': 0,
      'end.status': SIGKILL,
    });
  });

  it('forgets that a child was continued when it is stopped again', () => {
    const { log } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.spin());
      p.sys('kill', at(CHILD), SIGSTOP).wait('stop', -1, WUNTRACED).sys('kill', at(CHILD), SIGCONT).sleep(1e6);
      p.sys('kill', at(CHILD), SIGSTOP)
        .sleep(1e6)
        .wait('cont', -1, WCONTINUED | WNOHANG);
      p.sys('kill', at(CHILD), SIGKILL).wait('end').exit(0);
    });
    expect(log).toMatchObject({ 'stop.status': stopped(SIGSTOP), 'cont.pid': 0, 'end.status': SIGKILL });
  });

  it('gives orphans to init, which takes them at once', () => {
    const { run, stop, pid } = runOne((p) => {
      p.sys('fork').ifZero((c) => {
        c.sys('fork').ifZero((g) => g.sleep(20e6).sys('getppid').log('ppid').exit(9));
        c.sys('exit', 0);
      });
      p.wait('w').exit(0);
    });
    expect(stop.reason).toBe('finished');
    expect(run.logOf(pid + 2)).toMatchObject({ ppid: 1 });
    expect(run.exitOf(pid + 2)).toEqual({ code: 9, signal: 0 });
  });

  it('leaves no zombie when the parent ignores SIGCHLD: wait4 returns ECHILD after the last one has gone', () => {
    const { log, stop } = runOne((p) => {
      p.sys('sigaction', 20, p.words(1, 0, 0, 0, 0, 0), 0).log('ignore');
      p.sys('fork').ifZero((c) => c.sys('exit', 5));
      p.sys('wait4', -1, 0, 0, 0).log('wait').exit(0);
    });
    expect(stop.reason).toBe('finished');
    expect(log).toEqual({ ignore: 0, wait: -ECHILD });
  });

  it('leaves edx alone in getpid, as a kernel without COMPAT_43 does', () => {
    const { log } = runOne((p) => p.raw('ba78563412').sys('getpid').raw('89d0').log('edx').exit(0));
    expect(log.edx).toBe(0x12345678);
  });

  it('lets vfork share memory, and wakes the parent when the child exits or executes a program', () => {
    const run = new Run({
      main: program((p) => {
        p.set(SCRATCH, 1)
          .sys('vfork')
          .log('pid')
          .ifZero((c) => c.set(SCRATCH, 5).sleep(30e6).sys('exit', 2));
        p.load(SCRATCH)
          .log('shared')
          .wait('w')
          .sys('vfork')
          .ifZero((c) => {
            c.sys('execve', '/bin/other', c.vector('other'), c.vector()).sys('exit', 99);
          });
        p.wait('early', -1, WNOHANG).wait('w2').exit(0);
      }),
      other: program((p) => p.sleep(30e6).sys('exit', 6)),
    });
    const pid = run.start('main');
    expect(run.go().reason).toBe('finished');
    expect(run.logOf(pid, 'main')).toMatchObject({
      shared: 5,
      'w.status': exited(2),
      'early.pid': 0,
      'w2.status': exited(6),
    });
  });

  it('wakes the parent of a vfork child that is killed', () => {
    const { log } = runOne((p) => {
      p.sys('vfork').ifZero((c) => c.raw('0f0b'));
      p.wait('w').exit(0);
    });
    expect(log['w.status']).toBe(4 | 0x80);
  });

  it('does not stop a vfork child before it has executed a program', () => {
    const { log, run, pid } = runOne((p) => {
      p.sys('vfork').ifZero((c) => c.sys('getpid').store(CHILD).sys('kill', at(CHILD), SIGSTOP).sys('exit', 3));
      p.wait('w').exit(0);
    });
    expect(log['w.status']).toBe(exited(3));
    expect(run.events('stop').filter((e) => e.pid === pid + 1)).toEqual([]);
  });

  it('runs with shared memory after rfork(RFPROC|RFMEM|RFFDG), and refuses contradictory flags', () => {
    const { log } = runOne((p) => {
      p.sys('rfork', (1 << 4) | (1 << 5) | (1 << 2)).ifZero((c) => c.set(SCRATCH, 8).sys('exit', 0));
      p.wait('w')
        .load(SCRATCH)
        .log('shared')
        .sys('rfork', (1 << 4) | (1 << 2) | (1 << 12))
        .log('bad')
        .exit(0);
    });
    expect(log).toMatchObject({ shared: 8, bad: -22 });
  });

  it("has no descriptors after rfork(RFCFDG), and is nobody's child after rfork(RFNOWAIT)", () => {
    const [RFFDG, RFPROC, RFMEM, RFNOWAIT, RFCFDG] = [1 << 2, 1 << 4, 1 << 5, 1 << 6, 1 << 12];
    const { log, run, pid } = runOne((p) => {
      p.sys('rfork', RFPROC | RFMEM | RFCFDG).ifZero((c) =>
        c.sys('write', 1, SCRATCH, 1).store(SCRATCH).sys('exit', 0),
      );
      p.wait('w').load(SCRATCH).log('write');
      p.sys('rfork', RFPROC | RFFDG | RFNOWAIT).ifZero((c) => c.sys('getppid').log('ppid').exit(0));
      p.sys('wait4', -1, 0, 0, 0).log('none').sys('rfork', RFFDG).log('myself').exit(0);
    });
    expect(log).toMatchObject({ write: -9, none: -10, myself: 0 });
    expect(run.logOf(pid + 2)).toMatchObject({ ppid: 1 });
    expect(run.events('exit').map((event) => event.pid)).toContain(pid + 2);
  });
});

describe('signals', () => {
  it('lets a stopped sleeper sleep on, and wake without an error after SIGCONT', () => {
    const { log, run, pid } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.sleep(100e6).log('slept').exit(0));
      p.sleep(10e6).sys('kill', at(CHILD), SIGSTOP).wait('stop', -1, WUNTRACED).sleep(20e6);
      p.sys('kill', at(CHILD), SIGCONT).wait('end').exit(0);
    });
    expect(log).toMatchObject({ 'stop.status': stopped(SIGSTOP), 'end.status': 0 });
    expect(run.logOf(pid + 1)).toMatchObject({ slept: 0 });
  });

  it('keeps a stopped sleeper halted when its time is up, until it is continued', () => {
    const { log, run, pid } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.sleep(30e6).log('slept').exit(0));
      p.sleep(10e6).sys('kill', at(CHILD), SIGSTOP).wait('stop', -1, WUNTRACED).sleep(100e6);
      p.wait('still', -1, WNOHANG).sys('kill', at(CHILD), SIGCONT).wait('end').exit(0);
    });
    expect(log).toMatchObject({ 'stop.status': stopped(SIGSTOP), 'still.pid': 0, 'end.status': 0 });
    expect(run.logOf(pid + 1)).toMatchObject({ slept: 0 });
  });

  it('acts on a signal that came to a stopped sleeper once it is continued', () => {
    const { log } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.sleep(9e9).exit(0));
      p.sleep(10e6).sys('kill', at(CHILD), SIGSTOP).wait('stop', -1, WUNTRACED).sys('kill', at(CHILD), SIGTERM);
      p.sleep(1e6).wait('still', -1, WNOHANG).sys('kill', at(CHILD), SIGCONT).wait('end').exit(0);
    });
    expect(log).toMatchObject({ 'still.pid': 0, 'end.status': SIGTERM });
  });

  it('kills a stopped process, asleep or not, with SIGKILL', () => {
    for (const asleep of [true, false]) {
      const { log } = runOne((p) => {
        p.sys('fork')
          .store(CHILD)
          .ifZero((c) => (asleep ? c.sleep(9e9).exit(0) : c.spin()));
        p.sleep(10e6).sys('kill', at(CHILD), SIGSTOP).wait('stop', -1, WUNTRACED).sys('kill', at(CHILD), SIGKILL);
        p.wait('end').exit(0);
      });
      expect(log).toMatchObject({ 'stop.status': stopped(SIGSTOP), 'end.status': SIGKILL });
    }
  });

  it('does not let a SIGCONT without effect disturb a sleep, nor the next one', () => {
    const { run, pid } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.sleep(50e6).log('first').sleep(50e6).log('second').exit(0));
      p.sleep(10e6).sys('kill', at(CHILD), SIGCONT).sleep(10e6).sys('kill', at(CHILD), SIGSTOP);
      p.sleep(10e6).sys('kill', at(CHILD), SIGCONT).wait('end').exit(0);
    });
    expect(run.logOf(pid + 1)).toEqual({ first: 0, second: 0 });
  });

  it('ends a nanosleep by a signal with EINTR and the time left only when the process survives it', () => {
    const { log, run, pid } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.sleep(9e9).exit(0));
      p.sleep(10e6).sys('kill', at(CHILD), SIGTERM).wait('end').exit(0);
    });
    expect(log['end.status']).toBe(SIGTERM);
    expect(run.logOf(pid + 1)).toEqual({});
    expect(EINTR).toBe(4);
  });

  it('holds a masked signal until it is unmasked', () => {
    const { log, run, pid } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => {
          c.sys('sigprocmask', 1, c.words(1 << (SIGTERM - 1), 0, 0, 0), 0)
            .sleep(50e6)
            .log('slept');
          c.sys('sigpending', SCRATCH + 0x40)
            .load(SCRATCH + 0x40)
            .log('pending')
            .flush();
          c.sys('sigprocmask', 2, c.words(1 << (SIGTERM - 1), 0, 0, 0), 0).sys('exit', 1);
        });
      p.sleep(10e6).sys('kill', at(CHILD), SIGTERM).wait('end').exit(0);
    });
    expect(log['end.status']).toBe(SIGTERM);
    expect(run.logOf(pid + 1)).toMatchObject({ slept: 0, pending: 1 << (SIGTERM - 1) });
  });

  it('forgets a pending signal that the process then ignores', () => {
    const { log } = runOne((p) => {
      p.sys('sigprocmask', 1, p.words(1 << (SIGTERM - 1), 0, 0, 0), 0)
        .sys('getpid')
        .store(CHILD);
      p.sys('kill', at(CHILD), SIGTERM)
        .sys('sigaction', SIGTERM, p.words(1, 0, 0, 0, 0, 0), 0)
        .log('ignored');
      p.sys('sigpending', SCRATCH + 0x40)
        .load(SCRATCH + 0x40)
        .log('pending');
      p.sys('sigaction', SIGTERM, p.words(0, 0, 0, 0, 0, 0), 0).log('default');
      p.sys('sigprocmask', 2, p.words(1 << (SIGTERM - 1), 0, 0, 0), 0).exit(0);
    });
    expect(log).toEqual({ ignored: 0, pending: 0, default: 0 });
  });

  it('reads the new action before it writes the old one to the same place', () => {
    const { log } = runOne((p) => {
      const action = p.words(1, 0, 0, 0, 0, 0);
      p.sys('sigaction', SIGTERM, action, action).load(action).log('old');
      p.sys('getpid').store(CHILD).sys('kill', at(CHILD), SIGTERM).exit(0);
    });
    expect(log).toEqual({ old: 0 });
  });

  it('lets sigsuspend take a signal that is masked outside it', () => {
    const { log } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => {
          c.sys('sigprocmask', 1, c.words(1 << (SIGTERM - 1), 0, 0, 0), 0);
          c.sys('sigsuspend', c.words(0, 0, 0, 0)).sys('exit', 1);
        });
      p.sleep(10e6).sys('kill', at(CHILD), SIGTERM).wait('end').exit(0);
    });
    expect(log['end.status']).toBe(SIGTERM);
  });

  it('cannot mask SIGKILL, not even in sigsuspend', () => {
    const { log } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.sys('sigsuspend', c.words(-1, -1, -1, -1)).sys('exit', 1));
      p.sleep(10e6).sys('kill', at(CHILD), SIGKILL).wait('end').exit(0);
    });
    expect(log['end.status']).toBe(SIGKILL);
  });

  const FAULTS: [string, string, number][] = [
    ['#DE', '31d2b80100000031c9f7f1', 8],
    ['#UD', '0f0b', 4],
    ['#BP', 'cc', 5],
    ['#PF nothing there', 'a100000000', 11],
    ['#PF write to text', 'c7050080040801000000', 11],
    ['#GP', 'f4', 10],
    ['#OF', 'b8ffffff7f83c001ce', 8],
  ];
  it.each(FAULTS)('turns %s into its signal, with a core file in the working directory', (_name, code, signo) => {
    const { log, run } = runOne((p) => {
      p.sys('fork').ifZero((c) => c.raw(code).sys('exit', 1));
      p.wait('w').sys('access', '/root/main.core', 0).log('core').exit(0);
    });
    expect(log).toEqual({ 'w.pid': 3, 'w.status': signo | 0x80, core: 0 });
    expect(run.events('log').some((e) => e.text.includes('core dumped'))).toBe(true);
  });

  it('kills a process whose fault signal is masked or ignored', () => {
    for (const how of ['masked', 'ignored']) {
      const { log } = runOne((p) => {
        p.sys('fork').ifZero((c) => {
          if (how === 'masked') c.sys('sigprocmask', 1, c.words(-1, -1, -1, -1), 0);
          else c.sys('sigaction', 11, c.words(1, 0, 0, 0, 0, 0), 0);
          c.raw('a100000000').sys('exit', 1);
        });
        p.wait('w').exit(0);
      });
      expect(log['w.status']).toBe(11 | 0x80);
    }
  });
});
