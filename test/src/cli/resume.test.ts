import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import { finishedRun } from '../../../src/recovery/finished-run.ts';
import { buildResult } from '../../../src/result.ts';
import { encodeSavedRun } from '../../../src/snapshot/saved-run.ts';
import { coreback, MAIN } from '../../support/cli.ts';
import { boot, LIMITS, WORKLOADS } from '../../support/workloads.ts';

// Seconds on a quiet host; a loaded one takes ten times as long.
vi.setConfig({ testTimeout: 300_000 });

const FOLDER = mkdtempSync(join(tmpdir(), 'coreback-resume-'));

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

describe('a run that is saved and goes on in a new host process', () => {
  it.each(WORKLOADS)('comes to the same end, saved at random instructions: $name', (workload) => {
    const whole = boot(workload, 1);
    const faults = workload.config.faults ?? [];
    const stop = whole.run(LIMITS);
    const reference = boot(workload, 1, { faults: [] });
    const golden = finishedRun(reference, reference.run(LIMITS), []);
    const expected = buildResult(whole, finishedRun(whole, stop, faults), golden);
    const prng = Prng.seeded(5);
    for (let n = 0; n < 2; n++) {
      const system = boot(workload, 1);
      system.run({ ...LIMITS, pauseInstructions: prng.below(whole.machine.retired) });
      const file = join(FOLDER, `${n}.state`);
      writeFileSync(file, encodeSavedRun({ snapshot: system.snapshot(), faults, golden, limits: LIMITS }));
      const engine = n === 0 ? 'interpreter' : 'jit';
      const { stdout, stderr } = coreback(['resume', file, '--json', '--engine', engine]);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(expected)));
    }
  });

  it('is saved by run and by resume, and prints each line once', () => {
    const args = ['count', '30', '--checkpoint-every', '1s', '--fail', 'count@3s', '--seed', '7'];
    const whole = coreback(['run', ...args]);
    const [first, second] = [join(FOLDER, 'first'), join(FOLDER, 'second')];
    const one = coreback(['run', ...args, '--save-state', first, '--save-at', '2s']);
    expect(one).toMatchObject({ status: 3, stderr: expect.stringContaining(`go on with: coreback resume ${first}`) });
    const two = coreback(['resume', first, '--save-state', second, '--save-at', '3.005s']);
    expect(two.status).toBe(3);
    const three = coreback(['resume', second]);
    expect(one.stdout + two.stdout + three.stdout).toBe(whole.stdout);
    expect(three).toMatchObject({ status: 0, stderr: whole.stderr });
  });

  it.each([
    [['--save-state', join(FOLDER, 'none')], '--save-state: needs one moment'],
    [['--save-at', '1s'], '--save-at: says when, but not into which file'],
    [['--save-at-instruction', '-1', '--save-state', 'x'], 'not an integer from 0'],
    [['--save-state', join(FOLDER, 'none'), '--save-at', '5s'], 'none: was not written: the run had ended before'],
  ])('is refused: %j', (options, why) => {
    const { status, stderr } = coreback(['run', 'true', ...options]);
    expect(stderr).toContain(why);
    expect(status).toBe(2);
  });

  it('does not go on from a damaged file', () => {
    const file = join(FOLDER, 'damaged');
    expect(coreback(['run', 'count', '5', '20', '--save-state', file, '--save-at', '50ms']).status).toBe(3);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    expect(coreback(['resume', file])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('its checksum is wrong'),
    });
    expect(coreback(['resume', MAIN])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is no saved state'),
    });
  });
});
