/*
 * Interpreter and translating engine side by side: npm run test:jit
 *   --only REGEX     commands and scenarios by name
 *   --lockstep       scenarios in lockstep too, not only their digests (minutes)
 *   --eager          translate everything at once, hot or not
 * Exit code 1 when something differs.
 */
import { parseArgs } from 'node:util';
import type { Engine } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { JitEngine } from '../../emu/jit/jit-engine.ts';
import { LockstepEngine } from '../../emu/lockstep/lockstep-engine.ts';
import type { RunResult } from '../../src/result.ts';
import { COMMANDS, runCommandLine, runScenarioOn, scenarios } from './programs.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    lockstep: { type: 'boolean', default: false },
    eager: { type: 'boolean', default: false },
  },
});
const wanted = new RegExp(values.only, 'i');
let differences = 0;

/** Commands are short: what is hot after a few hundred instructions there would be hot after some ten thousand elsewhere. */
const newJit = (): JitEngine =>
  new JitEngine(values.eager ? { sampleEvery: 20, samples: 1, eager: true } : { sampleEvery: 200, samples: 3 });

function shareOf({ statistics: s }: JitEngine): string {
  const total = s.translated + s.assisted + s.cold + s.special;
  return `${total} instructions, ${((100 * s.translated) / Math.max(1, total)).toFixed(1)} % translated`;
}

function inLockstep(name: string, run: (engine: Engine) => unknown): void {
  const jit = newJit();
  const lockstep = new LockstepEngine(new Interpreter(), jit);
  run(lockstep);
  for (const d of lockstep.divergences) {
    differences++;
    const what = d.differences.map((x) => `${x.what} ${x.first}, translated ${x.second}`).join('; ');
    console.log(`${name}: ${d.eip.toString(16)} ${d.instruction} (core ${d.core}, ${d.position} of the run): ${what}`);
  }
  console.log(`lockstep ${name}: ${shareOf(jit)}`);
}

function byDigest(name: string, run: (engine: Engine) => RunResult): void {
  const jit = newJit();
  const same = run(new Interpreter()).digest === run(jit).digest;
  if (!same) differences++;
  console.log(`digest   ${name}: ${same ? 'the same' : 'DIFFERENT'}; ${shareOf(jit)}`);
}

for (const command of COMMANDS)
  if (wanted.test(command)) inLockstep(command, (engine) => runCommandLine(command, engine));
for (const scenario of await scenarios()) {
  if (!wanted.test(scenario.name)) continue;
  (values.lockstep ? inLockstep : byDigest)(scenario.name, (engine) => runScenarioOn(scenario, engine));
}
console.log(`${differences} differences`);
process.exitCode = differences > 0 ? 1 : 0;
