/**
 * npm run bench: how fast the machine is, beside qemu-i386 and the processor itself. All numbers of one run come from one host in one
 * state; ratios between them mean more than the numbers. See README.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { CampaignRow } from './campaign.ts';
import type { Emulation, EmulationJob } from './emulate.ts';
import { type BenchProgram, build, COMPUTE_PROGRAMS, versionOf } from './programs.ts';
import type { RecoveryRow } from './recovery.ts';
import { NATIVE, outputOf, QEMU, timeProgram } from './reference.ts';
import { type SliceRow, slicesText } from './slice-rows.ts';
import type { SnapshotRow } from './snapshots.ts';
import { type SyscallCost, syscallTable } from './syscall-table.ts';
import { short, table } from './table.ts';

interface ProgramRow {
  readonly program: string;
  readonly what: string;
  /** Why there are no numbers. */
  readonly missing?: string;
  readonly emulation?: Emulation;
  /** Rounds per second of CPU time. */
  readonly roundsPerSecond: { readonly coreback?: number; readonly qemu?: number; readonly native?: number };
  /** Whether every world that ran the program printed the same. */
  readonly sameOutput?: boolean;
}

const CHECK_ROUNDS = 3;
/** No young-generation collection while a few million instructions run. */
const NODE_FLAGS = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];

