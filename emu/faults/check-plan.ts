import { UsageError } from '../base/errors.ts';
import {
  ALU_UNITS,
  type FaultEffect,
  type FaultModel,
  type FaultPlan,
  type FaultTarget,
  type FaultTrigger,
  REGISTERS,
  SEGMENTS,
} from './plan.ts';

/** What is wrong with a value; null when nothing is. */
type Check = (value: unknown, cores: number) => string | null;

interface Field {
  readonly check: Check;
  readonly optional: boolean;
}

type Fields = Readonly<Record<string, Field>>;
/** One row per field of T: a field that is added to the type does not compile until it is here. */
type FieldsOf<T, Tag extends keyof T> = { readonly [K in Exclude<keyof T, Tag>]-?: Field };
type TableOf<U, Tag extends keyof U> = {
  readonly [V in U[Tag] & string]: FieldsOf<Extract<U, { readonly [K in Tag]: V }>, Tag>;
};

const needs = (check: Check): Field => ({ check, optional: false });
const may = (check: Check): Field => ({ check, optional: true });

const integer =
  (low: number, high: number): Check =>
  (value) => {
    if (Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high) return null;
    const range = high === Number.MAX_SAFE_INTEGER ? `from ${low}` : `from ${low} to ${high}`;
    return `is no integer ${range}`;
  };
const count = integer(0, Number.MAX_SAFE_INTEGER);
const positive = integer(1, Number.MAX_SAFE_INTEGER);
const doubleword = integer(0, 0xffffffff);
const text: Check = (value) => (typeof value === 'string' && value !== '' ? null : 'is no text');
const oneOf =
  (values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value) ? null : `is none of ${values.join(', ')}`;
const quadword: Check = (value) =>
  typeof value === 'string' && /^(0x)?[0-9a-f]{1,16}$/i.test(value)
    ? null
    : 'is no number of up to 16 hexadecimal digits';
const core: Check = (value, cores) =>
  integer(0, cores - 1)(value, cores) && `is no core: there are ${cores}, numbered from 0`;
const step: Check = (value, cores) =>
  text(value, cores) && positive(value, cores) && 'is neither the name of a restart step nor its number from 1';
const value01 = oneOf([0, 1]);

const TRIGGERS: TableOf<FaultTrigger, 'at'> = {
  instruction: { core: needs(core), instruction: needs(count) },
  time: { core: needs(core), ns: needs(count) },
  process: { process: needs(text), ns: needs(count) },
  pc: { address: needs(doubleword), hits: needs(positive), core: may(core), process: may(text) },
  syscall: { nth: needs(positive), name: may(text), process: may(text), core: may(core) },
  checkpoint: { nth: needs(positive), core: may(core), process: may(text) },
  recovery: { nth: needs(positive), step: needs(step), core: may(core) },
  rate: {
    core: needs(core),
    meanNs: needs(positive),
    seed: needs(integer(-0x80000000, 0xffffffff)),
    maxCount: may(positive),
  },
};

const TARGETS: TableOf<FaultTarget, 'in'> = {
  register: { register: needs(oneOf(REGISTERS)) },
  'segment-base': { segment: needs(oneOf(SEGMENTS)) },
  x87: { register: needs(integer(0, 7)) },
  xmm: { register: needs(integer(0, 7)) },
  memory: { address: needs(doubleword), process: may(text) },
  'code-cache': { address: needs(doubleword), process: may(text) },
};

/** Number of bits that a flip can choose from. */
export const TARGET_BITS: Readonly<Record<FaultTarget['in'], number>> = {
  register: 32,
  'segment-base': 32,
  x87: 80,
  xmm: 128,
  memory: 8,
  'code-cache': 8,
};

/** The product has twice as many bits as the operands. */
export const UNIT_BITS = { add: 32, mul: 64, shift: 32 } as const;

const SLOW_FACTOR_MAX = 1_000_000;
/** Vectors below are exceptions (SDM Vol. 3, Exception and Interrupt Vectors). */
const FIRST_INTERRUPT_VECTOR = 32;
const BANKS_MAX = 31;

