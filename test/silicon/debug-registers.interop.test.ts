import { describe, expect, it } from 'vitest';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { compareDebugRegisters, hasDebugRegisters } from './debug-registers.ts';

// Some virtual machines and containers have none to set.
describe.runIf(hasDebugRegisters())('debug registers and the trap flag', () => {
  it('report what the real CPU reports, exception by exception, whole and in slices', () => {
    const result = compareDebugRegisters(4000, 1, new Interpreter());
    expect(result.differences).toEqual([]);
    expect(result.exceptions).toBeGreaterThan(result.cases);
    expect(result.justified).toBeLessThan(result.cases / 50);
  });
});
