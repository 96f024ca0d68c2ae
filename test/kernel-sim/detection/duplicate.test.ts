import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { System, type SystemConfig } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';
import { DATA, program, Run, SCRATCH } from '../../support/guest-program.ts';
import { boot, LIMITS, WORKLOADS } from '../../support/workloads.ts';

const main = program((p) => {
  p.eax(77).log('early').burn(35_000).set(SCRATCH, 1).burn(35_000).load(SCRATCH).log('late').exit(0);
});
const DUPLICATE: SystemConfig = {
  cores: 3,
  recovery: 'rollback-in-place',
  checkpointEveryNs: 5_000_000,
  costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
  duplicate: { processes: ['main'] },
};
const inMain = (ns: number) => ({ at: 'process', process: 'main', ns }) as const;

function run(faults: FaultSpec[], config: SystemConfig = {}): Run {
  const made = new Run({ main }, { ...DUPLICATE, ...config, faults });
  made.start('main');
  expect(made.go(3e9).reason).toBe('finished');
  expect(made.logOf(2)).toEqual({ early: 77, late: 1 });
  return made;
}

describe('a process that is executed twice', () => {
  it.each<[string, FaultSpec]>([
    [
      'a register',
      { model: 'bit-flip', target: { in: 'register', register: 'ebx' }, bit: 7, trigger: inMain(9_000_000) },
    ],
    [
      'memory',
      {
        ...{ model: 'bit-flip', bit: 3, trigger: inMain(9_000_000) },
        target: { in: 'memory', process: 'main', address: DATA + 4 },
      },
    ],
  ])('differs from its copy after a bit flip in %s, and goes back', (_, fault) => {
    const done = run([fault]);
    const [detected, ...more] = done.events('fault-detected');
    expect(more).toEqual([]);
    expect(detected).toMatchObject({ by: 'duplicate', victim: done.events('core-fault')[0]!.victim });
    expect(detected!.latencyInstructions).toBeGreaterThanOrEqual(0);
    expect(done.events('core-removed')).toEqual([]);
    expect(done.events('recovery-done')).toMatchObject([{ fromNs: 5_000_000 }]);
  });

  it('is not checkpointed while it differs', () => {
    const fault: FaultSpec = {
      ...{ model: 'bit-flip', target: { in: 'register', register: 'ebx' }, bit: 7 },
      trigger: { at: 'time', core: 0, ns: 4_990_000 },
    };
    const slow = program((p) => p.eax(77).log('early').burn(300_000).set(SCRATCH, 1).load(SCRATCH).log('late').exit(0));
    const made = new Run({ main: slow }, { ...DUPLICATE, faults: [fault] });
    made.start('main', { affinity: 1 });
    expect(made.go(3e9).reason).toBe('finished');
    expect(made.logOf(2)).toEqual({ early: 77, late: 1 });
    expect(made.events('fault-detected')).toMatchObject([{ by: 'duplicate' }]);
    expect(made.events('recovery-done')).toMatchObject([{ fromNs: 0 }]);
  });

  it.each<FaultSpec>([
    { model: 'wrong-alu', unit: 'add', bit: 3, value: 1, trigger: inMain(9_100_000) },
    { model: 'stuck-at', register: 'edi', bit: 20, value: 1, trigger: inMain(9_100_000) },
  ])('shows that its core has a permanent fault: $model', (fault) => {
    const done = run([fault]);
    const { victim } = done.events('core-fault')[0]!;
    expect(done.events('fault-detected')).toMatchObject([{ by: 'duplicate', victim }]);
    expect(done.events('core-removed')).toMatchObject([{ victim }]);
  });

  it('shows that the core of its copy has a permanent fault', () => {
    const trigger = { at: 'time', core: 1, ns: 3_000_000 } as const;
    const made = new Run(
      { main },
      { ...DUPLICATE, cores: 2, faults: [{ model: 'stuck-at', register: 'edi', bit: 20, value: 1, trigger }] },
    );
    made.start('main', { affinity: 1 });
    expect(made.go(3e9).reason).toBe('finished');
    expect(made.logOf(2)).toEqual({ early: 77, late: 1 });
    expect(made.events('fault-detected')).toMatchObject([{ by: 'duplicate', victim: 1 }]);
    expect(made.events('core-removed')).toMatchObject([{ victim: 1 }]);
    const why = made.events('log').filter(({ text }) => text.includes('without a copy'));
    expect(why.map(({ text }) => text)).toEqual(['pid 2 (main) runs without a copy: there is no other core']);
  });

  it('costs the other core as much time as its own', () => {
    const [once, twice] = [run([], { duplicate: null }), run([])];
    const busy = ({ system }: Run) =>
      system.kernel.state.cpus.reduce((sum, { cpTimes }) => sum + cpTimes[0] + cpTimes[2], 0);
    expect(busy(twice) / busy(once)).toBeGreaterThan(1.9);
    expect(busy(twice) / busy(once)).toBeLessThan(2.1);
  });
});

