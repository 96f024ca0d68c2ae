import { UsageError } from '../../emu/base/errors.ts';
import type { Engine } from '../../emu/core/engine.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { Stop } from '../../emu/machine/machine.ts';
import type { HostFolders } from '../../kernel-sim/vfs/host-folder.ts';
import { machineConfig } from '../scenario/compile-scenario.ts';
import { asFaultSpec } from '../scenario/fault-schema.ts';
import { parseMounts } from '../scenario/mount-text.ts';
import { parseDuration } from '../scenario/units.ts';
import { type GuestFile, System } from '../system.ts';
import type { CampaignSpec } from './schema.ts';

export type Policy = CampaignSpec['policies'][number];

/** A program to start at power-on. */
export interface Command {
  /** Its path in the guest. */
  readonly path: string;
  readonly words: readonly string[];
}

/** What a campaign runs, over and over: plain data, as it goes to workers. */
export interface Workload {
  readonly spec: CampaignSpec;
  readonly commands: readonly Command[];
  /** Everything in the guest's tree but for what it sees of the host's folders (the spec's `mounts`). */
  readonly files: readonly GuestFile[];
}

/** What differs from run to run. */
export interface RunVariant {
  readonly policy: Policy;
  readonly faults?: FaultPlan;
  /** Default: the one of all systems (default-engine.ts). */
  readonly engine?: Engine;
  /** For workloads with mounts. */
  readonly hostFolders?: HostFolders | undefined;
  /** Instead of the spec's. */
  readonly checkpointEveryNs?: number;
}

/** The system at power-on, its programs started. Errors: UsageError for a machine or a program that cannot be. */
export function makeSystem(
  { spec, commands, files }: Workload,
  { policy, faults, engine, hostFolders, checkpointEveryNs }: RunVariant,
): System {
  const { machine } = spec;
  const [minInstructions, maxInstructions] = machine.slice;
  const system = new System({
    ...machineConfig({ ...machine, recovery: policy }),
    mounts: parseMounts(spec.mounts),
    schedule: { kind: 'seeded', seed: machine.seed, minInstructions, maxInstructions },
    ...(faults ? { faults } : {}),
    ...(engine ? { engine } : {}),
    ...(hostFolders ? { hostFolders } : {}),
    ...(checkpointEveryNs === undefined ? {} : { checkpointEveryNs }),
  });
  for (const file of files) system.install(file);
  for (const { path, words } of commands) system.spawn({ path, args: [...words] });
  return system;
}

/** The faults that every run has besides the one that is injected. */
export const alwaysOf = ({ spec }: Workload): FaultPlan => spec.always.map(asFaultSpec);

/** Where the run without faults is broken off. */
export const limitsOf = ({ spec }: Workload): { untilNs: number } => ({
  untilNs: parseDuration(spec.machine.until, 'machine.until'),
});

/** The stop of a run without faults. Errors: UsageError when it was broken off. */
export function checkEnded(stop: Stop): Stop {
  if (stop.reason === 'finished') return stop;
  throw new UsageError({
    what: `the run without faults does not end by itself: ${stop.reason}`,
    key: 'run',
    hint: 'a campaign compares with its end; see machine.until',
  });
}
