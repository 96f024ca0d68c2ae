import { describe, expect, it } from 'vitest';
import type { Pid } from '../../../kernel-sim/abi/ids.ts';
import { cpuBit } from '../../../kernel-sim/kern/cpumask.ts';
import type { TraceEvent } from '../../../kernel-sim/kern/events.ts';
import type { System } from '../../../src/system.ts';
import { guestFragments } from '../../../src/testing/arbitraries.ts';
import { checkRecovery, type FailureStore, RecoveryFailure } from '../../../src/testing/check-recovery.ts';
import { SCRATCH } from '../../../src/testing/guest-program.ts';
import { parseReplay } from '../../../src/testing/replay-file.ts';
import { runTrial } from '../../../src/testing/trial.ts';

/*
 * Who watches the property kit: a recovery with a mistake in it must be found, and shrunk to one fault. The mistakes are made from outside,
 * in the kernel's records, at the moment at which the recovery is at work: the code of the recovery knows nothing of them.
 */

interface PlantedBug {
  readonly name: string;
  /** What the report must say. */
  readonly found: RegExp;
  readonly plant: (system: System, event: TraceEvent) => void;
}

const stepOf = (event: TraceEvent): string => (event.kind === 'restart-step' ? event.step : '');

const BUGS: readonly PlantedBug[] = [
  {
    name: 'the recovered process has lost its priority',
    found: /lost its (priority|nice value)|outcome recovered-wrong/,
    plant: ({ kernel }, event) => {
      if (event.kind !== 'restart-step' || event.step !== 'fork') return;
      const recovery = kernel.state.recoveries.get(event.pid)!;
      const threads = recovery.threads.map((thread) => ({ ...thread, basePri: thread.basePri + 1 }));
      kernel.state.recoveries.set(event.pid, { ...recovery, threads });
    },
  },
  {
    name: 'one page is not restored',
    found: /page 0x8060000 is not as in checkpoint|outcome recovered-wrong/,
    plant: ({ kernel }, event) => {
      if (event.kind !== 'restart-step' || stepOf(event) !== 'registers') return;
      const child = [...kernel.state.procs.values()].find((p) => p.ppid === event.by)!;
      kernel.space(child.vmspace).poke(SCRATCH, new Uint8Array(4096));
    },
  },
  {
    name: 'the dead core is used again',
    found: /dead core \d+ /,
    plant: ({ kernel, machine }, event) => {
      if (event.kind !== 'core-removed') return;
      machine.cores[event.victim]!.failed = false;
      kernel.setCpu(event.victim, { dead: false });
      for (const set of kernel.state.cpusets.values())
        kernel.state.cpusets.set(set.id, { ...set, mask: (set.mask | cpuBit(event.victim)) >>> 0 });
    },
  },
  {
    name: 'a pending signal is dropped',
    found: /lost pending signal 30/,
    plant: ({ kernel }, event) => {
      if (event.kind === 'restart-step' && event.step === 'fork') kernel.setProc(event.pid as Pid, { sigqueue: [] });
    },
  },
];

/** Failures in memory, by name of their check. */
class MemoryStore implements FailureStore {
  readonly saved: { name: string; path: string; text: string }[] = [];

  load(name: string): { path: string; text: string }[] {
    return this.saved.filter((each) => each.name === name);
  }

  save(name: string, text: string): string {
    const path = `failure-${this.saved.length + 1}.json`;
    this.saved.push({ name, path, text });
    return path;
  }
}

const programs = guestFragments().map((fragments) => ({ fragments }));
const MINUTE_US = 60e6;

function failureOf(check: () => unknown): RecoveryFailure {
  try {
    check();
  } catch (error) {
    if (error instanceof RecoveryFailure) return error;
    throw error;
  }
  throw new Error('the planted bug was not found');
}

describe.each(BUGS)('$name', ({ found, plant }) => {
  const prepare = (system: System): void => {
    system.onEvent((event) => {
      plant(system, event);
    });
  };

  it('is found, shrunk to one fault, saved, and run first the next time', { timeout: 600_000 }, () => {
    const store = new MemoryStore();
    const before = process.cpuUsage();
    const failure = failureOf(() => checkRecovery(programs, { runs: 500 }, { programs: [], store, prepare }));
    expect(failure.message).toMatch(found);
    // Of the processor's time: how long that takes by the clock depends on who else runs.
    expect(process.cpuUsage(before).user).toBeLessThan(MINUTE_US);
    expect(failure.message).toContain('npx coreback replay failure-1.json');
    expect(failure.verdict.trial.faults).toHaveLength(1);

    const replay = parseReplay(store.saved[0]!.text, failure.path);
    expect(replay.faults).toEqual(failure.verdict.trial.faults);
    const again = runTrial(replay, { programs: [], prepare });
    expect(again.problems).toEqual(failure.verdict.problems);
    // The bug, not the kit: without it the very same run holds.
    expect(runTrial(replay, { programs: [] }).problems).toEqual([]);

    const second = failureOf(() => checkRecovery(programs, { runs: 500 }, { programs: [], store, prepare }));
    expect(second.message).toContain('still fails');
    expect(store.saved).toHaveLength(1);
  });
});
