import type { Command } from 'commander';
import { resizeWindow } from '../../kernel-sim/tty/ioctl.ts';
import { CONSOLE } from '../../kernel-sim/tty/tty.ts';
import { closeConsoleInput, feedConsole } from '../../kernel-sim/vfs/console.ts';
import { installShipped, shippedPrograms } from '../host/guest-programs.ts';
import { finishedRun } from '../recovery/finished-run.ts';
import { buildResult } from '../result.ts';
import { System } from '../system.ts';
import { echoOutput } from './finish-run.ts';
import { HOST_CLOCK, type HostInput, runLive } from './live-run.ts';
import { type MachineOptions, runLimits, systemConfig, withMachineOptions } from './options.ts';
import { type OutputOptions, withFileOptions, writeOutputs } from './outputs.ts';
import { startStrace } from './strace.ts';

/** Ctrl-]. */
const LEAVE_KEY = 0x1d;

interface ShellOptions extends MachineOptions, OutputOptions {
  readonly fast?: boolean;
}

/** `coreback shell`: a terminal on the machine. */
export function addShellCommand(program: Command): void {
  const command = program
    .command('shell')
    .description('an interactive shell on the machine, with the guest programs in /bin');
  withFileOptions(withMachineOptions(command, { mhz: 10, until: '1000000s' }))
    .option(
      '--fast',
      'let virtual time run as fast as it can, but for idle time in which a process reads the terminal (always so when the input is no terminal)',
    )
    .addHelpText(
      'after',
      "\nTry: count & sleep 2; gcore $!; kill -INT $!; restart /bin/count core.$!\nLeave with exit or Ctrl-D, or with Ctrl-] whatever the guest does. All other keys are the guest's: Ctrl-C interrupts, Ctrl-Z stops, then fg, bg and jobs. The exit code is that of the shell.",
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
  const args = interactive ? ['sh', '-i'] : ['sh'];
  const shell = system.spawn({ path: '/bin/sh', args, cwd: '/root', login: interactive });
  const endStrace = startStrace(system, options.strace);
  const input = hostInput(system);
  const stop = await runLive(system, shell, runLimits(options), input, { ...HOST_CLOCK, paced });
  input.stop();
  endStrace();
  const result = buildResult(system, finishedRun(system, stop, config.faults), null);
  writeOutputs(system, result, options, `coreback ${process.argv.slice(2).join(' ')}`);
  const exit = result.processes.find((row) => row.pid === shell);
  return exit?.signal === undefined ? (exit?.exit ?? 3) : 128 + exit.signal;
}

/** What the user types goes to the guest's console. A terminal of the host's hands over each key, and shows nothing by itself. */
function hostInput(system: System): HostInput & { stop(): void } {
  const { stdin, stdout } = process;
  let ended = false;
  let left = false;
  let wake: (() => void) | null = null;
  const woken = (): void => {
    wake?.();
    wake = null;
  };
  const resized = (): void => {
    const winsize = { rows: stdout.rows ?? 24, columns: stdout.columns ?? 80, xPixels: 0, yPixels: 0 };
    resizeWindow(system.kernel, CONSOLE, winsize);
    woken();
  };
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    resized();
    stdout.on('resize', resized);
    system.onEvent((event) => {
      // What a newline needs beside itself the host's terminal adds, as it does to output.
      if (event.kind === 'echo') stdout.write(Buffer.from(event.text.replaceAll('\r\n', '\n'), 'latin1'));
    });
  }
  stdin.on('data', (chunk: Buffer) => {
    if (stdin.isTTY && chunk.includes(LEAVE_KEY)) left = true;
    else feedConsole(system.kernel, new Uint8Array(chunk));
    woken();
  });
  stdin.on('end', () => {
    ended = true;
    closeConsoleInput(system.kernel);
    woken();
  });
  return {
    more: () =>
      new Promise((resolve) => {
        if (ended || left) resolve();
        else wake = resolve;
      }),
    ended: () => ended,
    left: () => left,
    stop: () => {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.destroy();
    },
  };
}
