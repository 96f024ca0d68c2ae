import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { at, program, Run, SCRATCH } from '../../support/guest-program.ts';

const CHEAP = { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 };
const atTime = (core: number, ns: number): FaultSpec => ({ model: 'fail-stop', trigger: { at: 'time', core, ns } });
const BASE: SystemConfig = {
  cores: 3,
  checkpointEveryNs: 2_000_000,
  costs: CHEAP,
  faultGenerator: { periodNs: 1_000_000, deadlineNs: 200_000, misses: 1 },
};
const CHILD = SCRATCH + 0x10;
const worker = program((p) => p.burn(100_000).exit(5));
const stopped = (signo: number): number => (signo << 8) | 0x7f;

/** Where a process stands at a time: run up to it and look. */
function coreOf(run: Run, pid: number): number {
  const p = run.system.kernel.findProc(pid)!;
  return run.system.kernel.thread(p.threads[0]!).onCpu;
}

/** Runs the programs twice: once to learn on which core `pid` is at `ns`, once with that core failing then. */
function failUnder(make: (faults: FaultSpec[]) => Run, pid: number, ns: number): Run {
  const scout = make([]);
  scout.system.run({ untilNs: ns });
  const core = coreOf(scout, pid);
  expect(core).toBeGreaterThanOrEqual(0);
  const run = make([atTime(core, ns)]);
  run.go(3e9);
  return run;
}

