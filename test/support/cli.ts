import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const MAIN = join(ROOT, 'dist/src/cli/main.js');

/** Runs the command in a host process of its own. `nodeOptions`: what node itself is given. */
export function coreback(
  args: readonly string[],
  input = '',
  nodeOptions: readonly string[] = [],
): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeOptions, MAIN, ...args], {
    input,
    encoding: 'utf8',
    cwd: ROOT,
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

/** Compiles what `coreback` runs; for beforeAll. */
export function compile(): void {
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: ROOT });
}
