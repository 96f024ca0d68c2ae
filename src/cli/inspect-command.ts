import type { Command } from 'commander';
import { readHostFile } from '../host/files.ts';
import { shippedPrograms } from '../host/guest-programs.ts';
import { inspectElf, inspectElfJson } from '../report/inspect.ts';

/** `coreback inspect <file>` */
export function addInspectCommand(program: Command): void {
  program
    .command('inspect')
    .description('tell in words every header, note and segment of an ELF program or core file')
    .argument('<file>', 'a path, or the name of a program that we ship')
    .option('--json', 'print JSON')
    .action((file: string, options: { json?: boolean }) => {
      const shipped = shippedPrograms();
      const known = shipped.find((candidate) => candidate.path === `/bin/${file}`);
      const bytes = known ? known.bytes : readHostFile(file);
      process.stdout.write(
        options.json ? `${JSON.stringify(inspectElfJson(bytes, file), null, 1)}\n` : inspectElf(bytes, file),
      );
    });
}
