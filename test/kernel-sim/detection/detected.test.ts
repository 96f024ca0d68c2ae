import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { DATA, program, Run, SCRATCH } from '../../support/guest-program.ts';

const BASE: SystemConfig = {
  cores: 3,
  checkpointEveryNs: 5_000_000,
  costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
  faultGenerator: { periodNs: 1_000_000, deadlineNs: 200_000, misses: 1 },
};
const under = (ns: number) => ({ at: 'process', process: 'main', ns }) as const;
const UC = '0xb200000000000000';
const [UC_WITH_ADDRESS, UC_CONTEXT_CORRUPT, CORRECTED] = ['b400000000000000', 'b600000000000000', '9400000000000000'];

const main = program((p) => {
  p.eax(77).log('early').burn(35_000).set(SCRATCH, 1).burn(35_000).load(SCRATCH).log('late').exit(0);
});

function run(faults: FaultSpec[], config: SystemConfig = {}): Run {
  const made = new Run({ main }, { ...BASE, ...config, faults });
  made.start('main');
  expect(made.go(3e9).reason).toBe('finished');
  expect(made.logOf(2)).toEqual({ early: 77, late: 1 });
  return made;
}

describe('a machine check', () => {
  const check = (status: string, address?: string): FaultSpec => ({
    ...{ model: 'machine-check', bank: 1, status, trigger: under(9_000_000) },
    ...(address ? { address } : {}),
  });

  it('is noticed at once, and the paper takes the core out', () => {
    const done = run([check(UC)]);
    expect(done.events('fault-detected')).toMatchObject([
      { by: 'machine-check', latencyNs: 0, latencyInstructions: 0 },
    ]);
    expect(done.events('core-removed')).toHaveLength(1);
    expect(done.events('recovery-done')).toMatchObject([{ fromNs: 5_000_000 }]);
  });

  it('leaves the core in service with rollback-in-place', () => {
    const done = run([check(UC)], { recovery: 'rollback-in-place' });
    expect(done.events('core-removed')).toEqual([]);
    const { victim } = done.events('recovery-done')[0]!;
    expect(done.events('switch').findLast((event) => event.pid === 2)!.core).toBe(victim);
  });

  it('that names a page of good bytes elsewhere is no reason to go back', () => {
    const address = (DATA + 0x1000).toString(16);
    const done = run([check(UC_WITH_ADDRESS!, address)], { recovery: 'roll-forward' });
    expect(done.events('roll-forward')).toHaveLength(1);
    expect(done.events('recovery-start')).toEqual([]);
    expect(
      run([check(UC_CONTEXT_CORRUPT!, address)], { recovery: 'roll-forward' }).events('recovery-done'),
    ).toHaveLength(1);
  });

  it('that the hardware has corrected is reported, and no more', () => {
    const done = run([check(CORRECTED!)]);
    expect(done.events('fault-detected')).toHaveLength(1);
    expect(done.events('recovery-start')).toEqual([]);
    expect(done.events('core-removed')).toEqual([]);
  });

  it('of a core that was kept does not hide that it stops later', () => {
    const trigger = { at: 'time', core: 0, ns: 12_000_000 } as const;
    const done = run([
      { ...check(CORRECTED!), trigger: { at: 'time', core: 0, ns: 3_000_000 } },
      { model: 'fail-stop', trigger },
    ]);
    expect(done.events('fault-detected').map(({ by }) => by)).toEqual(['machine-check', 'heartbeat']);
    expect(done.events('core-removed')).toMatchObject([{ victim: 0 }]);
  });
});

describe('the self-test', () => {
  const selfTest = { periodNs: 2_000_000 };

  it.each<FaultSpec>([
    { model: 'stuck-at', register: 'ecx', bit: 20, value: 1, trigger: under(9_100_000) },
    { model: 'stuck-at', register: 'eflags', bit: 21, value: 1, trigger: under(9_100_000) },
    { model: 'wrong-alu', unit: 'add', bit: 3, value: 1, trigger: under(9_100_000) },
    { model: 'wrong-alu', unit: 'mul', bit: 60, value: 0, trigger: under(9_100_000) },
    { model: 'wrong-alu', unit: 'shift', bit: 31, value: 1, trigger: under(9_100_000) },
  ])('notices $model within its period, and the result is right', (fault) => {
    const done = run([fault], { selfTest });
    const [detected] = done.events('fault-detected');
    expect(detected).toMatchObject({ by: 'self-test', victim: done.events('core-fault')[0]!.victim });
    expect(detected!.latencyNs).toBeLessThan(2 * selfTest.periodNs);
    expect(detected!.latencyInstructions).toBeGreaterThan(0);
    expect(done.events('core-removed')).toHaveLength(1);
  });
});

describe('the heartbeat', () => {
  it('notices a core that hangs', () => {
    const done = run([{ model: 'hang', trigger: under(9_000_000) }]);
    expect(done.events('fault-detected')).toMatchObject([{ by: 'heartbeat', misses: 1 }]);
    expect(done.events('recovery-done')).toHaveLength(1);
  });
});
