import { describe, expect, it } from 'vitest';
import { EAGAIN, EBADF, ECHILD, EINVAL } from '../../../kernel-sim/abi/errno.ts';
import { faultInterrupt } from '../../../kernel-sim/kern/recovery.ts';
import { at, type GuestProgram, program, Run, runOne, SCRATCH } from '../../support/guest-program.ts';

const [RFFDG, RFPROC, RFMEM, RFCFDG] = [1 << 2, 1 << 4, 1 << 5, 1 << 12];
const [RFTHREAD, RFSIGSHARE, RFSTOPPED, RFTSIGZMB] = [1 << 13, 1 << 14, 1 << 17, 1 << 19];
const [SIGKILL, SIGUSR1, SIGUSR2] = [9, 30, 31];
const WLINUXCLONE = 0x80000000 | 0;
const [O_RDWR, O_CREAT, F_SETLK, F_GETFD, F_SETFD, FD_CLOEXEC, F_WRLCK] = [2, 0x200, 12, 1, 2, 1, 3];
const [FD, READY, KQ, EVENT, CHILD] = [SCRATCH + 0x10, SCRATCH + 0x14, SCRATCH + 0x18, SCRATCH + 0x100, SCRATCH + 0x1c];

/** A child that ends after what it does. */
const rfork = (p: GuestProgram, flags: number, child: (c: GuestProgram) => void): GuestProgram =>
  p
    .sys('rfork', RFPROC | flags)
    .store(CHILD)
    .ifZero((c) => {
      child(c);
      c.flush().sys('exit', 0);
    });
const handler = (p: GuestProgram): number => {
  p.routine('handler', (h) => h.raw('c3'));
  return p.words(p.address('handler'), 0, 0, 0, 0, 0);
};

describe('rfork with one descriptor table for both', () => {
  it('shows each what the other opens, closes and marks', () => {
    const { log, run, pid } = runOne((p) => {
      rfork(p, 0, (c) => {
        c.sys('dup2', 1, 9).sys('close', 0).sys('fcntl', 1, F_SETFD, FD_CLOEXEC);
        c.sleep(40e6).sys('fcntl', 20, F_GETFD, 0).log('of the parent');
      });
      p.sleep(20e6).sys('fcntl', 9, F_GETFD, 0).log('dup2').sys('fcntl', 0, F_GETFD, 0).log('close');
      p.sys('fcntl', 1, F_GETFD, 0).log('marked').sys('dup2', 1, 20).wait('w').exit(0);
    });
    expect(log).toMatchObject({ dup2: 0, close: -EBADF, marked: FD_CLOEXEC, 'w.status': 0 });
    expect(run.logOf(pid + 1)).toMatchObject({ 'of the parent': 0 });
    expect(run.system.kernel.state.files.size).toBe(0);
  });

  it('lets the other go on with it when one ends', () => {
    const { log } = runOne((p) => {
      rfork(p, 0, (c) => c.sys('dup2', 1, 9));
      p.wait('w').sys('fcntl', 9, F_GETFD, 0).log('still').exit(0);
    });
    expect(log).toMatchObject({ still: 0 });
  });

  it('ends where a copy is asked for, descriptors are closed, or a program is executed', () => {
    const { log, run, pid } = runOne((p) => {
      rfork(p, 0, (c) => c.sys('rfork', RFFDG | RFMEM).sys('close', 0));
      p.wait('w1').sys('fcntl', 0, F_GETFD, 0).log('copied');
      rfork(p, 0, (c) =>
        c
          .sys('rfork', RFCFDG | RFMEM)
          .sys('fcntl', 0, F_GETFD, 0)
          .store(SCRATCH),
      );
      p.wait('w2').sys('fcntl', 0, F_GETFD, 0).log('closed');
      p.sys('fcntl', 0, F_SETFD, FD_CLOEXEC);
      rfork(p, 0, (c) => c.sys('execve', '/bin/other', p.vector('other'), 0));
      p.wait('w3').sys('fcntl', 0, F_GETFD, 0).log('executed').exit(0);
    });
    expect(log).toMatchObject({ copied: 0, closed: 0, executed: FD_CLOEXEC });
    expect(run.exitOf(pid + 3)).toEqual({ code: 0, signal: 0 });
  });

  it('has one kqueue for both, which outlives whoever made it', () => {
    const [EVFILT_READ, EV_ADD] = [-1, 1];
    const { log, run, pid } = runOne((p) => {
      rfork(p, RFMEM | RFTHREAD, (c) => {
        // The stack is shared: the child works with registers and SCRATCH while the parent sleeps.
        c.sys('kqueue').store(KQ);
        c.set(EVENT + 4, (EVFILT_READ & 0xffff) | (EV_ADD << 16))
          .sys('pipe')
          .store(EVENT);
        c.sys('kevent', at(KQ), EVENT, 1, 0, 0, 0);
      });
      p.sleep(50e6).load(EVENT).raw('40').store(FD).sys('write', at(FD), 'x', 1).log('written');
      p.sys('kevent', at(KQ), 0, 0, EVENT + 0x40, 1, p.words(0, 0)).log('events');
      p.wait('w').exit(0);
    });
    expect(run.exitOf(pid + 1)).toEqual({ code: 0, signal: 0 });
    expect(log).toMatchObject({ written: 1, events: 1 });
  });

  it('is nothing that a rollback restores: who goes back has its own', () => {
    const costs = {
      syscallInstructions: 10,
      contextSwitchInstructions: 20,
      checkpointBaseNs: 0,
      checkpointNsPerKiB: 0,
    };
    const main = program((p) => {
      rfork(p, 0, (c) => c.sleep(30e6).sys('fcntl', 9, F_GETFD, 0).log('nine'));
      p.burn(32_000).sys('dup2', 1, 9).burn(17_000).wait('w').exit(0);
    });
    const run = new Run({ main }, { cores: 2, checkpointEveryNs: 5_000_000, costs });
    const pid = run.start('main');
    run.system.run({ untilNs: 9_000_000 });
    const { kernel } = run.system;
    const td = kernel.thread(kernel.findProc(pid)!.threads[0]!);
    faultInterrupt(kernel, { core: kernel.cores[td.onCpu]!, by: 'machine-check', permanent: true });
    expect(run.go(3e9).reason).toBe('finished');
    expect(run.events('recovery-done')).toHaveLength(1);
    expect(run.logOf(pid)).toMatchObject({ 'w.pid': pid + 1 });
    // What the parent did to the table before it went back has been done.
    expect(run.logOf(pid + 1)).toMatchObject({ nine: 0 });
    expect(kernel.state.files.size).toBe(0);
  });
});