/** Runs a measuring process and reads the JSON that it prints. */
function inProcess<T>(script: string, ...args: readonly string[]): T {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, ...NODE_FLAGS, file, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${script}: status ${status}\n${stderr}`);
  return JSON.parse(stdout) as T;
}

function measure(program: BenchProgram, dir: string): ProgramRow {
  const { name, what } = program;
  const built = build(program, dir);
  if (typeof built === 'string') return { program: name, what, missing: built, roundsPerSecond: {} };
  const native = timeProgram(NATIVE, built.linux);
  const qemu = timeProgram(QEMU, built.linux);
  const job: EmulationJob = { program: built.guest, checkRounds: CHECK_ROUNDS };
  const emulation = inProcess<Emulation>('./emulate.ts', JSON.stringify(job));
  const outputs = [NATIVE, QEMU].map((runner) => outputOf(runner, built.linux, CHECK_ROUNDS));
  return {
    program: name,
    what,
    emulation,
    roundsPerSecond: {
      coreback: (emulation.warmMips * 1e6) / emulation.instructionsPerRound,
      ...(qemu ? { qemu: qemu.rounds / qemu.seconds } : {}),
      ...(native ? { native: native.rounds / native.seconds } : {}),
    },
    sameOutput: outputs.every((output) => output === undefined || output === emulation.output),
  };
}

function printCompute(rows: readonly ProgramRow[]): void {
  const times = (native: number | undefined, other: number | undefined): string =>
    native && other ? `${short(native / other)}x` : 'not here';
  const lines = rows.map(({ program, what, missing, emulation, roundsPerSecond: r, sameOutput }) => {
    if (!emulation) return [program, missing ?? ''];
    const inMips = (rounds: number | undefined) => rounds && (rounds * emulation.instructionsPerRound) / 1e6;
    return [
      `${program}: ${what}`,
      short(emulation.coldMips),
      short(emulation.warmMips),
      short(inMips(r.qemu)),
      short(inMips(r.native)),
      times(r.native, r.coreback),
      times(r.native, r.qemu),
      sameOutput ? 'same' : 'DIFFERENT',
    ];
  });
  const heads = ['', 'cold', 'warm', 'qemu-i386', 'native', 'native:coreback', 'native:qemu', 'output'];
  console.log(`Interpreter: millions of guest instructions per second of CPU time, and how often slower than native`);
  console.log(`${table([heads, ...lines])}\n`);
}

function printAllocation(rows: readonly ProgramRow[]): void {
  const lines = rows.flatMap(({ program, emulation: e }) =>
    e
      ? [
          [
            program,
            short(e.systemBytesPerMillion / 1024),
            short(e.engineBytesPerMillion === undefined ? undefined : e.engineBytesPerMillion / 1024),
          ],
        ]
      : [],
  );
  console.log('JavaScript heap allocated per million instructions, in KiB');
  console.log(`${table([['', 'whole machine', 'engine alone'], ...lines])}\n`);
}

function printRecovery(rows: readonly RecoveryRow[]): void {
  const heads = ['', 'core', 'checkpoint', '(host)', 'gcore holds', '(host)', 'restart', '(host)'];
  const lines = rows.map((r) => [
    r.program,
    `${short(r.coreBytes / 1024)} KiB`,
    short(r.checkpointVirtualMs),
    short(r.checkpointHostMs),
    short(r.gcoreVirtualMs),
    short(r.gcoreHostMs),
    short(r.restartVirtualMs),
    short(r.restartHostMs),
  ]);
  console.log('Checkpoint and restart: ms of virtual time, and (host) ms of wall time on this machine');
  console.log(`${table([heads, ...lines])}\n`);
}

function printSnapshots(rows: readonly SnapshotRow[]): void {
  const heads = ['', 'pages', 'first', 'next', '(copied)', 'back', 'fresh', '50M alone', 'with 100', 'ratio'];
  const lines = rows.map((r) => [
    r.program,
    String(r.pages),
    `${short(r.firstUs)} us`,
    `${short(r.nextUs)} us`,
    `${r.copiedPages} pages`,
    `${short(r.backUs)} us`,
    `${short(r.freshUs)} us`,
    `${short(r.plainMs)} ms`,
    `${short(r.withSnapshotsMs)} ms`,
    `${short(r.withSnapshotsMs / r.plainMs)}x`,
  ]);
  console.log(
    'Snapshots of a whole system in memory: us of host time; and CPU ms of 50 million instructions, alone and with 100 snapshots',
  );
  console.log(`${table([heads, ...lines])}\n`);
}

function printCampaigns(rows: readonly CampaignRow[]): void {
  console.log('Injections per second: flips of registers; of CPU time, then of wall time and whole campaigns');
  console.log(
    `${table([
      ['program', 'instructions', 'from power-on', 'from snapshots', 'ratio', 'set-up', '1 core', '2 cores', 'ratio'],
      ...rows.map((row) => [
        row.program,
        String(row.instructions),
        short(row.fromPowerOn),
        short(row.fromSnapshots),
        `${short(row.fromSnapshots / row.fromPowerOn)}x`,
        `${short(row.setUpSeconds)} s`,
        short(row.oneCore),
        short(row.twoCores),
        `${short(row.twoCores! / row.oneCore!)}x`,
      ]),
    ])}\n`,
  );
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const host = {
  cpu: cpus()[0]?.model ?? 'unknown',
  parallelism: availableParallelism(),
  loadBefore: loadavg()[0],
  node: process.version,
  clang: versionOf('clang') ?? 'not here',
  qemu: versionOf('qemu-i386') ?? 'not here',
};
const dir = mkdtempSync(path.join(tmpdir(), 'coreback-bench-'));
try {
  const say = (what: string): void => console.error(`measuring ${what} ...`);
  const compute = COMPUTE_PROGRAMS.map((program) => {
    say(program.name);
    return measure(program, dir);
  });
  say('system calls');
  const systemCalls = inProcess<SyscallCost[]>('./syscalls.ts', '--json');
  say('checkpoints and restarts');
  const recovery = inProcess<RecoveryRow[]>('./recovery.ts');
  say('snapshots');
  const snapshots = inProcess<SnapshotRow[]>('./snapshots.ts');
  say('campaigns');
  const campaigns = inProcess<CampaignRow[]>('./campaign.ts');
  say('slices');
  const slices = inProcess<SliceRow[]>('./slices.ts', '--json', '--only', '^(sieve|quicksort|fib)$');
  if (values.json)
    console.log(JSON.stringify({ host, compute, systemCalls, recovery, snapshots, campaigns, slices }, null, 2));
  else {
    console.log(`${host.cpu}, ${host.parallelism} processors, load ${short(host.loadBefore)}, Node ${host.node}`);
    console.log(`${host.clang}; ${host.qemu}\n`);
    printCompute(compute);
    printAllocation(compute);
    console.log(syscallTable(systemCalls));
    printRecovery(recovery);
    printSnapshots(snapshots);
    printCampaigns(campaigns);
    console.log(`${slicesText(slices)}\n`);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
