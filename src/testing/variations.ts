import { Prng } from '../../emu/base/prng.ts';
import type { FaultPlan, FaultSpec } from '../../emu/faults/plan.ts';
import type { FinishedRun } from '../recovery/finished-run.ts';
import { GOOD_OUTCOMES, OUTCOMES, type Outcome } from '../recovery/outcome.ts';
import { compileScenario } from '../scenario/compile-scenario.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { Demands, Trial } from './trial.ts';

/*
 * A scenario made into many runs. As written; with other seeds and other lengths of rounds, where everything that it expects has to hold all
 * the same; and with its faults at other times on other cores, where its outcome has to be a good one and the contract has to hold.
 */

export interface Variation {
  readonly label: string;
  readonly scenario: Scenario;
  readonly seed: number;
  /** Draws from the run without faults, which tells how long the run is; null: the scenario's own faults. */
  readonly faults: ((golden: FinishedRun) => FaultPlan) | null;
  readonly demands: Demands;
}

/** Variation `n` of a scenario: 0 is the scenario as written; the others depend on `seed`, their number and the name only. */
export function variationOf(scenario: Scenario, n: number, seed: number): Variation {
  const demands: Demands = {
    outcomes: OUTCOMES.filter((each) => each !== 'emulator-bug'),
    contract: true,
    expectations: true,
  };
  if (n === 0) return { label: 'as written', scenario, seed: scenario.machine.seed, faults: null, demands };
  const prng = Prng.seeded(seed ^ hashOf(scenario.name), n);
  const drawnSeed = prng.below(0x3fffffff);
  const seeded = { scenario, seed: drawnSeed, faults: null, demands };
  const kinds = canMoveFaults(scenario) ? 3 : 2;
  switch (n % kinds) {
    case 0:
      return { ...seeded, label: `${n}: seed ${drawnSeed}` };
    case 1: {
      const [min, max] = scenario.machine.slice;
      const slice: [number, number] = [prng.between(Math.ceil(min / 2), min), prng.between(max, 2 * max)];
      const other = { ...scenario, machine: { ...scenario.machine, slice } };
      return { ...seeded, scenario: other, label: `${n}: rounds of ${slice.join(' to ')}, seed ${drawnSeed}` };
    }
    default:
      return {
        ...seeded,
        label: `${n}: other faults, seed ${drawnSeed}`,
        faults: (golden) => movedFaults(scenario, golden, Prng.seeded(drawnSeed, n)),
        demands: { outcomes: [...GOOD_OUTCOMES, ...expectedOutcomes(scenario)], contract: true, expectations: false },
      };
  }
}

/** A variation as a run, once the run without faults is known. */
export function trialOf({ scenario, seed, faults, demands }: Variation, golden: FinishedRun | null): Trial {
  const plan = faults && golden ? faults(golden) : compileScenario(scenario).faults;
  return { scenario, seed, demands, faults: plan };
}

/** Policies under which every process comes back with its results: the others give some up, or let it go on from what is left of it. */
const RESTORING: readonly Scenario['machine']['recovery'][] = [
  'rollback-migrate',
  'restart',
  'rollback-in-place',
  'spare',
];

/** Only faults that a recovery makes good, wherever they strike: after a bit has flipped, anything may come out. */
function canMoveFaults(scenario: Scenario): boolean {
  const { faults } = compileScenario(scenario);
  const { recovery, checkpointEvery } = scenario.machine;
  const isMovable = ({ model, trigger }: FaultSpec): boolean =>
    (model === 'fail-stop' || model === 'hang') && ['time', 'instruction', 'process'].includes(trigger.at);
  return faults.length > 0 && RESTORING.includes(recovery) && checkpointEvery !== undefined && faults.every(isMovable);
}

const expectedOutcomes = (scenario: Scenario): Outcome[] =>
  scenario.expect.flatMap((each) => ('outcome' in each ? each.outcome : []));

/** The same faults at times drawn anew, their cores renamed: two faults of one core stay faults of one core. */
function movedFaults(scenario: Scenario, golden: FinishedRun, prng: Prng): FaultPlan {
  const { cores } = scenario.machine;
  const names = Array.from({ length: cores }, (_, core) => core);
  for (let left = cores; left > 1; left--) {
    const other = prng.below(left);
    [names[left - 1], names[other]] = [names[other]!, names[left - 1]!];
  }
  const moment = (): number => Math.floor((prng.below(1_000_000) * golden.endNs) / 1_000_000);
  return compileScenario(scenario).faults.map((fault): FaultSpec => {
    const { trigger } = fault;
    switch (trigger.at) {
      case 'time':
        return { ...fault, trigger: { ...trigger, core: names[trigger.core]!, ns: moment() } };
      case 'process':
        return { ...fault, trigger: { ...trigger, ns: moment() } };
      case 'instruction': {
        const instruction = Math.floor(moment() / golden.machine.cycleNs);
        return { ...fault, trigger: { ...trigger, core: names[trigger.core]!, instruction } };
      }
      default:
        return fault;
    }
  });
}

/** FNV-1a, 32 bits: each scenario has seeds of its own. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const c of text) hash = Math.imul(hash ^ c.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}
