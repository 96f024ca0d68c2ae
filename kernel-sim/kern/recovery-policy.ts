import type { RecoveryPolicyName } from './config.ts';

/** What can be tried for a process that was running on a core with a fault. Each says in recovery.ts what it does and when it cannot. */
export type Remedy = 'forward' | 'rollback' | 'beginning';

/** What happens after a fault has been reported: to the core, and to the process that it was running. Users read docs/recovery.md. */
export interface RecoveryPolicy {
  /** A core whose fault is transient stays in service, and its process comes back on it. A dead core is always taken out. */
  readonly keepsCore: boolean;
  /** Tried in turn until one can be done; with none left the process ends. */
  readonly remedies: readonly Remedy[];
  /** Cores kept idle take the place of those that are taken out (spare-cores.ts). */
  readonly hasSpares: boolean;
  /** After a core is taken out, unimportant processes stand back (shedding.ts). */
  readonly sheds: boolean;
}

const base: RecoveryPolicy = { keepsCore: false, remedies: ['rollback'], hasSpares: false, sheds: false };

export const POLICIES: Readonly<Record<RecoveryPolicyName, RecoveryPolicy>> = {
  none: { ...base, remedies: [] },
  'rollback-migrate': base,
  restart: base,
  'rollback-in-place': { ...base, keepsCore: true },
  'roll-forward': { ...base, keepsCore: true, remedies: ['forward', 'rollback'] },
  spare: { ...base, hasSpares: true },
  degraded: { ...base, sheds: true },
  'restart-from-beginning': { ...base, remedies: ['beginning'] },
};
