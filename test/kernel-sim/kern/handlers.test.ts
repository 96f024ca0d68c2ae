import { describe, expect, it } from 'vitest';
import { System } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';

const EXPECTED = [
  'signal 30, 1 call',
  'interrupted: EINTR, 2 calls',
  'then: the child, status 3',
  'restarted: the child, status 4, 3 calls',
  'handler of signal 11',
  '',
].join('\n');

describe('signal handlers', () => {
  it.each([1, 2, 3, 4, 5])('are called and left as FreeBSD does it (seed %i)', (seed) => {
    const system = new System({
      cores: 3,
      seed,
      schedule: { kind: 'seeded', seed, minInstructions: 20, maxInstructions: 500 },
      paranoid: true,
    });
    for (const file of guestPrograms('signals')) system.install(file);
    system.spawn({ path: '/bin/signals', args: ['signals'] });
    expect(system.run({ untilNs: 10e9 }).reason).toBe('finished');
    const output = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
    expect(output).toBe(EXPECTED);
    expect(system.events.findLast((event) => event.kind === 'exit')).toMatchObject({ code: 7, signal: 0 });
  });
});
