import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MICRO_OPS } from '../../../emu/interp/micro-ops.ts';

describe('hot loop', () => {
  it('numbers its cases as the list of micro-ops does', () => {
    const source = readFileSync(new URL('../../../emu/interp/hot-loop.ts', import.meta.url), 'utf8');
    const cases = [...source.matchAll(/\/\/ ([A-Z0-9_]+)\n\s+case (\d+):/g)].map(([, name, number]) => [
      Number(number),
      name,
    ]);
    expect(cases).toEqual(MICRO_OPS.map((name, index) => [index, name]).slice(1));
  });
});
