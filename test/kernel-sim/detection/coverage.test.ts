import { describe, expect, it } from 'vitest';
import { cpuId } from '../../../emu/base/brand.ts';
import { CoreState } from '../../../emu/core/core-state.ts';
import { freebsdDescriptorTables } from '../../../emu/core/reset.ts';
import type { AluUnit, Register } from '../../../emu/faults/plan.ts';
import { type CoreDefects, SteppingEngine } from '../../../emu/faults/stepping-engine.ts';
import { AddressSpace } from '../../../emu/memory/address-space.ts';
import { loadSelfTest, selfTestPassed } from '../../../kernel-sim/kern/self-test.ts';

/** Bits of EFLAGS that are not there, and VM, which the model leaves out: nothing is stuck. */
const EFLAGS_NONE = [1, 3, 5, 15, 17, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];
/** IF, and IOPL, RF, VIF and VIP: always so in user mode; stuck at that value they are no fault. */
const EFLAGS_ALWAYS_1 = [9];
const EFLAGS_ALWAYS_0 = [12, 13, 16, 19, 20];

type StuckRegister = Exclude<Register, 'eip'>;

const engine = new SteppingEngine();

function isFound(defects: Partial<CoreDefects>): boolean {
  const core = new CoreState(cpuId(0), freebsdDescriptorTables());
  const space = new AddressSpace();
  loadSelfTest(core.i32, space);
  const whole = { stuckBits: [], wrongUnits: [], cachedBytes: [], ...defects };
  const exit = engine.with(whole, null).run(core, space, 2000);
  const found = !selfTestPassed(core, space, exit);
  space.dispose();
  return found;
}

const LEVELS = [0, 1] as const;
const bits = (count: number): number[] => Array.from({ length: count }, (_, bit) => bit);

function stuckBits(register: StuckRegister): { harmful: string[]; missed: string[] } {
  const harmful: string[] = [];
  const missed: string[] = [];
  for (const bit of bits(32)) {
    for (const value of LEVELS) {
      const always = value === 1 ? EFLAGS_ALWAYS_1 : EFLAGS_ALWAYS_0;
      if (register === 'eflags' && [...EFLAGS_NONE, ...always].includes(bit)) continue;
      harmful.push(`${register}.${bit}=${value}`);
      if (!isFound({ stuckBits: [{ register, bit, value }] })) missed.push(`${register}.${bit}=${value}`);
    }
  }
  return { harmful, missed };
}

describe('coverage of the self-test', () => {
  const registers = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;

  it.each(registers)('is every stuck bit of %s', (register) => {
    expect(stuckBits(register)).toMatchObject({ harmful: { length: 64 }, missed: [] });
  });

  it('is every stuck bit of EFLAGS that user mode can tell from a sound one', () => {
    expect(stuckBits('eflags')).toMatchObject({ harmful: { length: 28 }, missed: [] });
  });

  it.each([
    ['add', 32],
    ['mul', 64],
    ['shift', 32],
  ] as const)('is every stuck output bit of the %s unit', (unit: AluUnit, width) => {
    const missed: string[] = [];
    for (const bit of bits(width))
      for (const value of LEVELS)
        if (!isFound({ wrongUnits: [{ unit, bit, value }] })) missed.push(`${unit}.${bit}=${value}`);
    expect(missed).toEqual([]);
  });

  it('finds nothing on a sound core', () => {
    expect(isFound({})).toBe(false);
  });
});
