import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { RunMachine } from './finished-run.ts';

/** Instructions for what a recovery itself costs, and for programs that hardly run at all. */
const SLACK_INSTRUCTIONS = 1_000_000;
/** A plan of random faults without a limit of its own is taken to strike so often. */
const UNLIMITED_FAULTS = 16;

/**
 * Virtual time at which a faulty run counts as hung, from the golden run's. What n cores do in a time t takes one core n t at most;
 * twice that leaves room for unlucky placement. Each fault may also throw a process back to its beginning (t) and be noticed late.
 * A core that is made slow, or is away for a while, gets the time that this takes.
 */
export function hangBoundNs(goldenNs: number, faults: FaultPlan, machine: RunMachine): number {
  let strikes = 0;
  let slowness = 1;
  let awayNs = 0;
  for (const fault of faults) {
    strikes += fault.trigger.at === 'rate' ? (fault.trigger.maxCount ?? UNLIMITED_FAULTS) : 1;
    if (fault.model === 'slow') slowness = Math.max(slowness, fault.factor);
    if (fault.model === 'intermittent') awayNs += fault.downNs;
  }
  const workNs = goldenNs * (2 * machine.cores * slowness + strikes);
  return workNs + awayNs + (strikes + 1) * machine.detectionNs + SLACK_INSTRUCTIONS * machine.cycleNs;
}
