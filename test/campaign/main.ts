/*
 * The long checks of campaigns: npm run test:campaign
 *   --only exhaustive | kill-resume
 *   --program 'count 3 1'    for exhaustive; about 2,000 instructions
 *   --size N                 injections, for kill-resume (default 10000)
 * Exit code 1 when one does not hold.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { exhaustiveAndPruned } from './exhaustive.ts';
import { killResume } from './kill-resume.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    program: { type: 'string', default: 'count 3 1' },
    size: { type: 'string', default: '10000' },
  },
});

function hold(what: string, holds: boolean): void {
  console.log(`  ${holds ? 'holds' : 'DOES NOT HOLD'}: ${what}`);
  if (!holds) process.exitCode = 1;
}

if (values.only !== 'kill-resume') {
  const startMs = performance.now();
  const { instructions, faults, prunedInjections, exhaustive, pruned } = await exhaustiveAndPruned(values.program);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  console.log(
    `${values.program}: ${instructions} instructions, ${faults} flips injected, ${prunedInjections} after pruning, ${seconds} s`,
  );
  console.log(JSON.stringify(exhaustive, null, 1));
  hold(
    'pruned and exhaustive give the same totals by target and outcome',
    JSON.stringify(exhaustive) === JSON.stringify(pruned),
  );
}

if (values.only !== 'exhaustive') {
  // Flips of registers, and cores that stop with everything checkpointed: with crashes, hangs and recoveries among the outcomes.
  const common = [
    '--fault',
    'registers',
    '--fault',
    'fail-stop',
    '--no-prune',
    '--checkpoint-every',
    '10ms',
    '--size',
    String(Number(values.size) / 2),
  ];
  for (const programs of [['matrix 3'], ['forktree 1', 'count 2 1', 'echo a b c', 'matrix 1']]) {
    const folder = mkdtempSync(join(tmpdir(), 'coreback-campaign-'));
    const startMs = performance.now();
    const result = await killResume([...programs.flatMap((program) => ['--run', program]), ...common], folder, 5);
    rmSync(folder, { recursive: true });
    console.log(
      `${programs.join(' + ')}: ${result.records} injections; killed with ${result.linesAtKill.join(', ')} lines; ${((performance.now() - startMs) / 1000).toFixed(0)} s`,
    );
    hold('five kills', result.kills === 5);
    hold('killed and resumed equals undisturbed', result.resumedEqual);
    hold('two shards merged equal one run', result.shardsEqual);
    hold('the same seed gives the same bytes with another number of jobs', result.sameSeedEqual);
    hold('another seed gives others', result.otherSeedDiffers);
  }
}
