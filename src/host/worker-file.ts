import { fileURLToPath } from 'node:url';

/** A worker of this folder, for piscina. Run from its sources, it is loaded by one that can (source-worker.mjs). */
export function workerFile(name: string): { filename: string; argv?: string[]; execArgv?: string[] } {
  const at = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  if (!import.meta.url.endsWith('.ts')) return { filename: at(`./${name}.js`) };
  return { filename: at('./source-worker.mjs'), argv: [name], execArgv: [] };
}
