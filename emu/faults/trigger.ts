import type { MachineSnapshot } from '../machine/machine.ts';
import type { FaultTrigger } from './plan.ts';

/**
 * Whether a fault that was planned from power-on would still be to come at a snapshot of the run without it, and everything up to the
 * snapshot would have been the same: then the run with the fault may begin there.
 */
export function isAhead(trigger: FaultTrigger, { nowNs, cores, round }: MachineSnapshot): boolean {
  const isPowerOn = nowNs === 0 && round === null;
  switch (trigger.at) {
    case 'instruction':
      return cores[trigger.core]!.retired < trigger.instruction || isPowerOn;
    // A planned time ends a round: an open one that goes beyond it would have been shorter. Between rounds, what was due now may be done.
    case 'time':
    case 'process':
      return round ? round.endNs <= trigger.ns : nowNs < trigger.ns || isPowerOn;
    // How often it had happened is not known of a run that did not count.
    default:
      return isPowerOn;
  }
}
