import { UsageError } from '../../emu/base/errors.ts';
import { checkFaultPlan } from '../../emu/faults/check-plan.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import { parseFault } from './fault-spec.ts';
import { parseDuration } from './units.ts';

const KEY = '--fault';
const HINT = "write it like 'bit-flip register=eax bit=3 at core1#1000000'; docs/faults.md has every model";
/** What a name may look like is its owner's business; the registers of a machine-check bank have more bits than a number. */
const NAMES = ['process', 'name'];
const BANK = ['status', 'address'];

/**
 * Faults as the command line writes them: a model with its keys, the word `at`, and where, either in the short form of `--fail` or as a
 * kind of trigger with its keys. The keys are those of the JSON form. Errors: UsageError naming the fault, from 0, and the key.
 */
export function parseFaults(texts: readonly string[], cores: number): FaultPlan {
  const specs = texts.map((text, n) => faultOf(text, cores, `${KEY}[${n}]`));
  return checkFaultPlan(specs, cores, KEY);
}

function faultOf(text: string, cores: number, key: string): unknown {
  const words = text.trim().split(/\s+/);
  const middle = words.indexOf('at');
  const [model, ...effect] = words.slice(0, middle);
  const [where, ...trigger] = words.slice(middle + 1);
  if (middle < 1 || !where) throw new UsageError({ what: `'${text}' is no fault`, key, hint: HINT });
  const keys = keysOf(effect, model === 'machine-check' ? BANK : NAMES, key);
  return {
    model,
    ...(model === 'bit-flip' ? flipKeys(keys) : keys),
    trigger: /[@#]/.test(where)
      ? parseFault(where, cores).trigger
      : { at: where, ...keysOf(trigger, NAMES, `${key}.trigger`) },
  };
}

/** The bit is the fault's, everything else says where it is: in a register when nothing else is said. */
function flipKeys({ bit, ...target }: Record<string, unknown>): object {
  return { target: { in: 'register', ...target }, ...(bit === undefined ? {} : { bit }) };
}

function keysOf(words: readonly string[], texts: readonly string[], key: string): Record<string, unknown> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, value] = /^(\w+)=(.+)$/.exec(word) ?? [];
      if (!name || !value) throw new UsageError({ what: `'${word}' is no key=value`, key, hint: HINT });
      return [name, texts.includes(name) ? value : scalar(name, value, `${key}.${name}`)];
    }),
  );
}

/** Times are durations, everything that looks like a number is one. */
function scalar(name: string, value: string, key: string): number | string {
  if (/(^n|N)s$/.test(name)) return parseDuration(value, key);
  return /^(0x[0-9a-f]+|-?\d+)$/i.test(value) ? Number(value) : value;
}
