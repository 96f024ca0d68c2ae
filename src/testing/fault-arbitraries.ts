import fc from 'fast-check';
import { UsageError } from '../../emu/base/errors.ts';
import {
  ALU_UNITS,
  type FaultEffect,
  type FaultModel,
  type FaultPlan,
  type FaultSpec,
  type FaultTarget,
  type FaultTrigger,
  REGISTERS,
  SEGMENTS,
  stopsForGood,
} from '../../emu/faults/plan.ts';

/** Addresses, both ends included. */
export type AddressRange = readonly [low: number, high: number];

/** What faults are drawn from: where a run can be hit, and by what. */
export interface FaultSpace {
  readonly cores: number;
  /** Faults strike before this virtual time, in ns; those by instruction before as many instructions as fit into it. */
  readonly horizonNs: number;
  /** Duration of an instruction in ns. Default 1000. */
  readonly cycleNs?: number;
  /** Default: a core stops for good. */
  readonly models?: readonly FaultModel[];
  /** Default: time, instruction, process. */
  readonly triggers?: readonly FaultTrigger['at'][];
  /** Names, for faults that strike where a process runs, or in its memory. Default: none do. */
  readonly processes?: readonly string[];
  /** Linear addresses of instructions, for faults at a program counter and in code. Default: none are. */
  readonly code?: AddressRange;
  /** Linear addresses of data. Default: memory is not hit. */
  readonly data?: AddressRange;
}

/** Every model, and every trigger. */
export const FAULT_MODELS = [
  'fail-stop',
  'hang',
  'intermittent',
  'slow',
  'bit-flip',
  'stuck-at',
  'wrong-alu',
  'machine-check',
  'lost-interrupt',
  'spurious-interrupt',
  'checkpoint-write',
] as const satisfies readonly FaultModel[];

export const FAULT_TRIGGERS = [
  'time',
  'instruction',
  'process',
  'pc',
  'syscall',
  'checkpoint',
  'recovery',
  'rate',
] as const satisfies readonly FaultTrigger['at'][];

/** Fault plans of at least one fault. At most all cores but one stop for good, so that there is always one that can go on. */
export function faultPlans(space: FaultSpace & { readonly maxFaults?: number }): fc.Arbitrary<FaultPlan> {
  const { cores, maxFaults = 3 } = space;
  if (maxFaults < 1) throw new UsageError({ what: 'a fault plan has at least one fault', key: 'maxFaults' });
  return fc
    .array(faults(space), { minLength: 1, maxLength: maxFaults })
    .filter((plan) => plan.filter(({ model }) => stopsForGood(model)).length < Math.max(cores, 2));
}

/** One fault. */
export function faults(space: FaultSpace): fc.Arbitrary<FaultSpec> {
  const { models = ['fail-stop'] } = space;
  if (models.length === 0) throw new UsageError({ what: 'names no model', key: 'models' });
  return fc
    .tuple(fc.oneof(...models.map((model) => faultEffects(model, space))), faultTriggers(space))
    .map(([effect, trigger]) => ({ ...effect, trigger }));
}

const nth = fc.integer({ min: 1, max: 8 });
const within = ([min, max]: AddressRange): fc.Arbitrary<number> => fc.integer({ min, max });
/** A key that may be absent. */
const maybe = <T>(key: string, value: fc.Arbitrary<T> | null): fc.Arbitrary<Record<string, T>> =>
  value
    ? fc.option(value).map((drawn) => (drawn === null ? {} : { [key]: drawn }) as Record<string, T>)
    : fc.constant({});

/** When and where. */
export function faultTriggers(space: FaultSpace): fc.Arbitrary<FaultTrigger> {
  const { cores, horizonNs, cycleNs = 1000, processes = [], code } = space;
  const core = fc.nat(cores - 1);
  const ns = fc.nat(Math.max(0, horizonNs - 1));
  const process = processes.length > 0 ? fc.constantFrom(...processes) : null;
  const somewhere = fc.tuple(maybe('core', core), maybe('process', process)).map(([a, b]) => ({ ...a, ...b }));
  const gap = fc.integer({ min: Math.max(1, horizonNs >> 5), max: Math.max(1, horizonNs) });
  const at = <T extends FaultTrigger['at']>(name: T) => ({ at: fc.constant(name) });
  const all: Readonly<Record<FaultTrigger['at'], fc.Arbitrary<FaultTrigger> | null>> = {
    time: fc.record({ ...at('time'), core, ns }),
    instruction: fc.record({ ...at('instruction'), core, instruction: fc.nat(Math.ceil(horizonNs / cycleNs)) }),
    process: process && fc.record({ ...at('process'), process, ns }),
    pc: code
      ? fc
          .tuple(fc.record({ ...at('pc'), address: within(code), hits: nth }), somewhere)
          .map(([trigger, where]) => ({ ...trigger, ...where }))
      : null,
    syscall: fc
      .tuple(fc.record({ ...at('syscall'), nth: fc.integer({ min: 1, max: 40 }) }), somewhere)
      .map(([trigger, where]) => ({ ...trigger, ...where })),
    checkpoint: fc
      .tuple(fc.record({ ...at('checkpoint'), nth }), somewhere)
      .map(([trigger, where]) => ({ ...trigger, ...where })),
    recovery: fc
      .tuple(
        fc.record({ ...at('recovery'), nth: fc.constantFrom(1, 2), step: fc.integer({ min: 1, max: 12 }) }),
        maybe('core', core),
      )
      .map(([trigger, where]) => ({ ...trigger, ...where })),
    rate: fc.record({ ...at('rate'), core, meanNs: gap, seed: fc.nat(1000), maxCount: fc.constant(3) }),
  };
  const wanted = space.triggers ?? ['time', 'instruction', 'process'];
  const usable = wanted.flatMap((name) => all[name] ?? []);
  if (usable.length === 0)
    throw new UsageError({ what: `nothing can be drawn from ${wanted.join(', ')}`, key: 'triggers' });
  return fc.oneof(...usable);
}

