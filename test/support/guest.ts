import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { GuestFile } from '../../src/system.ts';

const BIN = fileURLToPath(new URL('../../guest/bin/', import.meta.url));

/** Programs that we ship, as files of the guest's /bin. */
export const guestPrograms = (...names: readonly string[]): GuestFile[] =>
  names.map((name) => ({ path: `/bin/${name}`, bytes: new Uint8Array(readFileSync(BIN + name)) }));
