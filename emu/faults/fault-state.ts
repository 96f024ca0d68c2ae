import { Prng, type PrngState } from '../base/prng.ts';
import type { StuckBit, WrongBase } from './flip.ts';
import type { FaultPlan } from './plan.ts';
import { exponentialGapNs } from './poisson.ts';
import type { CachedByte } from './stepping-engine.ts';
import type { WrongUnit } from './wrong-alu.ts';

/** What the faults that have struck left behind on one core. */
export interface CoreFaultState {
  stuckBits: readonly StuckBit[];
  wrongUnits: readonly WrongUnit[];
  cachedBytes: readonly CachedByte[];
  /** Of the thread that it runs. */
  wrongBases: readonly WrongBase[];
  /** When it comes back; null when it is not away, or for good. */
  backNs: number | null;
  /** When it is as fast as it should be again; null: it is, or never. */
  slowUntilNs: number | null;
  /** So many interrupts will not reach it. */
  lostInterrupts: number;
}

/** What becomes of one fault of the plan. */
export interface Progress {
  /** Nothing more will come of it. */
  spent: boolean;
  /** Events of its kind so far: hits, system calls, checkpoints; of a rate the times that it struck. */
  count: number;
  /** pc: which core had retired how much at the last hit, so that an execution counts once however often it is begun. */
  lastHit: readonly [core: number, retired: number] | null;
  /** rate: when it strikes next, and where the times come from. */
  nextNs: number;
  prng: PrngState | null;
}

/** All that changes about the faults in the course of a run: JSON data. */
export interface FaultState {
  readonly progress: Progress[];
  readonly cores: CoreFaultState[];
  /** Faults of checkpoints (indices in the plan) that wait for the next one. */
  waitingWrites: number[];
  /** Machine checks (core, index in the plan) that the kernel has not been told of. */
  machineChecks: { core: number; fault: number }[];
  /** Recoveries so far, and which is which: number of the recovery of each pid and of the step that it has come to. */
  recoveries: number;
  recovering: readonly { readonly pid: number; readonly nth: number; readonly step: number }[];
}

export function initialFaultState(plan: FaultPlan, cores: number): FaultState {
  return {
    progress: plan.map(({ trigger }) => {
      const progress: Progress = { spent: false, count: 0, lastHit: null, nextNs: 0, prng: null };
      if (trigger.at === 'rate') advanceRate(progress, Prng.seeded(trigger.seed, trigger.core), trigger.meanNs);
      return progress;
    }),
    cores: Array.from({ length: cores }, () => ({
      stuckBits: [],
      wrongUnits: [],
      cachedBytes: [],
      wrongBases: [],
      backNs: null,
      slowUntilNs: null,
      lostInterrupts: 0,
    })),
    waitingWrites: [],
    machineChecks: [],
    recoveries: 0,
    recovering: [],
  };
}

/** The fault of a rate strikes again after a gap. */
export function advanceRate(progress: Progress, prng: Prng, meanNs: number): void {
  progress.nextNs += exponentialGapNs(prng, meanNs);
  progress.prng = prng.snapshot();
}

/** State that shares nothing that changes with `state`. */
export const copyFaultState = (state: FaultState): FaultState => JSON.parse(JSON.stringify(state)) as FaultState;
