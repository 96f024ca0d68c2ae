import { describe, expect, it } from 'vitest';
import type { UsageError } from '../../../emu/base/errors.ts';
import { type FaultSpace, faultAt, faultSpace, targetName } from '../../../src/campaign/fault-space.ts';
import { Injector } from '../../../src/campaign/injector.ts';
import { planCampaign } from '../../../src/campaign/plan.ts';
import { campaignSchema } from '../../../src/campaign/schema.ts';
import { workloadOf } from '../../../src/cli/campaign-spec.ts';

const spec = (faults: readonly object[], more: object = {}) =>
  campaignSchema.parse({
    name: 'spaces',
    run: ['count 3 1'],
    machine: { cores: 2, checkpointEvery: '2ms' },
    sample: 'exhaustive',
    faults,
    ...more,
  });
const spaceOf = (entry: object): FaultSpace => faultSpace(spec([entry]).faults[0]!, [3, 5], 'faults[0]');
const everyFaultOf = (space: FaultSpace) => Array.from({ length: space.size }, (_, n) => faultAt(space, n));

describe('a fault space', () => {
  it('has every effect after every instruction of the cores', () => {
    const space = spaceOf({ model: 'stuck-at', registers: ['eax'], bits: [3], cores: [1] });
    expect(everyFaultOf(space)).toEqual(
      [0, 1].flatMap((value) =>
        [1, 2, 3, 4, 5].map((instruction) => ({
          ...{ model: 'stuck-at', register: 'eax', bit: 3, value },
          trigger: { at: 'instruction', core: 1, instruction },
        })),
      ),
    );
  });

  it('has every effect at every trigger that is listed', () => {
    const triggers = [
      { at: 'checkpoint', nth: 2 },
      { at: 'time', core: 1, ns: 5000 },
    ];
    const space = spaceOf({ model: 'checkpoint-write', failure: 'bit-flip', bytes: [7], bits: [0, 1], triggers });
    const effects = [0, 1].map((bit) => ({ model: 'checkpoint-write', failure: 'bit-flip', atByte: 7, bit }));
    expect(everyFaultOf(space)).toEqual(
      effects.flatMap((effect) => triggers.map((trigger) => ({ ...effect, trigger }))),
    );
    expect(targetName(faultAt(space, 0))).toBe('checkpoint file');
  });

  it.each([
    [{ model: 'fail-stop', cores: [0], triggers: [{ at: 'checkpoint', nth: 1 }] }, 'faults[0].cores'],
    [{ model: 'fail-stop', triggers: [{ at: 'time', core: 9, ns: 0 }] }, 'faults[0].triggers[0].trigger.core'],
    [{ model: 'checkpoint-write', failure: 'torn', bytes: [1], bits: [1] }, 'faults[0].bits'],
    [{ model: 'fail-stop', cores: [2] }, 'faults[0].cores'],
  ])('refuses %j with the path of the key', (entry, key) => {
    try {
      spaceOf(entry);
    } catch (error) {
      expect((error as UsageError).parts).toMatchObject({ key });
      return;
    }
    expect.unreachable('it was not refused');
  });
});

describe('a campaign over listed triggers', () => {
  it('strikes at kernel events and in checkpoints, from snapshots as from power-on', () => {
    const workload = workloadOf(
      spec([
        {
          model: 'fail-stop',
          triggers: [
            { at: 'syscall', nth: 2, name: 'write' },
            { at: 'process', process: 'count', ns: 1_000_000 },
          ],
        },
        { model: 'checkpoint-write', failure: 'error', bytes: [0], triggers: [{ at: 'checkpoint', nth: 2 }] },
        {
          model: 'bit-flip',
          in: 'register',
          registers: ['eax'],
          bits: [4],
          triggers: [{ at: 'syscall', nth: 1, name: 'write' }],
        },
      ]),
    );
    const policy = workload.spec.policies[0]!;
    const [quick, slow] = [new Injector(workload, policy), new Injector(workload, policy, { snapshots: false })];
    const plan = planCampaign(workload, [quick.summary]);
    expect(plan.pruned).toBe(false);
    const outcomes = Array.from({ length: plan.count }, (_, id) => {
      const { fault } = plan.at(id);
      const result = quick.inject([fault]);
      expect(result).toEqual(slow.inject([fault]));
      return result.outcome;
    });
    expect(outcomes).toEqual([
      expect.stringMatching(/^recovered-(exact|at-least-once)$/),
      expect.stringMatching(/^recovered-(exact|at-least-once)$/),
      'masked',
      expect.not.stringMatching(/not-activated/),
    ]);
  });

  it('can disturb a recovery, when a core always dies', () => {
    const entries = [
      { model: 'fail-stop', triggers: [{ at: 'recovery', nth: 1, step: 'load' }] },
      { model: 'checkpoint-write', failure: 'torn', bytes: [100], triggers: [{ at: 'checkpoint', nth: 5 }] },
    ];
    const dies = { model: 'fail-stop', trigger: { at: 'process', process: 'count', ns: 40_000_000 } };
    const machine = { cores: 3, checkpointEvery: '8ms' };
    const workload = workloadOf(spec(entries, { run: ['count 30 2'], machine, always: [dies] }));
    const injector = new Injector(workload, workload.spec.policies[0]!);
    const plan = planCampaign(workload, [injector.summary]);
    expect(plan.pruned).toBe(false);
    const results = [0, 1].map((id) => injector.inject([plan.at(id).fault]));
    const alone = injector.inject([]);
    expect(alone).toMatchObject({ rollbacks: 1 });
    expect(results.map(({ outcome }) => outcome)).toEqual([
      expect.stringMatching(/^recovered-(exact|at-least-once)$/),
      expect.stringMatching(/^recovered-(exact|at-least-once)$/),
    ]);
    // Another core dies under the restart, which begins again; back to the checkpoint before the torn one.
    expect(results[0]!.endNs).toBeGreaterThan(alone.endNs);
    expect(results[1]!.lostNs).toBeGreaterThan(alone.lostNs!);
  });
});
