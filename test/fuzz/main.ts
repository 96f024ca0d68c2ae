/*
 * Random system calls, random code, random ELF files: npm run test:fuzz
 *   --calls N, --programs N, --elf N   how many (defaults: 1,000,000; 10,000; 10,000)
 *   --seed S        other ones
 *   --only KIND     calls, code or elf
 *   --case I        one session, program or file
 *   --steps A,B,..  of --only calls --case I: this list instead of the session's own; each call is written as it is made
 *   --coverage      for each system call how often it was made, and how it ended
 * Exit code 1 when something went wrong: then seed and case, and the line that repeats it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addCoverage, type CoverageRecord, coverageLines, neverSucceeded } from './calls/coverage.ts';
import { sessionOf } from './calls/fuzz-calls.ts';
import { runSession } from './calls/session.ts';
import type { FuzzCase, FuzzKind, FuzzReply } from './worker.ts';

/** A case takes well below a second; whoever takes so long hangs. (Time for shrinking is on top.) */
const PATIENCE_MS = 300_000;
/** What no guest may make the host use. */
const RSS_MAX_MIB = 3072;
/** After so many it is known that something is wrong. */
const FAILURES_MAX = 20;
const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    programs: { type: 'string', default: '10000' },
    elf: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    case: { type: 'string' },
    steps: { type: 'string' },
    coverage: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const wantedOf: Readonly<Record<FuzzKind, number>> = {
  calls: Number(values.calls),
  code: Number(values.programs),
  elf: Number(values.elf),
};
const repeatLine = ({ kind, index }: FuzzCase, steps?: readonly number[]): string =>
  `npm run test:fuzz -- --only ${kind} --seed ${seed} --case ${index}${steps ? ` --steps ${steps.join(',')}` : ''}`;

/** One process that plays cases, and is replaced when it dies or hangs. */
class Player {
  private child: ChildProcess | null = null;

  async play(wanted: FuzzCase): Promise<FuzzReply> {
    this.child ??= fork(WORKER, [], { execArgv: process.execArgv });
    const { child } = this;
    const quit = new AbortController();
    const { signal } = quit;
    const message = once(child, 'message', { signal }).then(([reply]) => reply as FuzzReply);
    const death = once(child, 'exit', { signal }).then(([code, by]) => `the process died: ${by ?? code}`);
    const silence = delay(PATIENCE_MS, `it hangs: nothing for ${PATIENCE_MS / 1000} s`, { signal });
    child.send(wanted);
    const first = await Promise.race([message, death, silence]);
    for (const other of [message, death, silence]) other.catch(() => undefined);
    quit.abort();
    if (typeof first !== 'string') return first;
    this.end();
    return { count: 0, failure: { error: first }, maxRssMiB: 0 };
  }

  end(): void {
    this.child?.kill('SIGKILL');
    this.child = null;
  }
}

/** Cases from `first` on, until so many calls, programs or files have been tried. Returns the number of failures. */
async function fuzz(kind: FuzzKind, first: number, enough: number): Promise<number> {
  const player = new Player();
  const coverage: CoverageRecord = {};
  const outcomes: Record<string, number> = {};
  let [count, failures, maxRssMiB] = [0, 0, 0];
  let index = first;
  for (; count < enough && failures < FAILURES_MAX; index++) {
    const wanted = { kind, seed, index };
    const reply = await player.play(wanted);
    count += Math.max(1, reply.count);
    maxRssMiB = Math.max(maxRssMiB, reply.maxRssMiB);
    addCoverage(coverage, reply.coverage ?? {});
    for (const [outcome, n] of Object.entries(reply.outcomes ?? {})) outcomes[outcome] = (outcomes[outcome] ?? 0) + n;
    if (!reply.failure) continue;
    failures++;
    console.log(`${kind} ${index}: ${reply.failure.error}\n  ${repeatLine(wanted, reply.failure.steps)}`);
  }
  player.end();
  if (maxRssMiB > RSS_MAX_MIB) failures++;
  console.log(
    `${kind}: ${count} in ${index - first} cases, ${failures} failures, at most ${Math.round(maxRssMiB)} MiB`,
  );
  if (values.coverage) for (const line of coverageLines(coverage)) console.log(`  ${line}`);
  if (kind === 'calls' && enough > 1)
    console.log(`  never succeeded: ${neverSucceeded(coverage).join(', ') || 'none'}`);
  for (const [outcome, n] of Object.entries(outcomes).sort(([, a], [, b]) => b - a)) console.log(`  ${outcome}: ${n}`);
  return failures;
}

const kinds = (['calls', 'code', 'elf'] as const).filter((kind) => values.only === undefined || values.only === kind);
if (values.steps !== undefined) {
  const steps = values.steps.split(',').map(Number);
  runSession({ ...sessionOf(seed, Number(values.case)), steps, checkEvery: 1, trace: (line) => console.log(line) });
  console.log('nothing went wrong');
} else {
  let failures = 0;
  for (const kind of kinds) {
    failures +=
      values.case === undefined ? await fuzz(kind, 0, wantedOf[kind]) : await fuzz(kind, Number(values.case), 1);
  }
  process.exitCode = failures > 0 ? 1 : 0;
}
