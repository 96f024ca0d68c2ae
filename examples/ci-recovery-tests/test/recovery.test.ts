import { checkpointSchedules, checkRecovery, interleavings, runWithFaults } from 'coreback/testing';
import 'coreback/testing/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** The core that runs `count` stops for good at 0.5 s. */
const coreOfCountDies = {
  faults: [{ model: 'fail-stop', trigger: { at: 'process', process: 'count', ns: 500_000_000 } }],
} as const;

describe('a counter whose core dies', () => {
  const run = runWithFaults(['count 20 50', 'primes 3000'], {
    ...coreOfCountDies,
    machine: { cores: 3, checkpointEvery: '200ms' },
    nice: 5,
  });

  it('goes on, and nothing is lost', () => {
    expect(run).toRecover();
    expect(run.run!.result.processes[0]).toMatchObject({ name: 'count', exit: 0 });
  });

  it('keeps its priority', () => {
    expect(run).toKeepPriority();
  });

  it('never runs on the dead core again', () => {
    const [fault] = run.run!.result.faults;
    expect(run).toNeverRunOn(fault!.core, { from: `${fault!.detectedAtNs! + 1}ns` });
  });

  it('is lost without recovery, which the outcome says', () => {
    const lost = runWithFaults('count 20 50', { ...coreOfCountDies, machine: { recovery: 'none' } });
    expect(lost.outcome).toBe('detected-unrecovered');
  });
});

describe('whatever cores die, and whenever', () => {
  it('everything recovers', { timeout: 60_000 }, () => {
    const { outcomes } = checkRecovery(['count 10 20', 'primes 2000'], { runs: 15 });
    // Faults that never strike would prove nothing.
    const recovered = (outcomes['recovered-exact'] ?? 0) + (outcomes['recovered-at-least-once'] ?? 0);
    expect(recovered).toBeGreaterThan(0);
  });

  it('matrices are multiplied right on two cores, however the instructions interleave', { timeout: 60_000 }, () => {
    const machines = fc
      .tuple(interleavings(), checkpointSchedules({ minMs: 50, maxMs: 200 }))
      .map(([interleaving, checkpointEvery]) => ({ cores: 2, checkpointEvery, ...interleaving }));
    expect('matrix 20 4').toRecover({ runs: 10, machines });
  });
});
