import { UsageError } from '../../emu/base/errors.ts';
import { checkFaultPlan } from '../../emu/faults/check-plan.ts';
import type { FaultPlan, FaultTrigger } from '../../emu/faults/plan.ts';
import { isSyscallName } from '../../kernel-sim/sys/table.ts';
import { RESTART_STEPS } from '../restart/steps.ts';
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
  const plan = checkFaultPlan(specs, cores, KEY);
  for (const [n, { trigger }] of plan.entries()) checkNames(trigger, `${KEY}[${n}].trigger`);
  return plan;
}

/** A name that nothing has would never strike, and nobody would know why. */
function checkNames(trigger: FaultTrigger, key: string): void {
  if (trigger.at === 'syscall' && trigger.name !== undefined && !isSyscallName(trigger.name)) {
    const hint = 'docs/syscalls.md lists all';
    throw new UsageError({ what: `there is no system call '${trigger.name}'`, key: `${key}.name`, hint });
  }
  if (trigger.at === 'recovery' && typeof trigger.step === 'string' && !RESTART_STEPS.some((s) => s === trigger.step)) {
    const hint = RESTART_STEPS.join(', ');
    throw new UsageError({ what: `there is no restart step '${trigger.step}'`, key: `${key}.step`, hint });
  }
}

function faultOf(text: string, cores: number, key: string): unknown {
  const words = text.trim().split(/\s+/);
  const middle = words.indexOf('at');
  const [model, ...effect] = words.slice(0, middle);
  const [where, ...trigger] = words.slice(middle + 1);
  if (middle < 1 || !where) throw new UsageError({ what: `'${text}' is no fault`, key, hint: HINT });
  const keys = keysOf(effect, model === 'machine-check' ? BANK : NAMES, key);
  const isShort = /[@#]/.test(where);
  if (isShort && trigger[0] !== undefined)
    throw new UsageError({ what: `'${trigger[0]}' stands behind the trigger '${where}'`, key, hint: HINT });
  return {
    model,
    ...(model === 'bit-flip' ? flipKeys(keys) : keys),
    trigger: isShort
      ? parseFault(where, cores, key).trigger
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
