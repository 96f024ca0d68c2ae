/**
 * A process of its own that measures one guest program: main.ts starts it with --expose-gc and a large young generation, so that no
 * collection falls into what is measured. Prints one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { EXIT_BUDGET } from '../emu/core/engine.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { System } from '../src/system.ts';

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

/** CPU seconds of a measured stretch, and of the warm-up after the first. */
const STRETCH_SECONDS = 0.5;
const WARM_UP_SECONDS = 1;
const STRETCHES = 5;
/** Instructions between two looks at the clock. */
const PIECE = 1_000_000;
const ALLOCATING = 5_000_000;
const SLICE = 10_000;
/** More rounds than any measurement lasts. */
const FOREVER = 1_000_000_000;

function boot(program: string, rounds: number): System {
  const system = new System({ cores: 1, consoleIsTty: false, engine });
  system.install({ path: '/bin/bench', bytes: readFileSync(program) });
  system.spawn({ path: '/bin/bench', args: ['bench', String(rounds)] });
  return system;
}

const engine = new Interpreter();

/** Millions of instructions per second of CPU time in the next `seconds` of it. */
function mips(system: System, seconds: number): number {
  const start = system.machine.retired;
  const before = process.cpuUsage();
  for (;;) {
    system.run({ instructions: system.machine.retired + PIECE });
    const { user, system: kernel } = process.cpuUsage(before);
    if (user + kernel >= seconds * 1e6) return (system.machine.retired - start) / (user + kernel);
  }
}

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

function instructionsOf(program: string, rounds: number): { instructions: number; output: string } {
  const system = boot(program, rounds);
  system.run();
  const output = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
  return { instructions: system.machine.retired, output: output.trim() };
}

function measure({ program, checkRounds }: EmulationJob): Emulation {
  const forever = boot(program, FOREVER);
  const coldMips = mips(forever, STRETCH_SECONDS);
  mips(forever, WARM_UP_SECONDS);
  const stretches = Array.from({ length: STRETCHES }, () => mips(forever, STRETCH_SECONDS));
  const systemBytesPerMillion = allocation(() => {
    forever.run({ instructions: forever.machine.retired + ALLOCATING });
  });
  const alone = { completed: false };
  const engineBytes = allocation(() => {
    alone.completed = runEngineAlone(forever);
  });
  const few = instructionsOf(program, checkRounds);
  const more = instructionsOf(program, checkRounds + 2);
  return {
    output: few.output,
    instructionsPerRound: (more.instructions - few.instructions) / 2,
    coldMips,
    warmMips: Math.max(...stretches),
    systemBytesPerMillion,
    ...(alone.completed ? { engineBytesPerMillion: engineBytes } : {}),
  };
}

console.log(JSON.stringify(measure(JSON.parse(process.argv[2] ?? '{}') as EmulationJob)));
