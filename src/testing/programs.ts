import type { ScenarioInput } from '../scenario/schema.ts';
import type { GuestFile } from '../system.ts';
import { type GuestFragment, guestProgram } from './guest-fragments.ts';

/** What runs: commands of programs in /bin ('count 20 50'), programs of one's own, or a generated one. */
export type Programs = string | readonly string[] | OwnPrograms | GeneratedPrograms;

/** Programs that coreback does not ship. */
export interface OwnPrograms {
  readonly commands: readonly string[];
  readonly files: readonly GuestFile[];
}

/** A program made of fragments (guest-fragments.ts). */
export interface GeneratedPrograms {
  readonly fragments: readonly GuestFragment[];
}

const GENERATED = 'generated';

export function commandsOf(programs: Programs): readonly string[] {
  if (typeof programs === 'string') return [programs];
  if ('fragments' in programs) return [GENERATED];
  return 'commands' in programs ? programs.commands : programs;
}

/** The files that a run needs beside what coreback ships. */
export function programFiles(programs: Programs): readonly GuestFile[] {
  if (typeof programs === 'string' || !('files' in programs || 'fragments' in programs)) return [];
  if ('files' in programs) return programs.files;
  return [{ path: `/bin/${GENERATED}`, bytes: guestProgram(GENERATED, programs.fragments).elf }];
}

/** Steps that start them all at once. */
export const scriptOf = (programs: Programs, nice = 0): ScenarioInput['script'] =>
  commandsOf(programs).map((run, n) => ({ at: '0s', run, as: `program-${n + 1}`, nice }));
