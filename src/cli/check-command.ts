import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import { runTasks } from '../host/check-pool.ts';
import type { CheckResult, CheckTask } from '../host/check-worker.ts';
import { type EngineChoice, makeEngine } from '../host/engines.ts';
import { FAILURES_FOLDER, FolderStore } from '../host/failure-store.ts';
import { writeHostFile } from '../host/files.ts';
import { readScenarios, type ScenarioFile } from '../host/scenario-files.ts';
import { escapeTerminal } from '../report/escape.ts';
import { type JunitCase, junitXml } from '../report/junit.ts';
import { parseDuration } from '../scenario/units.ts';
import { EXIT_BUDGET_OVER, EXIT_EMULATOR_BUG, EXIT_FAILED, EXIT_HOLDS } from './exit-codes.ts';
import { integer, integerFrom, parseShard, type Shard, withEngineOptions } from './options.ts';

interface CheckCommandOptions extends EngineChoice {
  readonly seed: number;
  readonly runs: number;
  readonly budget?: string;
  readonly jobs: number;
  readonly shard?: Shard;
  readonly junit?: string;
  readonly github?: boolean;
  readonly failures: string;
}

/** One run, where it comes from, and what came of it; null: not run. */
interface Item {
  readonly file: ScenarioFile;
  readonly task: CheckTask;
  result: CheckResult | null;
}

/** `coreback check <file or folder>...` */
export function addCheckCommand(program: Command): void {
  const command = program
    .command('check')
    .description('run scenarios as written, then with other seeds, interleavings and faults, and check that they hold')
    .argument('<files...>', 'scenario files (.json .yaml .ts .mjs) or folders');
  withEngineOptions(command)
    .option('--seed <n>', 'what the variations are drawn from', integer, 1)
    .option('--runs <n>', 'variations of each scenario, besides the scenario as written', integerFrom(0), 10)
    .option('--budget <time>', 'begin no run after so much time of the clock: 90s, 5m (default: no limit)')
    .option('--jobs <n>', 'runs at the same time', integerFrom(1, 256), availableParallelism())
    .option('--shard <i/n>', 'only the i-th of n parts: 1/4', parseShard)
    .option('--junit <file>', 'write a JUnit XML report')
    .option('--github', 'print annotations for GitHub (the default where GITHUB_ACTIONS is set)')
    .option('--failures <folder>', 'where failing runs are saved, and run first the next time', FAILURES_FOLDER)
    .addHelpText(
      'after',
      `
Each failing run is saved; 'coreback replay FILE' runs it again. The same files, seed and options do the same runs.

Exit code: 0 when everything holds, 1 when something does not, 2 for bad input, 3 when coreback itself fails,
4 when the budget was over before everything had been run (and what was run holds).`,
    )
    .action(async (files: string[], options: CheckCommandOptions) => {
      process.exitCode = await checkCommand(files, options);
    });
}

async function checkCommand(paths: readonly string[], options: CheckCommandOptions): Promise<number> {
  const budgetMs = options.budget === undefined ? null : parseDuration(options.budget, '--budget') / 1e6;
  makeEngine(options);
  const store = new FolderStore(options.failures);
  const items = itemsOf(await readScenarios(paths), store, options);
  const github = options.github ?? process.env.GITHUB_ACTIONS === 'true';
  const failing = new Set<string>();
  const onDone = (index: number, result: CheckResult): void => {
    const item = items[index]!;
    item.result = result;
    if (result.usage) throw new UsageError(result.usage).in(item.file.path);
    if (result.problems.length === 0) return;
    const saved = result.replay === null ? null : store.save(item.file.scenario.name, result.replay);
    const again = `npx coreback replay ${saved ?? (item.task.kind === 'saved' ? item.task.path : '')}`.trim();
    failing.add(item.file.path);
    process.stdout.write(failureText(item, result, again));
    if (github) process.stdout.write(annotation(item, result, again));
  };
  const complete = await runTasks(
    items.map(({ task }) => task),
    { jobs: options.jobs, budgetMs, onDone },
  );
  for (const line of summaryOf(items)) process.stdout.write(`${line}\n`);
  if (options.junit) writeHostFile(options.junit, junitXml('coreback check', suitesOf(items)));
  const results = items.flatMap(({ result }) => result ?? []);
  if (results.some(({ outcome }) => outcome === 'emulator-bug')) return EXIT_EMULATOR_BUG;
  if (failing.size > 0) return EXIT_FAILED;
  if (complete) return EXIT_HOLDS;
  const left = items.length - results.length;
  process.stdout.write(`the budget of ${options.budget} is over: ${left} of ${items.length} runs were not made\n`);
  return EXIT_BUDGET_OVER;
}

