import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { DATA, GuestProgram, Run, SCRATCH, TEXT } from '../../support/guest-program.ts';
import { property } from '../../support/property.ts';

/** Calls that only end or replace the program: they would cut the others short. */
const ENDING = new Set(['exit', 'execve', 'sigsuspend']);
const NUMBERS = SYSCALLS.filter((row) => !ENDING.has(row.name)).map((row) => row.number);

/** Arguments at which kernels trip: edges, pointers good and bad, small numbers. */
const wild = fc.oneof(
  { arbitrary: fc.integer({ min: -3, max: 40 }), weight: 4 },
  {
    arbitrary: fc.constantFrom(DATA, SCRATCH, SCRATCH + 4092, DATA + 0x3ffc, DATA + 0x3fff, TEXT, TEXT + 1),
    weight: 4,
  },
  {
    arbitrary: fc.constantFrom(
      0x7fffffff,
      -0x80000000,
      -1,
      0xbfbffff0 | 0,
      0xbfc00000 | 0,
      0xfffff000 | 0,
      0x1000,
      4096,
      100_001,
      100_002,
    ),
    weight: 3,
  },
  { arbitrary: fc.integer(), weight: 1 },
);
const call = fc.record({ number: fc.constantFrom(...NUMBERS), args: fc.array(wild, { minLength: 8, maxLength: 8 }) });

/** A run with no other end than an orderly one. */
function survive(code: GuestProgram, cores = 1): void {
  const run = new Run({ main: code }, { cores, diskBytes: 16 << 20 });
  run.start('main');
  const stop = run.system.run({ untilNs: 200_000_000, instructions: 30_000 });
  expect(['finished', 'time-limit', 'instruction-limit', 'deadlock', 'waiting-for-input']).toContain(stop.reason);
}

describe('whatever a program does', () => {
  it('its system calls with wild arguments end in a result or a signal, and every invariant holds', () => {
    fc.assert(
      fc.property(
        fc.array(call, { minLength: 60, maxLength: 60 }),
        fc.array(fc.integer(), { minLength: 16, maxLength: 16 }),
        (calls, words) => {
          const p = new GuestProgram();
          for (const [n, word] of words.entries()) p.set(SCRATCH + 4 * n, word);
          for (const { number, args } of calls) p.sys(number, ...args);
          survive(p.exit(0), 2);
        },
      ),
      property(150),
    );
  });

  it('random bytes as code end in an orderly way', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 200 }), (bytes) => {
        const p = new GuestProgram();
        survive(p.raw([...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')));
      }),
      property(200),
    );
  });
});
