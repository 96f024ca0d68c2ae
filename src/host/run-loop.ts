import type { RunLimits, Stop } from '../../emu/machine/machine.ts';
import type { System } from '../system.ts';
import { Progress } from './progress.ts';

/** How much virtual time passes between two looks at the host, in ns. */
const PIECE_NS = 100_000_000;

/**
 * Runs a system to its end, or to the pause in the limits, with progress on stderr. The pieces do not show in the result: a run is the
 * same however it is cut.
 */
export function runWithProgress(system: System, limits: RunLimits): Stop {
  const progress = new Progress();
  const { pauseNs = Number.POSITIVE_INFINITY, pauseInstructions = Number.POSITIVE_INFINITY } = limits;
  try {
    for (;;) {
      const stop = system.run({ ...limits, pauseNs: Math.min(pauseNs, system.machine.nowNs + PIECE_NS) });
      if (stop.reason !== 'paused') return stop;
      if (system.machine.nowNs >= pauseNs || system.machine.retired >= pauseInstructions) return stop;
      progress.report(() => {
        const seconds = (system.machine.nowNs / 1e9).toFixed(1);
        return `${seconds} s of virtual time, ${(system.machine.retired / 1e6).toFixed(0)} million instructions`;
      });
    }
  } finally {
    progress.done();
  }
}
