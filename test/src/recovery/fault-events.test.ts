import { describe, expect, it } from 'vitest';
import type { FaultEffect, FaultPlan, FaultTrigger } from '../../../emu/faults/plan.ts';
import { readCore } from '../../../kernel-sim/elf/core-file.ts';
import { readFile } from '../../../kernel-sim/vfs/memfs.ts';
import { program, Run, SCRATCH } from '../../support/guest-program.ts';

const CHEAP = { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 1000, checkpointNsPerKiB: 0 };
/** Counts in memory, so that a process that comes back says where it came from. */
const counter = program((p) =>
  p
    .set(SCRATCH, 0)
    .repeat(2000, SCRATCH + 4, (q) => q.raw('ff05').raw('00000608').burn(10))
    .load(SCRATCH)
    .log('count')
    .exit(0),
);
const die = (trigger: FaultTrigger): FaultPlan => [{ model: 'fail-stop', trigger }];
const dieAt = (ns: number): FaultPlan => die({ at: 'process', process: 'counter', ns });

function run(faults: FaultPlan, cores = 3): { made: Run; pid: number } {
  const made = new Run({ counter }, { cores, faults, checkpointEveryNs: 1_000_000, costs: CHEAP });
  const pid = made.start('counter');
  made.go();
  return { made, pid };
}

function expectRight({ made, pid }: { made: Run; pid: number }): void {
  expect(made.exitOf(pid)).toEqual({ code: 0, signal: 0 });
  expect(made.logOf(pid)).toEqual({ count: 2000 });
}

describe('a core that dies while it writes a checkpoint', () => {
  it('leaves a part of it, and the process comes back from the one before', () => {
    const result = run(die({ at: 'checkpoint', nth: 3 }));
    expectRight(result);
    const { made, pid } = result;
    const [fault] = made.events('core-fault');
    expect(fault).toMatchObject({ victim: 0, ns: 2_000_000 });
    expect(made.events('recovery-start')).toMatchObject([{ pid, file: `/var/checkpoint/core.${pid}.1` }]);
    const part = readFile(made.system.kernel, `/var/checkpoint/core.${pid}.2.part`);
    expect(typeof part).toBe('object');
    expect(() => readCore(part as Uint8Array)).toThrow();
    expect(made.events('log').map(({ text }) => text)[0]).toMatch(/checkpoint of pid 2: cannot write .*core.2.2: EIO/);
  });

  it('may be another one than the writer: the checkpoint is complete', () => {
    const result = run(die({ at: 'checkpoint', nth: 3, core: 2 }));
    expectRight(result);
    expect(result.made.events('core-fault')).toMatchObject([{ victim: 2 }]);
    expect(result.made.events('recovery-start')).toEqual([]);
    expect(result.made.events('checkpoint')[2]).toMatchObject({ ns: 2_000_000 });
  });

  it('is the one that checkpoints a process of this name', () => {
    const two = new Run(
      { counter, idle: program((p) => p.spin()) },
      {
        cores: 3,
        faults: die({ at: 'checkpoint', nth: 2, process: 'idle' }),
        checkpointEveryNs: 1_000_000,
        costs: CHEAP,
      },
    );
    const pid = two.start('counter');
    two.start('idle');
    two.go(100e6);
    expect(two.events('core-fault')).toMatchObject([{ ns: 1_000_000 }]);
    expect(two.events('core-fault')[0]!.victim).not.toBe(two.events('switch').find((e) => e.pid === pid)!.core);
  });
});

describe('a core that dies in a recovery', () => {
  const steps = (): string[] => {
    const { made } = run(dieAt(2_500_000));
    return made.events('restart-step').map(({ step }) => step);
  };

  it('at any step: the restart begins again on another, and the process comes back', () => {
    const names = steps();
    expect(names.slice(0, 4)).toEqual(['read', 'pr_status', 'fork', 'exec']);
    expect(names.at(-1)).toBe('detach');
    names.forEach((_, n) => {
      const result = run([...dieAt(2_500_000), ...die({ at: 'recovery', nth: 1, step: n + 1 })]);
      expectRight(result);
      expect(result.made.events('core-fault')).toHaveLength(2);
      expect(result.made.events('recovery-done')).toHaveLength(1);
      const told = result.made.events('restart-step').map(({ step }) => step);
      expect(told).toEqual([...names.slice(0, n + 1), ...names]);
    });
  });

  it('at a step by its name, counted by recovery', () => {
    const two = run([...dieAt(2_500_000), ...dieAt(22_500_000), ...die({ at: 'recovery', nth: 2, step: 'load' })], 4);
    expectRight(two);
    const failures = two.made.events('core-fault');
    expect(failures).toHaveLength(3);
    expect(failures[2]!.ns).toBeGreaterThan(two.made.events('recovery-start')[1]!.ns);
  });

  it('may be a spare one that has nothing to do with it', () => {
    const result = run([...dieAt(2_500_000), ...die({ at: 'recovery', nth: 1, step: 'load', core: 2 })]);
    expectRight(result);
    expect(result.made.events('core-fault').map(({ victim }) => victim)).toEqual([0, 2]);
    expect(result.made.events('recovery-done')).toHaveLength(1);
  });

  it('may be every core there is', () => {
    const everybody = [0, 1, 2].flatMap((core) => die({ at: 'recovery', nth: 1, step: 'load', core }));
    const { made } = run([...dieAt(2_500_000), ...everybody]);
    expect(made.go().reason).toBe('no-healthy-core');
  });
});

