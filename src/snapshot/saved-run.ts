import { UsageError } from '../../emu/base/errors.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { RunLimits } from '../../emu/machine/machine.ts';
import type { FinishedRun } from '../recovery/finished-run.ts';
import type { SystemSnapshot } from '../system.ts';
import { decode, encode } from './container.ts';
import { checkSnapshot, portable } from './encode.ts';

/** A run that was stopped, with all that is needed to go on and to judge it: programs, files and faults are inside. */
export interface SavedRun {
  readonly snapshot: SystemSnapshot;
  /** All faults of the run, those that have struck included. */
  readonly faults: FaultPlan;
  /** The run without faults, for the judge; null when none were planned. */
  readonly golden: FinishedRun | null;
  /** What ends the run. */
  readonly limits: Pick<RunLimits, 'untilNs' | 'instructions'>;
}

export function encodeSavedRun(run: SavedRun): Uint8Array {
  return encode('RUN ', { ...run, snapshot: portable(run.snapshot) });
}

/** Errors: UsageError with the byte offset when the bytes are no saved run of this version. */
export function decodeSavedRun(bytes: Uint8Array): SavedRun {
  const value = decode('RUN ', bytes) as Partial<SavedRun> | null;
  if (!Array.isArray(value?.faults) || typeof value.limits !== 'object' || typeof value.golden !== 'object')
    throw new UsageError({ what: 'holds a run without faults, limits or its golden run' });
  return { ...value, snapshot: checkSnapshot(value.snapshot) } as SavedRun;
}
