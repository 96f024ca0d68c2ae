import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * A campaign that is killed and resumed, or cut into shards, against one that nobody disturbs: the sorted files are equal, byte for byte.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = join(ROOT, 'dist/src/cli/main.js');

/** What the command says to stderr; throws when it fails. */
function coreback(args: readonly string[]): string {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'campaign', ...args], { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`campaign ${args.join(' ')}: exit ${status}\n${stderr}`);
  return stderr;
}

/** Complete lines of a file that is being written. */
function lineCount(path: string): number {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}

/** Starts a run and kills it by SIGKILL once the file has so many lines. True when it was killed before it ended by itself. */
async function runAndKill(args: readonly string[], out: string, lines: number): Promise<boolean> {
  const child = spawn(process.execPath, [MAIN, 'campaign', ...args], { cwd: ROOT, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const watch = setInterval(() => {
    if (lineCount(out) >= lines) child.kill('SIGKILL');
  }, 5);
  await ended;
  clearInterval(watch);
  return child.signalCode === 'SIGKILL';
}

export interface KillResumeResult {
  /** How often the run was really killed. */
  readonly kills: number;
  /** Lines after each kill. */
  readonly linesAtKill: readonly number[];
  readonly records: number;
  readonly resumedEqual: boolean;
  readonly shardsEqual: boolean;
  readonly sameSeedEqual: boolean;
  readonly otherSeedDiffers: boolean;
}

/** `args`: the campaign, without --out and --jobs. `folder`: an empty one. */
export async function killResume(args: readonly string[], folder: string, kills: number): Promise<KillResumeResult> {
  const at = (name: string): string => join(folder, name);
  const sorted = (out: string, ...files: string[]): string => {
    coreback(['merge', at(out), ...files.map(at)]);
    return readFileSync(at(out), 'utf8');
  };
  coreback(['run', ...args, '--out', at('whole.ndjson'), '--jobs', '2']);
  const whole = sorted('whole.sorted', 'whole.ndjson');
  const records = lineCount(at('whole.sorted')) - 1;

  let killed = 0;
  const linesAtKill: number[] = [];
  for (let n = 1; n <= kills; n++) {
    const resume = n === 1 ? [] : ['--resume'];
    const lines = 1 + Math.floor((records * n) / (kills + 1));
    if (
      await runAndKill(
        ['run', ...args, '--out', at('killed.ndjson'), '--jobs', '2', ...resume],
        at('killed.ndjson'),
        lines,
      )
    )
      killed++;
    linesAtKill.push(lineCount(at('killed.ndjson')));
  }
  coreback(['run', ...args, '--out', at('killed.ndjson'), '--jobs', '2', '--resume']);

  for (const n of ['1', '2'])
    coreback(['run', ...args, '--out', at(`shard${n}.ndjson`), '--shard', `${n}/2`, '--jobs', n]);
  coreback(['run', ...args, '--out', at('again.ndjson'), '--jobs', '1']);
  coreback(['run', ...args, '--out', at('seed.ndjson'), '--jobs', '2', '--seed', '12345']);
  return {
    kills: killed,
    linesAtKill,
    records,
    resumedEqual: sorted('killed.sorted', 'killed.ndjson') === whole,
    shardsEqual: sorted('shards.sorted', 'shard2.ndjson', 'shard1.ndjson') === whole,
    sameSeedEqual: sorted('again.sorted', 'again.ndjson') === whole,
    otherSeedDiffers: sorted('seed.sorted', 'seed.ndjson') !== whole,
  };
}
