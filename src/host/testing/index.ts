/**
 * Property tests of recoveries: package export `coreback/testing`. Needs the package fast-check. docs/testing.md explains it.
 */
import type * as fc from 'fast-check';
import type { RecoveryOptions, RecoveryReport } from '../../testing/check-recovery.ts';
import { checkRecovery as check } from '../../testing/check-recovery.ts';
import type { Programs } from '../../testing/programs.ts';
import { type FaultyRunOptions, runWithFaults as runOnce } from '../../testing/run-with-faults.ts';
import type { Verdict } from '../../testing/trial.ts';
import { FolderStore } from '../failure-store.ts';
import { shippedPrograms } from '../guest-programs.ts';

export {
  checkpointSchedules,
  guestFragments,
  type Interleaving,
  interleavings,
  type MachineShape,
  machineShapes,
} from '../../testing/arbitraries.ts';
export {
  DEFAULT_SEED,
  RecoveryFailure,
  type RecoveryOptions,
  type RecoveryReport,
} from '../../testing/check-recovery.ts';
export {
  type AddressRange,
  FAULT_MODELS,
  FAULT_TRIGGERS,
  type FaultSpace,
  faultEffects,
  faultPlans,
  faults,
  faultTriggers,
} from '../../testing/fault-arbitraries.ts';
export { type GeneratedProgram, type GuestFragment, guestProgram } from '../../testing/guest-fragments.ts';
export type { Programs } from '../../testing/programs.ts';
export type { FaultyRunOptions } from '../../testing/run-with-faults.ts';
export type { Verdict } from '../../testing/trial.ts';

/** Where failures are kept; a folder. Default: .coreback/failures */
export interface FailureOptions {
  readonly failures?: string;
}

/**
 * Runs programs with faults drawn at random, each beside the same run without them, and judges. Throws a RecoveryFailure for the smallest
 * run that does not recover, after saving it.
 */
export function checkRecovery(
  programs: Programs | fc.Arbitrary<Programs>,
  { failures, ...options }: RecoveryOptions & FailureOptions = {},
): RecoveryReport {
  return check(programs, options, { programs: shippedPrograms(), store: new FolderStore(failures) });
}

/** Programs with these faults, once. `expect(run)` of `coreback/testing/vitest` has matchers for what comes out. */
export function runWithFaults(programs: Programs, options: FaultyRunOptions): Verdict {
  return runOnce(programs, options, { programs: shippedPrograms() });
}
