import { UsageError } from '../../emu/base/errors.ts';
import type { Mount } from '../../kernel-sim/vfs/mount.ts';

/** `HOST:GUEST`, `HOST:GUEST:ro`, `HOST:GUEST:cow`; the host's path as it is written. Errors: UsageError with the key. */
export function parseMount(text: string, key: string): Mount {
  const [, host, guest, how] = /^(.+?):(\/[^:]*)(?::(ro|cow))?$/.exec(text) ?? [];
  if (host === undefined || guest === undefined) {
    const hint = 'write it like ports:/usr/ports or ports:/usr/ports:ro; the second path is absolute';
    throw new UsageError({ what: `'${text}' does not say what is to be seen where`, key, hint });
  }
  return { host, guest, readOnly: how === 'ro' };
}

/** The `mounts` of a scenario or a campaign. Errors: UsageError with the key of the entry. */
export const parseMounts = (texts: readonly string[]): Mount[] =>
  texts.map((text, n) => parseMount(text, `mounts[${n}]`));
