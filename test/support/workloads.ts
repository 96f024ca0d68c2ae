import type { FaultSpec } from '../../emu/faults/plan.ts';
import { System, type SystemConfig } from '../../src/system.ts';
import { guestPrograms } from './guest.ts';

/** Runs that have something of everything in them: each is a few million instructions at most. */
export interface Workload {
  readonly name: string;
  readonly config: SystemConfig;
  readonly programs: readonly (readonly string[])[];
}

const CYCLE_NS = 1000;

const underneath = (process: string, ms: number): FaultSpec => ({
  model: 'fail-stop',
  trigger: { at: 'process', process, ns: ms * 1e6 },
});

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'checkpoints, a dead core, a restart',
    config: { cores: 3, checkpointEveryNs: 60e6, faults: [underneath('primes', 150), underneath('matrix', 250)] },
    programs: [
      ['count', '12', '60'],
      ['primes', '4000'],
      ['matrix', '20', '4'],
    ],
  },
  {
    name: 'forks',
    config: { cores: 4 },
    programs: [
      ['forktree', '3'],
      ['pipes', '32'],
    ],
  },
  { name: 'signals and stops', config: { cores: 2 }, programs: [['signals'], ['segv']] },
  { name: 'threads', config: { cores: 3 }, programs: [['threads', '4', '10'], ['prodcons']] },
  {
    name: 'a shell, ptrace from inside',
    config: { cores: 2, checkpointEveryNs: 200e6 },
    programs: [['sh', '-c', 'count 5 20 & sleep 0.03; gcore $!; kill -TERM $!; wait; ls /root']],
  },
];

/** A workload on a new machine at power-on. */
export function boot(workload: Workload, seed: number, config: SystemConfig = {}): System {
  const system = new System({
    cycleNs: CYCLE_NS,
    seed,
    consoleIsTty: false,
    schedule: { kind: 'seeded', seed, minInstructions: 50, maxInstructions: 4000 },
    ...workload.config,
    ...config,
  });
  const names = new Set([
    'count',
    'primes',
    'gcore',
    'sleep',
    'kill',
    'ls',
    ...workload.programs.map(([name]) => name!),
  ]);
  for (const file of guestPrograms(...names)) system.install(file);
  for (const args of workload.programs) system.spawn({ path: `/bin/${args[0]}`, args });
  return system;
}

export const LIMITS = { untilNs: 60e9, instructions: 20_000_000 };
