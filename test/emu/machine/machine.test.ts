import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { program, Run } from '../../support/guest-program.ts';

const spinner = program((p) => p.spin());
const worker = program((p) => p.burn(50_000).exit(0));
const atInstruction = (core: number, instruction: number): FaultSpec => ({
  model: 'fail-stop',
  trigger: { at: 'instruction', core, instruction },
});
const atTime = (core: number, ns: number): FaultSpec => ({ model: 'fail-stop', trigger: { at: 'time', core, ns } });

/** Checkpoints that cost nothing: they may be frequent. */
const CHEAP = { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 };

function spin(cores: number, config: SystemConfig = {}): Run {
  const run = new Run({ spinner }, { cores, ...config });
  for (let n = 0; n < cores; n++) run.start('spinner');
  return run;
}

describe('budgets and time', () => {
  it('stops at exactly the number of instructions asked for', () => {
    for (const cores of [1, 2, 3, 4]) {
      for (const limit of [1, 7, 12_345, 40_001]) {
        const run = spin(cores);
        expect(run.system.run({ instructions: limit }).reason).toBe('instruction-limit');
        expect(run.system.machine.retired).toBe(limit);
      }
    }
  });

  it('goes on where it stopped: two runs make one', () => {
    const twice = spin(2);
    twice.system.run({ instructions: 33_333 });
    twice.system.run({ instructions: 66_666 });
    expect(twice.system.machine.retired).toBe(66_666);
  });

  it('takes its time from retired instructions and the kernel costs', () => {
    const run = new Run(
      { worker },
      {
        cycleNs: 10,
        costs: { syscallInstructions: 0, contextSwitchInstructions: 0, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
      },
    );
    run.start('worker');
    run.go();
    const exit = run.events('exit')[0]!;
    expect(exit.ns).toBe(exit.instruction * 10);
  });

  it('skips time in which nobody runs', () => {
    const run = new Run({ sleeper: program((p) => p.sleep(3_000_000_000).exit(0)) });
    run.start('sleeper');
    expect(run.go().reason).toBe('finished');
    expect(run.system.machine.nowNs).toBeGreaterThanOrEqual(3_000_000_000);
    expect(run.system.machine.retired).toBeLessThan(100);
  });

  it('skips years as easily as seconds', () => {
    const run = new Run({ sleeper: program((p) => p.sleep(3_000_000_000_000_000).exit(0)) }, { cores: 2 });
    run.start('sleeper');
    expect(run.go(Number.POSITIVE_INFINITY).reason).toBe('finished');
    expect(run.system.machine.nowNs).toBeGreaterThanOrEqual(3e15);
  });

  it('ends with the last nanosecond that can be counted', () => {
    const run = new Run({ sleeper: program((p) => p.forever((q) => q.sleep(3_000_000_000_000_000))) });
    run.start('sleeper');
    expect(run.go(Number.POSITIVE_INFINITY).reason).toBe('deadlock');
    expect(run.system.machine.nowNs).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  it('says deadlock when every process waits for ever', () => {
    const run = new Run({ waiter: program((p) => p.sys('sigsuspend', p.words(0, 0, 0, 0)).exit(0)) });
    run.start('waiter');
    expect(run.go(1e12).reason).toBe('deadlock');
  });

  it('ends at the time limit', () => {
    const run = spin(2);
    expect(run.system.run({ untilNs: 5_000_000 }).reason).toBe('time-limit');
    for (const core of run.system.machine.cores) expect(core.clockNs).toBe(5_000_000);
  });
});

describe('interleaving', () => {
  const seeded = (seed: number): SystemConfig => ({
    schedule: { kind: 'seeded', seed, minInstructions: 100, maxInstructions: 5000 },
  });
  const busy = program((p) => {
    p.sys('fork').ifZero((c) =>
      c
        .burn(30_000)
        .sys('fork')
        .ifZero((g) => g.burn(5000).exit(1))
        .wait('w')
        .exit(2),
    );
    p.burn(20_000).sleep(3_000_000).wait('w').exit(0);
  });
  const eventsOf = (config: SystemConfig): readonly unknown[] => {
    const run = new Run({ busy }, { cores: 3, checkpointEveryNs: 20_000_000, costs: CHEAP, ...config });
    run.start('busy');
    run.start('busy', { nice: 5 });
    run.go();
    return run.system.events;
  };

  it('is the same for the same seed: every event', () => {
    expect(eventsOf(seeded(7))).toEqual(eventsOf(seeded(7)));
    expect(eventsOf({})).toEqual(eventsOf({}));
  });

  it('is another for another seed', () => {
    expect(eventsOf(seeded(7))).not.toEqual(eventsOf(seeded(8)));
  });

  it('is the same with a fault plan', () => {
    const faulty = (): readonly unknown[] =>
      eventsOf({ ...seeded(3), faults: [atTime(1, 2_345_678), atInstruction(2, 4321)] });
    expect(faulty()).toEqual(faulty());
  });
});

describe('fail-stop faults', () => {
  it('strike after exactly the number of instructions', () => {
    const run = spin(2, { faults: [atInstruction(1, 12_345)], recovery: 'none' });
    run.system.run({ instructions: 100_000 });
    expect(run.system.machine.cores[1]!.retired).toBe(12_345);
    expect(run.events('core-fault')).toMatchObject([{ victim: 1, instruction: 12_345 }]);
  });

  it('strike before the kernel sees the system call of that very instruction', () => {
    // sleep: push, push, push, mov, int
    const run = new Run(
      { p: program((p) => p.sys('exit', 3)) },
      { cores: 2, faults: [atInstruction(0, 4)], recovery: 'none' },
    );
    const pid = run.start('p');
    run.go();
    expect(run.events('core-fault')).toMatchObject([{ instruction: 4 }]);
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: 9 });
  });

  it('strike at exactly a virtual time', () => {
    const run = spin(2, { faults: [atTime(0, 3_141_500)], recovery: 'none' });
    run.system.run({ untilNs: 10_000_000 });
    expect(run.events('core-fault')).toMatchObject([{ victim: 0, ns: 3_141_500 }]);
    expect(run.system.machine.cores[0]!.clockNs).toBeLessThanOrEqual(3_141_500);
  });

  it('strike the core that runs a named process', () => {
    const run = new Run(
      { spinner, worker },
      {
        cores: 2,
        faults: [{ model: 'fail-stop', trigger: { at: 'process', process: 'worker', ns: 1_000_000 } }],
        recovery: 'none',
      },
    );
    run.start('spinner');
    const pid = run.start('worker');
    run.system.run({ untilNs: 100_000_000 });
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: 9 });
    expect(run.events('core-fault')).toHaveLength(1);
  });

  it('are detected when the period, the deadline and the misses say', () => {
    const cases = [
      { periodNs: 10_000_000, deadlineNs: 1_000_000, misses: 2 },
      { periodNs: 2_000_000, deadlineNs: 500_000, misses: 1 },
      { periodNs: 3_000_000, deadlineNs: 2_999_999, misses: 4 },
    ];
    for (const faultGenerator of cases) {
      for (const failNs of [100, 2_500_000, 9_999_999, 10_000_000, 10_000_001]) {
        const run = spin(2, { faults: [atTime(1, failNs)], faultGenerator, recovery: 'none' });
        run.system.run({ untilNs: 100_000_000 });
        const { periodNs, deadlineNs, misses } = faultGenerator;
        const firstMissed = Math.ceil(failNs / periodNs) * periodNs;
        const expected = firstMissed + (misses - 1) * periodNs + deadlineNs;
        expect(run.events('fault-detected')).toMatchObject([{ ns: expected, latencyNs: expected - failNs, misses }]);
      }
    }
  });

  it('of an idle core are detected too, and take nothing with them', () => {
    const run = new Run(
      { sleeper: program((p) => p.sleep(200_000_000).exit(4)) },
      { cores: 2, faults: [atTime(1, 5_000_000)] },
    );
    const pid = run.start('sleeper');
    expect(run.go().reason).toBe('finished');
    expect(run.events('core-removed')).toMatchObject([{ victim: 1, cpusLeft: [0] }]);
    expect(run.events('recovery-start')).toEqual([]);
    expect(run.exitOf(pid)?.code).toBe(4);
  });

  it('of the last core end the run', () => {
    for (const cores of [1, 3]) {
      const faults = Array.from({ length: cores }, (_, n) => atTime(n, 1_000_000 + n));
      const run = spin(cores, { faults, checkpointEveryNs: 300_000, costs: CHEAP });
      expect(run.system.run().reason).toBe('no-healthy-core');
    }
  });

  it('of several cores at once leave their processes to the rest', () => {
    const run = new Run(
      { worker },
      {
        cores: 4,
        faults: [atTime(0, 2_000_000), atTime(1, 2_000_000), atTime(3, 2_000_000)],
        checkpointEveryNs: 1_900_000,
        costs: CHEAP,
      },
    );
    const pids = [0, 1, 2, 3].map(() => run.start('worker'));
    expect(run.go().reason).toBe('finished');
    for (const pid of pids) expect(run.exitOf(pid)).toEqual({ code: 0, signal: 0 });
    expect(run.events('recovery-done')).toHaveLength(3);
    expect(run.events('core-removed').at(-1)?.cpusLeft).toEqual([2]);
  });

  it('leave the threads that wait in the queue of the dead core to others', () => {
    const run = new Run(
      { worker },
      { cores: 2, faults: [atTime(1, 2_000_000)], checkpointEveryNs: 1_900_000, costs: CHEAP },
    );
    const pids = [0, 1, 2, 3, 4, 5].map(() => run.start('worker'));
    expect(run.go().reason).toBe('finished');
    for (const pid of pids) expect(run.exitOf(pid)).toEqual({ code: 0, signal: 0 });
    expect(run.events('recovery-done')).toHaveLength(1);
  });

  it('cannot be made expensive enough to stop everybody: checkpoints that take longer than the period are taken less often', () => {
    const run = new Run({ worker }, { cores: 1, checkpointEveryNs: 1_000_000 });
    const pids = [0, 1, 2].map(() => run.start('worker'));
    expect(run.go(1e9).reason).toBe('finished');
    for (const pid of pids) expect(run.exitOf(pid)).toEqual({ code: 0, signal: 0 });
  });

  it('never let a dead core run or own anything again', () => {
    const run = spin(3, { faults: [atTime(1, 1_000_000)], checkpointEveryNs: 700_000, costs: CHEAP });
    run.system.run({ untilNs: 60_000_000 });
    const removedNs = run.events('core-removed')[0]!.ns;
    expect(run.events('switch').filter((e) => e.core === 1 && e.ns > removedNs)).toEqual([]);
    expect(run.events('migrate').filter((e) => e.to === 1 && e.ns > removedNs)).toEqual([]);
  });
});
