import fc from 'fast-check';
import {
  ALU_UNITS,
  type FaultEffect,
  type FaultSpec,
  type FaultTarget,
  type FaultTrigger,
  REGISTERS,
  SEGMENTS,
} from '../../emu/faults/plan.ts';

/** Where faults of a run can be: its cores, how long it takes, its processes and addresses of theirs. */
export interface FaultSpace {
  readonly cores: number;
  readonly instructions: number;
  readonly ns: number;
  readonly processes: readonly string[];
  readonly code: readonly [low: number, high: number];
  readonly data: readonly [low: number, high: number];
}

/** Every model with every trigger. */
export const anyFault = (space: FaultSpace): fc.Arbitrary<FaultSpec> =>
  fc.tuple(anyEffect(space), anyTrigger(space)).map(([effect, trigger]) => ({ ...effect, trigger }));

export function anyTrigger(space: FaultSpace): fc.Arbitrary<FaultTrigger> {
  const core = fc.nat(space.cores - 1);
  const ns = fc.nat(space.ns);
  const nth = fc.integer({ min: 1, max: 6 });
  const process = fc.constantFrom(...space.processes);
  return fc.oneof(
    { weight: 4, arbitrary: tagged('at', 'instruction', { core, instruction: fc.nat(space.instructions) }) },
    { weight: 4, arbitrary: tagged('at', 'time', { core, ns }) },
    { weight: 2, arbitrary: tagged('at', 'process', { process, ns }) },
    tagged('at', 'pc', { address: between(space.code), hits: nth }),
    tagged('at', 'pc', { address: between(space.code), hits: nth, process, core }),
    tagged('at', 'syscall', { nth: fc.integer({ min: 1, max: 40 }) }),
    tagged('at', 'syscall', { nth, name: fc.constantFrom('write', 'exit', 'fork', 'nanosleep'), process }),
    tagged('at', 'checkpoint', { nth }),
    tagged('at', 'checkpoint', { nth, core, process }),
    tagged('at', 'recovery', { nth: fc.constantFrom(1, 2), step: fc.integer({ min: 1, max: 12 }) }),
    tagged('at', 'recovery', { nth: fc.constant(1), step: fc.constantFrom('load', 'detach', 'registers'), core }),
    tagged('at', 'rate', { core, meanNs: fc.integer({ min: space.ns >> 5, max: space.ns }), seed: fc.nat(1000) }),
    tagged('at', 'rate', { core, meanNs: fc.constant(space.ns >> 4), seed: fc.nat(1000), maxCount: fc.constant(3) }),
  ) as fc.Arbitrary<FaultTrigger>;
}

export function anyEffect(space: FaultSpace): fc.Arbitrary<FaultEffect> {
  const value = fc.constantFrom(0, 1);
  const bit = fc.nat(31);
  const register = fc.constantFrom(...REGISTERS.filter((name) => name !== 'eip'));
  const atByte = fc.nat(200_000);
  return fc.oneof(
    tagged('model', 'fail-stop', {}),
    tagged('model', 'hang', {}),
    tagged('model', 'intermittent', { downNs: fc.integer({ min: 1, max: space.ns }) }),
    tagged('model', 'slow', { factor: fc.integer({ min: 2, max: 200 }), forNs: fc.integer({ min: 1, max: space.ns }) }),
    tagged('model', 'slow', { factor: fc.integer({ min: 2, max: 200 }) }),
    { weight: 8, arbitrary: anyFlip(space) },
    tagged('model', 'stuck-at', { register, bit, value }),
    tagged('model', 'wrong-alu', { unit: fc.constantFrom(...ALU_UNITS), bit, value }),
    tagged('model', 'machine-check', { bank: fc.nat(31), status: fc.constant('b200000000000800') }),
    tagged('model', 'lost-interrupt', { count: fc.integer({ min: 1, max: 20 }) }),
    tagged('model', 'spurious-interrupt', { vector: fc.integer({ min: 32, max: 255 }) }),
    tagged('model', 'checkpoint-write', { failure: fc.constantFrom('torn', 'error'), atByte }),
    tagged('model', 'checkpoint-write', { failure: fc.constant('bit-flip'), atByte, bit: fc.nat(7) }),
  ) as fc.Arbitrary<FaultEffect>;
}

export function anyFlip({ code, data, processes }: FaultSpace): fc.Arbitrary<FaultEffect> {
  const flip = (target: fc.Arbitrary<FaultTarget>, bits: number): fc.Arbitrary<FaultEffect> =>
    fc.record({ model: fc.constant('bit-flip'), target, bit: fc.nat(bits - 1) });
  const process = fc.constantFrom(...processes);
  const where = (name: string, more: object): fc.Arbitrary<FaultTarget> =>
    tagged('in', name, more) as unknown as fc.Arbitrary<FaultTarget>;
  return fc.oneof(
    { weight: 4, arbitrary: flip(where('register', { register: fc.constantFrom(...REGISTERS) }), 32) },
    flip(where('segment-base', { segment: fc.constantFrom(...SEGMENTS) }), 32),
    flip(where('x87', { register: fc.nat(7) }), 80),
    flip(where('xmm', { register: fc.nat(7) }), 128),
    flip(where('memory', { address: between(data), process }), 8),
    flip(where('memory', { address: between(code) }), 8),
    flip(where('code-cache', { address: between(code) }), 8),
  );
}

const between = ([min, max]: readonly [number, number]): fc.Arbitrary<number> => fc.integer({ min, max });

function tagged(tag: string, value: string, fields: object): fc.Arbitrary<Record<string, unknown>> {
  return fc.record({ [tag]: fc.constant(value), ...fields }) as fc.Arbitrary<Record<string, unknown>>;
}
