/*
 * The programs of docs/guest-programs.md under random interleavings: npm run test:programs
 *   --only REGEX         programs by name
 *   --interleavings N    how many for each program (default: 50)
 *   --seed S             one interleaving alone, by its seed
 *   --engine NAME        what runs the guest (default: COREBACK_ENGINE, or the interpreter)
 *   --print              print what the programs print instead of comparing it
 * Exit code 1 when something is not as documented.
 */
import { parseArgs } from 'node:util';
import { DEFAULT_ENGINE, makeEngine } from '../../src/host/engines.ts';
import { guestProgramTests, interleavingOf, problemOf, replayCommand, runGuestProgram } from './guest-programs.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    interleavings: { type: 'string', default: '50' },
    seed: { type: 'string' },
    engine: { type: 'string', default: DEFAULT_ENGINE },
    print: { type: 'boolean', default: false },
  },
});
const wanted = new RegExp(values.only);
const seeds = values.seed
  ? [Number(values.seed)]
  : Array.from({ length: Number(values.interleavings) }, (_, n) => n + 1);
let failed = 0;

for (const test of guestProgramTests().filter(({ name }) => wanted.test(name))) {
  const cpu = process.cpuUsage();
  let instructions = 0;
  let bad = 0;
  for (const seed of seeds) {
    const run = runGuestProgram(test, interleavingOf(seed), {
      engine: makeEngine({ engine: values.engine }),
      paranoid: values.seed !== undefined,
    });
    instructions += run.instructions;
    if (values.print) process.stdout.write(run.output);
    const problem = values.print ? '' : problemOf(test, run);
    if (!problem) continue;
    bad++;
    console.log(`${replayCommand(test, seed)}\n${problem.replaceAll(/^/gm, '    ')}`);
    if (bad === 3) break;
  }
  if (bad > 0) failed++;
  const { user, system } = process.cpuUsage(cpu);
  const cost = `${(instructions / seeds.length / 1e6).toFixed(2)} M instructions, ${((user + system) / 1e6).toFixed(1)} s of CPU`;
  console.log(`${test.name.padEnd(12)} ${bad > 0 ? 'FAIL' : 'pass'}, ${seeds.length} interleavings, ${cost}`);
}
process.exitCode = failed > 0 ? 1 : 0;
