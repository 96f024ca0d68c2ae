import { z } from 'zod';
import { UsageError } from '../../emu/base/errors.ts';
import type { StopReason } from '../../emu/machine/machine.ts';
import { RECOVERY_POLICIES } from '../../kernel-sim/kern/config.ts';
import { OUTCOMES } from '../recovery/outcome.ts';

/*
 * A scenario file: JSON, one machine, a script of what happens when, and what must be true at the end. Unknown keys are refused.
 * Described for users in docs/scenarios.md; scenarios/scenario.schema.json is made from it (npm run docs:generate).
 */

const duration = z.string().describe('A duration: 5s, 250ms, 1.5s; units ns, us, ms, s, m; a bare number is seconds');
const process = z.string().describe('A program by its name in the script ("as"); PARENT/CHILD is what it forked');
const core = z.int().min(0).describe('A core, from 0');
const cores = z.array(z.int()).describe('Cores, from 0');

const machine = z.strictObject({
  cores: z.int().min(1).max(32).default(4).describe('Number of cores'),
  mhz: z
    .number()
    .positive()
    .default(1)
    .describe('Instructions per microsecond of each core; 1000 / mhz is a whole number'),
  seed: z.int().default(1).describe('Seed of the interleaving'),
  slice: z
    .tuple([z.int().min(1), z.int().min(1)])
    .refine(([min, max]) => min <= max, 'the first number is larger than the second')
    .default([500, 2000])
    .describe('Instructions in a round of the interleaving: at least, at most'),
  checkpointEvery: duration
    .optional()
    .describe('Checkpoint every process so often, and when it starts; never when absent'),
  recovery: z
    .enum(RECOVERY_POLICIES)
    .default('rollback-migrate')
    .describe('What happens after a core fault: docs/recovery.md'),
  rollbackFiles: z
    .enum(['keep', 'offsets', 'contents'])
    .default('offsets')
    .describe('What a rollback takes back of open files'),
  spareCores: z.int().min(1).default(1).describe('Cores kept idle for those that die: recovery spare'),
  importantNiceMax: z
    .int()
    .min(-20)
    .max(20)
    .default(0)
    .describe('Above this nice value a process is unimportant: recovery degraded'),
  transientFaultsMax: z
    .int()
    .min(0)
    .default(3)
    .describe('A core with more faults than this is taken out, though each was transient'),
  until: duration.default('120s').describe('The run is broken off at this virtual time'),
});

const at = { at: duration };

const step = z.union([
  z
    .strictObject({
      ...at,
      run: z
        .string()
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the script's own placeholder
        .describe('Program in /bin and its arguments; ${pid:NAME} is the pid of one that was started before'),
      as: z.string().optional().describe('Name for this script; the name of the program when absent'),
      nice: z.int().min(-20).max(20).optional(),
      cpus: z.string().optional().describe('CPUs on which it may run: 0,1,3 or 0-2 or all'),
    })
    .describe('Start a program on the console'),
  z
    .strictObject({ ...at, kill: process, signal: z.string().default('TERM').describe('INT or SIGINT') })
    .describe('Send a signal'),
  z
    .strictObject({
      ...at,
      fail: z.union([
        z.strictObject({ core }).describe('This core'),
        z
          .strictObject({ process: z.string() })
          .describe('The core that runs this program then, or the first to run it later'),
      ]),
    })
    .describe('A core stops for good'),
  z
    .strictObject({ failAtInstruction: z.strictObject({ core, instruction: z.int().min(0) }) })
    .describe('A core stops for good after so many of its own instructions'),
]);

const window = { from: duration, to: duration };

const STOPS = ['finished', 'time-limit', 'no-healthy-core', 'deadlock', 'waiting-for-input'] as const;

const expectation = z.union([
  z.strictObject({ outcome: z.array(z.enum(OUTCOMES)).min(1) }).describe('The outcome of the run is one of these'),
  z.strictObject({ stop: z.enum(STOPS satisfies readonly StopReason[]) }).describe('Why the run ended'),
  z.strictObject({ process, exit: z.int() }).describe('It ended with this exit code'),
  z.strictObject({ process, signal: z.string() }).describe('This signal ended it (INT or SIGINT)'),
  z
    .strictObject({ process, counts: z.tuple([z.int(), z.int()]) })
    .describe('It wrote the numbers from .. to, one per line; what a rollback repeated does not count'),
  z
    .strictObject({ process, continues: z.string(), atMost: z.int().min(0) })
    .describe('Its first number follows the last one that "continues" wrote, or is at most so many lines before that'),
  z
    .strictObject({ process, outputMatches: z.string() })
    .describe('What it wrote matches this regular expression; what a rollback repeated does not count'),
  z.strictObject({ process, onlyOn: cores, from: duration.optional() }).describe('It ran, and on these cores only'),
  z.strictObject({ process, neverOn: cores, from: duration.optional() }).describe('It ran, and on none of these cores'),
  z
    .strictObject({ process, recovered: z.int().min(1) })
    .describe('It was brought back after a core fault, at least so many times'),
  z
    .strictObject({ process, nice: z.int(), affinity: cores.optional() })
    .describe('Its nice value, and the cores on which it may run, at its end'),
  z.strictObject({ detectedWithin: duration }).describe('Every core fault was noticed within this time'),
  z.strictObject({ deadCoresIdle: z.literal(true) }).describe('No thread was put on a core after its fault'),
  z.strictObject({ ...window, busyCores: cores }).describe('Exactly these cores ran something between the two times'),
  z.strictObject({ logMatches: z.string() }).describe('A line of the kernel log matches this regular expression'),
]);

export const scenarioSchema = z.strictObject({
  $schema: z.string().optional().describe('Path of scenario.schema.json, for editors'),
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .describe('Lower case letters, digits, hyphens; names the folder of --out'),
  about: z.string().describe('What it shows, in words'),
  paper: z.string().optional().describe('What of the paper it reproduces'),
  machine: machine.prefault({}).describe('The machine; every key has a default'),
  script: z.array(step).min(1).describe('What happens when'),
  expect: z.array(expectation).min(1).describe('What has to be true at the end'),
  history: z
    .array(z.strictObject({ title: z.string(), ...window }))
    .default([])
    .describe('Stretches of which the report draws the CPU history'),
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
  const closest = issue.errors.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  // Beside a key that does not exist, a missing one is the smaller news.
  const first = closest.find((each) => each.code === 'unrecognized_keys') ?? closest[0];
  return first ? deepest(first, path) : { message: issue.message, path };
}

const distance = (issues: readonly Issue[]): number =>
  issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);

const keyOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (key, part) => (typeof part === 'number' ? `${key}[${part}]` : key ? `${key}.${String(part)}` : String(part)),
    '',
  );
