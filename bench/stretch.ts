import { System, type SystemConfig } from '../src/system.ts';

/* What benchmarks of the emulator's speed have in common: a program that turns so many rounds, run for so much CPU time. */

/** More rounds than any measurement lasts. */
export const FOREVER = 1_000_000_000;
/** What copies have more than one another: sort.c takes other numbers then. Copies that sort the same would foresee each other's branches. */
const ROUNDS_APART = 1 << 20;
/** Virtual time between two looks at the clock. A pause cuts no round. */
const PIECE_NS = 10_000_000;

/** A machine on which so many copies of a program turn `rounds` rounds each. */
export function boot(bytes: Uint8Array, rounds: number, config: SystemConfig, copies = 1): System {
  const system = new System(config);
  system.install({ path: '/bin/bench', bytes });
  for (let n = 0; n < copies; n++) {
    system.spawn({ path: '/bin/bench', args: ['bench', String(rounds + n * ROUNDS_APART)] });
  }
  return system;
}

/** Instructions per second of CPU time in the next `seconds` of it. */
export function rate(system: System, seconds: number): number {
  const from = system.machine.retired;
  const before = process.cpuUsage();
  for (;;) {
    system.run({ pauseNs: system.machine.nowNs + PIECE_NS });
    const { user, system: kernel } = process.cpuUsage(before);
    if (user + kernel >= seconds * 1e6) return ((system.machine.retired - from) * 1e6) / (user + kernel);
  }
}

/** The best of several stretches after a warm-up. */
export function bestRate(
  system: System,
  { warmUpSeconds, stretchSeconds, stretches }: { warmUpSeconds: number; stretchSeconds: number; stretches: number },
): number {
  rate(system, warmUpSeconds);
  return Math.max(...Array.from({ length: stretches }, () => rate(system, stretchSeconds)));
}

/** A whole run: its instructions and what it printed. */
export function wholeRun(bytes: Uint8Array, rounds: number, config: SystemConfig) {
  const system = boot(bytes, rounds, config);
  system.run();
  const output = system.events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
  return { output: output.trim(), instructions: system.machine.retired };
}

/** Instructions of one round: what two more take, halved. */
export function roundInstructions(bytes: Uint8Array, config: () => SystemConfig, rounds: number): number {
  const few = wholeRun(bytes, rounds, config());
  const more = wholeRun(bytes, rounds + 2, config());
  return (more.instructions - few.instructions) / 2;
}
