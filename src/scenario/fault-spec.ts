import { UsageError } from '../../emu/base/errors.ts';
import type { FaultSpec } from '../../emu/faults/plan.ts';
import { parseDuration } from './units.ts';

/**
 * A fault as the command line writes it: `core2@12s` (the core stops at a virtual time), `core2#1000000` (after so many of its own
 * instructions), `count@12s` (the core that runs the process `count` then, or the first to run it later). Errors: UsageError with the key.
 */
export function parseFault(text: string, cores: number, key = '--fail'): FaultSpec {
  const match = /^([^@#]+)([@#])(.+)$/.exec(text);
  if (!match) {
    throw new UsageError({ what: `'${text}' is no fault`, key, hint: 'write core2@12s, core2#1000000 or count@12s' });
  }
  const [, target, sign, when] = match as unknown as [string, string, string, string];
  const core = /^core(\d+)$/.exec(target);
  if (core && Number(core[1]) >= cores) {
    throw new UsageError({ what: `there is no core ${core[1]}: there are ${cores}, numbered from 0`, key });
  }
  if (sign === '#') {
    const instruction = Number(when);
    if (!core || !Number.isSafeInteger(instruction) || instruction < 0) {
      throw new UsageError({ what: `'${text}' is no fault at an instruction`, key, hint: 'write core2#1000000' });
    }
    return { model: 'fail-stop', trigger: { at: 'instruction', core: Number(core[1]), instruction } };
  }
  const ns = parseDuration(when, key);
  if (core) return { model: 'fail-stop', trigger: { at: 'time', core: Number(core[1]), ns } };
  return { model: 'fail-stop', trigger: { at: 'process', process: target, ns } };
}
