import { assert, UsageError } from '../../emu/base/errors.ts';
import { Prng } from '../../emu/base/prng.ts';
import { readFile } from '../../kernel-sim/vfs/memfs.ts';
import { inspectElf, inspectElfJson } from '../../src/report/inspect.ts';
import { readInputs } from '../../src/restart/plan.ts';
import { spawnRestart } from '../../src/restart/spawn.ts';
import { System } from '../../src/system.ts';
import { guestPrograms } from '../support/guest.ts';
import { mutate } from './mutate.ts';

/* Damaged programs and core files as input of inspect, exec and restart: UsageError or the guest's own error, never anything else. */

const PROGRAMS = ['count', 'true', 'threads', 'signals', 'doubles-sse2', 'shared', 'matrix'] as const;
/** Programs that cores are made of: threads, signal handlers and shared memory among them. */
const CORE_PROGRAMS = ['count', 'threads', 'signals', 'shared'] as const;
const INSTRUCTIONS_MAX = 20_000;

interface Images {
  readonly program: Uint8Array;
  readonly cores: readonly Uint8Array[];
}

const made = new Map<string, Images>();

/** The program and cores of it: checkpoints in both layouts. */
function imagesOf(name: string): Images {
  const known = made.get(name);
  if (known) return known;
  const [file] = guestPrograms(name);
  const cores = (['9.0', 'extended'] as const).map((coreLayout) => {
    const system = new System({ cores: 2, checkpointEveryNs: 2_000_000, coreLayout });
    system.install(file!);
    system.spawn({ path: file!.path, args: [name] });
    system.run({ untilNs: 20_000_000 });
    const paths = system.filesMatching(/^\/var\/checkpoint\//);
    const bytes = readFile(system.kernel, paths.at(-1)!);
    assert(typeof bytes !== 'number', `no core of ${name}`);
    return bytes;
  });
  const images = { program: file!.bytes, cores };
  made.set(name, images);
  return images;
}

/** What it comes to; a UsageError is an answer. */
function attempt(what: string, run: () => string): string {
  try {
    return `${what}: ${run()}`;
  } catch (error) {
    if (error instanceof UsageError) return `${what}: refused`;
    throw error;
  }
}

function inspect(bytes: Uint8Array, program: Uint8Array): void {
  const more = { program: { bytes: program, path: 'program' } };
  attempt('inspect', () => inspectElf(bytes, 'fuzz', more));
  attempt('inspect', () => JSON.stringify(inspectElfJson(bytes, 'fuzz', more)));
}

function newSystem(): System {
  return new System({ cores: 2, cycleNs: 100, diskBytes: 1 << 24, consoleIsTty: false, paranoid: true });
}

function end(system: System): string {
  const { reason } = system.run({ untilNs: 1e9, instructions: INSTRUCTIONS_MAX });
  const [exit] = system.events.filter((event) => event.kind === 'exit');
  for (const space of system.kernel.spaces.values()) space.dispose();
  return exit?.kind === 'exit' ? (exit.signal ? `signal ${exit.signal}` : `exit ${exit.code}`) : reason;
}

function execute(bytes: Uint8Array): string {
  const system = newSystem();
  system.install({ path: '/bin/damaged', bytes });
  system.spawn({ path: '/bin/damaged', args: ['damaged'] });
  return end(system);
}

/** As the command does: the files are read first, then the restart runs inside. */
function restart(program: Uint8Array, core: Uint8Array, check: boolean): string {
  const breakAt = 'entry';
  if (check) readInputs({ path: 'program', bytes: program }, { path: 'core', bytes: core }, breakAt);
  const system = newSystem();
  system.install({ path: '/bin/damaged', bytes: program });
  system.install({ path: '/root/core', bytes: core });
  spawnRestart(system.kernel, { executable: '/bin/damaged', core: '/root/core', args: ['damaged'], breakAt });
  return end(system);
}

/** What became of file `index` of a seed: a program that is executed, or a core that a process is restarted from. */
export function playImage(seed: number, index: number): string {
  const prng = Prng.seeded(seed, index);
  const pick = <T>(list: readonly T[]): T => list[prng.below(list.length)]!;
  if (prng.below(2) === 0) {
    const { program } = imagesOf(pick(PROGRAMS));
    const damaged = mutate(prng, program);
    inspect(damaged, program);
    return attempt('exec', () => execute(damaged));
  }
  const { program, cores } = imagesOf(pick(CORE_PROGRAMS));
  const core = pick(cores);
  const [a, b] = prng.below(8) === 0 ? [mutate(prng, program), core] : [program, mutate(prng, core)];
  inspect(b, a);
  return attempt('restart', () => restart(a, b, prng.below(4) !== 0));
}
