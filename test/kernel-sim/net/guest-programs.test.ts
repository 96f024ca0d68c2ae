import { describe, expect, it } from 'vitest';
import { System } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';

interface Program {
  readonly args: readonly string[];
  readonly output: string;
  /** What else it needs in /bin. */
  readonly needs?: readonly string[];
}

/** Output that does not depend on who runs when, although almost everything in these programs does. */
const PROGRAMS: Record<string, Program> = {
  shared: {
    args: ['shared', '3', '8'],
    output: '3 processes, 8 rounds: atomic 24, locked 24, in the file 24\n',
  },
  echod: { args: ['echod', '4', '3'], output: '4 connections, 192 bytes echoed, 0 clients failed\n' },
  'summer by select': { args: ['summer', '3'], output: 'select: 3 clients, sum 1260, 0 failed\n' },
  'summer by poll': { args: ['summer', '-p', '3'], output: 'poll: 3 clients, sum 1260, 0 failed\n' },
  fdpass: { args: ['fdpass'], output: 'two files from the parent: the rest\noffset 14\n' },
  'pipelines of sh': {
    args: ['sh', '-c', 'echo one two | cat | cat | wc -w; (echo x; echo y; echo z) | cat | wc -l; true | cat | wc -c'],
    output: '       2\n       3\n       0\n',
    needs: ['echo', 'cat', 'wc', 'true'],
  },
};

function run({ args, needs = [] }: Program, seed: number): { output: string; exit: unknown; instructions: number } {
  const system = new System({
    cores: 1 + (seed % 4),
    seed,
    schedule: { kind: 'seeded', seed, minInstructions: 20, maxInstructions: 200 * (1 + (seed % 7)) },
    paranoid: true,
  });
  for (const file of guestPrograms(args[0]!, ...needs)) system.install(file);
  const pid = system.spawn({ path: `/bin/${args[0]}`, args, env: ['PATH=/bin'] });
  expect(system.run({ untilNs: 10e9 }).reason).toBe('finished');
  const { files, pipes, sockets, kqueues, fileLocks, sharedPages, vmObjects } = system.kernel.state;
  expect([files, pipes, sockets, kqueues, fileLocks, sharedPages, vmObjects].map(({ size }) => size)).toEqual(
    new Array(7).fill(0),
  );
  const output = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
  const exit = system.events.find((event) => event.kind === 'exit' && event.pid === pid);
  return { output, exit, instructions: system.machine.retired };
}

describe.each(Object.entries(PROGRAMS))('the guest program %s', (_, program) => {
  const seeds = Array.from({ length: 8 }, (_, seed) => seed);

  it.each(seeds)('prints the same in every interleaving (seed %i)', (seed) => {
    const { output, exit } = run(program, seed);
    expect(output).toBe(program.output);
    expect(exit).toMatchObject({ code: 0, signal: 0 });
  });

  it('is the same run twice', () => {
    expect(run(program, 3)).toEqual(run(program, 3));
  });
});
