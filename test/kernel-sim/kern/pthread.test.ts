import { describe, expect, it } from 'vitest';
import { System } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';

const EXPECTED: Record<string, { args: string[]; output: string }> = {
  threads: {
    args: ['4', '8'],
    output: '4 threads counted to 32, passed the token 12 times, returned 14\nnobody signals: ETIMEDOUT\n',
  },
  prodcons: { args: ['12'], output: '24 items, sum 300 (right), at most 3 places: kept\n' },
};

function run(name: string, seed: number): { output: string; instructions: number } {
  const system = new System({
    cores: 1 + (seed % 4),
    seed,
    schedule: { kind: 'seeded', seed, minInstructions: 3, maxInstructions: 40 * (1 + (seed % 7)) },
    paranoid: true,
  });
  for (const file of guestPrograms(name)) system.install(file);
  system.spawn({ path: `/bin/${name}`, args: [name, ...EXPECTED[name]!.args] });
  expect(system.run({ untilNs: 10e9 }).reason).toBe('finished');
  expect(system.events.findLast((event) => event.kind === 'exit')).toMatchObject({ code: 0, signal: 0 });
  const output = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
  return { output, instructions: system.machine.retired };
}

describe.each(Object.keys(EXPECTED))('the guest program %s', (name) => {
  const seeds = Array.from({ length: 20 }, (_, seed) => seed);

  it.each(seeds)('prints the same in every interleaving (seed %i)', (seed) => {
    expect(run(name, seed).output).toBe(EXPECTED[name]!.output);
  });

  it('is the same run twice', () => {
    expect(run(name, 3)).toEqual(run(name, 3));
  });
});
