import { z } from 'zod';
import { TARGET_BITS, UNIT_BITS } from '../../emu/faults/check-plan.ts';
import { ALU_UNITS, REGISTERS, SEGMENTS } from '../../emu/faults/plan.ts';
import { faultSpec, trigger } from '../scenario/fault-schema.ts';
import { machineSchema } from '../scenario/schema.ts';

/*
 * A campaign: which faults to inject into which programs, under which policies, and how many. JSON or YAML; unknown keys are refused.
 * Described for users in docs/campaigns.md; docs/campaign.schema.json is made from it (npm run docs:generate).
 */

const duration = z.string().describe('A virtual time: 5s, 250ms, 10us');
const distinct = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .min(1)
    .refine((list) => new Set(list.map((each) => JSON.stringify(each))).size === list.length, 'names one twice')
    .meta({ uniqueItems: true });
const share = z.number().gt(0).lt(1);

const sample = z
  .union([
    z.literal('exhaustive').describe('Every fault of the space'),
    z.strictObject({ size: z.int().min(1) }).describe('So many, drawn without replacement'),
    z
      .strictObject({
        error: share.describe('Half width wanted of the interval of a proportion: 0.01 is one percentage point'),
        confidence: share.default(0.95),
        p: share.default(0.5).describe('The proportion assumed beforehand; 0.5 is the worst case'),
      })
      .describe("As many as Leveugle's formula asks for"),
  ])
  .describe('How many faults of each entry of "faults" are injected');

const common = {
  cores: distinct(z.int().min(0)).optional().describe('The cores that they strike; all when absent'),
  triggers: distinct(trigger)
    .optional()
    .describe('Every effect at each of these, instead of after every instruction of the cores'),
  sample: sample.optional().describe('Instead of the one for all'),
};
const bits = (most: number) =>
  distinct(
    z
      .int()
      .min(0)
      .max(most - 1),
  )
    .optional()
    .describe('Which bits; all when absent (of eflags: CF PF AF ZF SF TF DF OF NT AC ID)');
const address = z.int().min(0).max(0xffffffff);
const values = distinct(z.union([z.literal(0), z.literal(1)])).default([0, 1]);
const numbered = distinct(z.int().min(0).max(7)).default([0, 1, 2, 3, 4, 5, 6, 7]);
const generalRegisters = REGISTERS.filter((register) => register !== 'eip' && register !== 'eflags');

