import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { basePages } from './base-pages.ts';
import { type Case, caseSizeBytes, OUTCOME_RUNNER_DIED, type Outcome, readOutcomes, writeCase } from './protocol.ts';

const FLAGS =
  '-m32 -O2 -std=c11 -ffreestanding -fno-stack-protector -fno-pic -fno-builtin -mgeneral-regs-only -nostdlib -static -Wl,-z,noexecstack';
/** High, so that the addresses of cases hardly ever hit the runner itself. */
const IMAGE_BASE = 0xe1230000;
const COMPILERS = [
  ['clang', '-fuse-ld=lld', `-Wl,--image-base=0x${IMAGE_BASE.toString(16)}`],
  ['gcc', `-Wl,-Ttext-segment=0x${IMAGE_BASE.toString(16)}`],
];
const OUTPUT_BYTES_MAX = 1 << 30;
const TIMEOUT_MS = 60_000;

/**
 * Builds runner/NAME.c unless this very source was built before; returns where the program is.
 * Throws when there is no compiler for 32-bit Linux.
 */
export function buildRunner(name: string, flags: string, compilers: readonly (readonly string[])[]): string {
  const path = fileURLToPath(new URL(`./runner/${name}.c`, import.meta.url));
  const hash = createHash('sha256').update(readFileSync(path)).update(flags).digest('hex').slice(0, 16);
  const dir = join(tmpdir(), 'coreback-silicon');
  const program = join(dir, `${name}-${hash}`);
  if (existsSync(program)) return program;
  mkdirSync(dir, { recursive: true });
  const partial = `${program}.${process.pid}`;
  const failures: string[] = [];
  for (const [compiler, ...options] of compilers) {
    try {
      execFileSync(compiler!, [...flags.split(' '), ...options, '-o', partial, path], { stdio: 'pipe' });
      renameSync(partial, program);
      return program;
    } catch (error) {
      failures.push(`${compiler}: ${String(error)}`);
    }
  }
  throw new Error(`the silicon runner could not be built\n${failures.join('\n')}`);
}

/** The real CPU. */
export class SiliconOracle {
  private readonly program = buildRunner('runner', FLAGS, COMPILERS);

  /** What the CPU does with each case. A case that kills the runner has the vector OUTCOME_RUNNER_DIED. */
  run(cases: readonly Case[]): Outcome[] {
    const outcomes = this.runOnce(cases, false);
    while (outcomes.length < cases.length) {
      // Results are buffered, so more than the culprit is missing: again from there, each result written at once.
      outcomes.push(...this.runOnce(cases.slice(outcomes.length), true));
      const culprit = cases[outcomes.length];
      if (culprit === undefined) break;
      outcomes.push(died(culprit));
      outcomes.push(...this.runOnce(cases.slice(outcomes.length), false));
    }
    return outcomes;
  }

  private runOnce(cases: readonly Case[], flushEach: boolean): Outcome[] {
    if (cases.length === 0) return [];
    const base = basePages();
    let sizeBytes = base.length;
    for (const c of cases) sizeBytes += caseSizeBytes(c);
    const input = new Uint8Array(sizeBytes);
    input.set(base);
    const view = new DataView(input.buffer);
    let at = base.length;
    for (const c of cases) at = writeCase(view, at, c);
    const { stdout, error } = spawnSync(this.program, flushEach ? ['flush'] : [], {
      input,
      maxBuffer: OUTPUT_BYTES_MAX,
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    if (error && !stdout) throw error;
    return readOutcomes(stdout);
  }
}

function died(c: Case): Outcome {
  return {
    ...{
      regs: c.regs,
      eip: c.eip,
      eflags: c.eflags,
      selectors: c.selectors,
      errorCode: 0,
      cr2: 0,
      retired: 0,
      changes: [],
    },
    vector: OUTCOME_RUNNER_DIED,
    fx: null,
  };
}
