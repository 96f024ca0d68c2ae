import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MICRO_OPS } from '../../../emu/interp/micro-ops.ts';

/** The cases of a source file, each as number and name. */
function casesOf(file: string): [number, string][] {
  const source = readFileSync(new URL(`../../../emu/interp/${file}`, import.meta.url), 'utf8');
  return [...source.matchAll(/\/\/ (\w+)\n\s+case (\d+):/g)].map(([, name, number]) => [Number(number), name]);
}

describe('hot-loop.ts and uncommon-ops.ts', () => {
  const cases = [...casesOf('hot-loop.ts'), ...casesOf('uncommon-ops.ts')];

  it('name each case as micro-ops.ts does', () => {
    for (const [number, name] of cases) expect(name).toBe(MICRO_OPS[number]);
  });

  it('have a case for every micro-op', () => {
    expect(new Set(cases.map(([, name]) => name))).toEqual(new Set(MICRO_OPS.slice(1)));
  });
});
