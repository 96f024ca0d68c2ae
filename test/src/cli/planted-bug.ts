import { appendFileSync, cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../support/cli.ts';

const PLANTED = `
KernelTrapHandler.prototype.faultInterrupt = () => {
  throw new TypeError('planted: who took the fault interrupt?');
};
`;

/**
 * A copy of what is built, in an empty folder, with a mistake in coreback itself: it trips over its own feet as soon as a dead core has been
 * found. Gives the path of its command.
 */
export function plantBug(folder: string): string {
  for (const name of ['package.json', 'dist/src', 'dist/chunks'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const name of ['guest', 'node_modules']) symlinkSync(join(ROOT, name), join(folder, name));
  const chunks = readdirSync(join(folder, 'dist/chunks')).map((name) => join(folder, 'dist/chunks', name));
  const kernel = chunks.find(
    (path) => path.endsWith('.js') && readFileSync(path, 'utf8').includes('KernelTrapHandler = class'),
  );
  appendFileSync(kernel!, PLANTED);
  return join(folder, 'dist/src/cli/main.js');
}
