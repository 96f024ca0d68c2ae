import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { faults } from '../../../src/testing/fault-arbitraries.ts';
import { faultyEvents, SMALL_SPACE } from '../../support/fault-runs.ts';
import { property } from '../../support/property.ts';

describe('faults on the interpreter and on the translating engine', () => {
  it('strike at the same instruction and have the same consequences', () => {
    const jit = new JitEngine({ eager: true, sampleEvery: 100, samples: 2 });
    fc.assert(
      fc.property(fc.array(faults(SMALL_SPACE), { minLength: 1, maxLength: 4 }), (plan) => {
        expect(faultyEvents(plan, jit)).toEqual(faultyEvents(plan));
      }),
      property(20),
    );
  });
});