const level = fc.constantFrom<0 | 1>(0, 1);
const registerBit = fc.nat(31);
const checkpointByte = fc.nat(200_000);

/** What goes wrong, of one model. */
export function faultEffects(model: FaultModel, space: Partial<FaultSpace> = {}): fc.Arbitrary<FaultEffect> {
  const { horizonNs = 100_000_000 } = space;
  const durationNs = fc.integer({ min: 1, max: Math.max(1, horizonNs) });
  switch (model) {
    case 'fail-stop':
    case 'hang':
      return fc.constant({ model });
    case 'intermittent':
      return durationNs.map((downNs) => ({ model, downNs }));
    case 'slow':
      return fc
        .tuple(fc.integer({ min: 2, max: 200 }), maybe('forNs', durationNs))
        .map(([factor, rest]) => ({ model, factor, ...rest }));
    case 'bit-flip':
      return bitFlips(space);
    case 'stuck-at': {
      const register = fc.constantFrom(...REGISTERS.filter((name) => name !== 'eip'));
      return fc.record({ model: fc.constant(model), register, bit: registerBit, value: level });
    }
    case 'wrong-alu': {
      const unit = fc.constantFrom(...ALU_UNITS);
      return fc.record({ model: fc.constant(model), unit, bit: registerBit, value: level });
    }
    case 'machine-check':
      // VAL, UC, EN, PCC: an uncorrected error, the context of the core is lost (SDM Vol. 3, IA32_MCi_STATUS).
      return fc.nat(31).map((bank) => ({ model, bank, status: 'b200000000000800' }));
    case 'lost-interrupt':
      return fc.integer({ min: 1, max: 20 }).map((count) => ({ model, count }));
    case 'spurious-interrupt':
      return fc.integer({ min: 32, max: 255 }).map((vector) => ({ model, vector }));
    case 'checkpoint-write':
      return fc.oneof(
        fc.record({
          model: fc.constant(model),
          failure: fc.constantFrom('torn' as const, 'error' as const),
          atByte: checkpointByte,
        }),
        fc.record({
          model: fc.constant(model),
          failure: fc.constant('bit-flip' as const),
          atByte: checkpointByte,
          bit: fc.nat(7),
        }),
      );
  }
}

function bitFlips({ code, data, processes = [] }: Partial<FaultSpace>): fc.Arbitrary<FaultEffect> {
  const flip = (target: fc.Arbitrary<FaultTarget>, bits: number): fc.Arbitrary<FaultEffect> =>
    fc.record({ model: fc.constant('bit-flip' as const), target, bit: fc.nat(bits - 1) });
  const inside = <T extends FaultTarget['in']>(name: T) => ({ in: fc.constant(name) });
  const process = maybe('process', processes.length > 0 ? fc.constantFrom(...processes) : null);
  const memory = (range: AddressRange): fc.Arbitrary<FaultEffect> =>
    flip(
      fc
        .tuple(fc.record({ ...inside('memory'), address: within(range) }), process)
        .map(([target, where]) => ({ ...target, ...where })),
      8,
    );
  return fc.oneof(
    {
      weight: 4,
      arbitrary: flip(fc.record({ ...inside('register'), register: fc.constantFrom(...REGISTERS) }), 32),
    },
    flip(fc.record({ ...inside('segment-base'), segment: fc.constantFrom(...SEGMENTS) }), 32),
    flip(fc.record({ ...inside('x87'), register: fc.nat(7) }), 80),
    flip(fc.record({ ...inside('xmm'), register: fc.nat(7) }), 128),
    ...(data ? [memory(data)] : []),
    ...(code ? [memory(code), flip(fc.record({ ...inside('code-cache'), address: within(code) }), 8)] : []),
  );
}
