import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const MAIN = join(ROOT, 'dist/src/cli/main.js');

/** Runs the command in a host process of its own. `main`: its file, when it is not what is built here. */
export function coreback(
  args: readonly string[],
  input = '',
  main = MAIN,
): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    input,
    encoding: 'utf8',
    cwd: ROOT,
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}
