import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import { UsageError } from '../../emu/base/errors.ts';
import { checkFaultPlan } from '../../emu/faults/check-plan.ts';
import { GOOD_OUTCOMES, OUTCOMES } from '../recovery/outcome.ts';
import { toScenario } from '../scenario/parse-scenario.ts';
import type { ScenarioInput } from '../scenario/schema.ts';
import type { GuestFile } from '../system.ts';
import type { Trial } from './trial.ts';

/*
 * One run as a file: `coreback replay FILE` does it again and says whether it still fails. JSON; described in docs/testing.md.
 */

const replaySchema = z.strictObject({
  format: z.literal('coreback-replay'),
  version: z.literal(1),
  /** What it is about: the name of the check or campaign that wrote it. */
  name: z.string().optional(),
  /** What was wrong when it was written. */
  problems: z.array(z.string()).optional(),
  scenario: z.unknown(),
  faults: z.unknown(),
  seed: z.int(),
  engine: z.string().default('jit'),
  expect: z
    .strictObject({
      outcomes: z.array(z.enum(OUTCOMES)).default([...GOOD_OUTCOMES]),
      contract: z.boolean().default(true),
      expectations: z.boolean().default(true),
    })
    .prefault({}),
  files: z.array(z.strictObject({ path: z.string(), hex: z.hex() })).default([]),
});

export interface Replay extends Trial {
  readonly name: string;
  readonly engine: string;
}

/** Writes a trial down. `problems`: what was wrong with it. */
export function replayText(name: string, trial: Trial, problems: readonly string[], engine = 'jit'): string {
  const { scenario, faults, seed, demands, files = [] } = trial;
  const file: z.input<typeof replaySchema> = {
    format: 'coreback-replay',
    version: 1,
    name,
    problems: [...problems],
    scenario,
    faults,
    seed,
    engine,
    expect: { outcomes: [...demands.outcomes], contract: demands.contract, expectations: demands.expectations },
    files: files.map(({ path, bytes }) => ({ path, hex: bytesToHex(bytes) })),
  };
  return `${JSON.stringify(file, null, 1)}\n`;
}

/** Errors: UsageError with the key that is wrong. */
export function parseReplay(text: string, path: string): Replay {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError({ what: `is not JSON: ${(error as Error).message}`, path });
  }
  const read = replaySchema.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new UsageError({ what: issue!.message, path, key: issue!.path.join('.'), hint: 'docs/testing.md' });
  }
  const { name, faults, seed, engine, expect, files } = read.data;
  const scenario = toScenario(read.data.scenario as ScenarioInput, path);
  try {
    return {
      name: name ?? scenario.name,
      scenario,
      faults: checkFaultPlan(faults, scenario.machine.cores),
      seed,
      engine,
      demands: expect,
      files: files.map(({ path: at, hex }): GuestFile => ({ path: at, bytes: hexToBytes(hex) })),
    };
  } catch (error) {
    throw error instanceof UsageError ? error.in(path) : error;
  }
}
