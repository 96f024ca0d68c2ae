/*
 * Go programs on the simulated machine: npm run test:go
 *   --only REGEX     programs and packages by name
 *   --float LIST     softfloat,sse2 (default: both)
 *   --engine NAME    what runs the guest (default: COREBACK_ENGINE, or the interpreter)
 *   --programs       our programs alone, --packages the test binaries of the standard library alone
 *   --cores N        default 4
 *   --skipped        list the tests that skip themselves, with the reason they give
 * Needs Debian's golang-go. Exit code 1 when something does not pass.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sameValue } from '../../emu/base/same-value.ts';
import { DEFAULT_ENGINE, makeEngine } from '../../src/host/engines.ts';
import type { SystemConfig } from '../../src/system.ts';
import { PACKAGES } from './packages.ts';
import {
  buildPackageTest,
  buildProgram,
  expectedExit,
  expectedOutput,
  type GoFloat,
  type GoRun,
  programNames,
  runGo,
  runSavedGo,
} from './toolchain.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    float: { type: 'string', default: 'softfloat,sse2' },
    engine: { type: 'string', default: DEFAULT_ENGINE },
    programs: { type: 'boolean', default: false },
    packages: { type: 'boolean', default: false },
    cores: { type: 'string', default: '4' },
    skipped: { type: 'boolean', default: false },
  },
});

/** Where our programs are saved, in parts of their run. */
const SAVED_AT = [0.13, 0.41, 0.77];
const wanted = values.only ? new RegExp(values.only) : /./;
const config = (): SystemConfig => ({ cores: Number(values.cores), engine: makeEngine({ engine: values.engine }) });
const dir = mkdtempSync(path.join(tmpdir(), 'coreback-go-'));
let failed = 0;

/** Arguments that leave tests out. Go 1.19 can only be told which to run, so the binary is asked for its list. */
function testsToRun(binary: string, excluded: Readonly<Record<string, string>>): string[] {
  if (Object.keys(excluded).length === 0) return [];
  const listed = runGo(binary, ['-test.list=^(Test|Example|Fuzz)'], config()).output.trim().split('\n');
  const unknown = Object.keys(excluded).filter((test) => !listed.includes(test));
  if (unknown.length > 0) throw new Error(`packages.ts leaves out tests that do not exist: ${unknown.join(', ')}`);
  return [`-test.run=^(${listed.filter((test) => !(test in excluded)).join('|')})$`];
}

/** What `-test.v` says: how many top-level tests and examples passed, and which skipped themselves, with the reason that stands in front. */
function countTests(output: string): { passed: number; skipped: readonly string[] } {
  const skips = output.matchAll(/(?:^ +\S+\.go:\d+: (.*)\n)?^--- SKIP: (\S+)/gm);
  const skipped = [...skips].map(([, why, test]) => `${test}: ${why ?? 'no reason given'}`);
  return { passed: [...output.matchAll(/^--- PASS: /gm)].length, skipped };
}

interface Report {
  readonly run: GoRun;
  readonly problem: string;
  readonly notes?: readonly string[];
}

/** Runs one and prints its line of the table; what there is to say about it is printed below. */
function report(name: string, float: GoFloat, work: () => Report): void {
  const started = performance.now();
  let line = '';
  let detail = '';
  let below: readonly string[] = [];
  try {
    const { run, problem, notes = [] } = work();
    below = notes;
    line = `${(run.instructions / 1e6).toFixed(1).padStart(9)} ${(run.virtualNs / 1e9).toFixed(3).padStart(9)}`;
    if (problem)
      detail = `${problem} (${run.stop.reason}, exit ${run.code}, signal ${run.signal})\n${run.output.slice(-2000)}`;
  } catch (error) {
    line = `${'-'.padStart(9)} ${'-'.padStart(9)}`;
    detail = error instanceof Error ? error.message.slice(0, 3000) : String(error);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(8);
  console.log(`${name.padEnd(22)} ${float.padEnd(10)} ${detail ? 'FAIL' : 'pass'} ${line} ${seconds}`);
  for (const note of below) console.log(`    ${note}`);
  if (!detail) return;
  failed++;
  console.log(detail.replaceAll(/^/gm, '    '));
}

console.log(
  `${'program'.padEnd(22)} ${'GO386'.padEnd(10)} ${'    '} ${'M instr'.padStart(9)} ${'virtual s'.padStart(9)} ${'wall s'.padStart(8)}`,
);
for (const float of values.float.split(',') as GoFloat[]) {
  for (const name of values.packages ? [] : programNames().filter((one) => wanted.test(one))) {
    report(name, float, () => {
      const binary = buildProgram(name, float, path.join(dir, float));
      const run = runGo(binary, [], config());
      const exit = expectedExit(name);
      const ended = run.code === exit.code && run.signal === exit.signal;
      if (!ended) return { run, problem: 'ended otherwise' };
      if (run.output !== expectedOutput(name)) return { run, problem: 'other output' };
      // All blocking is data: saved as bytes on the way, it is the same run.
      const saves = SAVED_AT.map((part) => Math.floor(run.instructions * part));
      const saved = runSavedGo(binary, saves, config);
      return { run, problem: sameValue(saved, run) ? '' : `another run after it was saved at ${saves.join(', ')}` };
    });
  }
  for (const packageTest of values.programs ? [] : PACKAGES.filter((one) => wanted.test(one.name))) {
    report(packageTest.name, float, () => {
      const { binary, directory } = buildPackageTest(packageTest, float, path.join(dir, float));
      const testdata = path.join(directory, 'testdata');
      const tests = testsToRun(binary, packageTest.excluded ?? {});
      const args = ['-test.short', '-test.v', ...tests];
      const run = runGo(binary, args, config(), existsSync(testdata) ? testdata : undefined);
      const { passed, skipped } = countTests(run.output);
      const notes = [
        `${passed} tests passed, ${skipped.length} skipped themselves`,
        ...Object.entries(packageTest.excluded ?? {}).map(([test, reason]) => `without ${test}: ${reason}`),
        ...(values.skipped ? skipped : []),
      ];
      const good = run.code === 0 && /^PASS$/m.test(run.output) && passed > 0;
      return { run, problem: good ? '' : 'did not pass', notes };
    });
  }
}
rmSync(dir, { recursive: true });
process.exitCode = failed > 0 ? 1 : 0;
