import type { FaultPlan } from '../../emu/faults/plan.ts';
import { isAhead } from '../../emu/faults/trigger.ts';
import type { RunLimits, Stop } from '../../emu/machine/machine.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import type { System, SystemSnapshot } from '../system.ts';

export interface GoldenOptions {
  /** At most so many snapshots are kept; when there are more, every other one goes. Default 128. */
  readonly snapshotsMax?: number;
  /** Instructions between the first ones; doubled whenever some go. Default 1000. */
  readonly spacing?: number;
}

/** A moment of the golden run. */
interface Place {
  /** Instructions of all cores together. */
  readonly retired: number;
  readonly snapshot: SystemSnapshot;
}

export interface Injection {
  readonly stop: Stop;
  /** Instructions of all cores together at which the run began, and at which it was seen to have become the golden run again (or null). */
  readonly from: number;
  readonly converged: number | null;
}

/**
 * A run without faults, with snapshots from which runs with faults can begin. What it gives is what a run from power-on gives: up to the
 * snapshot that run would have been the same (emu/faults/trigger.ts), and a machine is a function of its state.
 */
export class GoldenRun {
  readonly stop: Stop;
  /** The system at the end, with all events. */
  readonly end: SystemSnapshot;
  private readonly limits: Pick<RunLimits, 'untilNs' | 'instructions'>;
  private places: readonly Place[] = [];

  /** Takes a system at power-on, its programs started and no faults planned, to the end of its run. */
  constructor(system: System, limits: Pick<RunLimits, 'untilNs' | 'instructions'>, options: GoldenOptions = {}) {
    this.limits = limits;
    this.stop = this.record(system, options);
    this.end = system.snapshot();
  }

  private record(system: System, { snapshotsMax = 128, spacing = 1000 }: GoldenOptions): Stop {
    let places: Place[] = [{ retired: 0, snapshot: system.snapshot() }];
    let gap = spacing;
    for (let next = gap; ; next += gap) {
      const stop = system.run({ ...this.limits, pauseInstructions: next });
      if (stop.reason !== 'paused') {
        this.places = places;
        return stop;
      }
      places.push({ retired: next, snapshot: system.snapshot() });
      if (places.length <= snapshotsMax) continue;
      places = places.filter((_, n) => n % 2 === 0);
      gap *= 2;
      next = places.at(-1)!.retired;
    }
  }

  /** The last snapshot that a run with these faults has in common with the golden one. */
  nearestBefore(faults: FaultPlan): SystemSnapshot {
    return this.places[this.indexBefore(faults)]!.snapshot;
  }

  private indexBefore(faults: FaultPlan): number {
    const isCommon = ({ snapshot }: Place): boolean =>
      faults.every(({ trigger }) => isAhead(trigger, snapshot.machine));
    return Math.max(0, this.places.findLastIndex(isCommon));
  }

  /**
   * Runs a system of the same configuration with faults, to where the run from power-on would have ended: the same events, the same
   * state. Once the faults have struck and the state is that of the golden run at the same place, what follows is taken from there;
   * the system's listeners do not hear of it.
   */
  inject(system: System, faults: FaultPlan, limits: Pick<RunLimits, 'untilNs' | 'instructions'>): Injection {
    const first = this.indexBefore(faults);
    const from = this.places[first]!;
    system.restore(from.snapshot, { faults });
    if (this.isOpenEnded(limits)) {
      // Runs that do not come back soon seldom do: looking gets rarer.
      for (let ahead = 1; first + ahead < this.places.length; ahead *= 2) {
        const { retired, snapshot } = this.places[first + ahead]!;
        const stop = system.run({ ...limits, pauseInstructions: retired });
        if (stop.reason !== 'paused') return { stop, from: from.retired, converged: null };
        if (!system.isAt(snapshot)) continue;
        system.restore(this.end, { past: this.pastOf(system.events, snapshot) });
        return { stop: this.stop, from: from.retired, converged: retired };
      }
    }
    return { stop: system.run(limits), from: from.retired, converged: null };
  }

  /** What has happened at the end of a run that has become the golden one at a place. */
  private pastOf(events: readonly TraceEvent[], { events: before }: SystemSnapshot): TraceEvent[] {
    return [...events, ...this.end.events.list.slice(before.count, this.end.events.count)];
  }

  /** Neither run is ended, or its last round cut, by a limit that the other has not. */
  private isOpenEnded(limits: Pick<RunLimits, 'untilNs' | 'instructions'>): boolean {
    if (this.stop.reason !== 'finished') return false;
    return [limits, this.limits].every(
      ({ untilNs, instructions }) =>
        instructions === undefined && (untilNs ?? Number.POSITIVE_INFINITY) > this.end.machine.nowNs,
    );
  }
}
