import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import { parseFaults } from '../../../src/scenario/fault-text.ts';

const at = { at: 'instruction', core: 1, instruction: 1000 } as const;

const FORMS: readonly (readonly [string, FaultSpec])[] = [
  ['fail-stop at core1#1000', { model: 'fail-stop', trigger: at }],
  ['hang at core2@12s', { model: 'hang', trigger: { at: 'time', core: 2, ns: 12e9 } }],
  ['hang at count@1.5s', { model: 'hang', trigger: { at: 'process', process: 'count', ns: 1.5e9 } }],
  ['hang at time core=2 ns=250ms', { model: 'hang', trigger: { at: 'time', core: 2, ns: 250e6 } }],
  ['intermittent downNs=30ms at core1#1000', { model: 'intermittent', downNs: 30e6, trigger: at }],
  ['slow factor=10 forNs=2s at core1#1000', { model: 'slow', factor: 10, forNs: 2e9, trigger: at }],
  [
    'bit-flip register=eax bit=3 at core1#1000',
    { model: 'bit-flip', target: { in: 'register', register: 'eax' }, bit: 3, trigger: at },
  ],
  [
    'bit-flip in=x87 register=7 bit=79 at core1#1000',
    { model: 'bit-flip', target: { in: 'x87', register: 7 }, bit: 79, trigger: at },
  ],
  [
    'bit-flip in=memory address=0x8060000 process=7 bit=0 at core1#1000',
    { model: 'bit-flip', target: { in: 'memory', address: 0x8060000, process: '7' }, bit: 0, trigger: at },
  ],
  [
    'stuck-at register=ecx bit=31 value=1 at core1#1000',
    { model: 'stuck-at', register: 'ecx', bit: 31, value: 1, trigger: at },
  ],
  [
    'wrong-alu unit=mul bit=63 value=0 at core1#1000',
    { model: 'wrong-alu', unit: 'mul', bit: 63, value: 0, trigger: at },
  ],
  [
    'machine-check bank=4 status=b200000000000800 address=0xabc at core1#1000',
    { model: 'machine-check', bank: 4, status: 'b200000000000800', address: '0xabc', trigger: at },
  ],
  ['lost-interrupt count=3 at core1#1000', { model: 'lost-interrupt', count: 3, trigger: at }],
  ['spurious-interrupt vector=39 at core1#1000', { model: 'spurious-interrupt', vector: 39, trigger: at }],
  [
    'checkpoint-write failure=torn atByte=4096 at checkpoint nth=2 process=count',
    {
      model: 'checkpoint-write',
      failure: 'torn',
      atByte: 4096,
      trigger: { at: 'checkpoint', nth: 2, process: 'count' },
    },
  ],
  [
    'fail-stop at pc address=0x08048123 hits=3 core=0',
    { model: 'fail-stop', trigger: { at: 'pc', address: 0x08048123, hits: 3, core: 0 } },
  ],
  ['fail-stop at syscall nth=2 name=write', { model: 'fail-stop', trigger: { at: 'syscall', nth: 2, name: 'write' } }],
  ['fail-stop at recovery nth=1 step=load', { model: 'fail-stop', trigger: { at: 'recovery', nth: 1, step: 'load' } }],
  ['fail-stop at recovery nth=1 step=3', { model: 'fail-stop', trigger: { at: 'recovery', nth: 1, step: 3 } }],
  [
    'fail-stop at rate core=1 meanNs=10ms seed=7 maxCount=2',
    { model: 'fail-stop', trigger: { at: 'rate', core: 1, meanNs: 10e6, seed: 7, maxCount: 2 } },
  ],
];

describe('a fault on the command line', () => {
  it.each(FORMS)('%s', (text, spec) => {
    expect(parseFaults([text], 3)).toEqual([spec]);
  });

  it.each([
    ['nonsense', "--fault[0]: 'nonsense' is no fault"],
    ['at core1#5', "--fault[0]: 'at core1#5' is no fault"],
    ['hang at', "--fault[0]: 'hang at' is no fault"],
    ['melt at core1#5', "--fault[0].model: there is no 'melt'"],
    ['hang loud at core1#5', "--fault[0]: 'loud' is no key=value"],
    ['slow factor=1 at core1#5', '--fault[0].factor: is no integer from 2'],
    ['intermittent downNs=soon at core1#5', "--fault[0].downNs: 'soon' is no duration"],
    ['bit-flip register=eax at core1#5', '--fault[0].bit: is missing'],
    ['bit-flip register=rax bit=3 at core1#5', '--fault[0].target.register: is none of eax'],
    ['hang at core9#5', '--fault[0]: there is no core 9'],
    ['hang at syscall', '--fault[0].trigger.nth: is missing'],
    ['hang at core1#5 at core2#5', "--fault[0]: 'at' stands behind the trigger 'core1#5'"],
    ['hang at syscall nth=1 name=wirte', "--fault[0].trigger.name: there is no system call 'wirte'"],
    ['hang at recovery nth=1 step=lode', "--fault[0].trigger.step: there is no restart step 'lode'"],
    ['hang at syscall nth=1 core=9', '--fault[0].trigger.core: is no core'],
  ])('refuses %s', (text, message) => {
    expect(() => parseFaults([text], 3)).toThrow(message);
  });
});
