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
    .option('--program <elf>', 'of a core: the program that was running, for backtraces with names')
    .option('--json', 'print JSON')
    .action((file: string, options: { json?: boolean; program?: string }) => {
      const bytes = fileOrProgram(file);
      const { program: path, json } = options;
      const more = path === undefined ? {} : { program: { bytes: fileOrProgram(path), path } };
      process.stdout.write(
        json ? `${JSON.stringify(inspectElfJson(bytes, file, more), null, 1)}\n` : inspectElf(bytes, file, more),
      );
    });
}

function fileOrProgram(name: string): Uint8Array {
  const known = shippedPrograms().find((candidate) => candidate.path === `/bin/${name}`);
  return known ? known.bytes : readHostFile(name);
}
