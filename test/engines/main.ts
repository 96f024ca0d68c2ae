/*
 * Interpreter and Unicorn side by side: npm run test:engines
 *   --only REGEX     commands and scenarios by name
 *   --cases N        random cases a row; 0 for none
 *   --programs N     programs of random bytes, in a process of their own; 0 for none
 * Exit code 1 when something differs.
 */
import { parseArgs } from 'node:util';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { LockstepEngine } from '../../emu/lockstep/lockstep-engine.ts';
import { UnicornEngine } from '../../emu/unicorn/unicorn-engine.ts';
import { loadUnicorn } from '../../src/host/unicorn-koffi.ts';
import { DEVIATIONS, describeDivergence, JUSTIFIED, JUSTIFIED_DISPUTES } from './justified.ts';
import { COMMANDS, runCommandLine, runScenarioOn, scenarios } from './programs.ts';
import { compareOnRandomCases } from './random.ts';
import { runRandomCode } from './random-code.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    cases: { type: 'string', default: '20' },
    programs: { type: 'string', default: '5000' },
    sequences: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
  },
});
const wanted = new RegExp(values.only, 'i');
const library = loadUnicorn();
console.log(library.name);

let differences = 0;
let justified = 0;
let instructions = 0;
const assisted = new Map<string, number>();

function report(name: string, lockstep: LockstepEngine, unicorn: UnicornEngine): void {
  instructions += lockstep.instructions;
  for (const [mnemonic, n] of unicorn.assisted) assisted.set(mnemonic, (assisted.get(mnemonic) ?? 0) + n);
  for (const divergence of lockstep.divergences) {
    const known = JUSTIFIED.find((entry) => entry.applies(divergence));
    if (known) justified++;
    else {
      differences++;
      console.log(`${name}: ${describeDivergence(divergence)}`);
    }
  }
  for (const dispute of unicorn.disputes) {
    const { eip, vector, judged } = dispute;
    if (JUSTIFIED_DISPUTES.some((known) => known.applies(dispute))) {
      justified++;
      continue;
    }
    differences++;
    console.log(`${name}: at ${eip.toString(16)} Unicorn raises ${vector}, the interpreter ${judged}`);
  }
}

function inLockstep(name: string, run: (engine: LockstepEngine) => unknown): void {
  const unicorn = new UnicornEngine(library);
  const lockstep = new LockstepEngine(new Interpreter(), unicorn);
  const start = performance.now();
  run(lockstep);
  report(name, lockstep, unicorn);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`lockstep ${name}: ${lockstep.instructions} instructions in ${lockstep.runs} runs, ${seconds} s`);
}

for (const command of COMMANDS)
  if (wanted.test(command)) inLockstep(command, (engine) => runCommandLine(command, engine));
for (const scenario of await scenarios()) {
  if (!wanted.test(scenario.name)) continue;
  inLockstep(scenario.name, (engine) => runScenarioOn(scenario, engine));
  const digests = [new Interpreter(), new UnicornEngine(library)].map(
    (engine) => runScenarioOn(scenario, engine).digest,
  );
  const same = digests[0] === digests[1];
  if (!same) differences++;
  console.log(`digest   ${scenario.name}: ${digests[0]!.slice(0, 16)}, on Unicorn ${same ? 'the same' : digests[1]}`);
}
if (Number(values.cases) > 0 && values.only === '.') {
  const result = compareOnRandomCases(Number(values.cases), Number(values.sequences), Number(values.seed));
  differences += result.mismatches.length;
  for (const text of result.mismatches.slice(0, 20)) console.log(text);
  console.log(
    `random   seed ${values.seed}: ${result.rows} rows, ${result.cases} cases, ${result.mismatches.length} mismatches; ` +
      `${result.assisted} instructions by the reference, ${result.delegated} in modes that Unicorn has not`,
  );
}
if (Number(values.programs) > 0 && values.only === '.') {
  const result = runRandomCode(0, Number(values.programs), Number(values.seed));
  differences += result.differences.length;
  justified += result.justified;
  for (const text of result.differences.slice(0, 20)) console.log(text);
  const vectors = Object.entries(result.vectors).map(([vector, n]) => `${vector}: ${n}`);
  console.log(
    `code     seed ${values.seed}: ${result.programs} programs of random bytes, ${result.instructions} instructions, ` +
      `${result.differences.length} differences; ended by vector ${vectors.join(', ')}`,
  );
}
const left = [...assisted.values()].reduce((sum, n) => sum + n, 0);
console.log(
  `left to the reference: ${left} of ${instructions} instructions (${[...assisted.keys()].sort().join(' ')})`,
);
console.log('justified differences:');
for (const { name, reason } of [...JUSTIFIED, ...JUSTIFIED_DISPUTES]) console.log(`  ${name}: ${reason}`);
console.log('known deviations of Unicorn 2.0 from hardware:');
for (const text of DEVIATIONS) console.log(`  ${text}`);
console.log(`${differences} differences, ${justified} justified`);
process.exitCode = differences > 0 ? 1 : 0;
