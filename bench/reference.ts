/** What a kernel costs outside coreback: natively, and under qemu's user-mode emulation. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How to run a 32-bit Linux program. */
export interface Runner {
  readonly name: string;
  readonly command: readonly string[];
}

export const NATIVE: Runner = { name: 'native', command: [] };
export const QEMU: Runner = { name: 'qemu-i386', command: ['qemu-i386'] };

export interface Timing {
  readonly rounds: number;
  readonly seconds: number;
}

/** Runs shorter than this say little: the clock ticks every 10 ms. */
const SECONDS_MIN = 0.4;
const REPEATS = 3;

/** What the program prints for so many rounds; undefined when it cannot be run. */
export function outputOf({ command }: Runner, program: string, rounds: number): string | undefined {
  const [file, ...args] = [...command, program, String(rounds)];
  const { status, stdout } = spawnSync(file!, args, { encoding: 'utf8', timeout: 120_000 });
  return status === 0 ? stdout.trim() : undefined;
}

/** CPU time of the program for as many rounds as take long enough; the best of three. Undefined when it cannot be run. */
export function timeProgram(runner: Runner, program: string): Timing | undefined {
  if (outputOf(runner, program, 1) === undefined) return undefined;
  let rounds = 1;
  for (;;) {
    const seconds = timeOnce(runner, program, rounds);
    if (seconds >= SECONDS_MIN) break;
    rounds = seconds < 0.02 ? rounds * 10 : Math.ceil((rounds * SECONDS_MIN * 1.3) / seconds);
  }
  const times = Array.from({ length: REPEATS }, () => timeOnce(runner, program, rounds));
  return { rounds, seconds: Math.min(...times) };
}

function timeOnce(runner: Runner, program: string, rounds: number): number {
  const wall = performance.now();
  const before = childrenCpuSeconds();
  outputOf(runner, program, rounds);
  const after = childrenCpuSeconds();
  return before === undefined || after === undefined ? (performance.now() - wall) / 1000 : after - before;
}

/** CPU time of all children that have ended, by 10 ms ticks; undefined where there is no /proc. Then wall time has to do. */
function childrenCpuSeconds(): number | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // proc(5): the fields after the command's closing parenthesis begin with the third; cutime and cstime are 16 and 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return undefined;
  }
}