/** The trigger of every model, and the target of a bit flip, are looked at by themselves. */
const EFFECTS: TableOf<Exclude<FaultEffect, { model: 'bit-flip' }>, 'model'> & { 'bit-flip': { bit: Field } } = {
  'fail-stop': {},
  hang: {},
  intermittent: { downNs: needs(positive) },
  slow: { factor: needs(integer(2, SLOW_FACTOR_MAX)), forNs: may(positive) },
  'bit-flip': { bit: needs(count) },
  'stuck-at': {
    register: needs(oneOf(REGISTERS.filter((register) => register !== 'eip'))),
    bit: needs(integer(0, 31)),
    value: needs(value01),
  },
  'wrong-alu': { unit: needs(oneOf(ALU_UNITS)), bit: needs(count), value: needs(value01) },
  'machine-check': { bank: needs(integer(0, BANKS_MAX)), status: needs(quadword), address: may(quadword) },
  'lost-interrupt': { count: needs(positive) },
  'spurious-interrupt': { vector: needs(integer(FIRST_INTERRUPT_VECTOR, 255)) },
  'checkpoint-write': {
    failure: needs(oneOf(['torn', 'error', 'bit-flip'])),
    atByte: needs(count),
    bit: may(integer(0, 7)),
  },
};

/**
 * Checks a fault plan from outside: any value. Returns it as a plan for a machine of `cores` cores.
 * Errors: UsageError with the path of the key, `key` being that of the plan itself.
 */
export function checkFaultPlan(plan: unknown, cores: number, key = 'faults'): FaultPlan {
  if (!Array.isArray(plan)) throw new UsageError({ what: 'is no list of faults', key });
  plan.forEach((spec, n) => {
    checkFault(spec, cores, `${key}[${n}]`);
  });
  return plan as FaultPlan;
}

/** The same for one fault. */
export function checkFault(value: unknown, cores: number, key: string): void {
  const spec = record(value, key);
  const model = tag(spec, 'model', EFFECTS, key) as FaultModel;
  const trigger = record(spec.trigger, `${key}.trigger`);
  checkFields(trigger, 'at', TRIGGERS[tag(trigger, 'at', TRIGGERS, `${key}.trigger`)], cores, `${key}.trigger`);
  const { trigger: _trigger, ...effect } = spec;
  if (model === 'bit-flip') {
    const { target: place, ...flip } = effect;
    const target = record(place, `${key}.target`);
    const where = tag(target, 'in', TARGETS, `${key}.target`);
    checkFields(target, 'in', TARGETS[where], cores, `${key}.target`);
    checkFields(flip, 'model', EFFECTS[model], cores, key);
    checkBit(flip.bit, TARGET_BITS[where], key);
    return;
  }
  checkFields(effect, 'model', EFFECTS[model], cores, key);
  if (model === 'wrong-alu') checkBit(effect.bit, UNIT_BITS[effect.unit as keyof typeof UNIT_BITS], key);
  if (model === 'checkpoint-write' && (effect.failure === 'bit-flip') !== (effect.bit !== undefined)) {
    throw new UsageError({ what: "goes with the failure 'bit-flip', and that one needs it", key: `${key}.bit` });
  }
}

function checkBit(bit: unknown, bits: number, key: string): void {
  if ((bit as number) >= bits) throw new UsageError({ what: `is no bit from 0 to ${bits - 1}`, key: `${key}.bit` });
}

function record(value: unknown, key: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError({ what: value === undefined ? 'is missing' : 'is no object', key });
}

function tag<T extends object>(value: Record<string, unknown>, name: string, table: T, key: string): keyof T & string {
  const found = value[name];
  if (typeof found === 'string' && Object.hasOwn(table, found)) return found as keyof T & string;
  const what = found === undefined ? 'is missing' : `there is no '${String(found)}'`;
  throw new UsageError({ what, key: `${key}.${name}`, hint: Object.keys(table).join(', ') });
}

function checkFields(
  value: Record<string, unknown>,
  tagName: string,
  fields: Fields,
  cores: number,
  key: string,
): void {
  for (const name of Object.keys(value)) {
    if (name !== tagName && !Object.hasOwn(fields, name)) {
      throw new UsageError({ what: `has no key '${name}'`, key, hint: [tagName, ...Object.keys(fields)].join(', ') });
    }
  }
  for (const [name, { check, optional }] of Object.entries(fields)) {
    const part = value[name];
    if (part === undefined && optional) continue;
    const complaint = part === undefined ? 'is missing' : check(part, cores);
    if (complaint) throw new UsageError({ what: complaint, key: `${key}.${name}` });
  }
}
