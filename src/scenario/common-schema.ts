import { z } from 'zod';

/* Kinds of values that occur all over a scenario. */

export const duration = z
  .string()
  .describe('A duration: 5s, 250ms, 1.5s; units ns, us, ms, s, m; a bare number is seconds');
export const process = z
  .string()
  .describe('A program by its name in the script ("as"); PARENT/CHILD is what it forked');
export const core = z.int().min(0).describe('A core, from 0');
export const cores = z.array(z.int()).describe('Cores, from 0');
export const window = { from: duration, to: duration };

export const regularExpression = z.string().superRefine((text, context) => {
  try {
    new RegExp(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `is no regular expression: ${(error as Error).message}` });
  }
});
