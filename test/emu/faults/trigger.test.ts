import { describe, expect, it } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import type { FaultPlan, FaultSpec, FaultTrigger } from '../../../emu/faults/plan.ts';
import { exponentialGapNs } from '../../../emu/faults/poisson.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { type GuestProgram, program, Run, SCRATCH } from '../../support/guest-program.ts';

const CHEAP = { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 };
const stop = (trigger: FaultTrigger): FaultSpec => ({ model: 'fail-stop', trigger });
const flipEdx = (trigger: FaultTrigger, bit = 0): FaultSpec => ({
  model: 'bit-flip',
  target: { in: 'register', register: 'edx' },
  bit,
  trigger,
});

function run(programs: Record<string, GuestProgram>, faults: FaultPlan, config: SystemConfig = {}): Run {
  const made = new Run(programs, { faults, costs: CHEAP, ...config });
  for (const name of Object.keys(programs)) made.start(name);
  made.go(200e6);
  return made;
}

const le = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join('');
const struck = (made: Run): { core: number; instruction: number }[] =>
  made.events('core-fault').map(({ victim, instruction }) => ({ core: victim, instruction }));

describe('a program counter', () => {
  // 2 instructions, then 3 a turn, the first of them at `turn`.
  const loop = program((p) =>
    p.raw('31d2').raw('b9e8030000').mark('turn').raw('90').raw('49').raw('75fc').raw('89d0').log('edx').exit(0),
  );
  const address = loop.address('turn');

  it.each([1, 2, 500, 1000])('strikes just before execution %i', (hits) => {
    const made = run({ loop }, [flipEdx({ at: 'pc', address, hits })]);
    expect(struck(made)).toEqual([{ core: 0, instruction: 2 + 3 * (hits - 1) }]);
    expect(made.logOf(2).edx).toBe(1);
  });

  it('never strikes when it is not hit often enough', () => {
    expect(struck(run({ loop }, [stop({ at: 'pc', address, hits: 1001 })]))).toEqual([]);
    expect(struck(run({ loop }, [stop({ at: 'pc', address: address - 1, hits: 1 })]))).toEqual([]);
  });

  it('may be watched for by several faults, each with its own count', () => {
    const faults = [3, 1, 3, 7].map((hits, bit) => flipEdx({ at: 'pc', address, hits }, bit));
    const made = run({ loop }, faults);
    expect(struck(made).map(({ instruction }) => instruction)).toEqual([2, 8, 8, 20]);
    expect(made.logOf(2).edx).toBe(0b1111);
  });

  it('counts on all cores, on one, or in one process', () => {
    const programs = { loop, other: loop };
    const only = (more: object): FaultPlan => [stop({ at: 'pc', address, hits: 600, ...more })];
    expect(struck(run(programs, only({ process: 'other' }), { cores: 2, recovery: 'none' }))).toEqual([
      { core: 1, instruction: 2 + 3 * 599 },
    ]);
    const anywhere = run(programs, [stop({ at: 'pc', address, hits: 1700 })], { cores: 2, recovery: 'none' });
    expect(struck(anywhere)).toHaveLength(1);
    expect(struck(run(programs, [stop({ at: 'pc', address, hits: 1700, process: 'loop' })], { cores: 2 }))).toEqual([]);
    const byCore = run(programs, [stop({ at: 'pc', address, hits: 1, core: 1 })], { cores: 2, recovery: 'none' });
    expect(struck(byCore)).toEqual([{ core: 1, instruction: 2 }]);
  });

  it('counts an instruction that faults and is begun again once', () => {
    // A store to the stack far below: the page comes with the fault.
    const growing = program((p) => p.raw('31d2').mark('store').raw('c78424').raw('00c0ffff').raw('01000000').exit(0));
    const made = run({ growing }, [
      flipEdx({ at: 'pc', address: growing.address('store'), hits: 1 }),
      flipEdx({ at: 'pc', address: growing.address('store'), hits: 2 }),
    ]);
    expect(struck(made)).toEqual([{ core: 0, instruction: 1 }]);
  });

  it('is met by every way of getting there', () => {
    const ways = program((p) => {
      p.raw('31d2').routine('target', (q) => q.raw('42').raw('c3'));
      const target = le(p.address('target'));
      // call rel32 (through a jump), call eax, call [mem], push + ret
      p.raw(`b8${target} ffd0`)
        .store(SCRATCH)
        .raw(`ff15${le(SCRATCH)}`);
      p.raw('68')
        .raw(le(p.here + 4 + 5 + 1))
        .raw(`68${target} c3`);
      return p.raw('89d0').log('count').exit(0);
    });
    const address = ways.address('target');
    for (const hits of [1, 2, 3])
      expect(struck(run({ ways }, [flipEdx({ at: 'pc', address, hits }, 9)]))).toHaveLength(1);
    expect(struck(run({ ways }, [flipEdx({ at: 'pc', address, hits: 4 })]))).toEqual([]);
    expect(run({ ways }, []).logOf(2).count).toBe(3);
  });

  it('leaves a run alone in which it does not strike', () => {
    const busy = program((p) => p.burn(500).sleep(1000).burn(100).sys('getpid').log('pid').exit(0));
    const plain = run({ busy }, []);
    const watched = run({ busy }, [stop({ at: 'pc', address: 0x12345678, hits: 1 })]);
    expect(watched.system.events).toEqual(plain.system.events);
  });
});

