import { z } from 'zod';
import { RECOVERY_POLICIES } from '../../kernel-sim/kern/config.ts';
import { RELEASES, type ReleaseName } from '../../kernel-sim/kern/release.ts';
import { core, duration, process, window } from './common-schema.ts';
import { expectation } from './expectation-schema.ts';
import { faultSpec, timedFault } from './fault-schema.ts';

/*
 * A scenario: one machine, a script of what happens when, and what must be true at the end. Unknown keys are refused. Described for
 * users in docs/scenarios.md; scenarios/scenario.schema.json is made from it (npm run docs:generate).
 */

export const machineSchema = z.strictObject({
  cores: z.int().min(1).max(32).default(4).describe('Number of cores'),
  mhz: z
    .number()
    .positive()
    .default(1)
    .describe('Instructions per microsecond of each core; 1000 / mhz is a whole number'),
  seed: z.int().default(1).describe('Seed of the interleaving'),
  release: z
    .enum(Object.keys(RELEASES) as [ReleaseName, ...ReleaseName[]])
    .default('9.0')
    .describe('The release of FreeBSD that the kernel says it is'),
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
  rollbackScope: z
    .enum(['process', 'tree'])
    .default('process')
    .describe('What goes back: the process, or its whole tree to one instant'),
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
  detection: z
    .strictObject({
      period: duration.default('10ms').describe('From one poll of the fault interrupt generator to the next'),
      deadline: duration.default('1ms').describe('A core that has not answered so long after the poll has missed it'),
      misses: z.int().min(1).default(2).describe('So many misses in a row make a fault'),
      selfTest: duration.optional().describe('Every core tests itself so often; never when absent'),
      duplicate: z
        .array(z.string().min(1))
        .default([])
        .describe('Programs that are executed twice, on two cores, and compared at every system call'),
    })
    .prefault({})
    .describe('How faults of cores are noticed'),
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
  z.strictObject({ ...at, fault: timedFault }).describe('A fault at this time, on a core or where a process runs'),
  z.strictObject({ fault: faultSpec }).describe('A fault with a trigger of its own'),
  z
    .strictObject({ failAtInstruction: z.strictObject({ core, instruction: z.int().min(0) }) })
    .describe('A core stops for good after so many of its own instructions'),
]);

export const scenarioSchema = z.strictObject({
  $schema: z.string().optional().describe('Path of scenario.schema.json, for editors'),
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'only lower case letters, digits and hyphens')
    .describe('Lower case letters, digits, hyphens; names the folder of --out'),
  about: z.string().describe('What it shows, in words'),
  paper: z.string().optional().describe('What of the paper it reproduces'),
  machine: machineSchema.prefault({}).describe('The machine; every key has a default'),
  mounts: z
    .array(z.string())
    .default([])
    .describe(
      'Folders of the host in the tree: HOST:GUEST or HOST:GUEST:ro; from the file of the scenario on; GUEST / is seen with what is there',
    ),
  script: z.array(step).min(1).describe('What happens when'),
  expect: z.array(expectation).min(1).describe('What has to be true at the end'),
  history: z
    .array(z.strictObject({ title: z.string(), ...window }))
    .default([])
    .describe('Stretches of which the report draws the CPU history'),
});

/** A scenario with every default filled in. */
export type Scenario = z.infer<typeof scenarioSchema>;
/** A scenario as it is written: what has a default may be absent. */
export type ScenarioInput = z.input<typeof scenarioSchema>;
export type Step = Scenario['script'][number];
export type Expectation = Scenario['expect'][number];
