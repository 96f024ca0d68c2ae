import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvariantError, UsageError } from '../../emu/base/errors.ts';
import type { GuestFile, System } from '../system.ts';
import { readHostFile } from './files.ts';

/** The folder of the package: where package.json of coreback stands, above this file, built or not. */
export function packageRoot(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const manifest = join(at, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'coreback') return at;
    if (dirname(at) === at) throw new InvariantError('package.json of coreback is not above its own code');
  }
}

/** The programs that we ship, as files of the guest's /bin, in order of name. */
export function shippedPrograms(): GuestFile[] {
  const folder = join(packageRoot(), 'guest', 'bin');
  return readdirSync(folder)
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()
    .map((name) => ({ path: `/bin/${name}`, bytes: readHostFile(join(folder, name)), mode: 0o755 }));
}

/** Where FreeBSD has programs. */
const PROGRAM_FOLDERS = ['/sbin', '/bin', '/usr/sbin', '/usr/bin'];

/** Puts the programs that we ship into the guest's /bin, but those of which the user's tree has one of that name, in whatever folder. */
export function installShipped(system: System, shipped: readonly GuestFile[]): void {
  const isThere = (name: string): boolean => PROGRAM_FOLDERS.some((folder) => system.has(`${folder}/${name}`));
  for (const file of shipped) if (!isThere(basename(file.path))) system.install(file);
}

/**
 * A program as the user names it: by its path in the guest's tree if it is there, one that we ship by its name, or a file on the host, which then
 * stands in the guest's /root. Errors: UsageError when there is none.
 */
export function resolveProgram(
  name: string,
  shipped: readonly GuestFile[],
  system?: System,
): { path: string; files: GuestFile[] } {
  if (name === '') throw new UsageError({ what: 'the name of the program is empty' });
  if (name.startsWith('/') && system?.has(name)) return { path: name, files: [] };
  const known = shipped.find((file) => file.path === `/bin/${name}` || file.path === name);
  if (known) return { path: known.path, files: [] };
  const path = `/root/${basename(name)}`;
  return { path, files: [{ path, bytes: readHostFile(name), mode: 0o755 }] };
}