describe('a system call', () => {
  const calls = program((p) => p.sys('getpid').sys('getuid').sys('getpid').log('pid').burn(10).exit(0));

  it('is counted by its name, and the core that makes it is hit before the kernel has begun', () => {
    const made = run({ calls }, [stop({ at: 'syscall', nth: 2, name: 'getpid' })], { recovery: 'none', cores: 2 });
    // Each call is push 0, mov, int, jnc, add: 2 * 5, and 3 up to the third int.
    expect(struck(made)).toEqual([{ core: 0, instruction: 13 }]);
    expect(made.events('output')).toEqual([]);
  });

  it('is counted whatever its name', () => {
    const made = run({ calls }, [flipEdx({ at: 'syscall', nth: 2 })]);
    expect(struck(made)).toEqual([{ core: 0, instruction: 8 }]);
  });

  it('of one process or on one core', () => {
    const programs = { calls, other: calls };
    const byProcess = run(programs, [flipEdx({ at: 'syscall', nth: 1, process: 'other' })], { cores: 2 });
    expect(byProcess.events('core-fault')).toHaveLength(1);
    const { core } = struck(byProcess)[0]!;
    const runner = byProcess.events('switch').find((event) => event.core === core && event.name !== 'idle');
    expect(runner?.name).toBe('other');
    expect(struck(run(programs, [flipEdx({ at: 'syscall', nth: 3, core: 1 })], { cores: 2 }))).toMatchObject([
      { core: 1 },
    ]);
    expect(struck(run(programs, [flipEdx({ at: 'syscall', nth: 1, name: 'fork' })], { cores: 2 }))).toEqual([]);
  });
});

describe('a rate', () => {
  const spinner = program((p) => p.spin());

  it('strikes again and again, at the times that its seed says, whatever else happens', () => {
    const rate = (seed: number, maxCount?: number): FaultTrigger => ({
      at: 'rate',
      core: 0,
      meanNs: 2_000_000,
      seed,
      ...(maxCount === undefined ? {} : { maxCount }),
    });
    const times = (faults: FaultPlan): number[] => {
      const made = new Run({ spinner }, { faults, costs: CHEAP });
      made.start('spinner');
      made.system.run({ untilNs: 100e6 });
      return made
        .events('core-fault')
        .filter(({ fault }) => fault === 0)
        .map(({ ns }) => ns);
    };
    const first = times([flipEdx(rate(1))]);
    expect(first.length).toBeGreaterThan(30);
    expect(first.length).toBeLessThan(75);
    expect(times([flipEdx(rate(1))])).toEqual(first);
    expect(times([flipEdx(rate(1)), flipEdx(rate(9))])).toEqual(first);
    expect(times([flipEdx(rate(2))])).not.toEqual(first);
    expect(times([flipEdx(rate(1, 3))])).toEqual(first.slice(0, 3));
  });

  it('has gaps that are distributed exponentially', () => {
    const prng = Prng.seeded(7);
    const meanNs = 1_000_000;
    const gaps = Array.from({ length: 20_000 }, () => exponentialGapNs(prng, meanNs));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    // The standard error of the mean is 0.7 % of it.
    expect(Math.abs(mean / meanNs - 1)).toBeLessThan(0.03);
    // Kolmogorov-Smirnov against 1 - exp(-x): 1.63 / sqrt(n) at 1 %.
    const sorted = gaps.toSorted((a, b) => a - b);
    const distance = sorted.reduce((worst, gap, n) => {
      const expected = 1 - Math.exp(-gap / meanNs);
      return Math.max(worst, Math.abs(expected - n / sorted.length), Math.abs(expected - (n + 1) / sorted.length));
    }, 0);
    expect(distance).toBeLessThan(1.63 / Math.sqrt(sorted.length));
  });
});

describe('before the first instruction', () => {
  it('a fault at instruction 0 finds the program on its core', () => {
    const made = run({ main: program((p) => p.raw('89d0').log('edx').exit(0)) }, [
      flipEdx({ at: 'instruction', core: 0, instruction: 0 }, 4),
    ]);
    expect(made.logOf(2).edx).toBe(16);
    expect(struck(made)).toEqual([{ core: 0, instruction: 0 }]);
  });
});
