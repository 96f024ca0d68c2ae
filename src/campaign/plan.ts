import { checkFaultPlan } from '../../emu/faults/check-plan.ts';
import type { FaultSpec } from '../../emu/faults/plan.ts';
import type { HostFolders } from '../../kernel-sim/vfs/host-folder.ts';
import { type FaultSpace, faultAt, faultSpace } from './fault-space.ts';
import { isPrunable, PruningCollector } from './prune.ts';
import type { EntrySummary, GoldenSummary } from './records.ts';
import { drawFaults, plainSelection, type Selection } from './selection.ts';
import { traceRun } from './trace-run.ts';
import { alwaysOf, limitsOf, makeSystem, type Policy, type Workload } from './workload.ts';

/** Up to so many instructions of the fault-free run `prune: auto` prunes: tracing them takes some tens of seconds. */
const PRUNE_INSTRUCTIONS_MAX = 5_000_000;

/** One run to make. */
export interface Injection {
  readonly id: number;
  readonly entry: number;
  readonly number: number;
  readonly policy: Policy;
  readonly weight: number;
  readonly fault: FaultSpec;
}

/** Everything that a campaign will inject; by id, without the faults being made before they are asked for. */
export class CampaignPlan {
  readonly spaces: readonly FaultSpace[];
  readonly selections: readonly Selection[];
  readonly entries: readonly EntrySummary[];
  readonly policies: readonly Policy[];
  /** Whether flips of registers were pruned. */
  readonly pruned: boolean;
  readonly count: number;
  private readonly perPolicy: number;

  constructor(
    policies: readonly Policy[],
    spaces: readonly FaultSpace[],
    selections: readonly Selection[],
    pruned: boolean,
  ) {
    this.policies = policies;
    this.spaces = spaces;
    this.selections = selections;
    this.pruned = pruned;
    this.entries = spaces.map((space, n) => summaryOf(space, selections[n]!));
    this.perPolicy = selections.reduce((sum, { faults }) => sum + faults.length, 0);
    this.count = this.perPolicy * policies.length;
  }

  at(id: number): Injection {
    const policy = this.policies[Math.floor(id / this.perPolicy)]!;
    let n = id % this.perPolicy;
    let entry = 0;
    while (n >= this.selections[entry]!.faults.length) n -= this.selections[entry++]!.faults.length;
    const { faults, weights } = this.selections[entry]!;
    const number = faults[n]!;
    return { id, entry, number, policy, weight: weights[n]!, fault: faultAt(this.spaces[entry]!, number) };
  }
}

function summaryOf(space: FaultSpace, { drawn, masked, faults }: Selection): EntrySummary {
  const { model, size, effects, points } = space;
  const targets = [...effects.targets].map(([name, count]) => ({
    name,
    size: count * points.count,
    masked: masked.get(name) ?? 0,
  }));
  return { model, size, drawn, targets, injections: faults.length };
}

/**
 * Draws the faults of a campaign and prunes them. `goldens`: the fault-free run under each policy. Faults are placed in the first one, so
 * that they are the same under all; they are pruned only when the run is the same under all. `hostFolders`: for workloads with mounts.
 * Errors: UsageError for impossible entries.
 */
export function planCampaign(
  workload: Workload,
  goldens: readonly GoldenSummary[],
  hostFolders?: HostFolders,
): CampaignPlan {
  const { spec } = workload;
  const [summary] = goldens as [GoldenSummary];
  checkFaultPlan(alwaysOf(workload), spec.machine.cores, 'always');
  const spaces = spec.faults.map((entry, n) => faultSpace(entry, summary.retired, `faults[${n}]`));
  const draws = spaces.map((space, n) => drawFaults(space, spec.faults[n]!.sample ?? spec.sample, spec.seed, n));
  const prune = shouldPrune(workload, goldens) && spaces.some(isPrunable);
  const collectors = spaces.map((space, n) =>
    prune && isPrunable(space) ? new PruningCollector(space, draws[n]!) : null,
  );
  if (prune) {
    traceRun(
      (engine) => makeSystem(workload, { policy: summary.policy, engine, hostFolders }),
      (system) => system.run(limitsOf(workload)),
      collectors.filter((collector) => collector !== null),
    );
  }
  const selections = spaces.map((space, n) => collectors[n]?.selection() ?? plainSelection(space, draws[n]!));
  return new CampaignPlan(spec.policies, spaces, selections, prune);
}

function shouldPrune({ spec }: Workload, goldens: readonly GoldenSummary[]): boolean {
  const [first, ...others] = goldens;
  // A self-test runs on the core between two instructions of the program.
  if (spec.machine.detection.selfTest) return false;
  // Classes are those of the run without any fault.
  if (spec.always.length > 0) return false;
  if (others.some(({ digest }) => digest !== first!.digest)) return false;
  if (spec.prune !== 'auto') return spec.prune;
  return first!.retired.reduce((sum, n) => sum + n, 0) <= PRUNE_INSTRUCTIONS_MAX;
}
