import { z } from 'zod';
import { REGISTERS } from '../../emu/faults/plan.ts';
import type { StopReason } from '../../emu/machine/machine.ts';
import { DETECTORS } from '../../kernel-sim/kern/fault-report.ts';
import { OUTCOMES } from '../recovery/outcome.ts';
import { cores, duration, process, regularExpression, window } from './common-schema.ts';

const STOPS = ['finished', 'time-limit', 'no-healthy-core', 'deadlock', 'waiting-for-input'] as const;

/** 32 bits, signed or unsigned. */
const word = z.int().min(-0x80000000).max(0xffffffff);
const count = z.int().min(0);

export const expectation = z.union([
  z.strictObject({ outcome: z.array(z.enum(OUTCOMES)).min(1) }).describe('The outcome of the run is one of these'),
  z.strictObject({ stop: z.enum(STOPS satisfies readonly StopReason[]) }).describe('Why the run ended'),
  z.strictObject({ process, exit: z.int() }).describe('It ended with this exit code'),
  z.strictObject({ process, signal: z.string() }).describe('This signal ended it (INT or SIGINT)'),
  z
    .strictObject({ process, counts: z.tuple([z.int(), z.int()]) })
    .describe('It wrote the numbers from .. to, one per line; what a rollback repeated does not count'),
  z
    .strictObject({ process, continues: z.string(), atMost: count })
    .describe('Its first number follows the last one that "continues" wrote, or is at most so many lines before that'),
  z.strictObject({ process, output: z.string() }).describe('It wrote this; what a rollback repeated does not count'),
  z
    .strictObject({ process, outputMatches: regularExpression })
    .describe('What it wrote matches this regular expression; what a rollback repeated does not count'),
  z.strictObject({ process, onlyOn: cores, from: duration.optional() }).describe('It ran, and on these cores only'),
  z.strictObject({ process, neverOn: cores, from: duration.optional() }).describe('It ran, and on none of these cores'),
  z
    .strictObject({ process, recovered: z.int().min(1) })
    .describe('It was brought back after a core fault, at least so many times'),
  z
    .strictObject({ process, nice: z.int(), affinity: cores.optional() })
    .describe('Its nice value, and the cores on which it may run, at its end'),
  z
    .strictObject({
      process,
      at: duration.optional(),
      memory: z
        .record(z.string(), word)
        .describe('32-bit words by symbol of its program, or by address (0x08060000); symbol+4 is the word behind'),
    })
    .describe('What its memory holds at this time; at the end of the run when absent'),
  z
    .strictObject({ process, at: duration.optional(), registers: z.partialRecord(z.enum(REGISTERS), word) })
    .describe('What its registers hold at this time; at the end of the run when absent'),
  z.strictObject({ file: z.string(), text: z.string() }).describe('This file of the guest holds exactly this'),
  z
    .strictObject({ file: z.string(), matches: regularExpression })
    .describe('What this file of the guest holds matches this regular expression'),
  z.strictObject({ file: z.string(), exists: z.boolean() }).describe('There is such a file in the guest, or not'),
  z
    .strictObject({ rollbacks: z.union([count, z.strictObject({ min: count.optional(), max: count.optional() })]) })
    .describe('So many recoveries there were, of all processes together'),
  z.strictObject({ detectedWithin: duration }).describe('Every core fault was noticed within this time'),
  z
    .strictObject({ detectedWithinInstructions: count })
    .describe(
      'Every core fault was noticed before the core that it struck had retired more instructions than this after it',
    ),
  z
    .strictObject({ detectedBy: z.array(z.enum(DETECTORS)).min(1) })
    .describe('Something was noticed, and whatever was noticed was noticed by one of these'),
  z
    .strictObject({ recoveredWithin: duration })
    .describe('Processes were lost with a core, and every one ran again within this time of the fault'),
  z
    .strictObject({ contractHolds: z.literal(true) })
    .describe(
      'Every recovered process kept pid, parent, priority, nice, affinity and pending signals; no dead core ran anything',
    ),
  z.strictObject({ deadCoresIdle: z.literal(true) }).describe('No thread was put on a core after its fault'),
  z.strictObject({ ...window, busyCores: cores }).describe('Exactly these cores ran something between the two times'),
  z.strictObject({ logMatches: regularExpression }).describe('A line of the kernel log matches this'),
]);
