/**
 * What it takes until a short program has run: npx tsx bench/startup.ts (npm run build first)
 * `coreback run` as a user runs it, on each engine: wall and CPU milliseconds, the median of 20, beside those of Node with an empty program.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { short, table } from './table.ts';

const CLI = fileURLToPath(new URL('../bin/coreback.mjs', import.meta.url));
const RUNS = 20;
/** In the measured process: its CPU time, as the last line on standard error. */
const TELL_CPU = `data:text/javascript,process.on('exit',()=>process.stderr.write('\\n'+JSON.stringify(process.cpuUsage())))`;

interface Time {
  readonly wallMs: number;
  readonly cpuMs: number;
}

function time(args: readonly string[]): Time {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['--import', TELL_CPU, ...args], { encoding: 'utf8' });
  const wallMs = performance.now() - start;
  if (status !== 0) throw new Error(`${args.join(' ')}: status ${status}\n${stderr}`);
  const { user, system } = JSON.parse(stderr.slice(stderr.lastIndexOf('\n'))) as NodeJS.CpuUsage;
  return { wallMs, cpuMs: (user + system) / 1000 };
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;

const coreback = (engine: string, ...command: readonly string[]): string[] => [
  CLI,
  'run',
  '--engine',
  engine,
  '--',
  ...command,
];
const CASES: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['node alone', ['-e', '0']],
  ...['jit', 'interpreter'].flatMap((engine) => [
    [`echo hello, ${engine}`, coreback(engine, 'echo', 'hello')] as const,
    [`primes 2000, ${engine}`, coreback(engine, 'primes', '2000')] as const,
    [`primes 20000, ${engine}`, coreback(engine, 'primes', '20000')] as const,
  ]),
];

// In turns, so that what else the host does falls on all of them.
const times = CASES.map((): Time[] => []);
for (let run = 0; run < RUNS; run++) CASES.forEach(([, args], which) => void times[which]!.push(time(args)));
const rows = CASES.map(([name], which) => [
  name,
  short(median(times[which]!.map(({ wallMs }) => wallMs))),
  short(median(times[which]!.map(({ cpuMs }) => cpuMs))),
]);
console.log(table([['', 'wall ms', 'CPU ms'], ...rows]));