const entry = z.union([
  z
    .strictObject({
      model: z.literal('bit-flip'),
      in: z.literal('register'),
      registers: distinct(z.enum(REGISTERS)).default(generalRegisters),
      bits: bits(TARGET_BITS.register),
      ...common,
    })
    .describe('A bit of a register flips once'),
  z
    .strictObject({
      model: z.literal('bit-flip'),
      in: z.literal('segment-base'),
      segments: distinct(z.enum(SEGMENTS)).default([...SEGMENTS]),
      bits: bits(TARGET_BITS['segment-base']),
      ...common,
    })
    .describe('A bit of a hidden segment base flips once'),
  z
    .strictObject({
      model: z.literal('bit-flip'),
      in: z.literal('x87'),
      registers: numbered,
      bits: bits(TARGET_BITS.x87),
      ...common,
    })
    .describe('A bit of R0 .. R7 flips once'),
  z
    .strictObject({
      model: z.literal('bit-flip'),
      in: z.literal('xmm'),
      registers: numbered,
      bits: bits(TARGET_BITS.xmm),
      ...common,
    })
    .describe('A bit of XMM0 .. XMM7 flips once'),
  z
    .strictObject({
      model: z.literal('bit-flip'),
      in: z.enum(['memory', 'code-cache']),
      from: address.describe('First linear address'),
      to: address.describe('Address after the last'),
      process: z.string().optional().describe('Of this process; of the one that runs when absent'),
      bits: bits(8),
      ...common,
    })
    .describe('A bit of memory, or of an instruction as the core has it cached, flips once'),
  z
    .strictObject({
      model: z.literal('stuck-at'),
      registers: distinct(z.enum(REGISTERS).exclude(['eip'])).default(generalRegisters),
      bits: bits(TARGET_BITS.register),
      values,
      ...common,
    })
    .describe('From then on a bit of a register has one value'),
  z
    .strictObject({
      model: z.literal('wrong-alu'),
      units: distinct(z.enum(ALU_UNITS)).default([...ALU_UNITS]),
      bits: bits(UNIT_BITS.mul),
      values,
      ...common,
    })
    .describe('From then on an output bit of a unit has one value'),
  z.strictObject({ model: z.enum(['fail-stop', 'hang']), ...common }).describe('The core stops, or hangs, for good'),
  z
    .strictObject({ model: z.literal('intermittent'), down: duration, ...common })
    .describe('The core is gone for a while'),
  z
    .strictObject({ model: z.literal('slow'), factor: z.int().min(2), for: duration.optional(), ...common })
    .describe('The core gets slower'),
  z
    .strictObject({
      model: z.literal('machine-check'),
      bank: z.int().min(0).max(31).default(0),
      status: z.string().default('b200000000000000').describe('MCi_STATUS, 16 hexadecimal digits'),
      address: z.string().optional(),
      ...common,
    })
    .describe('The core reports an uncorrected error'),
  z
    .strictObject({ model: z.literal('lost-interrupt'), count: z.int().min(1).default(1), ...common })
    .describe('The next interrupts for the core are lost'),
  z
    .strictObject({ model: z.literal('spurious-interrupt'), vector: z.int().min(32).max(255), ...common })
    .describe('An interrupt that nobody asked for'),
  z
    .strictObject({
      model: z.literal('checkpoint-write'),
      failure: z.enum(['torn', 'error', 'bit-flip']),
      bytes: distinct(z.int().min(0)).describe('Positions in the file'),
      bits: bits(8),
      ...common,
    })
    .describe('The file of the checkpoint, or of the next one, is cut, cannot be written, or has a wrong bit'),
]);

export const campaignSchema = z.strictObject({
  $schema: z.string().optional().describe('Path of campaign.schema.json, for editors'),
  name: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .describe('Lower case letters, digits, hyphens'),
  about: z.string().optional().describe('What it is to find out, in words'),
  run: z
    .array(z.string().min(1))
    .min(1)
    .describe('Programs to start at power-on, each with its arguments: the names of shipped ones, or paths'),
  mounts: z
    .array(z.string())
    .default([])
    .describe(
      'Folders of the host in the tree: HOST:GUEST or HOST:GUEST:ro; from the file of the campaign on; GUEST / is seen with what is there',
    ),
  machine: machineSchema
    .omit({ recovery: true })
    .prefault({})
    .describe('The machine, as in a scenario; every key has a default'),
  policies: distinct(machineSchema.shape.recovery.unwrap())
    .default([machineSchema.shape.recovery.parse(undefined)])
    .describe('Every fault is injected once under each of these recovery policies'),
  faults: z.array(entry).min(1).describe('Fault spaces; each is sampled by itself, and is a row of the report'),
  always: z
    .array(faultSpec)
    .default([])
    .describe(
      'Faults that every run has besides the one that is injected: a core that dies, so that there is a recovery to disturb',
    ),
  sample: sample.prefault({ error: 0.02 }),
  seed: z.int().default(1).describe('Seed of the sample'),
  prune: z
    .union([z.boolean(), z.literal('auto')])
    .default('auto')
    .describe(
      'Inject one flip of a register for all that must end alike. auto: when the run has at most 5 million instructions',
    ),
});

/** A campaign as its file says it, defaults filled in. */
export type CampaignSpec = z.infer<typeof campaignSchema>;
export type FaultEntry = CampaignSpec['faults'][number];
export type SampleSpec = z.infer<typeof sample>;
