/*
 * The programs of a genuine FreeBSD i386 tree on the simulated machine: npm run test:tree -- --root DIR
 *   --root DIR       the tree: docs/freebsd-trees.md says how to get one
 *   --only REGEX     commands and sessions by name
 *   --engine NAME    what runs the guest (default: COREBACK_ENGINE, or jit)
 *   --no-faults      the runs without faults alone
 * Each command runs without faults, its output compared with what is expected or with what the host's tool prints; then again with
 * a core that fails under one of its programs. Exit code 1 when something does not pass, 2 without a tree.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { GOOD_OUTCOMES } from '../../src/recovery/outcome.ts';
import { COMMANDS, SESSIONS, type TreeCommand } from './commands.ts';
import { faultUnder, hostOutput, runProgram, runSession, scriptProgram, type TreeProgram } from './run-command.ts';
import { buildThreads, THREADS_OUTPUT } from './threads.ts';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    only: { type: 'string', default: '.' },
    engine: { type: 'string', default: process.env.COREBACK_ENGINE ?? 'jit' },
    'no-faults': { type: 'boolean', default: false },
  },
});

const PROGRAM_FOLDERS = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'usr/local/sbin'];
const NEEDED = ['libexec/ld-elf.so.1', 'lib/libc.so.7', 'bin/sh'];

/** Errors: ends the run when there is no such tree. */
function treeAt(folder: string | undefined): string {
  const absent = folder === undefined ? [] : NEEDED.filter((file) => !existsSync(path.join(folder, file)));
  if (folder !== undefined && absent.length === 0) return path.resolve(folder);
  const why =
    folder === undefined ? '--root DIR is missing' : `${folder} is no FreeBSD tree: it has no ${absent.join(', no ')}`;
  console.error(`test:tree: ${why}; docs/freebsd-trees.md says how to get one`);
  process.exit(2);
}

const root = treeAt(values.root);
const wanted = new RegExp(values.only);
const options = { root, engine: values.engine };
const has = (program: string): boolean =>
  PROGRAM_FOLDERS.some((folder) => existsSync(path.join(root, folder, program)));
const count = { pass: 0, FAIL: 0, absent: 0 };

interface Line {
  readonly instructions: number;
  /** Empty: it passed. */
  readonly problem: string;
  readonly remark?: string;
}

/** Does one thing and prints its line. */
function report(name: string, work: () => Line): void {
  const cpu = process.cpuUsage();
  let line: Line;
  try {
    line = work();
  } catch (error) {
    line = { instructions: 0, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const { user, system } = process.cpuUsage(cpu);
  const verdict = line.problem ? 'FAIL' : 'pass';
  count[verdict]++;
  const cost = `${(line.instructions / 1e6).toFixed(1).padStart(8)} M instructions ${((user + system) / 1e6).toFixed(1).padStart(6)} s`;
  console.log(`${verdict} ${name.padEnd(30)} ${cost}  ${line.remark ?? ''}`.trimEnd());
  if (line.problem) console.log(line.problem.slice(0, 3000).replaceAll(/^/gm, '    '));
}

function left(name: string, missing: string): void {
  count.absent++;
  console.log(`---- ${name.padEnd(30)} not there: ${missing}`);
}

/** A program without faults, and again with a core that fails under `victim`. */
function check(name: string, program: TreeProgram, expected: string | RegExp, victim?: string): void {
  const golden: { run?: ReturnType<typeof runProgram> } = {};
  report(name, () => {
    const run = runProgram(program, options);
    golden.run = run;
    const isRight = typeof expected === 'string' ? run.output === expected : expected.test(run.output);
    const problem =
      isRight && run.end === 'exit 0' ? '' : `${run.end}; expected:\n${expected}\nprinted:\n${run.output}`;
    return { instructions: run.instructions, problem };
  });
  const { run: good } = golden;
  if (victim === undefined || values['no-faults'] || !good) return;
  report(`${name}, a core fails`, () => {
    const { outcome, instructions, output } = runProgram(
      program,
      options,
      faultUnder(victim, good.finished),
      good.finished,
    );
    const isGood = GOOD_OUTCOMES.some((one) => one === outcome) && outcome !== 'not-activated';
    return { instructions, problem: isGood ? '' : `${outcome}; printed:\n${output}`, remark: `${outcome} (${victim})` };
  });
}

function expectedOf({ expected, hostScript, script }: TreeCommand): string | RegExp {
  return expected === 'host' ? hostOutput(hostScript ?? script) : expected;
}

const victimOf = ({ victim, faultless, programs }: TreeCommand): string | undefined =>
  faultless === undefined ? (victim ?? programs[0] ?? 'sh') : undefined;

for (const command of COMMANDS.filter(({ name }) => wanted.test(name))) {
  const missing = command.programs.filter((program) => !has(program));
  if (missing.length > 0) left(command.name, missing.join(', '));
  else check(command.name, scriptProgram(command), expectedOf(command), victimOf(command));
}
if (wanted.test('libthr')) {
  const program = buildThreads(root);
  if ('missing' in program) left('libthr', program.missing);
  else check('libthr', program, THREADS_OUTPUT, 'threads');
}
for (const session of SESSIONS.filter(({ name }) => wanted.test(name))) {
  const missing = session.programs.filter((program) => !has(program));
  if (missing.length > 0) left(session.name, missing.join(', '));
  else report(`typed: ${session.name}`, () => runSession(session, options));
}
console.log(`${count.pass} passed, ${count.FAIL} failed, ${count.absent} not there`);
process.exitCode = count.FAIL > 0 || count.pass === 0 ? 1 : 0;
