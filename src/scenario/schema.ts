import { z } from 'zod';
import { UsageError } from '../../emu/base/errors.ts';

/*
 * A scenario file: JSON, one machine, a script of what happens when, and what must be true at the end. Unknown keys are refused.
 * Described for users in docs/scenarios.md.
 */

const duration = z.string();

const machine = z.strictObject({
  cores: z.int().min(1).max(32).default(4),
  mhz: z.number().positive().default(1),
  seed: z.int().default(1),
  /** Instructions in a round of the interleaving: from and to. */
  slice: z.tuple([z.int().min(1), z.int().min(1)]).default([500, 2000]),
  checkpointEvery: duration.optional(),
  recovery: z.enum(['restart', 'none']).default('restart'),
  /** The run is broken off here. */
  until: duration.default('120s'),
});

const at = { at: duration };

const step = z.union([
  /** Starts a program on the console. `${pid:NAME}` in the command is the pid of the program started under that name. */
  z.strictObject({
    ...at,
    run: z.string(),
    as: z.string().optional(),
    nice: z.int().min(-20).max(20).optional(),
    cpus: z.string().optional(),
  }),
  z.strictObject({ ...at, kill: z.string(), signal: z.string().default('TERM') }),
  z.strictObject({
    ...at,
    fail: z.union([z.strictObject({ core: z.int().min(0) }), z.strictObject({ process: z.string() })]),
  }),
  z.strictObject({ failAtInstruction: z.strictObject({ core: z.int().min(0), instruction: z.int().min(0) }) }),
]);

const window = { from: duration, to: duration };

const expectation = z.union([
  z.strictObject({ outcome: z.array(z.string()).min(1) }),
  z.strictObject({ stop: z.string() }),
  /** How a process ended. */
  z.strictObject({ process: z.string(), exit: z.int() }),
  z.strictObject({ process: z.string(), signal: z.string() }),
  /** What it wrote, rollbacks taken back: the numbers from .. to, one per line. */
  z.strictObject({ process: z.string(), counts: z.tuple([z.int(), z.int()]) }),
  /** The output of `process` goes on where that of `of` ended, or up to `atMost` lines before. */
  z.strictObject({ process: z.string(), continues: z.string(), atMost: z.int().min(0) }),
  z.strictObject({ process: z.string(), outputMatches: z.string() }),
  /** It ran only on these cores (from a time on, when `from` says so). */
  z.strictObject({ process: z.string(), onlyOn: z.array(z.int()), from: duration.optional() }),
  z.strictObject({ process: z.string(), neverOn: z.array(z.int()), from: duration.optional() }),
  /** It was brought back after a core fault (at least so many times). */
  z.strictObject({ process: z.string(), recovered: z.int().min(1) }),
  z.strictObject({ process: z.string(), nice: z.int(), affinity: z.array(z.int()).optional() }),
  /** Every core fault was noticed within this time. */
  z.strictObject({ detectedWithin: duration }),
  /** No thread was put on a core after the scheduler took it out. */
  z.strictObject({ deadCoresIdle: z.literal(true) }),
  /** Cores that ran something in a window, and no others. */
  z.strictObject({ ...window, busyCores: z.array(z.int()) }),
  z.strictObject({ logMatches: z.string() }),
]);

export const scenarioSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().regex(/^[a-z0-9-]+$/),
  about: z.string(),
  /** What of the paper it reproduces. */
  paper: z.string().optional(),
  machine: machine.prefault({}),
  script: z.array(step).min(1),
  expect: z.array(expectation).min(1),
  /** Draw the CPU history of these stretches in the report. */
  history: z.array(z.strictObject({ title: z.string(), ...window })).default([]),
});

export type Scenario = z.infer<typeof scenarioSchema>;
export type Step = Scenario['script'][number];
export type Expectation = Scenario['expect'][number];

/** Reads a scenario from JSON text. Errors: UsageError with the key that is wrong. */
export function parseScenario(text: string, path: string): Scenario {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError({ what: `is not JSON: ${(error as Error).message}`, path });
  }
  const result = scenarioSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues[0]!, []);
  throw new UsageError({
    what: issue.message,
    path,
    key: keyOf(issue.path),
    hint: 'docs/scenarios.md lists every key',
  });
}

type Issue = z.core.$ZodIssue;

/** Where one of several forms was meant, the complaint of the form that came closest says more than "invalid input". */
function deepest(issue: Issue, above: readonly PropertyKey[]): { message: string; path: PropertyKey[] } {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { message: issue.message, path };
  const closest = issue.errors.reduce((a, b) => (b.length < a.length ? b : a));
  return closest[0] ? deepest(closest[0], path) : { message: issue.message, path };
}

const keyOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (key, part) => (typeof part === 'number' ? `${key}[${part}]` : key ? `${key}.${String(part)}` : String(part)),
    '',
  );