describe('a process whose core dies', () => {
  const parent = program((p) => {
    p.sys('fork')
      .store(CHILD)
      .ifZero((c) => {
        c.sys('setpriority', 0, 0, 7).sys('cpuset_setaffinity', 3, 1, -1, -1, 4, c.words(0b110));
        c.burn(100_000).sys('getpid').log('pid').sys('getppid').log('ppid').sys('getpriority', 0, 0).log('nice');
        c.sys('cpuset_getaffinity', 3, 1, -1, -1, 4, SCRATCH).load(SCRATCH).log('mask').exit(6);
      });
    p.wait('w').exit(0);
  });

  it('goes on from its checkpoint with its pid, parent, nice value and what is left of its CPUs; its parent gets its status', () => {
    const run = failUnder(
      (faults) => {
        const r = new Run({ parent }, { ...BASE, faults });
        r.start('parent');
        return r;
      },
      3,
      9_000_000,
    );
    const victim = run.events('core-fault')[0]!.victim;
    expect(run.events('recovery-done')).toMatchObject([{ pid: 3, victim, fromNs: 8_000_000 }]);
    expect(run.logOf(2)).toEqual({ 'w.pid': 3, 'w.status': 6 << 8 });
    expect(run.logOf(3)).toEqual({ pid: 3, ppid: 2, nice: 7, mask: 0b110 & ~(1 << victim) });
  });

  it('keeps its real-time priority', () => {
    const rt = program((p) => {
      p.sys('rtprio', 1, 0, p.words(2 | (9 << 16)))
        .burn(100_000)
        .sys('rtprio', 0, 0, SCRATCH)
        .load(SCRATCH)
        .log('rtp')
        .exit(0);
    });
    const run = failUnder(
      (faults) => {
        const r = new Run({ rt }, { ...BASE, faults });
        r.start('rt');
        return r;
      },
      2,
      5_000_000,
    );
    expect(run.events('recovery-done')).toHaveLength(1);
    expect(run.logOf(2)).toEqual({ rtp: 2 | (9 << 16) });
  });

  it('is not rolled back when it sleeps at that time', () => {
    const sleeper = program((p) => p.burn(10_000).sleep(20_000_000).log('slept').exit(1));
    const run = new Run({ sleeper }, { ...BASE, faults: [atTime(0, 9_000_000), atTime(1, 9_000_000)] });
    const pid = run.start('sleeper');
    expect(run.go(3e9).reason).toBe('finished');
    expect(run.events('recovery-start')).toEqual([]);
    expect(run.logOf(pid)).toEqual({ slept: 0 });
  });

  it('falls back to other CPUs, with a line in the log, when its set had only the dead one', () => {
    const run = new Run({ worker }, { ...BASE, faults: [atTime(1, 5_000_000)] });
    const pid = run.start('worker', { affinity: 0b10 });
    expect(run.go(3e9).reason).toBe('finished');
    expect(run.exitOf(pid)).toEqual({ code: 5, signal: 0 });
    expect(run.events('log').some((e) => e.text.includes('falls back to 0, 2'))).toBe(true);
  });

  it('dies of a SIGKILL that was sent before it was restored', () => {
    const killer = program((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.burn(300_000).sys('exit', 1));
      p.sleep(9_100_000).sys('kill', at(CHILD), 9).log('kill').wait('w').exit(0);
    });
    const run = failUnder(
      (faults) => {
        const r = new Run({ killer }, { ...BASE, faults });
        r.start('killer');
        return r;
      },
      3,
      9_000_000,
    );
    expect(run.logOf(2)).toMatchObject({ kill: 0, 'w.pid': 3, 'w.status': 9 });
  });

  it('ends as killed, and its parent is told, when it has no checkpoint or recovery is off', () => {
    for (const config of [{ checkpointEveryNs: 0 }, { recovery: 'none' as const }]) {
      const run = failUnder(
        (faults) => {
          const r = new Run({ parent }, { ...BASE, ...config, faults });
          r.start('parent');
          return r;
        },
        3,
        9_000_000,
      );
      expect(run.events('recovery-failed')).toHaveLength(1);
      expect(run.logOf(2)).toEqual({ 'w.pid': 3, 'w.status': 9 });
    }
  });

  it('wakes its vfork parent in the end', () => {
    const vforker = program((p) => {
      p.sys('vfork').ifZero((c) => c.burn(100_000).sys('exit', 4));
      p.wait('w').exit(0);
    });
    const run = failUnder(
      (faults) => {
        const r = new Run({ vforker }, { ...BASE, faults });
        r.start('vforker');
        return r;
      },
      3,
      5_000_000,
    );
    expect(run.events('recovery-done')).toHaveLength(1);
    expect(run.logOf(2)).toMatchObject({ 'w.pid': 3, 'w.status': 4 << 8 });
  });

  it('still has its pipe to a living process', () => {
    const piper = program((p) => {
      p.sys('pipe')
        .store(SCRATCH + 0x20)
        .raw('8915')
        .raw('24000608')
        .sys('fork')
        .store(CHILD)
        .ifZero((c) => {
          c.burn(100_000)
            .set(SCRATCH, 0x1234)
            .sys('write', at(SCRATCH + 0x24), SCRATCH, 4)
            .sys('exit', 0);
        });
      p.sys('close', at(SCRATCH + 0x24))
        .sys('read', at(SCRATCH + 0x20), SCRATCH, 4)
        .log('read')
        .load(SCRATCH)
        .log('word');
      p.sys('read', at(SCRATCH + 0x20), SCRATCH, 4)
        .log('eof')
        .wait('w')
        .exit(0);
    });
    const run = failUnder(
      (faults) => {
        const r = new Run({ piper }, { ...BASE, faults });
        r.start('piper');
        return r;
      },
      3,
      7_000_000,
    );
    expect(run.events('recovery-done')).toHaveLength(1);
    expect(run.logOf(2)).toMatchObject({ read: 4, word: 0x1234, eof: 0, 'w.status': 0 });
  });

  it('that is stopped stays stopped and is not touched', () => {
    const stopper = program((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.burn(50_000).sys('exit', 3));
      p.sleep(2_000_000)
        .sys('kill', at(CHILD), 17)
        .wait('stop', -1, 2)
        .sleep(20_000_000)
        .sys('kill', at(CHILD), 19)
        .wait('w')
        .exit(0);
    });
    const run = new Run({ stopper }, { ...BASE, faults: [atTime(1, 5_000_000), atTime(2, 5_000_000)] });
    run.start('stopper');
    expect(run.go(3e9).reason).toBe('finished');
    expect(run.events('recovery-start')).toEqual([]);
    expect(run.logOf(2)).toMatchObject({ 'stop.status': stopped(17), 'w.status': 3 << 8 });
  });

  it('is restored from a checkpoint that was cut just after a page fault, when EFLAGS has RF set', () => {
    const toucher = program((p) => {
      p.sys('mmap', 0, 0x400000, 3, 0x1002, -1, 0, 0).store(SCRATCH);
      // mov ebx,eax; 1: mov [ebx],ebx; add ebx,4096; loop
      p.raw('89c3').raw('b900040000').raw('891b').raw('81c300100000').raw('e2f6').exit(8);
    });
    for (const ns of [500_000, 700_300, 900_700, 1_101_100]) {
      const r = new Run(
        { toucher },
        {
          ...BASE,
          checkpointEveryNs: 100_000,
          schedule: { kind: 'fixed', instructions: 7 },
          faults: [atTime(0, ns)],
          paranoid: false,
        },
      );
      const pid = r.start('toucher');
      r.go(1e9);
      expect(r.events('recovery-failed')).toEqual([]);
      expect(r.events('recovery-done')).toHaveLength(1);
      expect(r.exitOf(pid)).toEqual({ code: 8, signal: 0 });
    }
  });

  it('is restored whatever moment of its restart a second core dies at', () => {
    // The restart begins at 10.2 ms.
    let interrupted = 0;
    for (let ns = 10_200_000; ns < 10_320_000; ns += 4_000) {
      for (const second of [1, 2]) {
        const run = new Run({ worker }, { ...BASE, faults: [atTime(0, 9_500_000), atTime(second, ns)] });
        const pids = [0, 1, 2].map(() => run.start('worker'));
        const stop = run.go(3e9);
        expect(stop.reason, `second fault on core ${second} at ${ns}`).toBe('finished');
        for (const pid of pids)
          expect(run.exitOf(pid), `pid ${pid}, core ${second} at ${ns}`).toEqual({ code: 5, signal: 0 });
        if (run.events('restart-step').filter((e) => e.step === 'fork').length > run.events('recovery-done').length)
          interrupted++;
        expect(run.system.kernel.state.recoveries.size).toBe(0);
        expect([...run.system.kernel.state.procs.keys()]).toEqual([1]);
      }
    }
    expect(interrupted).toBeGreaterThan(0);
  }, 240_000);
});
