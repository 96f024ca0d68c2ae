import { fileURLToPath } from 'node:url';

/** A worker of this folder, for piscina. Run from its sources, it needs the same loader. */
export function workerFile(name: string): { filename: string; execArgv?: string[] } {
  const source = import.meta.url.endsWith('.ts');
  const filename = fileURLToPath(new URL(`./${name}.${source ? 'ts' : 'js'}`, import.meta.url));
  return source ? { filename, execArgv: ['--import', 'tsx'] } : { filename };
}
