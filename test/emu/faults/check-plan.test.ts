import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { checkFaultPlan } from '../../../emu/faults/check-plan.ts';
import { describeFault } from '../../../emu/faults/describe.ts';
import type { FaultEffect, FaultPlan, FaultTrigger } from '../../../emu/faults/plan.ts';

const trigger: FaultTrigger = { at: 'instruction', core: 1, instruction: 1000 };
const effect: FaultEffect = { model: 'fail-stop' };

const TRIGGERS: readonly (readonly [FaultTrigger, string])[] = [
  [trigger, 'core 1 after 1000 instructions'],
  [{ at: 'time', core: 0, ns: 5 }, 'core 0 at 5 ns'],
  [{ at: 'process', process: 'count', ns: 7 }, 'the core that runs count at 7 ns or next'],
  [{ at: 'pc', address: 0x8048100, hits: 3 }, 'before execution 3 of 0x08048100'],
  [{ at: 'pc', address: 1, hits: 1, core: 1, process: 'a' }, 'before execution 1 of 0x00000001 by a on core 1'],
  [{ at: 'syscall', nth: 2 }, 'at system call 2'],
  [{ at: 'syscall', nth: 2, name: 'write', process: 'a', core: 0 }, 'at system call 2 named write by a on core 0'],
  [{ at: 'checkpoint', nth: 1 }, 'during checkpoint 1'],
  [{ at: 'checkpoint', nth: 1, core: 1, process: 'a' }, 'on core 1 during checkpoint 1 of a'],
  [{ at: 'recovery', nth: 1, step: 3 }, 'in recovery 1 at step 3'],
  [{ at: 'recovery', nth: 1, step: 'load', core: 1 }, 'on core 1 in recovery 1 at step load'],
  [{ at: 'rate', core: 0, meanNs: 10, seed: 1 }, 'core 0 every 10 ns on average (seed 1)'],
  [
    { at: 'rate', core: 0, meanNs: 10, seed: 1, maxCount: 2 },
    'core 0 every 10 ns on average (seed 1, at most 2 times)',
  ],
];

const EFFECTS: readonly (readonly [FaultEffect, string])[] = [
  [effect, 'the core stops for good'],
  [{ model: 'hang' }, 'the core hangs'],
  [{ model: 'intermittent', downNs: 5 }, 'the core is gone for 5 ns'],
  [{ model: 'slow', factor: 3 }, 'the core is 3 times slower'],
  [{ model: 'slow', factor: 3, forNs: 9 }, 'the core is 3 times slower for 9 ns'],
  [{ model: 'bit-flip', target: { in: 'register', register: 'eip' }, bit: 31 }, 'bit 31 of eip flips'],
  [{ model: 'bit-flip', target: { in: 'segment-base', segment: 'gs' }, bit: 0 }, 'bit 0 of the base of gs flips'],
  [{ model: 'bit-flip', target: { in: 'x87', register: 7 }, bit: 79 }, 'bit 79 of x87 R7 flips'],
  [{ model: 'bit-flip', target: { in: 'xmm', register: 0 }, bit: 127 }, 'bit 127 of xmm0 flips'],
  [{ model: 'bit-flip', target: { in: 'memory', address: 16 }, bit: 7 }, 'bit 7 of the byte at 0x00000010 flips'],
  [
    { model: 'bit-flip', target: { in: 'code-cache', address: 16, process: 'a' }, bit: 7 },
    'bit 7 of the cached instruction byte at 0x00000010 of a flips',
  ],
  [{ model: 'stuck-at', register: 'eax', bit: 4, value: 1 }, 'bit 4 of eax is stuck at 1'],
  [{ model: 'wrong-alu', unit: 'mul', bit: 63, value: 0 }, 'output bit 63 of the mul unit is stuck at 0'],
  [
    { model: 'machine-check', bank: 4, status: 'b200000000000800', address: '0xabc' },
    'machine check: MC4_STATUS 0xb200000000000800, MC4_ADDR 0xabc',
  ],
  [{ model: 'lost-interrupt', count: 1 }, 'the next interrupt for the core is lost'],
  [{ model: 'spurious-interrupt', vector: 39 }, 'spurious interrupt, vector 39'],
  [{ model: 'checkpoint-write', failure: 'torn', atByte: 9 }, 'the file of a checkpoint ends at byte 9'],
  [{ model: 'checkpoint-write', failure: 'error', atByte: 9 }, 'a checkpoint cannot be written from byte 9 on'],
  [
    { model: 'checkpoint-write', failure: 'bit-flip', atByte: 9, bit: 1 },
    'bit 1 of byte 9 of the file of a checkpoint is wrong',
  ],
];

