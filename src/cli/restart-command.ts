import { basename } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import { errnoName } from '../../kernel-sim/abi/errno.ts';
import { INIT_PID } from '../../kernel-sim/kern/proc.ts';
import { readFile } from '../../kernel-sim/vfs/memfs.ts';
import { readHostFile } from '../host/files.ts';
import { installShipped, resolveProgram, shippedPrograms } from '../host/guest-programs.ts';
import { runWithProgress } from '../host/run-loop.ts';
import { finishedRun } from '../recovery/finished-run.ts';
import { type BreakAt, readInputs } from '../restart/plan.ts';
import { spawnRestart } from '../restart/spawn.ts';
import { buildResult } from '../result.ts';
import { System } from '../system.ts';
import { echoOutput, printResult } from './finish-run.ts';
import { type MachineOptions, runLimits, systemConfig, withMachineOptions } from './options.ts';
import { type OutputOptions, withFileOptions, withPrintOptions, writeOutputs } from './outputs.ts';
import { startStrace } from './strace.ts';

interface RestartCommandOptions extends MachineOptions, OutputOptions {
  readonly main?: boolean;
  readonly verbose?: boolean;
}

/** `coreback restart <executable> <core>` */
export function addRestartCommand(program: Command): void {
  const command = program
    .command('restart')
    .description('restart a process from its executable and a core file, by ptrace as in the paper, and run it on')
    .argument(
      '<executable>',
      "the program that wrote the core (a file, a path of the guest's tree, or the name of one that we ship)",
    )
    .argument('<core>', 'FreeBSD/i386 core file');
  withFileOptions(withPrintOptions(withMachineOptions(command, { mhz: 100, until: '3600s' })))
    .option('-m, --main', 'plant the breakpoint at main instead of the entry point')
    .option('-v, --verbose', 'print each step on stderr')
    .addHelpText(
      'after',
      '\nExit code: that of the restarted process; 128 + signal when one ended it; 2 for bad input or a restart that failed; 3 when the run did not end by itself.',
    )
    .action((executable: string, core: string, options: RestartCommandOptions) => {
      process.exitCode = restartCommand(executable, core, options);
    });
}

function restartCommand(executable: string, core: string, options: RestartCommandOptions): number {
  const config = systemConfig(options);
  const shipped = shippedPrograms();
  const system = new System(config);
  installShipped(system, shipped);
  const { path, files } = resolveProgram(executable, shipped, system);
  const coreFile = { path: `/root/${basename(core)}`, bytes: readHostFile(core), mode: 0o600 };
  const breakAt: BreakAt = options.main ? 'main' : 'entry';
  for (const file of [...files, coreFile]) system.install(file);
  const program = readFile(system.kernel, path);
  if (typeof program === 'number') throw new UsageError({ what: `cannot be read: ${errnoName(program)}`, path });
  // Bad files are told of before anything runs, under the names that the user gave them.
  readInputs({ path: executable, bytes: program }, { path: core, bytes: coreFile.bytes }, breakAt);
  if (!options.json) echoOutput(system);
  let failure = '';
  system.onEvent((event) => {
    if (event.kind !== 'restart-step') return;
    if (event.step === 'failed') failure = event.detail;
    if (options.verbose) process.stderr.write(`${event.step}: ${event.detail}\n`);
  });
  const agent = spawnRestart(system.kernel, {
    executable: path,
    core: coreFile.path,
    args: [basename(executable)],
    breakAt,
  });
  const endStrace = startStrace(system, options.strace);
  const stop = runWithProgress(system, runLimits(options));
  endStrace();
  const result = buildResult(system, finishedRun(system, stop, config.faults), null);
  writeOutputs(system, result, options, `coreback ${process.argv.slice(2).join(' ')}`);
  if (failure) throw new UsageError({ what: `cannot be restarted: ${failure}`, path: core });
  printResult(system, result, options);
  if (stop.reason !== 'finished') return 3;
  const restored = result.processes.find((row) => row.ppid === agent && agent !== INIT_PID);
  return restored?.signal === undefined ? (restored?.exit ?? 3) : 128 + restored.signal;
}
