import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../emu/base/errors.ts';
import { describeFault } from '../../../emu/faults/describe.ts';
import { shippedPrograms } from '../../../src/host/guest-programs.ts';
import { judge, OUTCOMES } from '../../../src/recovery/outcome.ts';
import { parseScenario, toScenario } from '../../../src/scenario/parse-scenario.ts';
import { runScenario } from '../../../src/scenario/run-scenario.ts';
import type { Scenario } from '../../../src/scenario/schema.ts';
import { guestFragments, machineShapes } from '../../../src/testing/arbitraries.ts';
import { FAULT_MODELS, FAULT_TRIGGERS, faultPlans } from '../../../src/testing/fault-arbitraries.ts';
import { SCRATCH, TEXT } from '../../../src/testing/guest-program.ts';
import { programFiles, scriptOf } from '../../../src/testing/programs.ts';
import { RECOVERS, runTrial, type Trial } from '../../../src/testing/trial.ts';
import { guestPrograms } from '../../support/guest.ts';
import { property } from '../../support/property.ts';

const FOLDER = fileURLToPath(new URL('./outcomes/', import.meta.url));
const FIXTURES = readdirSync(FOLDER).map((file) => file.replace('.yaml', ''));
const files = guestPrograms('count');

const load = (name: string): Scenario => parseScenario(readFileSync(`${FOLDER}${name}.yaml`, 'utf8'), name, 'yaml');

describe('outcomes of runs', () => {
  it('have a fixture each, but for the one that nobody can order', () => {
    expect([...FIXTURES, 'emulator-bug'].sort()).toEqual([...OUTCOMES].sort());
  });

  it.each(FIXTURES)('%s', (name) => {
    const { result, failures } = runScenario(load(name), { files });
    expect({ outcome: result.outcome, failures }).toEqual({ outcome: name, failures: [] });
  });

  it('emulator-bug: an invariant breaks while the run goes on', () => {
    const scenario = load('masked');
    const trial: Trial = { scenario, faults: [], seed: 1, demands: RECOVERS };
    const { outcome, problems } = runTrial(trial, {
      programs: files,
      prepare: (system) =>
        system.onEvent((event) => {
          if (event.kind === 'output') throw new InvariantError('planted');
        }),
    });
    expect(outcome).toBe('emulator-bug');
    expect(problems.join()).toContain('InvariantError: planted');
    expect(judge({ error: 'planted' }, null)).toBe('emulator-bug');
  });
});

/** About the length of the programs that are drawn. */
const HORIZON_NS = 100_000_000;

describe('whatever faults strike', () => {
  it('a run has one outcome, the same the second time, and coreback itself never fails', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        machineShapes().chain((shape) =>
          fc.record({
            shape: fc.constant(shape),
            fragments: guestFragments({ forks: true }),
            faults: faultPlans({
              cores: shape.cores,
              horizonNs: HORIZON_NS,
              models: FAULT_MODELS,
              triggers: FAULT_TRIGGERS,
              processes: ['generated'],
              code: [TEXT, TEXT + 0x400],
              data: [SCRATCH, SCRATCH + 0x200],
            }),
          }),
        ),
        ({ shape, fragments, faults }) => {
          const { cores, seed, slice, checkpointEvery } = shape;
          const scenario = toScenario(
            {
              name: 'random',
              about: 'random faults',
              machine: { cores, seed, slice: [...slice], checkpointEvery },
              script: scriptOf({ fragments }),
              expect: [{ stop: 'finished' }],
            },
            'random',
          );
          const trial: Trial = { scenario, faults, seed, demands: RECOVERS, files: programFiles({ fragments }) };
          const first = runTrial(trial, { programs: [] });
          const told = `${faults.map(describeFault).join('; ')}: ${first.problems.join('; ')}`;
          expect(first.outcome, told).not.toBe('emulator-bug');
          expect(OUTCOMES).toContain(first.outcome);
          expect(runTrial(trial, { programs: [] }).run?.result.digest).toBe(first.run?.result.digest);
          seen.add(first.outcome);
        },
      ),
      property(50),
    );
    // The property has seen more than runs in which nothing happened.
    expect(seen.size).toBeGreaterThan(4);
  }, 240_000);

  it('a plan that never strikes changes nothing', () => {
    const scenario = load('not-activated');
    const faultless = runScenario(scenario, { files: shippedPrograms(), faults: [] });
    const run = runScenario(scenario, { files: shippedPrograms() });
    expect(run.result.outcome).toBe('not-activated');
    expect(run.result.digest).toBe(faultless.result.digest);
  });
});
