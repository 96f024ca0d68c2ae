import { Command } from 'commander';
import { InvariantError, UsageError } from '../../emu/base/errors.ts';
import { packageVersion } from '../host/version.ts';
import { EXIT_BUG, EXIT_USAGE } from './exit-codes.ts';

const version = packageVersion();

/** In the order of `coreback --help`. Each is loaded only when it is asked for: a short program has run before all of them would be there. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  demo: async () => (await import('./demo-command.ts')).addDemoCommand,
  run: async () => (await import('./run-command.ts')).addRunCommand,
  resume: async () => (await import('./resume-command.ts')).addResumeCommand,
  scenario: async () => (await import('./scenario-command.ts')).addScenarioCommand,
  campaign: async () => (await import('./campaign-command.ts')).addCampaignCommand,
  check: async () => (await import('./check-command.ts')).addCheckCommand,
  replay: async () => (await import('./replay-command.ts')).addReplayCommand,
  restart: async () => (await import('./restart-command.ts')).addRestartCommand,
  inspect: async () => (await import('./inspect-command.ts')).addInspectCommand,
  shell: async () => (await import('./shell-command.ts')).addShellCommand,
};

/** The command line, with the command that these arguments begin with, or with all of them. */
async function build(args: readonly string[]): Promise<Command> {
  const program = new Command('coreback')
    .description('a deterministic multicore i386 FreeBSD 9.0 machine, to study and prove checkpoint-recovery')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(coreback --help tells how)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'coreback: ')) })
    .exitOverride();
  if (args[0] === 'help' && args[1] !== undefined && !Object.hasOwn(COMMANDS, args[1]))
    throw new UsageError({ what: `there is no command '${args[1]}'`, hint: Object.keys(COMMANDS).join(', ') });
  const wanted = args[0] !== undefined && Object.hasOwn(COMMANDS, args[0]) ? [args[0]] : Object.keys(COMMANDS);
  for (const name of wanted) (await COMMANDS[name]!())(program);
  for (const command of program.commands) command.copyInheritedSettings(program);
  program.addHelpText(
    'after',
    `
Try: coreback demo --html demo.html
     coreback run count --checkpoint-every 5s --fail count@12s --timeline
     coreback scenario scenarios/

Times are virtual: 5s, 250ms, 1.5s. Exit codes: coreback help run, coreback help scenario.`,
  );
  return program;
}

/** The exit code of a failure, after telling the user of it. */
function report(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`coreback: ${error.message}\n`);
    return EXIT_USAGE;
  }
  const { code, exitCode } = error as { code?: string; exitCode?: number };
  if (code?.startsWith('commander.')) return exitCode === 0 ? 0 : EXIT_USAGE;
  const what =
    error instanceof InvariantError ? 'an invariant of coreback itself is broken' : 'coreback itself has failed';
  const again = `coreback ${process.argv.slice(2).join(' ')}`;
  process.stderr.write(
    `coreback ${version}: ${what}; please report it with this command: ${again}\n${(error as Error)?.stack}\n`,
  );
  return EXIT_BUG;
}

// A reader that goes away (`coreback run count | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`coreback: standard output: cannot be written: ${error.message}\n`);
  process.exit(EXIT_USAGE);
});

try {
  const program = await build(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
