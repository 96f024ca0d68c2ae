import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GuestFile } from '../../src/system.ts';

const BIN = fileURLToPath(new URL('../../guest/bin/', import.meta.url));

/** Programs that we ship, as files of the guest's /bin. */
export const guestPrograms = (...names: readonly string[]): GuestFile[] =>
  names.map((name) => ({ path: `/bin/${name}`, bytes: new Uint8Array(readFileSync(BIN + name)) }));

const TREE = fileURLToPath(new URL('../../guest/tree/', import.meta.url));

/** The file tree of dynamic programs that we ship: a run-time linker, libraries, and the programs, at their places. */
export const guestTree = (): GuestFile[] =>
  readdirSync(TREE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({ path: file.slice(TREE.length - 1), bytes: new Uint8Array(readFileSync(file)) }));
