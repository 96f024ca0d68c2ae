import { type Command, Option } from 'commander';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { RunLimits } from '../../emu/machine/machine.ts';
import { maskOf } from '../../kernel-sim/kern/cpumask.ts';
import { installShipped, resolveProgram, shippedPrograms } from '../host/guest-programs.ts';
import { runWithProgress } from '../host/run-loop.ts';
import { type FinishedRun, finishedRun, machineOf } from '../recovery/finished-run.ts';
import { hangBoundNs } from '../recovery/hang-bound.ts';
import { parseCpuList } from '../scenario/units.ts';
import { System } from '../system.ts';
import { finishRun } from './finish-run.ts';
import { collect, integerFrom, type MachineOptions, runLimits, systemConfig, withMachineOptions } from './options.ts';
import { type OutputOptions, withFileOptions, withPrintOptions } from './outputs.ts';
import { type SaveOptions, saveRequest, withSaveOptions } from './save-options.ts';

interface RunOptions extends MachineOptions, OutputOptions, SaveOptions {
  readonly nice: number;
  readonly cpus?: string;
  readonly with: readonly string[];
}

/** `coreback run <elf> [args...]` */
export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .description(
      "run a FreeBSD/i386 program on the simulated machine: a file here, a path of the guest's tree (--root, --mount), or the name of one that we ship",
    )
    .argument('<elf>', 'FreeBSD/i386 ELF executable')
    .argument('[args...]', 'its arguments')
    .passThroughOptions(false);
  withSaveOptions(withFileOptions(withPrintOptions(withMachineOptions(command, { mhz: 100, until: '3600s' }))))
    .option('--nice <n>', 'nice value of the program', integerFrom(-20, 20), 0)
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

Exit code: that of the program; 128 + signal when one ended it; 2 for bad input; 3 when the run did not end by itself, or was saved.`;

function runCommand(elf: string, args: readonly string[], options: RunOptions): number {
  const config = systemConfig(options);
  const save = saveRequest(options);
  const shipped = shippedPrograms();
  const commands = [[elf, ...args], ...options.with.map((text) => text.trim().split(/\s+/))];
  const system = new System(config);
  installShipped(system, shipped);
  const resolved = commands.map(([name]) => resolveProgram(name!, shipped, system));
  for (const file of resolved.flatMap((program) => program.files)) system.install(file);
  commands.forEach((words, n) => {
    const cpus =
      n === 0 && options.cpus !== undefined
        ? { affinity: maskOf(parseCpuList(options.cpus, config.cores!, '--cpus')) }
        : {};
    system.spawn({ path: resolved[n]!.path, args: words, nice: n === 0 ? options.nice : 0, ...cpus });
  });
  const limits = runLimits(options);
  const { faults, engine, hostFolders } = config;
  const twin = { engine: engine!, hostFolders: hostFolders!, faults: [] };
  const golden = faults.length > 0 ? runGolden(System.from(system.snapshot(), twin), limits) : null;
  return finishRun({ system, faults, golden, limits: limitsBeside(golden, system, faults, limits) }, save, options);
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
