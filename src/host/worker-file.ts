import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from './guest-programs.ts';

/** A worker of this folder, for piscina. Run from its sources, it is loaded by one that can (source-worker.mjs). */
export function workerFile(name: string): { filename: string; argv?: string[]; execArgv?: string[] } {
  if (!import.meta.url.endsWith('.ts')) return { filename: join(packageRoot(), 'dist/src/host', `${name}.js`) };
  return { filename: fileURLToPath(new URL('./source-worker.mjs', import.meta.url)), argv: [name], execArgv: [] };
}
