/** Steps of a restart by ptrace, in their order, by the names that events and fault triggers have for them (docs/json.md). */
export const RESTART_STEPS = [
  'read',
  'pr_status',
  'fork',
  'exec',
  'int3',
  'sigtrap',
  'unplant',
  'map',
  'threads',
  'signals',
  'load',
  'registers',
  'detach',
  'failed',
] as const;

export type RestartStep = (typeof RESTART_STEPS)[number];