/** Saved failures first, then every scenario as written, then the variations in turn: a small budget still sees all of them. */
function itemsOf(files: readonly ScenarioFile[], store: FolderStore, options: CheckCommandOptions): Item[] {
  const { seed, runs } = options;
  const engine: EngineChoice = {
    engine: options.engine,
    ...(options.unicornLib === undefined ? {} : { unicornLib: options.unicornLib }),
  };
  const items: Item[] = files.flatMap((file) =>
    store
      .load(file.scenario.name)
      .map(({ path, text }): Item => ({ file, task: { kind: 'saved', path, text, engine }, result: null })),
  );
  for (let n = 0; n <= runs; n++) {
    for (const file of files)
      items.push({ file, task: { kind: 'variation', scenario: file.scenario, n, seed, engine }, result: null });
  }
  const { index, count: of } = options.shard ?? { index: 1, count: 1 };
  return items.filter((_, n) => n % of === index - 1);
}

function failureText(item: Item, { label, problems }: CheckResult, again: string): string {
  const lines = problems.map((problem) => `     ${escapeLines(problem)}\n`);
  return `FAIL ${item.file.path}: ${label}\n${lines.join('')}     again: ${again}\n`;
}

const escapeLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => escapeTerminal(line))
    .join('\n     ');

/** A workflow command: GitHub shows it beside the file. https://docs.github.com/actions, workflow commands. */
function annotation(item: Item, { label, problems }: CheckResult, again: string): string {
  const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
  const title = property(`${item.file.scenario.name}, ${label}`);
  return `::error file=${property(item.file.path)},title=${title}::${data([...problems, `again: ${again}`].join('\n'))}\n`;
}

function byFile(items: readonly Item[]): Map<ScenarioFile, Item[]> {
  const groups = new Map<ScenarioFile, Item[]>();
  for (const item of items) groups.set(item.file, [...(groups.get(item.file) ?? []), item]);
  return groups;
}

/** One line for each scenario: how many runs, and what came of them. */
function summaryOf(items: readonly Item[]): string[] {
  return [...byFile(items)].map(([{ scenario }, group]) => {
    const results = group.flatMap(({ result }) => result ?? []);
    const failed = results.filter(({ problems }) => problems.length > 0).length;
    const outcomes = new Map<string, number>();
    for (const { outcome } of results) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    const list = [...outcomes].sort().map(([outcome, count]) => `${count} ${outcome}`);
    const name = scenario.name.padEnd(22);
    if (results.length === 0) return `--   ${name} none of ${group.length} runs`;
    const ran = results.length === group.length ? `${group.length} runs` : `${results.length} of ${group.length} runs`;
    const mark = failed > 0 ? 'FAIL' : 'ok  ';
    return `${mark} ${name} ${ran}${failed > 0 ? `, ${failed} failed` : ''}: ${list.join(', ')}`;
  });
}

function suitesOf(items: readonly Item[]) {
  return [...byFile(items)].map(([{ path, scenario }, group]) => ({
    name: scenario.name,
    file: path,
    cases: group.map(({ task, result }): JunitCase => {
      if (!result)
        return { name: task.kind === 'saved' ? task.path : `${task.n}`, seconds: 0, skipped: 'the budget was over' };
      const { label, outcome, problems, hostMs } = result;
      const done = { name: label, seconds: hostMs / 1000 };
      if (problems.length === 0) return done;
      const kind = outcome === 'emulator-bug' ? 'error' : 'failure';
      return { ...done, problem: { kind, type: outcome, lines: problems } };
    }),
  }));
}
