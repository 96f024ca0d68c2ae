/*
 * Interpreter and translating engine side by side: npm run test:jit
 *   --all            everything, and more of it: some 40 minutes of CPU; without it what CI runs
 *   --what LIST      programs,scenarios,go,tree,blocks,self-modifying (default: all but go and tree; with --all: all)
 *   --only REGEX     of these, those whose name matches
 *   --seed S         where runs are cut into pieces, and what random code is drawn (default: 1)
 *   --eager          translate everything at once, hot or not
 *   --cases N        random programs of each kind (default: 3000 with --all, 100 without)
 *   --case N         one of them alone
 *   --instructions N of a Go program or one of the tree at most (default: 500 million with --all, 30 million without)
 *   --tree FOLDER    a FreeBSD/i386 file tree (default: COREBACK_TREE); without one its programs are left out
 * A line for each run: instructions, the part that was translated, comparisons, differences. Exit code 1 when something differs.
 */
import { parseArgs } from 'node:util';
import { JitEngine } from '../../emu/jit/jit-engine.ts';
import { type Comparison, compareRuns } from './compare-runs.ts';
import { compareOnCase, type RandomKind } from './random-programs.ts';
import { goSubjects, programSubjects, type Subject, scenarioSubjects, treeSubjects } from './subjects.ts';

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    what: { type: 'string' },
    only: { type: 'string', default: '.' },
    seed: { type: 'string', default: '1' },
    eager: { type: 'boolean', default: false },
    cases: { type: 'string' },
    case: { type: 'string' },
    instructions: { type: 'string' },
    tree: { type: 'string', default: process.env.COREBACK_TREE ?? '' },
  },
});
const { all, tree } = values;
const seed = Number(values.seed);
const wanted = new RegExp(values.only, 'i');
const instructions = Number(values.instructions ?? (all ? 500e6 : 30e6));
const cases = Number(values.cases ?? (all ? 3000 : 100));
const RANDOM: readonly RandomKind[] = ['blocks', 'self-modifying'];
const IN_CI = ['programs', 'scenarios', ...RANDOM];
/** Instructions from which on a run is long: what is hot after a few hundred instructions in a short one would be hot after some ten thousand there. */
const LONG = 2 ** 16;

const newJit = (pieceMax: number): JitEngine =>
  new JitEngine(
    values.eager
      ? { sampleEvery: 20, samples: 1, eager: true }
      : pieceMax < LONG
        ? { sampleEvery: 200, samples: 3 }
        : { sampleEvery: 500, samples: 4 },
  );

/** Kinds of whole runs. */
const kinds: Readonly<Record<string, () => readonly Subject[] | Promise<readonly Subject[]>>> = {
  programs: () => programSubjects(all ? 5 : 1),
  scenarios: scenarioSubjects,
  go: () => goSubjects(['softfloat', 'sse2'], instructions),
  tree: () => (tree === '' ? [] : treeSubjects(tree, instructions)),
};

const row = (kind: string, name: string, { instructions, translated, comparisons, differences }: Comparison): string =>
  [
    kind.padEnd(10),
    (name.length > 48 ? `${name.slice(0, 45)}...` : name).padEnd(48),
    String(instructions).padStart(12),
    `${((100 * translated) / Math.max(1, instructions)).toFixed(1)} %`.padStart(8),
    String(comparisons).padStart(11),
    String(differences.length).padStart(11),
  ].join(' ');

const totals = new Map<string, Comparison>();

const NOTHING: Comparison = { instructions: 0, comparisons: 0, translated: 0, differences: [] };
const plus = (a: Comparison, b: Comparison): Comparison => ({
  instructions: a.instructions + b.instructions,
  comparisons: a.comparisons + b.comparisons,
  translated: a.translated + b.translated,
  differences: [...a.differences, ...b.differences],
});

function report(kind: string, name: string, found: Comparison): void {
  console.log(row(kind, name, found));
  for (const text of found.differences) console.log(`    ${text}`);
  totals.set(kind, plus(totals.get(kind) ?? NOTHING, found));
}

/** What was found, with the command that shows it again. */
function withReplay(found: Comparison, kind: string, ...args: readonly string[]): Comparison {
  const command = ['npm run test:jit --', `--what ${kind} --seed ${seed}`, ...args].join(' ');
  return { ...found, differences: found.differences.map((text) => `${text}\n    again: ${command}`) };
}

function compareSubject(kind: string, { name, run, pieceMax }: Subject): void {
  const found = compareRuns(run, () => newJit(pieceMax), { seed, pieceMax, memoryEvery: 4 });
  const pattern = name.replace(/[^\w ,./-]/g, '.');
  const flags = [...(all ? ['--all'] : []), ...(values.eager ? ['--eager'] : [])];
  const limits = kind === 'go' || kind === 'tree' ? [`--instructions ${instructions}`] : [];
  report(kind, name, withReplay(found, kind, ...flags, ...limits, `--only '^${pattern}$'`));
}

function compareRandom(kind: RandomKind): void {
  const only = values.case === undefined ? null : Number(values.case);
  let found = NOTHING;
  for (let n = only ?? 0; n < (only === null ? cases : only + 1); n++)
    found = plus(found, withReplay(compareOnCase(seed, n, kind), kind, `--case ${n}`));
  report(kind, only === null ? `${cases} random programs` : `random program ${only}`, found);
}

console.log(
  `${'what'.padEnd(10)} ${''.padEnd(48)} ${'instructions'.padStart(12)} ${'transl.'.padStart(8)} comparisons differences`,
);
for (const kind of values.what?.split(',') ?? (all ? [...Object.keys(kinds), ...RANDOM] : IN_CI)) {
  const isRandom = RANDOM.find((one) => one === kind);
  const subjects = kinds[kind];
  if (isRandom !== undefined) compareRandom(isRandom);
  else if (subjects === undefined)
    throw new Error(`--what: there is no ${kind}; ${[...Object.keys(kinds), ...RANDOM]}`);
  else for (const subject of await subjects()) if (wanted.test(subject.name)) compareSubject(kind, subject);
}
console.log();
for (const [kind, sum] of totals) console.log(row(kind, 'all', sum));
const differences = [...totals.values()].reduce((sum, total) => sum + total.differences.length, 0);
console.log(`${differences} differences`);
process.exitCode = differences > 0 ? 1 : 0;
