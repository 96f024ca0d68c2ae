import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import type { FaultEffect, FaultPlan } from '../../../emu/faults/plan.ts';
import { DEFAULT_FAULT_GENERATOR } from '../../../emu/machine/fault-generator.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { program, Run } from '../../support/guest-program.ts';

const spinner = program((p) => p.spin());
const worker = program((p) => p.burn(50_000).exit(0));
/** Kernel work that costs nothing, so that times are exact. */
const FREE = { syscallInstructions: 0, contextSwitchInstructions: 0, checkpointBaseNs: 0, checkpointNsPerKiB: 0 };

const at = (effect: FaultEffect, core: number, ns: number): FaultPlan => [
  { ...effect, trigger: { at: 'time', core, ns } },
];

function spin(cores: number, faults: FaultPlan, config: SystemConfig = {}): Run {
  const run = new Run({ spinner }, { cores, faults, recovery: 'none', costs: FREE, ...config });
  for (let n = 0; n < cores; n++) run.start('spinner');
  return run;
}

describe('a core that hangs', () => {
  it('retires nothing more and is found like a dead one, but its registers can still be read', () => {
    for (const model of ['hang', 'fail-stop'] as const) {
      const run = spin(2, at({ model }, 1, 3_141_500));
      run.system.run({ untilNs: 50_000_000 });
      const core = run.system.machine.cores[1]!;
      expect(core.retired).toBe(31_415);
      expect(core.registersLost).toBe(model === 'fail-stop');
      expect(run.events('core-fault')).toMatchObject([{ victim: 1, model, ns: 3_141_500 }]);
      expect(run.events('fault-detected')).toMatchObject([{ victim: 1, misses: 2, ns: 21_000_000 }]);
      expect(run.events('core-removed')).toMatchObject([{ victim: 1, cpusLeft: [0] }]);
    }
  });
});

describe('a core that is away for a while', () => {
  const away = (downNs: number): FaultPlan => at({ model: 'intermittent', downNs }, 1, 2_000_000);

  it('goes on where it was, later', () => {
    const run = spin(2, away(5_000_000));
    run.system.run({ untilNs: 30_000_000 });
    expect(run.events('core-back')).toMatchObject([{ victim: 1, ns: 7_000_000, instruction: 20_000 }]);
    expect(run.events('fault-detected')).toEqual([]);
    expect(run.system.machine.cores.map(({ retired }) => retired)).toEqual([300_000, 250_000]);
  });

  it('ends its work with the result that it would have had', () => {
    const run = new Run({ worker }, { cores: 2, faults: away(5_000_000) });
    const pids = [run.start('worker'), run.start('worker')];
    expect(run.go().reason).toBe('finished');
    for (const pid of pids) expect(run.exitOf(pid)).toEqual({ code: 0, signal: 0 });
    expect(run.events('core-fault')).toHaveLength(1);
  });

  it('stays out when it has been found dead meanwhile', () => {
    const run = spin(2, away(40_000_000));
    run.system.run({ untilNs: 100_000_000 });
    expect(run.events('core-removed')).toMatchObject([{ victim: 1 }]);
    expect(run.events('core-back')).toEqual([]);
    expect(run.system.machine.cores[1]!.retired).toBe(20_000);
  });

  it('is waited for when it is the only one', () => {
    const run = new Run(
      { worker },
      { cores: 1, faults: at({ model: 'intermittent', downNs: 15_000_000 }, 0, 2_000_000) },
    );
    const pid = run.start('worker');
    expect(run.go().reason).toBe('finished');
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: 0 });
    expect(run.events('exit')[0]!.ns).toBeGreaterThan(25_000_000);
  });
});

describe('a slow core', () => {
  it('takes so many times as long for every instruction', () => {
    const run = spin(2, at({ model: 'slow', factor: 5 }, 1, 10_000_000));
    run.system.run({ untilNs: 60_000_000 });
    expect(run.system.machine.cores.map(({ retired }) => retired)).toEqual([600_000, 100_000 + 100_000]);
    expect(run.events('fault-detected')).toEqual([]);
  });

  it('is as fast as before once that is over', () => {
    const run = spin(2, at({ model: 'slow', factor: 10, forNs: 20_000_000 }, 1, 10_000_000));
    run.system.run({ untilNs: 60_000_000 });
    expect(run.system.machine.cores[1]!.retired).toBe(100_000 + 20_000 + 300_000);
  });

  it('answers late: found when the deadline is shorter than its answer, and taken out', () => {
    // An answer takes 100 instructions: 10 us on a sound core of 10 MHz.
    const faultGenerator = { ...DEFAULT_FAULT_GENERATOR, deadlineNs: 500_000 };
    const lazy = (factor: number): Run => {
      const run = spin(2, at({ model: 'slow', factor }, 1, 1_000_000), { faultGenerator });
      run.system.run({ untilNs: 60_000_000 });
      return run;
    };
    expect(lazy(50).events('fault-detected')).toEqual([]);
    const found = lazy(51);
    expect(found.events('fault-detected')).toMatchObject([{ victim: 1, misses: 2 }]);
    const stoppedAt = found.system.machine.cores[1]!.retired;
    found.system.run({ untilNs: 100_000_000 });
    expect(found.system.machine.cores[1]!.retired).toBe(stoppedAt);
  });

  it('cannot be told from a sound one by a deadline that no core meets', () => {
    const faultGenerator = { ...DEFAULT_FAULT_GENERATOR, deadlineNs: 9_999 };
    expect(() => spin(2, [], { faultGenerator })).toThrow(UsageError);
    expect(() => spin(2, [], { faultGenerator })).toThrow('faultGenerator.deadlineNs: is shorter than the 10000 ns');
  });
});

