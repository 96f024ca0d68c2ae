import { type Command, Option } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { RunLimits } from '../../emu/machine/machine.ts';
import { maskOf } from '../../kernel-sim/kern/cpumask.ts';
import { resolveProgram, shippedPrograms } from '../host/guest-programs.ts';
import { runWithProgress } from '../host/run-loop.ts';
import { type FinishedRun, finishedRun, machineOf } from '../recovery/finished-run.ts';
import { hangBoundNs } from '../recovery/hang-bound.ts';
import { timelineText } from '../report/text.ts';
import { buildResult, type RunResult, timelineOf } from '../result.ts';
import { parseCpuList } from '../scenario/units.ts';
import { System, type SystemConfig } from '../system.ts';
import { collect, integer, type MachineOptions, runLimits, systemConfig, withMachineOptions } from './options.ts';
import { type OutputOptions, toJson, withFileOptions, withPrintOptions, writeOutputs } from './outputs.ts';
import { summaryLines } from './summary-lines.ts';

interface RunOptions extends MachineOptions, OutputOptions {
  readonly nice: number;
  readonly cpus?: string;
  readonly with: readonly string[];
}

/** `coreback run <elf> [args...]` */
export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .description('run a FreeBSD/i386 program (a path, or the name of one that we ship) on the simulated machine')
    .argument('<elf>', 'static FreeBSD/i386 ELF executable')
    .argument('[args...]', 'its arguments')
    .passThroughOptions(false);
  withFileOptions(withPrintOptions(withMachineOptions(command, { mhz: 100, until: '3600s' })))
    .option('--nice <n>', 'nice value of the program', integer, 0)
    .option('--cpus <list>', 'CPUs on which it may run: 0,1,3 or 0-2')
    .addOption(
      new Option('--with <command>', "run this beside it ('primes 200000'); may be repeated")
        .argParser(collect)
        .default([], 'none'),
    )
    .addHelpText('after', afterHelp)
    .action((elf: string, args: string[], options: RunOptions) => {
      process.exitCode = runCommand(elf, args, options);
    });
}

const afterHelp = (): string => `
Arguments that begin with - stand after --: coreback run sh -- -c 'echo $((6 * 7))'
Programs that we ship: ${shippedPrograms()
  .map((file) => file.path.slice('/bin/'.length))
  .join(' ')}

Exit code: that of the program; 128 + signal when one ended it; 2 for bad input; 3 when the run did not end by itself.`;

function runCommand(elf: string, args: readonly string[], options: RunOptions): number {
  const config = systemConfig(options);
  const limits = runLimits(options);
  const shipped = shippedPrograms();
  const commands = [[elf, ...args], ...options.with.map((text) => text.trim().split(/\s+/))];
  const resolved = commands.map(([name]) => resolveProgram(name!, shipped));
  const make = (machine: SystemConfig): System => {
    const system = new System(machine);
    for (const file of [...shipped, ...resolved.flatMap((program) => program.files)]) system.install(file);
    commands.forEach((words, n) => {
      const cpus =
        n === 0 && options.cpus !== undefined
          ? { affinity: maskOf(parseCpuList(options.cpus, config.cores!, '--cpus')) }
          : {};
      system.spawn({ path: resolved[n]!.path, args: words, nice: n === 0 ? options.nice : 0, ...cpus });
    });
    return system;
  };
  const golden = config.faults.length > 0 ? runGolden(make({ ...config, faults: [] }), limits) : null;
  const system = make(config);
  if (!options.json) echoOutput(system);
  const stop = runWithProgress(system, limitsBeside(golden, system, config.faults, limits));
  const result = buildResult(system, finishedRun(system, stop, config.faults), golden);
  const replay = `coreback ${process.argv.slice(2).join(' ')}`;
  writeOutputs(system, result, options, replay);
  if (options.json) process.stdout.write(toJson(result));
  else {
    if (options.timeline) process.stdout.write(`\n${timelineText(system.events, timelineOf(system))}`);
    process.stderr.write(summaryLines(result));
  }
  return exitCodeOf(result);
}

function runGolden(system: System, limits: RunLimits): FinishedRun {
  return finishedRun(system, runWithProgress(system, limits), []);
}

/** A run that takes far longer than it would without its faults is broken off: it hangs (docs/outcomes.md). */
function limitsBeside(golden: FinishedRun | null, system: System, faults: FaultPlan, limits: RunLimits): RunLimits {
  if (!golden) return limits;
  const boundNs = hangBoundNs(golden.endNs, faults, machineOf(system));
  return { ...limits, untilNs: Math.min(limits.untilNs ?? boundNs, boundNs + 1) };
}

/** What the guest writes to its console appears at once. */
export function echoOutput(system: System): void {
  system.onEvent((event) => {
    if (event.kind === 'output') process.stdout.write(Buffer.from(event.text, 'latin1'));
  });
}

/** Exit code of a run: that of the first program. */
export function exitCodeOf(result: RunResult): number {
  if (result.stop.reason !== 'finished') return 3;
  const [first] = result.processes;
  if (!first) throw new UsageError({ what: 'no process was started' });
  return first.signal === undefined ? (first.exit ?? 3) : 128 + first.signal;
}
