/**
 * A process of its own that measures one guest program: main.ts starts it with --expose-gc and a large young generation, so that no
 * collection falls into what is measured. Prints one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { EXIT_BUDGET } from '../emu/core/engine.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import type { System, SystemConfig } from '../src/system.ts';
import { bestRate, boot, FOREVER, rate, roundInstructions, wholeRun } from './stretch.ts';

export interface EmulationJob {
  readonly program: string;
  /** Rounds of the run whose output is compared with the other worlds'. */
  readonly checkRounds: number;
}

export interface Emulation {
  readonly output: string;
  readonly instructionsPerRound: number;
  /** Millions of instructions per second of CPU time: in the first half second, and in the best of several after warm-up. */
  readonly coldMips: number;
  readonly warmMips: number;
  /** Bytes that a million instructions allocate in the JavaScript heap: the whole machine; the engine alone, where no system call stops it. */
  readonly systemBytesPerMillion: number;
  readonly engineBytesPerMillion?: number;
}

/** CPU seconds of a measured stretch. */
const STRETCH_SECONDS = 0.5;
const STRETCHES = 5;
const ALLOCATING = 5_000_000;
const SLICE = 10_000;

const engine = new Interpreter();
const MACHINE: SystemConfig = { cores: 1, consoleIsTty: false, engine };

/** Bytes that `run` allocates for each million of instructions: the median of several, because compilation allocates as well. */
function allocation(run: () => void): number {
  const bytes = Array.from({ length: STRETCHES }, () => {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    run();
    return process.memoryUsage().heapUsed - before;
  });
  return bytes.sort((a, b) => a - b)[STRETCHES >> 1]! / (ALLOCATING / 1e6);
}

/** False when the program made a system call: without the kernel the engine cannot go on. */
function runEngineAlone(system: System): boolean {
  const { kernel, machine } = system;
  const core = machine.cores[0]!;
  const thread = kernel.thread(kernel.cpu(core.id).current as never);
  const space = kernel.space(kernel.proc(thread.pid).vmspace);
  for (let done = 0; done < ALLOCATING; done += SLICE) {
    if (engine.run(core.state, space, SLICE) !== EXIT_BUDGET) return false;
  }
  return true;
}

function measure({ program, checkRounds }: EmulationJob): Emulation {
  const bytes = readFileSync(program);
  const forever = boot(bytes, FOREVER, MACHINE);
  const cold = rate(forever, STRETCH_SECONDS);
  const warm = bestRate(forever, { warmUpSeconds: 1, stretchSeconds: STRETCH_SECONDS, stretches: STRETCHES });
  const systemBytesPerMillion = allocation(() => {
    forever.run({ instructions: forever.machine.retired + ALLOCATING });
  });
  const alone = { completed: false };
  const engineBytes = allocation(() => {
    alone.completed = runEngineAlone(forever);
  });
  return {
    output: wholeRun(bytes, checkRounds, MACHINE).output,
    instructionsPerRound: roundInstructions(bytes, () => MACHINE, checkRounds),
    coldMips: cold / 1e6,
    warmMips: warm / 1e6,
    systemBytesPerMillion,
    ...(alone.completed ? { engineBytesPerMillion: engineBytes } : {}),
  };
}

console.log(JSON.stringify(measure(JSON.parse(process.argv[2] ?? '{}') as EmulationJob)));
