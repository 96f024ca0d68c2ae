import type { FaultPlan } from '../../emu/faults/plan.ts';
import { isAhead } from '../../emu/faults/trigger.ts';
import type { RunLimits, Stop } from '../../emu/machine/machine.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { System, type SystemSnapshot } from '../system.ts';
import { AccessRecorder } from './access-recorder.ts';
import { type Difference, differenceBetween, isNothing, withDifference } from './difference.ts';
import { carry, type Interval, recordInterval } from './interval.ts';

const CARRY_FROM = 50_000;

export interface GoldenOptions {
  /** At most so many snapshots are kept; when there are more, every other one goes. Default 128. */
  readonly snapshotsMax?: number;
  /** Instructions between the first ones; doubled whenever some go. Default 1000. */
  readonly spacing?: number;
  /**
   * Instructions between snapshots from which on differences are carried over what does not use them: to compare costs about as much
   * as to execute so many. Default 50000.
   */
  readonly carryFrom?: number;
  /** Default: a Map of its own. */
  readonly intervals?: IntervalStore;
}

/** What is known of the intervals of one golden run, by the index of the snapshot at which they begin: a Map, or one to which others add. */
export interface IntervalStore {
  get(index: number): Interval | null | undefined;
  set(index: number, interval: Interval | null): void;
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
  /** Of what came before, so many instructions were not executed, as they do not use what differed from the golden run. */
  readonly skipped: number;
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
  /** Whether differences are carried. */
  private readonly carries: boolean;
  private readonly intervals: IntervalStore;
  private recorder: AccessRecorder | null = null;
  private recorded: System | null = null;

  /** Takes a system at power-on, its programs started and no faults planned, to the end of its run. */
  constructor(system: System, limits: Pick<RunLimits, 'untilNs' | 'instructions'>, options: GoldenOptions = {}) {
    this.limits = limits;
    this.stop = this.record(system, options);
    this.end = system.snapshot();
    this.intervals = options.intervals ?? new Map();
    const [, second] = this.places;
    this.carries = second !== undefined && second.retired >= (options.carryFrom ?? CARRY_FROM);
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
   * state. Once the faults have struck and the state is that of the golden run at the same place, what follows is taken from there; while
   * it differs only in registers and memory that the golden run does not use, what happens meanwhile is. The system's listeners do not
   * hear of it.
   */
  inject(system: System, faults: FaultPlan, limits: Pick<RunLimits, 'untilNs' | 'instructions'>): Injection {
    const first = this.indexBefore(faults);
    const from = this.places[first]!.retired;
    system.restore(this.places[first]!.snapshot, { faults });
    let skipped = 0;
    if (this.isOpenEnded(limits)) {
      // Runs that do not come back, or use what differs all the time, seldom stop that: looking gets rarer.
      for (let at = first + 1, step = 1; at < this.places.length; at += step) {
        const { retired } = this.places[at]!;
        const stop = system.run({ ...limits, pauseInstructions: retired });
        if (stop.reason !== 'paused') return { stop, from, converged: null, skipped };
        const carried = this.follow(system, at);
        if (carried === null) {
          step = at - first;
          continue;
        }
        if (carried.converged) {
          system.restore(this.end, { past: this.pastOf(system.events, at, this.end) });
          return { stop: this.stop, from, converged: retired, skipped };
        }
        skipped += this.places[carried.index]!.retired - retired;
        step = carried.index > at ? 1 : 2 * step;
        at = carried.index;
      }
    }
    return { stop: system.run(limits), from, converged: null, skipped };
  }

  /**
   * Compares a system with the golden run at a place. Null when nothing can be said of how it goes on. Otherwise it goes on like the
   * golden run to the end, or at least to the place `index`, where it is now.
   */
  private follow(system: System, at: number): { readonly converged: boolean; readonly index: number } | null {
    const { snapshot } = this.places[at]!;
    if (system.isAt(snapshot)) return { converged: true, index: at };
    if (!this.carries || !system.machine.faultsAreOver) return null;
    const now = system.snapshot();
    const first = differenceBetween(now, snapshot);
    if (first === null) return null;
    let difference = first;
    let index = at;
    for (; index < this.places.length - 1; index++) {
      const interval = this.interval(index);
      const left: Difference | null = interval && carry(difference, interval);
      if (left === null) break;
      if (isNothing(left)) return { converged: true, index };
      difference = left;
    }
    if (index > at) {
      const there = this.places[index]!.snapshot;
      const past = this.pastOf(system.events, at, there);
      system.restore(withDifference(there, difference, now.machine), { past });
    }
    return { converged: false, index };
  }

  /** What the golden run does between a place and the next: found out when it is first asked for. */
  private interval(index: number): Interval | null {
    const known = this.intervals.get(index);
    if (known !== undefined) return known;
    this.recorder ??= new AccessRecorder();
    this.recorded ??= System.from(this.places[0]!.snapshot, { engine: this.recorder });
    const [from, to] = [this.places[index]!, this.places[index + 1]!];
    const found = recordInterval(this.recorded, this.recorder, {
      from: from.snapshot,
      to: to.snapshot,
      retired: to.retired,
      limits: this.limits,
    });
    this.intervals.set(index, found);
    return found;
  }

  /** What has happened by a moment of the golden run to a run that has gone on like it since a place. */
  private pastOf(events: readonly TraceEvent[], place: number, { events: then }: SystemSnapshot): TraceEvent[] {
    return [...events, ...then.list.slice(this.places[place]!.snapshot.events.count, then.count)];
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
