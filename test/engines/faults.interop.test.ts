import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnicornEngine } from '../../emu/unicorn/unicorn-engine.ts';
import { loadUnicorn } from '../../src/host/unicorn-koffi.ts';
import { faults } from '../../src/testing/fault-arbitraries.ts';
import { faultyEvents, SMALL_SPACE } from '../support/fault-runs.ts';
import { property } from '../support/property.ts';

describe('faults on the interpreter and on Unicorn', () => {
  it('strike at the same instruction and have the same consequences', () => {
    const unicorn = new UnicornEngine(loadUnicorn());
    fc.assert(
      fc.property(fc.array(faults(SMALL_SPACE), { minLength: 1, maxLength: 4 }), (plan) => {
        expect(faultyEvents(plan, unicorn)).toEqual(faultyEvents(plan));
      }),
      property(20),
    );
  });
});
