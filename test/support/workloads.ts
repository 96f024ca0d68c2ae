import type { FaultSpec } from '../../emu/faults/plan.ts';
import { type GuestFile, System, type SystemConfig } from '../../src/system.ts';
import { at, type GuestProgram, program, SCRATCH } from '../../src/testing/guest-program.ts';
import { guestPrograms } from './guest.ts';

/** Runs that have something of everything in them: each is a few million instructions at most. */
export interface Workload {
  readonly name: string;
  readonly config: SystemConfig;
  readonly programs: readonly (readonly string[])[];
  /** Programs besides those that we ship. */
  readonly files?: readonly GuestFile[];
}

const CYCLE_NS = 1000;

const underneath = (process: string, ms: number): FaultSpec => ({
  model: 'fail-stop',
  trigger: { at: 'process', process, ns: ms * 1e6 },
});

const [SIGVTALRM, SIGPROF, SA_RESTART] = [26, 27, 2];
const [ITIMER_VIRTUAL, ITIMER_PROF] = [1, 2];

const littleEndian = (n: number): string => Buffer.from(Uint32Array.of(n).buffer).toString('hex');

/** Timers of CPU time go off while a parent and its child pass bytes to and fro through a socket pair. */
const timersAndSockets = program((p) => {
  const [counts, pair, turns, byte] = [SCRATCH + 0x300, SCRATCH + 0x310, SCRATCH + 0x320, SCRATCH + 0x330];
  const count = (signo: number, address: number): GuestProgram => {
    p.routine(`on ${signo}`, (h) => h.raw(`ff05 ${littleEndian(address)} c3`));
    return p.sys('sigaction', signo, p.words(p.address(`on ${signo}`), SA_RESTART, 0, 0, 0, 0), 0);
  };
  count(SIGVTALRM, counts);
  count(SIGPROF, counts + 4);
  p.sys('setitimer', ITIMER_VIRTUAL, p.words(0, 1370, 0, 1370), 0);
  p.sys('setitimer', ITIMER_PROF, p.words(0, 2110, 0, 2110), 0);
  p.sys('socketpair', 1, 1, 0, pair).sys('fork');
  p.ifZero((child) =>
    child.repeat(25, turns, (t) => t.burn(700).sys('write', at(pair), byte, 1).sys('read', at(pair), byte, 1)).exit(3),
  );
  p.repeat(25, turns, (t) =>
    t
      .sys('read', at(pair + 4), byte, 1)
      .burn(900)
      .sys('write', at(pair + 4), byte, 1),
  );
  p.wait('child')
    .load(counts)
    .log('virtual')
    .load(counts + 4)
    .log('prof')
    .exit(0);
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
    name: 'faults of many kinds',
    config: {
      cores: 4,
      checkpointEveryNs: 60e6,
      faults: [
        { model: 'slow', factor: 3, forNs: 50e6, trigger: { at: 'time', core: 1, ns: 40e6 } },
        { model: 'intermittent', downNs: 45e6, trigger: { at: 'process', process: 'matrix', ns: 130e6 } },
        { model: 'lost-interrupt', count: 2, trigger: { at: 'rate', core: 3, meanNs: 60e6, seed: 5, maxCount: 4 } },
        {
          model: 'bit-flip',
          target: { in: 'register', register: 'eflags' },
          bit: 0,
          trigger: { at: 'syscall', nth: 20 },
        },
        { model: 'checkpoint-write', failure: 'torn', atByte: 700, trigger: { at: 'checkpoint', nth: 9 } },
        {
          model: 'stuck-at',
          register: 'edi',
          bit: 0,
          value: 0,
          trigger: { at: 'instruction', core: 0, instruction: 5000 },
        },
        // The function is_prime of primes.
        {
          model: 'bit-flip',
          target: { in: 'register', register: 'edx' },
          bit: 30,
          trigger: { at: 'pc', address: 0x08048bc0, hits: 300 },
        },
        {
          model: 'wrong-alu',
          unit: 'mul',
          bit: 31,
          value: 1,
          trigger: { at: 'instruction', core: 1, instruction: 250_000 },
        },
      ],
    },
    programs: [
      ['count', '12', '60'],
      ['primes', '3000'],
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
  {
    name: 'timers of CPU time, sockets',
    config: { cores: 2 },
    programs: [['timers']],
    files: [{ path: '/bin/timers', bytes: timersAndSockets.elf() }],
  },
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
  for (const file of workload.files ?? []) names.delete(file.path.slice('/bin/'.length));
  for (const file of [...guestPrograms(...names), ...(workload.files ?? [])]) system.install(file);
  for (const args of workload.programs) system.spawn({ path: `/bin/${args[0]}`, args });
  return system;
}

export const LIMITS = { untilNs: 60e9, instructions: 20_000_000 };
