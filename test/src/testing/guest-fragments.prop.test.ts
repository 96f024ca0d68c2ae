import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { System } from '../../../src/system.ts';
import { guestFragments } from '../../../src/testing/arbitraries.ts';
import { guestProgram } from '../../../src/testing/guest-fragments.ts';
import { property } from '../../support/property.ts';

describe('generated programs', () => {
  it('write what their model says, on any interleaving', () => {
    fc.assert(
      fc.property(
        guestFragments({ forks: true }),
        fc.nat(),
        fc.integer({ min: 1, max: 3 }),
        (fragments, seed, cores) => {
          const program = guestProgram('generated', fragments, seed);
          const schedule = { kind: 'seeded' as const, seed, minInstructions: 100, maxInstructions: 1000 };
          const system = new System({ cores, cycleNs: 1000, schedule, paranoid: true });
          system.install({ path: '/bin/generated', bytes: program.elf });
          system.spawn({ path: '/bin/generated', args: ['generated'] });
          expect(system.run({ untilNs: 60e9 }).reason).toBe('finished');
          const written = new Map<number, string>();
          for (const event of system.events)
            if (event.kind === 'output') written.set(event.pid, (written.get(event.pid) ?? '') + event.text);
          expect([...written.values()].sort()).toEqual(program.outputs);
          const exits = system.events.filter((event) => event.kind === 'exit');
          expect(exits.at(-1)).toMatchObject({ pid: 2, code: 0, signal: 0 });
        },
      ),
      property(60),
    );
  });
});
