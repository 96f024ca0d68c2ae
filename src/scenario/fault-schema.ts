import { z } from 'zod';
import { ALU_UNITS, type FaultSpec, REGISTERS, SEGMENTS } from '../../emu/faults/plan.ts';
import { isSyscallName } from '../../kernel-sim/sys/table.ts';
import { RESTART_STEPS } from '../restart/steps.ts';

/* Hardware faults as a scenario writes them: the names of emu/faults/plan.ts, whose comments say what each does. */

const count = z.int().min(1);
const index = z.int().min(0);
const core = index.describe('A core, from 0');
const ns = index.describe('Virtual ns since power-on');
const address = z.int().min(0).max(0xffffffff).describe('A linear address');
const bit = index.describe('A bit, from 0');
const level = z.union([z.literal(0), z.literal(1)]);
const isStep = (step: number | string): boolean => typeof step === 'number' || RESTART_STEPS.some((s) => s === step);
const program = z.string().describe('Name of a process, as ps shows it');

export const trigger = z
  .discriminatedUnion('at', [
    z
      .strictObject({ at: z.literal('instruction'), core, instruction: index })
      .describe('Just after the core has retired so many instructions since power-on'),
    z.strictObject({ at: z.literal('time'), core, ns }).describe('At a virtual time'),
    z
      .strictObject({ at: z.literal('process'), process: program, ns })
      .describe('On the core that runs this process then, or on the first to run it later'),
    z
      .strictObject({
        at: z.literal('pc'),
        address,
        hits: count,
        core: core.optional(),
        process: program.optional(),
      })
      .describe('Just before the instruction at an address is executed for the hits-th time'),
    z
      .strictObject({
        at: z.literal('syscall'),
        nth: count,
        name: z
          .string()
          .refine(isSyscallName, 'no system call has this name')
          .optional()
          .describe('Of the system call, as in docs/syscalls.md'),
        process: program.optional(),
        core: core.optional(),
      })
      .describe('On entry to the n-th system call that matches'),
    z
      .strictObject({ at: z.literal('checkpoint'), nth: count, core: core.optional(), process: program.optional() })
      .describe('While the file of the n-th checkpoint is written; core absent: the one that writes it'),
    z
      .strictObject({
        at: z.literal('recovery'),
        nth: count,
        step: z
          .union([count, z.string()])
          .refine(isStep, `is neither a number from 1 nor one of ${RESTART_STEPS.join(', ')}`)
          .describe('A restart step: its number from 1, or its name'),
        core: core.optional(),
      })
      .describe('In the n-th recovery, at a restart step; core absent: the one that does the step'),
    z
      .strictObject({ at: z.literal('rate'), core, meanNs: count, seed: z.int(), maxCount: count.optional() })
      .describe('Again and again, at exponential distances of this mean'),
  ])
  .meta({ id: 'trigger', description: 'When and where' });

const target = z
  .discriminatedUnion('in', [
    z
      .strictObject({ in: z.literal('register'), register: z.enum(REGISTERS) })
      .describe('A general register; bits 0 to 31'),
    z
      .strictObject({ in: z.literal('segment-base'), segment: z.enum(SEGMENTS) })
      .describe('The hidden base of a segment register; bits 0 to 31'),
    z.strictObject({ in: z.literal('x87'), register: index.max(7) }).describe('R0 to R7 of the x87; bits 0 to 79'),
    z.strictObject({ in: z.literal('xmm'), register: index.max(7) }).describe('XMM0 to XMM7; bits 0 to 127'),
    z
      .strictObject({ in: z.literal('memory'), address, process: program.optional() })
      .describe('A byte of memory; bits 0 to 7'),
    z
      .strictObject({ in: z.literal('code-cache'), address, process: program.optional() })
      .describe('An instruction byte as the core has it cached; bits 0 to 7'),
  ])
  .meta({ id: 'target', description: 'Where a bit flips' });

/** Every fault model, each with the keys of `more` beside its own. */
const effects = <M extends z.ZodRawShape>(more: M) =>
  z.discriminatedUnion('model', [
    z.strictObject({ model: z.literal('fail-stop'), ...more }).describe('The core stops for good'),
    z.strictObject({ model: z.literal('hang'), ...more }).describe('The core spins and answers nobody'),
    z
      .strictObject({ model: z.literal('intermittent'), downNs: count, ...more })
      .describe('The core is gone for a while, then goes on'),
    z
      .strictObject({ model: z.literal('slow'), factor: z.int().min(2), forNs: count.optional(), ...more })
      .describe('Everything takes so many times as long'),
    z.strictObject({ model: z.literal('bit-flip'), target, bit, ...more }).describe('One bit changes, once'),
    z
      .strictObject({
        model: z.literal('stuck-at'),
        register: z.enum(REGISTERS).exclude(['eip']),
        bit: bit.max(31),
        value: level,
        ...more,
      })
      .describe('A bit of a register keeps a value'),
    z
      .strictObject({
        model: z.literal('wrong-alu'),
        unit: z.enum(ALU_UNITS),
        bit: bit.max(31),
        value: level,
        ...more,
      })
      .describe('An output bit of a unit keeps a value'),
    z
      .strictObject({
        model: z.literal('machine-check'),
        bank: index,
        status: z.string().describe('MCi_STATUS in hexadecimal'),
        address: z.string().optional().describe('MCi_ADDR in hexadecimal'),
        ...more,
      })
      .describe('The core reports an uncorrected error itself (#MC)'),
    z
      .strictObject({ model: z.literal('lost-interrupt'), count, ...more })
      .describe('The next interrupts for the core never reach it'),
    z
      .strictObject({ model: z.literal('spurious-interrupt'), vector: index.max(255), ...more })
      .describe('An interrupt that no device asked for'),
    z
      .strictObject({
        model: z.literal('checkpoint-write'),
        failure: z.enum(['torn', 'error', 'bit-flip']),
        atByte: index,
        bit: bit.max(7).optional(),
        ...more,
      })
      .describe('The file of the checkpoint, or of the next one, is cut, cannot be written, or has a wrong bit'),
  ]);

export const faultSpec = effects({ trigger });

/** A fault at the time of its step: on a core, or on the core that runs a process. */
export const timedFault = effects({
  core: core.optional().describe('Strikes this core'),
  process: program.optional().describe('Strikes the core that runs this process then, or the first to run it later'),
});

export type TimedFault = z.infer<typeof timedFault>;
/** Holds schema and types together: a model that only one of them knows does not compile. */
export const asFaultSpec = (fault: z.infer<typeof faultSpec>): FaultSpec => fault as FaultSpec;
