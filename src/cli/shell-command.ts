import type { Command } from 'commander';
import { closeConsoleInput, feedConsole } from '../../kernel-sim/vfs/console.ts';
import { installShipped, shippedPrograms } from '../host/guest-programs.ts';
import { finishedRun } from '../recovery/finished-run.ts';
import { buildResult } from '../result.ts';
import { System } from '../system.ts';
import { echoOutput } from './finish-run.ts';
import { type MachineOptions, runLimits, systemConfig, withMachineOptions } from './options.ts';
import { type OutputOptions, withFileOptions, writeOutputs } from './outputs.ts';
import { startStrace } from './strace.ts';

/** Virtual time between two looks at what the user typed, and the same in host time when a run is paced. */
const PIECE_NS = 20_000_000;
const PIECE_MS = PIECE_NS / 1e6;

interface ShellOptions extends MachineOptions, OutputOptions {
  readonly fast?: boolean;
}

/** `coreback shell`: a terminal on the machine. */
export function addShellCommand(program: Command): void {
  const command = program
    .command('shell')
    .description('an interactive shell on the machine, with the guest programs in /bin');
  withFileOptions(withMachineOptions(command, { mhz: 10, until: '1000000s' }))
    .option('--fast', 'let virtual time run as fast as it can (always so when the input is no terminal)')
    .addHelpText(
      'after',
      "\nTry: count & sleep 2; gcore $!; kill -INT $!; restart /bin/count core.$!\nLeave with exit or Ctrl-D. Ctrl-C is the guest's. The exit code is that of the shell.",
    )
    .action(async (options: ShellOptions) => {
      process.exitCode = await shellCommand(options);
    });
}

async function shellCommand(options: ShellOptions): Promise<number> {
  const config = systemConfig(options);
  const interactive = process.stdin.isTTY === true;
  const paced = interactive && !options.fast;
  const system = new System({ ...config, consoleIsTty: interactive });
  installShipped(system, shippedPrograms());
  echoOutput(system);
  const shell = system.spawn({ path: '/bin/sh', args: interactive ? ['sh', '-i'] : ['sh'], cwd: '/root' });
  // The terminal's foreground process group: Ctrl-C goes there.
  system.kernel.state.console = { ...system.kernel.state.console, foreground: shell };
  const endStrace = startStrace(system, options.strace);
  const input = hostInput(system);
  const limits = runLimits(options);
  let stop = system.run({ ...limits, pauseNs: 0 });
  for (;;) {
    const beganMs = Date.now();
    stop = system.run({ ...limits, pauseNs: system.machine.nowNs + PIECE_NS });
    if (!system.kernel.findProc(shell) && system.kernel.state.console.inputClosed) break;
    if (stop.reason === 'waiting-for-input' && !input.ended()) await input.more();
    else if (stop.reason !== 'paused' && stop.reason !== 'waiting-for-input') break;
    else if (paced) await new Promise((resolve) => setTimeout(resolve, Math.max(0, PIECE_MS - (Date.now() - beganMs))));
    else await new Promise((resolve) => setImmediate(resolve));
  }
  input.stop();
  endStrace();
  const result = buildResult(system, finishedRun(system, stop, config.faults), null);
  writeOutputs(system, result, options, `coreback ${process.argv.slice(2).join(' ')}`);
  const exit = result.processes.find((row) => row.pid === shell);
  return exit?.signal === undefined ? (exit?.exit ?? 3) : 128 + exit.signal;
}

/** What the user types goes to the guest's console. */
function hostInput(system: System): { more: () => Promise<void>; ended: () => boolean; stop: () => void } {
  let ended = false;
  let wake: (() => void) | null = null;
  const woken = (): void => {
    wake?.();
    wake = null;
  };
  process.stdin.on('data', (chunk: Buffer) => {
    feedConsole(system.kernel, new Uint8Array(chunk));
    woken();
  });
  process.stdin.on('end', () => {
    ended = true;
    closeConsoleInput(system.kernel);
    woken();
  });
  // Ctrl-C is the guest's.
  process.on('SIGINT', () => {
    feedConsole(system.kernel, Uint8Array.of(3));
    woken();
  });
  return {
    more: () =>
      new Promise((resolve) => {
        if (ended) resolve();
        else wake = resolve;
      }),
    ended: () => ended,
    stop: () => {
      process.stdin.destroy();
    },
  };
}
