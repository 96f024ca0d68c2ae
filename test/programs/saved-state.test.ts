import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Prng } from '../../emu/base/prng.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/snapshot/encode.ts';
import { System } from '../../src/system.ts';
import { guestTree } from '../support/guest.ts';
import {
  finishGuestProgram,
  type GuestProgramTest,
  guestProgramTests,
  interleavingOf,
  startGuestProgram,
} from './guest-programs.ts';

/*
 * All blocking is data: whatever processes are doing or waiting for (threads, pipes, sockets, terminals, tracers, timers, locks), the whole
 * machine can be written down at any instruction, and goes on from the bytes as if nothing had happened.
 */

const SEED = 5;
const SAVES = 3;
const prng = Prng.seeded(SEED, 1);
const folder = mkdtempSync(join(tmpdir(), 'coreback-saved-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A dynamic program, linked at run time. */
const TALLY: GuestProgramTest = { name: 'tally', args: ['tally', '7', '1'], expected: '' };

function start(test: GuestProgramTest): System {
  if (test !== TALLY) return startGuestProgram(test, interleavingOf(SEED));
  const system = new System({ consoleIsTty: false, ...interleavingOf(SEED) });
  for (const file of guestTree()) system.install(file);
  system.spawn({ path: '/usr/bin/tally', args: test.args });
  return system;
}

/** Instructions of a run at which it is saved, in order. */
const places = (instructions: number): number[] =>
  Array.from({ length: SAVES }, () => prng.below(instructions)).sort((a, b) => a - b);

const tests = [...guestProgramTests(), TALLY];
const wholeRuns = new Map(tests.map((test) => [test, finishGuestProgram(start(test))]));

describe('a run that is saved and goes on from the bytes', () => {
  it.each(tests)('$name: comes to the same end, whenever that is', (test) => {
    const whole = wholeRuns.get(test)!;
    const saves = places(whole.instructions);
    let system = start(test);
    for (const pauseInstructions of saves) {
      system.run({ pauseInstructions });
      system = System.from(decodeSnapshot(encodeSnapshot(system.snapshot())));
    }
    expect({ saves, ...finishGuestProgram(system) }).toEqual({ saves, ...whole });
  });

  it('comes to the same end in another process of the host', () => {
    const saved = tests.map((test) => {
      const system = start(test);
      system.run({ pauseInstructions: prng.below(wholeRuns.get(test)!.instructions) });
      const file = join(folder, `${test.name}.saved`);
      writeFileSync(file, encodeSnapshot(system.snapshot()));
      return file;
    });
    const child = fileURLToPath(new URL('resume.ts', import.meta.url));
    const output = execFileSync(process.execPath, ['--import', 'tsx', child, ...saved], { encoding: 'utf8' });
    expect(output.trim().split('\n')).toEqual(tests.map((test) => wholeRuns.get(test)!.digest));
  }, 120_000);
});
