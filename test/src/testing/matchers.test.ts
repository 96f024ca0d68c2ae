import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type FaultyRunOptions,
  guestFragments,
  type Programs,
  runWithFaults,
} from '../../../src/host/testing/index.ts';
import '../../../src/host/testing/vitest.ts';
import { shippedPrograms } from '../../../src/host/guest-programs.ts';
import { parseReplay } from '../../../src/testing/replay-file.ts';
import { runTrial } from '../../../src/testing/trial.ts';

// The matchers save what fails below the current folder.
const FOLDER = mkdtempSync(join(tmpdir(), 'coreback-matchers-'));
const before = process.cwd();
beforeAll(() => process.chdir(FOLDER));
afterAll(() => {
  process.chdir(before);
  rmSync(FOLDER, { recursive: true, force: true });
});

const failing = (process: string, ms: number, machine: FaultyRunOptions['machine'] = {}): FaultyRunOptions => ({
  machine: { cores: 2, checkpointEvery: '50ms', ...machine },
  nice: 3,
  faults: [{ model: 'fail-stop', trigger: { at: 'process', process, ns: ms * 1e6 } }],
});

/** Writes only at its very end. */
const SILENT: Programs = { fragments: [{ do: 'mix', turns: 40_000 }] };

/** What a matcher that fails says. */
function complaint(matcher: () => void): string {
  try {
    matcher();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the matcher did not fail');
}

describe('matchers for vitest', () => {
  const recovered = runWithFaults('count 8 20', failing('count', 60));
  const lost = runWithFaults('count 8 20', failing('count', 60, { recovery: 'none' }));

  it('take a run that has recovered', () => {
    expect(recovered).toRecover();
    expect(recovered).toKeepPriority();
    const { core } = recovered.run!.result.faults[0]!;
    expect(recovered).toNeverRunOn(core, { from: '100ms' });
    expect(recovered).not.toNeverRunOn([0, 1]);
    expect(lost).not.toRecover();
  });

  it('tell an exact recovery from one that writes twice', () => {
    expect(runWithFaults(SILENT, failing('generated', 60))).toRecoverExactly();
    expect(runWithFaults('count 8 20', failing('count', 90, { checkpointEvery: '1s' }))).not.toRecoverExactly();
  });

  it('take programs, and try faults at random', () => {
    expect('count 8 20').toRecover({ runs: 5 });
    expect(SILENT).toRecoverExactly({ runs: 5 });
    expect('count 8 20').not.toRecover({ runs: 5, machine: { recovery: 'none' } });
  });

  it('save what fails, so that it can be replayed', () => {
    const message = complaint(() => expect(lost).toRecover());
    expect(message).toContain('outcome detected-unrecovered');
    const [, path] = /again: npx coreback replay (\S+)/.exec(message)!;
    const replay = parseReplay(readFileSync(path!, 'utf8'), path!);
    expect(runTrial(replay, { programs: shippedPrograms() }).problems).toEqual(lost.problems);

    const onCore = complaint(() => expect(recovered).toNeverRunOn([0, 1], { program: 1 }));
    expect(onCore).toContain('program-1 ran on');
    const [, second] = /again: npx coreback replay (\S+)/.exec(onCore)!;
    const again = runTrial(parseReplay(readFileSync(second!, 'utf8'), second!), { programs: shippedPrograms() });
    expect(again.problems.join()).toContain('program-1 ran on');
    expect(readdirSync(join('.coreback', 'failures')).some((name) => name.endsWith('.tmp'))).toBe(false);
  });

  it('say what they take', () => {
    expect(() => expect('count').toKeepPriority()).toThrow('takes what runWithFaults gives');
    expect(() =>
      runWithFaults('count', { faults: [{ model: 'fail-stop', trigger: { at: 'time', core: 9, ns: 0 } }] }),
    ).toThrow('faults[0].trigger.core');
    expect(guestFragments).toBeTypeOf('function');
    expect(existsSync(join('.coreback', 'failures'))).toBe(true);
  });
}, 120_000);