const EVERYTHING = {
  processes: ['count', 'primes', 'matrix', 'forktree', 'pipes', 'signals', 'segv', 'timers', 'threads', 'sh', 'gcore'],
};

describe.each(WORKLOADS.filter(({ config }) => !config.faults))('without faults: $name', (workload) => {
  it.each([1, 2])('nothing is detected, and the same is done (seed %i)', (seed) => {
    const system = boot(workload, seed, { duplicate: EVERYTHING, paranoid: true });
    const plain = boot(workload, seed);
    system.run(LIMITS);
    plain.run(LIMITS);
    expect(system.events.filter(({ kind }) => kind === 'fault-detected')).toEqual([]);
    if (!TOLD_BY_TIME.includes(workload.name)) expect(outputs(system)).toEqual(outputs(plain));
  });
});

/** Timers go off, and a signal comes, wherever the programs are by then: later with a copy. */
const TOLD_BY_TIME = ['timers of CPU time, sockets', 'a shell, ptrace from inside'];

/** What each program wrote; who was first depends on time. */
function outputs(system: System): string[] {
  const texts = new Map<number, string>();
  for (const event of system.events)
    if (event.kind === 'output') texts.set(event.pid, (texts.get(event.pid) ?? '') + event.text);
  expect(texts.size).toBeGreaterThan(0);
  return [...texts.values()].sort();
}

it('engines agree', () => {
  const events = (config: SystemConfig) => {
    const system = new System({ cores: 2, cycleNs: 1000, consoleIsTty: false, duplicate: EVERYTHING, ...config });
    for (const file of guestPrograms('primes', 'matrix')) system.install(file);
    system.spawn({ path: '/bin/primes', args: ['primes', '2000'] });
    system.spawn({ path: '/bin/matrix', args: ['matrix', '8', '2'] });
    expect(system.run(LIMITS).reason).toBe('finished');
    return system.events;
  };
  expect(events({ engine: new JitEngine() })).toEqual(events({}));
});

it('goes on from a snapshot in the middle of a stretch', () => {
  const fault: FaultSpec = {
    ...{ model: 'bit-flip', target: { in: 'register', register: 'ebx' }, bit: 7 },
    trigger: inMain(9_000_000),
  };
  const sound = new Run({ main }, DUPLICATE);
  sound.start('main');
  sound.system.run({ pauseInstructions: 50_011 });
  const middle = sound.system.snapshot();
  expect(middle.kernel.copies.size).toBe(1);
  expect(System.from(middle).isAt(middle)).toBe(true);
  const straight = run([fault]).system;
  const made = new Run({ main }, { ...DUPLICATE, faults: [fault] });
  made.start('main');
  for (const pauseInstructions of [50_011, 90_007, 90_023]) {
    made.system.run({ pauseInstructions });
    const snapshot = made.system.snapshot();
    expect(snapshot.kernel.copies.size).toBe(1);
    const copy = System.from(snapshot);
    copy.run();
    expect(copy.events).toEqual(straight.events);
  }
});