describe('a machine check', () => {
  const check: FaultEffect = { model: 'machine-check', bank: 4, status: 'b200000000000800', address: 'abc0' };

  it('is known at once, with what the bank says, and the core is taken out', () => {
    const run = spin(3, at(check, 0, 5_000_000));
    run.system.run({ untilNs: 30_000_000 });
    expect(run.events('core-fault')).toMatchObject([
      { victim: 0, effect: 'machine check: MC4_STATUS 0xb200000000000800, MC4_ADDR 0xabc0' },
    ]);
    expect(run.events('fault-detected')).toMatchObject([{ victim: 0, core: 1, latencyNs: 0, ns: 5_000_000 }]);
    expect(run.events('core-removed')).toMatchObject([{ victim: 0, cpusLeft: [1, 2], ns: 5_000_000 }]);
    const log = run.events('log').map(({ text }) => text);
    expect(log).toEqual(['MCA: Bank 4, Status 0xb200000000000800', 'MCA: CPU 0, Address 0xabc0']);
  });

  it('at an instruction is known there', () => {
    const run = spin(2, [{ ...check, trigger: { at: 'instruction', core: 1, instruction: 777 } }]);
    run.system.run({ untilNs: 30_000_000 });
    expect(run.system.machine.cores[1]!.retired).toBe(777);
    expect(run.events('fault-detected')).toMatchObject([{ victim: 1, ns: 77_700 }]);
  });

  it('brings the process back elsewhere', () => {
    const run = new Run(
      { worker },
      { cores: 2, checkpointEveryNs: 1_000_000, costs: FREE, faults: at(check, 0, 5_000_000) },
    );
    const pid = run.start('worker');
    expect(run.go().reason).toBe('finished');
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: 0 });
    expect(run.events('recovery-done')).toMatchObject([{ pid, victim: 0 }]);
  });

  it('of the only core ends the run', () => {
    const run = spin(1, at(check, 0, 5_000_000));
    expect(run.system.run().reason).toBe('no-healthy-core');
    expect(run.events('fault-detected')).toEqual([]);
  });
});

describe('interrupts', () => {
  it('that are lost make a sound core look dead', () => {
    const lost = (count: number): Run => {
      const run = spin(2, at({ model: 'lost-interrupt', count }, 1, 9_990_000));
      run.system.run({ untilNs: 60_000_000 });
      return run;
    };
    // At 10 ms a poll is due, at 15.6 ms a tick of the statistics clock, at 20 ms the next poll.
    expect(lost(2).events('fault-detected')).toEqual([]);
    expect(lost(3).events('fault-detected')).toMatchObject([{ victim: 1, ns: 21_000_000 }]);
  });

  it('that are lost leave the running thread on its core for longer', () => {
    const two = (count: number): readonly number[] => {
      const faults: FaultPlan = count === 0 ? [] : at({ model: 'lost-interrupt', count }, 0, 1_000);
      const faultGenerator = { periodNs: 900_000_000, deadlineNs: 1_000_000, misses: 2 };
      const run = new Run({ spinner }, { cores: 1, faults, costs: FREE, faultGenerator });
      run.start('spinner');
      run.start('spinner');
      run.system.run({ untilNs: 400_000_000 });
      return run.events('switch').map(({ ns }) => ns);
    };
    const [plain, late] = [two(0), two(5)];
    const tickNs = 7_812_500;
    expect(late[1]! - plain[1]!).toBe(5 * tickNs);
  });

  it('that nobody asked for cost time and leave a line in the log', () => {
    const faults: FaultPlan = [
      { model: 'spurious-interrupt', vector: 39, trigger: { at: 'instruction', core: 0, instruction: 1000 } },
    ];
    const costs = { ...FREE, syscallInstructions: 100 };
    const spun = (plan: FaultPlan): Run => {
      const run = new Run({ spinner }, { faults: plan, costs });
      run.start('spinner');
      run.system.run({ untilNs: 10_000_000 });
      return run;
    };
    const run = spun(faults);
    expect(run.events('log').map(({ text }) => text)).toEqual(['stray irq7']);
    const retired = (made: Run): number => made.system.machine.cores[0]!.retired;
    expect(retired(run)).toBe(retired(spun([])) - 100);
    expect(run.events('core-fault')).toMatchObject([{ instruction: 1000 }]);
  });
});

describe('a core that is gone', () => {
  it('cannot be hit again', () => {
    const all: FaultPlan = [
      ...at({ model: 'fail-stop' }, 1, 1_000_000),
      ...at({ model: 'hang' }, 1, 2_000_000),
      ...at({ model: 'intermittent', downNs: 1000 }, 1, 3_000_000),
      ...at({ model: 'bit-flip', target: { in: 'register', register: 'eax' }, bit: 0 }, 1, 4_000_000),
    ];
    const run = spin(2, all);
    run.system.run({ untilNs: 60_000_000 });
    expect(run.events('core-fault')).toHaveLength(1);
    expect(run.events('core-back')).toEqual([]);
  });

  it('may be all of them at the same instant', () => {
    const all = [0, 1, 2].flatMap((core) => at({ model: 'fail-stop' }, core, 1_000_000));
    const run = spin(3, all);
    expect(run.system.run().reason).toBe('no-healthy-core');
    expect(run.events('core-fault').map(({ ns, victim }) => [ns, victim])).toEqual([
      [1_000_000, 0],
      [1_000_000, 1],
      [1_000_000, 2],
    ]);
  });
});