describe('fcntl locks of rfork threads', () => {
  const lockTwice = (flags: number): number => {
    const { run, pid } = runOne((p) => {
      const wholeFile = p.words(0, 0, 0, 0, 0, F_WRLCK, 0);
      p.sys('open', '/tmp/file', O_RDWR | O_CREAT, 0o644)
        .store(FD)
        .sys('fcntl', at(FD), F_SETLK, wholeFile);
      rfork(p, flags, (c) => c.sys('fcntl', at(FD), F_SETLK, wholeFile).log('lock'));
      p.wait('w').exit(0);
    });
    return run.logOf(pid + 1).lock!;
  };

  it('are those of their leader', () => {
    expect([lockTwice(RFTHREAD), lockTwice(RFTHREAD | RFFDG), lockTwice(0)]).toEqual([0, 0, -EAGAIN]);
  });

  it('who end with their leader', () => {
    const { run, pid } = runOne((p) =>
      rfork(p, RFTHREAD, (c) => c.spin())
        .sleep(10e6)
        .exit(0),
    );
    expect(run.exitOf(pid + 1)).toEqual({ code: 0, signal: SIGKILL });
  });
});

describe('rfork of signal actions and memory', () => {
  it('shares signal actions with RFSIGSHARE until a program is executed, and copies them without', () => {
    for (const [flags, expected] of [
      [RFSIGSHARE, { code: 0, signal: 0 }],
      [0, { code: 0, signal: SIGUSR1 }],
    ] as const) {
      const { run, pid } = runOne((p) => {
        const action = handler(p);
        rfork(p, flags | RFFDG, (c) => c.sleep(20e6).sleep(20e6));
        p.sys('sigaction', SIGUSR1, action, 0).sleep(10e6).sys('kill', at(CHILD), SIGUSR1).wait('w').exit(0);
      });
      expect(run.exitOf(pid + 1)).toEqual(expected);
    }
  });

  it('gives a process memory of its own without RFPROC and RFMEM', () => {
    const { log, run, pid } = runOne((p) => {
      p.set(SCRATCH, 1);
      rfork(p, RFMEM | RFFDG, (c) => {
        c.set(SCRATCH, 2).sys('rfork', 0).store(READY).set(SCRATCH, 3).load(SCRATCH).log('own');
      });
      p.wait('w').load(SCRATCH).log('mine').exit(0);
    });
    expect(log).toMatchObject({ mine: 2 });
    expect(run.logOf(pid + 1)).toMatchObject({ own: 3 });
  });

  it('says the end by the signal of RFTSIGZMB, to a parent that has to ask for such children', () => {
    const { log, run } = runOne((p) => {
      p.sys('sigaction', SIGUSR2, handler(p), 0);
      rfork(p, RFFDG | RFTSIGZMB | (SIGUSR2 << 20), () => {});
      p.sleep(20e6).sys('wait4', -1, 0, 0, 0).log('plain').wait('clone', -1, WLINUXCLONE).exit(0);
    });
    expect(log).toMatchObject({ plain: -ECHILD, 'clone.status': 0 });
    expect(run.events('signal').map(({ signo }) => signo)).toEqual([SIGUSR2]);
  });

  it('refuses flags that contradict each other, that nobody knows, or that are the kernel’s', () => {
    const { log } = runOne((p) => {
      p.sys('rfork', RFPROC | RFSTOPPED)
        .log('stopped')
        .sys('rfork', RFPROC | 1)
        .log('unknown');
      p.sys('rfork', RFPROC | RFFDG | (SIGUSR1 << 20))
        .log('signal')
        .sys('rfork', RFPROC | RFFDG | RFCFDG)
        .log('both');
      p.sys('rfork', RFPROC | RFFDG | RFTSIGZMB | (200 << 20))
        .log('number')
        .exit(0);
    });
    expect(new Set(Object.values(log))).toEqual(new Set([-EINVAL]));
  });
});