describe('a checkpoint that is written badly', () => {
  const badly = (failure: Omit<Extract<FaultEffect, { model: 'checkpoint-write' }>, 'model'>, nth = 3): FaultPlan => [
    { model: 'checkpoint-write', ...failure, trigger: { at: 'checkpoint', nth } },
  ];

  it('with an error: the one before stays the last', () => {
    const result = run([...badly({ failure: 'error', atByte: 5000 }), ...dieAt(2_500_000)]);
    expectRight(result);
    expect(result.made.events('core-fault')[0]).toMatchObject({
      model: 'checkpoint-write',
      effect: 'a checkpoint cannot be written from byte 5000 on',
    });
    expect(result.made.events('recovery-start')).toMatchObject([{ file: '/var/checkpoint/core.2.1' }]);
  });

  it.each([
    ['cut off', { failure: 'torn', atByte: 100_000 }],
    ['empty', { failure: 'torn', atByte: 0 }],
    ['with a wrong bit in the memory', { failure: 'bit-flip', atByte: 9000, bit: 5 }],
    ['with a wrong bit in the registers', { failure: 'bit-flip', atByte: 0x200, bit: 0 }],
  ] as const)('and is %s: the restart takes the one before, and says why', (_, failure) => {
    const result = run([...badly(failure), ...dieAt(2_500_000)]);
    expectRight(result);
    const { made, pid } = result;
    expect(made.events('recovery-start')).toMatchObject([{ pid, file: `/var/checkpoint/core.${pid}.1` }]);
    expect(made.events('recovery-done')).toMatchObject([{ fromNs: 1_000_000 }]);
    const log = made.events('log').map(({ text }) => text);
    expect(log.filter((text) => text.includes(`core.${pid}.2 cannot be used`))).toHaveLength(1);
  });

  it('like the one before: there is nothing to go back to', () => {
    const torn = { failure: 'torn', atByte: 5000 } as const;
    const { made, pid } = run([...badly(torn, 2), ...badly(torn, 3), ...dieAt(2_500_000)]);
    expect(made.exitOf(pid)).toEqual({ code: 0, signal: 9 });
    expect(made.events('recovery-failed')).toMatchObject([{ why: 'none of its checkpoints can be read' }]);
  });

  it('in the layout of 9.0, which has no checksum: a torn one is known, a wrong bit is not', () => {
    const plain = (failure: Parameters<typeof badly>[0]): string => {
      const made = new Run(
        { counter },
        {
          cores: 3,
          faults: [...badly(failure), ...dieAt(2_500_000)],
          checkpointEveryNs: 1_000_000,
          costs: CHEAP,
          coreLayout: '9.0',
        },
      );
      made.start('counter');
      made.go();
      return made.events('recovery-start')[0]!.file;
    };
    expect(plain({ failure: 'torn', atByte: 10_000 })).toBe('/var/checkpoint/core.2.1');
    expect(plain({ failure: 'bit-flip', atByte: 9000, bit: 5 })).toBe('/var/checkpoint/core.2.2');
  });

  it('torn or with a wrong bit: its bytes are as the fault says, and nobody is told', () => {
    const fileAfter = (faults: FaultPlan): Uint8Array => {
      const { made } = run(faults);
      expect(made.events('checkpoint')[2]).toMatchObject({ file: '/var/checkpoint/core.2.2' });
      return readFile(made.system.kernel, '/var/checkpoint/core.2.2') as Uint8Array;
    };
    const right = fileAfter([]);
    expect(fileAfter(badly({ failure: 'torn', atByte: 12_345 }))).toEqual(right.subarray(0, 12_345));
    const wrong = right.slice();
    wrong[9000] = wrong[9000]! ^ 0x20;
    expect(fileAfter(badly({ failure: 'bit-flip', atByte: 9000, bit: 5 }))).toEqual(wrong);
  });

  it('behind its end: nothing happens', () => {
    const { made } = run(badly({ failure: 'torn', atByte: 100_000_000 }));
    expect(made.events('core-fault')).toEqual([]);
  });

  it('after another trigger: the next one', () => {
    const { made } = run([
      { model: 'checkpoint-write', failure: 'torn', atByte: 0, trigger: { at: 'time', core: 0, ns: 1_500_000 } },
    ]);
    expect(made.events('core-fault')).toMatchObject([{ ns: 2_000_000 }]);
    expect(readFile(made.system.kernel, '/var/checkpoint/core.2.2')).toHaveLength(0);
  });
});
