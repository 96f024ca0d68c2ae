import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import { Injector } from '../../../src/campaign/injector.ts';
import { campaignSchema } from '../../../src/campaign/schema.ts';
import { workloadOf } from '../../../src/cli/campaign-spec.ts';

const workload = workloadOf(
  campaignSchema.parse({
    name: 'injector',
    run: ['count 2 1', 'matrix 1'],
    machine: { cores: 2, checkpointEvery: '2ms' },
    faults: [{ model: 'fail-stop' }],
  }),
);
const policy = workload.spec.policies[0]!;

const faults: FaultSpec[] = [
  { model: 'fail-stop', trigger: { at: 'instruction', core: 0, instruction: 900 } },
  { model: 'hang', trigger: { at: 'instruction', core: 1, instruction: 1500 } },
  { model: 'intermittent', downNs: 4_000_000, trigger: { at: 'instruction', core: 0, instruction: 700 } },
  {
    model: 'bit-flip',
    target: { in: 'register', register: 'eip' },
    bit: 30,
    trigger: { at: 'instruction', core: 0, instruction: 500 },
  },
  {
    model: 'bit-flip',
    target: { in: 'register', register: 'ebx' },
    bit: 1,
    trigger: { at: 'instruction', core: 1, instruction: 640 },
  },
  { model: 'stuck-at', register: 'ecx', bit: 0, value: 1, trigger: { at: 'instruction', core: 0, instruction: 300 } },
  { model: 'wrong-alu', unit: 'add', bit: 2, value: 1, trigger: { at: 'instruction', core: 1, instruction: 2000 } },
  { model: 'fail-stop', trigger: { at: 'instruction', core: 1, instruction: 1e9 } },
];

describe('an injector', () => {
  it('finds from snapshots what a run from power-on finds', () => {
    const quick = new Injector(workload, policy);
    const slow = new Injector(workload, policy, { snapshots: false });
    expect(quick.summary).toEqual(slow.summary);
    const outcomes = new Set<string>();
    for (const fault of faults) {
      const result = quick.inject([fault]);
      outcomes.add(result.outcome);
      expect(result, JSON.stringify(fault)).toEqual(slow.inject([fault]));
    }
    expect(outcomes.size).toBeGreaterThan(3);
    expect(outcomes).toContain('not-activated');
  });

  it('says what noticed a fault, and after what time and how many instructions of the core', () => {
    const injector = new Injector(workload, policy);
    const trigger = { at: 'instruction', core: 0, instruction: 900 } as const;
    const stopped = injector.inject([{ model: 'fail-stop', trigger }]);
    expect(stopped).toMatchObject({ detectedBy: 'heartbeat', latencyInstructions: 0 });
    expect(stopped.latencyNs).toBeGreaterThan(10_000_000);
    // It goes on, but answers no poll in time.
    const slow = injector.inject([{ model: 'slow', factor: 2000, trigger }]);
    expect(slow).toMatchObject({ detectedBy: 'heartbeat' });
    expect(slow.latencyInstructions).toBeGreaterThan(0);
    const checked = injector.inject([{ model: 'machine-check', bank: 0, status: 'b200000000000000', trigger }]);
    expect(checked).toMatchObject({ detectedBy: 'machine-check', latencyNs: 0, latencyInstructions: 0 });
    const unnoticed = injector.inject([faults.at(-1)!]);
    expect(unnoticed).not.toHaveProperty('detectedBy');
    expect(unnoticed).not.toHaveProperty('latencyInstructions');
  });

  it('counts what a core did from a checkpoint on as lost, though it was struck before', () => {
    const checked = workloadOf(
      campaignSchema.parse({
        name: 'slow-core',
        run: ['matrix 4', 'count 20 2'],
        machine: {
          cores: 3,
          mhz: 10,
          checkpointEvery: '2ms',
          detection: { period: '1ms', deadline: '200us', misses: 1, duplicate: ['matrix'] },
        },
        faults: [{ model: 'slow', factor: 50, for: '2ms' }],
      }),
    );
    const trigger = { at: 'instruction', core: 1, instruction: 6955 } as const;
    const slow = new Injector(checked, policy).inject([{ model: 'slow', factor: 50, forNs: 2_000_000, trigger }]);
    // Struck, the process came to the core and was checkpointed 0.8245 ms later, and noticed after another 0.2 ms.
    expect(slow).toMatchObject({ outcome: 'recovered-exact', latencyNs: 1_024_500, lostNs: 200_000, rollbacks: 1 });
  });

  it('tells its own failure from one of the guest, and from what it cannot be asked for, and goes on', () => {
    const injector = new Injector(workload, policy);
    const before = injector.inject([faults[0]!]);
    // No plan that a campaign makes is like these.
    const broken = injector.inject([null as unknown as FaultSpec]);
    expect(broken).toMatchObject({ outcome: 'emulator-bug', error: expect.stringMatching(/^TypeError: /) });
    expect(injector.inject([faults[0]!])).toEqual(before);
    expect(() => injector.inject([{ ...faults[4]!, bit: 99 } as FaultSpec])).toThrow(UsageError);
    expect(injector.inject([faults[0]!])).toEqual(before);
  });
});
