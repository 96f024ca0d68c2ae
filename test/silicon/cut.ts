import { FLAG_RF, FLAG_TF } from '../../emu/core/core-state.ts';
import { VECTOR_BP } from '../../emu/core/engine.ts';
import type { Case, Outcome } from './protocol.ts';
import { lengthsOfCode } from './rows.ts';

const PATCHES_MAX = 200;

/** The first instructions of a sequence: one, two, ... all but the last. */
export function beginnings(c: Case): Case[] {
  let end = 0;
  return lengthsOfCode(c.code)
    .slice(0, -1)
    .map((length) => {
      end += length;
      return { ...c, code: c.code.slice(0, end) };
    });
}

/**
 * The case that has `code` alone and starts where `beginning` ended on the real CPU, memory included; null when it did not get to
 * its end. What was undefined by then is now given.
 */
export function goOnWith(code: Uint8Array, beginning: Case, outcome: Outcome): Case | null {
  const ranAll = outcome.vector === VECTOR_BP && outcome.eip === beginning.eip + beginning.code.length + 1;
  const memory = new Map([...beginning.patches, ...outcome.changes].map(({ address, value }) => [address, value]));
  if (!ranAll || memory.size > PATCHES_MAX) return null;
  return {
    ...beginning,
    code,
    regs: outcome.regs.slice(),
    eflags: (outcome.eflags & ~(FLAG_RF | FLAG_TF)) >>> 0,
    selectors: outcome.selectors.slice(),
    fx: beginning.fx && outcome.fx,
    patches: [...memory].map(([address, value]) => ({ address, value })),
  };
}
