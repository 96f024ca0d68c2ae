import { describe, expect, it } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import { Injector } from '../../../src/campaign/injector.ts';
import { planCampaign } from '../../../src/campaign/plan.ts';
import { type FlipClass, TRACED_REGISTERS } from '../../../src/campaign/register-trace.ts';
import { type CampaignSpec, campaignSchema } from '../../../src/campaign/schema.ts';
import { traceRun } from '../../../src/campaign/trace-run.ts';
import { limitsOf, makeSystem } from '../../../src/campaign/workload.ts';
import { workloadOf } from '../../../src/cli/campaign-spec.ts';
import { exhaustiveAndPruned } from '../../campaign/exhaustive.ts';

const specOf = (run: readonly string[], more: object = {}): CampaignSpec =>
  campaignSchema.parse({
    name: 'pruning',
    run,
    policies: ['none'],
    faults: [{ model: 'bit-flip', in: 'register' }],
    ...more,
  });

interface Point {
  readonly core: number;
  readonly instruction: number;
}

/** Every class of a run, and the points of each thread by ordinal. */
function classesOf(spec: CampaignSpec): { classes: FlipClass[]; points: Map<number, Point[]> } {
  const workload = workloadOf(spec);
  const classes: FlipClass[] = [];
  const points = new Map<number, Point[]>();
  traceRun(
    (engine) => makeSystem(workload, { policy: 'none', engine }),
    (system) => system.run(limitsOf(workload)),
    [
      {
        flips: (flips) => classes.push({ ...flips }),
        point: (core, instruction, thread, ordinal) => {
          const list = points.get(thread) ?? [{ core: -1, instruction: -1 }];
          points.set(thread, list);
          list[ordinal] = { core, instruction };
        },
      },
    ],
  );
  return { classes, points };
}

const flip = (register: number, bit: number, { core, instruction }: Point): FaultSpec => ({
  model: 'bit-flip',
  target: { in: 'register', register: TRACED_REGISTERS[register]! },
  bit,
  trigger: { at: 'instruction', core, instruction },
});

describe.each([
  ['one process', ['count 2 1'], {}],
  ['forks and pipes', ['forktree 2'], {}],
  ['signals', ['signals'], {}],
  ['threads on several cores', ['threads'], {}],
  ['checkpoints on the way', ['matrix 1', 'count 2 1'], { machine: { checkpointEvery: '1ms', cores: 2 } }],
] as const)('pruning by definition and use: %s', (_, run, more) => {
  it('puts flips together that end alike, and calls masked what is masked', () => {
    const spec = specOf(run, more);
    const { classes, points } = classesOf(spec);
    const injector = new Injector(workloadOf(spec), 'none');
    // A seed that draws no flip which makes the forking program hang: such a run goes on for a million instructions on each core, twice.
    const prng = Prng.seeded(9);
    const wide = classes.filter(({ weight }) => weight > 1);
    expect(wide.length).toBeGreaterThan(100);
    for (let n = 0; n < 60; n++) {
      const { register, mask, weight, used, core, instruction, thread, upTo } = wide[prng.below(wide.length)]!;
      const bits = [...Array(32).keys()].filter((bit) => mask & (1 << bit));
      const bit = bits[prng.below(bits.length)]!;
      const early = points.get(thread)![upTo - 1 - prng.below(weight - 1)]!;
      const one = injector.inject([flip(register, bit, early)]);
      if (!used) {
        expect(one, JSON.stringify(early)).toMatchObject({ outcome: 'masked', digest: injector.summary.digest });
        continue;
      }
      const other = injector.inject([flip(register, bit, { core, instruction })]);
      expect(one, `${TRACED_REGISTERS[register]} bit ${bit} at ${JSON.stringify(early)}`).toEqual(other);
    }
  });
});

describe('a pruned campaign', () => {
  it('has the totals of the exhaustive one', async () => {
    const { exhaustive, pruned, faults, prunedInjections } = await exhaustiveAndPruned('true', { bits: [0, 11] });
    expect(pruned).toEqual(exhaustive);
    expect(prunedInjections).toBeLessThan(faults / 4);
    expect(Object.values(exhaustive).reduce((sum, n) => sum + n, 0)).toBe(faults);
  });

  it('stands for every drawn flip when only some are drawn', () => {
    const spec = specOf(['count 2 1'], { sample: { size: 2000 } });
    const workload = workloadOf(spec);
    const { summary } = new Injector(workload, 'none');
    const [pruned] = planCampaign(workload, [summary]).entries;
    const [plain] = planCampaign({ ...workload, spec: { ...spec, prune: false } }, [summary]).entries;
    expect([pruned!.drawn, plain!.drawn, plain!.injections]).toEqual([2000, 2000, 2000]);
    expect(pruned!.injections).toBeLessThan(1200);
    expect(pruned!.targets.reduce((sum, { masked }) => sum + masked, 0)).toBeGreaterThan(400);
  });

  it('has whole classes when only some cores count', () => {
    const spec = specOf(['threads'], {
      sample: 'exhaustive',
      faults: [{ model: 'bit-flip', in: 'register', cores: [1], registers: ['ebx', 'eflags'] }],
    });
    const workload = workloadOf(spec);
    const { summary } = new Injector(workload, 'none');
    const plan = planCampaign(workload, [summary]);
    expect(plan.entries[0]!.size).toBe(summary.retired[1]! * 43);
  });
});
