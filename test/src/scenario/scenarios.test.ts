import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readFile } from '../../../kernel-sim/vfs/memfs.ts';
import { shippedPrograms } from '../../../src/host/guest-programs.ts';
import { recordStrace } from '../../../src/report/strace-recorder.ts';
import { parseScenario } from '../../../src/scenario/parse-scenario.ts';
import { runScenario, type ScenarioRun } from '../../../src/scenario/run-scenario.ts';
import type { Scenario } from '../../../src/scenario/schema.ts';
import type { System } from '../../../src/system.ts';

const FOLDER = fileURLToPath(new URL('../../../scenarios/', import.meta.url));
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'));
const files = shippedPrograms();

const load = (name: string): Scenario => parseScenario(readFileSync(FOLDER + name, 'utf8'), name);

/** Every core file that the run left, with the hash of its bytes. */
function coresOf({ system }: ScenarioRun): string[] {
  return system.filesMatching(/(^|\/)core\.[\d.]+$/).map((path) => {
    const bytes = readFile(system.kernel, path);
    if (typeof bytes === 'number') throw new Error(`${path}: errno ${bytes}`);
    return `${path} ${createHash('sha256').update(bytes).digest('hex')}`;
  });
}

describe.each(NAMES)(
  'scenario %s',
  (name) => {
    const scenario = load(name);
    const first = runScenario(scenario, { files });

    it('holds with its own seed', () => {
      expect(first.failures).toEqual([]);
    });

    it('is the same, byte for byte, the second time, with every system call traced', () => {
      let traced = 0;
      const prepare = (system: System): void => recordStrace(system, () => traced++);
      const second = runScenario(scenario, { files, prepare });
      expect(traced).toBeGreaterThan(0);
      expect(second.result.digest).toBe(first.result.digest);
      expect(JSON.stringify(second.result)).toBe(JSON.stringify(first.result));
      expect(coresOf(second)).toEqual(coresOf(first));
    });

    it('interleaves differently with another seed, and holds', () => {
      const other = runScenario(scenario, { files, seed: scenario.machine.seed + 1000 });
      expect(other.failures).toEqual([]);
      expect(other.result.digest).not.toBe(first.result.digest);
    });
  },
  120_000,
);