describe('a fault plan', () => {
  it('may have every model and every trigger, and each is told in one line', () => {
    for (const [each, told] of TRIGGERS) {
      const plan: FaultPlan = [{ ...effect, trigger: each }];
      expect(checkFaultPlan(JSON.parse(JSON.stringify(plan)), 2)).toEqual(plan);
      expect(describeFault(plan[0]!)).toBe(`the core stops for good: ${told}`);
    }
    for (const [each, told] of EFFECTS) {
      const plan = [{ ...each, trigger }] as FaultPlan;
      expect(checkFaultPlan(plan, 2)).toEqual(plan);
      expect(describeFault(plan[0]!)).toBe(`${told}: core 1 after 1000 instructions`);
    }
  });

  const flip = (target: object, bit: unknown): unknown => ({ model: 'bit-flip', target, bit, trigger });
  const at = (each: object): unknown => ({ ...effect, trigger: each });
  const refused: readonly (readonly [unknown, string])[] = [
    [7, 'faults: is no list of faults'],
    [[7], 'faults[0]: is no object'],
    [[{ trigger }], 'faults[0].model: is missing'],
    [[{ model: 'melt', trigger }], "faults[0].model: there is no 'melt'"],
    [[{ model: 'toString', trigger }], "faults[0].model: there is no 'toString'"],
    [[effect], 'faults[0].trigger: is missing'],
    [[at({ at: 'dawn' })], "faults[0].trigger.at: there is no 'dawn'"],
    [[at({ at: 'time', core: 2, ns: 0 })], 'faults[0].trigger.core: is no core: there are 2, numbered from 0'],
    [[at({ at: 'time', core: 0 })], 'faults[0].trigger.ns: is missing'],
    [[at({ at: 'time', core: 0, ns: -1 })], 'faults[0].trigger.ns: is no integer from 0'],
    [[at({ at: 'time', core: 0, ns: 0.5 })], 'faults[0].trigger.ns: is no integer from 0'],
    [[at({ at: 'time', core: 0, ns: 0, nth: 1 })], "faults[0].trigger: has no key 'nth'"],
    [[at({ at: 'syscall', nth: 0 })], 'faults[0].trigger.nth: is no integer from 1'],
    [[at({ at: 'recovery', nth: 1, step: 0 })], 'faults[0].trigger.step: is neither'],
    [[at({ at: 'pc', address: 2 ** 32, hits: 1 })], 'faults[0].trigger.address: is no integer from 0 to 4294967295'],
    [[at(trigger), { ...effect, bit: 1, trigger }], "faults[1]: has no key 'bit'"],
    [[flip({ in: 'register', register: 'rax' }, 0)], 'faults[0].target.register: is none of eax'],
    [[flip({ in: 'register', register: 'eax' }, 32)], 'faults[0].bit: is no bit from 0 to 31'],
    [[flip({ in: 'x87', register: 8 }, 0)], 'faults[0].target.register: is no integer from 0 to 7'],
    [[flip({ in: 'x87', register: 0 }, 80)], 'faults[0].bit: is no bit from 0 to 79'],
    [[flip({ in: 'memory', address: 0 }, 8)], 'faults[0].bit: is no bit from 0 to 7'],
    [[{ model: 'stuck-at', register: 'eip', bit: 0, value: 0, trigger }], 'faults[0].register: is none of'],
    [[{ model: 'stuck-at', register: 'eax', bit: 0, value: 2, trigger }], 'faults[0].value: is none of 0, 1'],
    [[{ model: 'wrong-alu', unit: 'add', bit: 32, value: 0, trigger }], 'faults[0].bit: is no bit from 0 to 31'],
    [[{ model: 'machine-check', bank: 0, status: 'xyz', trigger }], 'faults[0].status: is no number of up to 16'],
    [[{ model: 'spurious-interrupt', vector: 31, trigger }], 'faults[0].vector: is no integer from 32 to 255'],
    [[{ model: 'slow', factor: 1, trigger }], 'faults[0].factor: is no integer from 2'],
    [[{ model: 'checkpoint-write', failure: 'torn', atByte: 0, bit: 1, trigger }], 'faults[0].bit: goes with'],
    [[{ model: 'checkpoint-write', failure: 'bit-flip', atByte: 0, trigger }], 'faults[0].bit: goes with'],
  ];
  it.each(refused)('is refused with the path of the key: %j', (plan, message) => {
    expect(() => checkFaultPlan(plan, 2)).toThrow(UsageError);
    expect(() => checkFaultPlan(plan, 2)).toThrow(message);
  });
});
