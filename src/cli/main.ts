import { Command } from 'commander';
import { InvariantError, UsageError } from '../../emu/base/errors.ts';
import { packageVersion } from '../host/version.ts';
import { addCampaignCommand } from './campaign-command.ts';
import { addCheckCommand } from './check-command.ts';
import { addDemoCommand } from './demo-command.ts';
import { EXIT_BUG, EXIT_USAGE } from './exit-codes.ts';
import { addInspectCommand } from './inspect-command.ts';
import { addReplayCommand } from './replay-command.ts';
import { addRestartCommand } from './restart-command.ts';
import { addResumeCommand } from './resume-command.ts';
import { addRunCommand } from './run-command.ts';
import { addScenarioCommand } from './scenario-command.ts';
import { addShellCommand } from './shell-command.ts';

const version = packageVersion();

function build(): Command {
  const program = new Command('coreback')
    .description('a deterministic multicore i386 FreeBSD 9.0 machine, to study and prove checkpoint-recovery')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(coreback --help tells how)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'coreback: ')) })
    .exitOverride();
  addDemoCommand(program);
  addRunCommand(program);
  addResumeCommand(program);
  addScenarioCommand(program);
  addCampaignCommand(program);
  addCheckCommand(program);
  addReplayCommand(program);
  addRestartCommand(program);
  addInspectCommand(program);
  addShellCommand(program);
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
  process.exit(error.code === 'EPIPE' ? 0 : EXIT_BUG);
});

try {
  await build().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
