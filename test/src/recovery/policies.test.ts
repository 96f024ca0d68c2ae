import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import type { FaultReport } from '../../../kernel-sim/kern/fault-report.ts';
import { faultInterrupt } from '../../../kernel-sim/kern/recovery.ts';
import { System, type SystemConfig } from '../../../src/system.ts';
import { DATA, type GuestProgram, program, Run, SCRATCH, TEXT } from '../../support/guest-program.ts';

const BASE: SystemConfig = {
  cores: 3,
  checkpointEveryNs: 5_000_000,
  costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
  faultGenerator: { periodNs: 1_000_000, deadlineNs: 200_000, misses: 1 },
};
const atTime = (core: number, ns: number): FaultSpec => ({ model: 'fail-stop', trigger: { at: 'time', core, ns } });

/** The core on which a process runs now. */
function coreOf(run: Run, pid: number) {
  const { kernel } = run.system;
  const td = kernel.thread(kernel.findProc(pid)!.threads[0]!);
  expect(td.state).toBe('running');
  return kernel.cores[td.onCpu]!;
}

/** A fault of the core that runs a process, which leaves the core as it is. */
function transient(run: Run, pid: number, more: Partial<FaultReport> = {}): number {
  const core = coreOf(run, pid);
  faultInterrupt(run.system.kernel, { core, by: 'machine-check', permanent: false, ...more });
  return core.id;
}

const worker = (turns: number) => program((p) => p.burn(turns).exit(5));

describe('rollback-in-place', () => {
  it('keeps the core in service, and the process comes back on it', () => {
    const run = new Run({ main: worker(60_000) }, { ...BASE, recovery: 'rollback-in-place' });
    const pid = run.start('main');
    run.system.run({ untilNs: 8_000_000 });
    const core = transient(run, pid);
    run.go(3e9);
    expect(run.events('core-removed')).toEqual([]);
    expect(run.events('recovery-done')).toMatchObject([{ pid, victim: core, fromNs: 5_000_000 }]);
    expect(run.events('switch').findLast((event) => event.pid === pid)!.core).toBe(core);
    expect(run.exitOf(pid)).toEqual({ code: 5, signal: 0 });
  });

  it('takes a core out that has had too many transient faults', () => {
    const options = { recovery: 'rollback-in-place', recoveryOptions: { transientFaultsMax: 2 } } as const;
    const run = new Run({ main: worker(200_000) }, { ...BASE, cores: 2, ...options });
    const pid = run.start('main', { affinity: 0b10 });
    for (const ms of [6, 16, 26]) {
      run.system.run({ untilNs: ms * 1e6 });
      expect(run.events('core-removed')).toHaveLength(0);
      transient(run, pid);
    }
    run.go(3e9);
    expect(run.events('core-removed')).toMatchObject([{ victim: 1, cpusLeft: [0] }]);
    expect(run.events('recovery-done')).toHaveLength(3);
    expect(run.exitOf(pid)).toEqual({ code: 5, signal: 0 });
  });

  it('moves the process when the core is dead', () => {
    const run = new Run(
      { main: worker(60_000) },
      { ...BASE, recovery: 'rollback-in-place', faults: [atTime(0, 8_000_000)] },
    );
    const pid = run.start('main', { affinity: 0b1 });
    run.go(3e9);
    expect(run.events('core-removed')).toHaveLength(1);
    expect(run.exitOf(pid)).toEqual({ code: 5, signal: 0 });
  });
});

describe('roll-forward after a corrupt page of memory', () => {
  /** Writes DATA + 0x1000 (its log) early, DATA after the checkpoint at 5 ms; reads both at its end. */
  const main = (p: GuestProgram): void => {
    p.eax(77).log('early').burn(35_000).set(SCRATCH, 1).burn(35_000).load(SCRATCH).log('late').exit(0);
  };
  function corrupted(address: number): Run {
    const run = new Run({ main: program(main) }, { ...BASE, recovery: 'roll-forward' });
    const pid = run.start('main');
    run.system.run({ untilNs: 9_000_000 });
    const { kernel } = run.system;
    kernel.space(kernel.findProc(pid)!.vmspace).u8.fill(0xff, address, address + 64);
    transient(run, pid, { corruptAddress: address });
    run.go(3e9);
    expect(run.logOf(pid)).toEqual({ early: 77, late: 1 });
    expect(run.events('core-removed')).toEqual([]);
    return run;
  }

  it('goes on with a page from the checkpoint when it was not written since', () => {
    const run = corrupted(DATA + 0x1000);
    expect(run.events('recovery-start')).toEqual([]);
    expect(run.events('roll-forward')[0]!.what).toMatch(/^page 0x8061000: read again from \/var\/checkpoint\/core/);
  });

  it('goes on with a page of program text from its file', () => {
    const run = corrupted(TEXT);
    expect(run.events('recovery-start')).toEqual([]);
    expect(run.events('roll-forward')[0]!.what).toBe('page 0x8048000: read again from its file');
  });

  it('goes on when the page is not in use', () => {
    const run = new Run({ main: program(main) }, { ...BASE, recovery: 'roll-forward' });
    const pid = run.start('main');
    run.system.run({ untilNs: 9_000_000 });
    transient(run, pid, { corruptAddress: 0x2000_0000 });
    run.go(3e9);
    expect(run.events('roll-forward')[0]!.what).toContain('not in use');
  });

  it('goes back when the page was written since, or nobody knows what is corrupt', () => {
    const run = corrupted(SCRATCH);
    expect(run.events('roll-forward')).toEqual([]);
    expect(run.events('recovery-done')).toMatchObject([{ fromNs: 5_000_000 }]);
    const other = new Run({ main: worker(60_000) }, { ...BASE, recovery: 'roll-forward' });
    const pid = other.start('main');
    other.system.run({ untilNs: 8_000_000 });
    transient(other, pid);
    other.go(3e9);
    expect(other.events('recovery-done')).toHaveLength(1);
  });
});

describe('spare', () => {
  it('puts a core that nobody had into the place of a dead one, in every set', () => {
    const config: SystemConfig = { ...BASE, recovery: 'spare', cores: 4, faults: [atTime(1, 8_000_000)] };
    const run = new Run({ main: worker(60_000) }, config);
    const bound = run.start('main', { affinity: 0b010 });
    const free = run.start('main');
    run.go(3e9);
    expect(run.events('core-removed')).toMatchObject([{ victim: 1, cpusLeft: [0, 2, 3], replacedBy: 3 }]);
    const before = run.events('switch').filter((event) => event.ns < 8_000_000 && event.pid !== 0);
    expect(before.some((event) => event.core === 3)).toBe(false);
    const exits = run.events('exit');
    expect(exits.find((event) => event.pid === bound)).toMatchObject({ code: 5, cpus: [3] });
    expect(exits.find((event) => event.pid === free)).toMatchObject({ code: 5, cpus: [0, 2, 3] });
  });

  it('has none left when the spare has died first', () => {
    const faults = [atTime(2, 3_000_000), atTime(1, 8_000_000)];
    const run = new Run({ main: worker(60_000) }, { ...BASE, recovery: 'spare', faults });
    const pid = run.start('main', { affinity: 0b10 });
    run.go(3e9);
    expect(run.events('core-removed').map(({ replacedBy }) => replacedBy)).toEqual([-1, -1]);
    expect(run.events('exit').find((event) => event.pid === pid)).toMatchObject({ code: 5, cpus: [0] });
  });

  it('needs at least one core that is none', () => {
    const make = () => new System({ cores: 2, recovery: 'spare', recoveryOptions: { spareCores: 2 } });
    expect(make).toThrow(/spare/);
    expect(() => new System({ selfTest: { periodNs: 0 } })).toThrow(/no period/);
  });
});

describe('degraded', () => {
  it('stops unimportant processes while the others need every core that is left', () => {
    const trigger = { at: 'process', process: 'short', ns: 8_000_000 } as const;
    const run = new Run(
      { long: worker(100_000), short: worker(60_000) },
      { ...BASE, recovery: 'degraded', faults: [{ model: 'fail-stop', trigger }] },
    );
    const important = run.start('short');
    run.start('short');
    const nice = run.start('long', { nice: 10 });
    run.go(3e9);
    const stop = run.events('stop').find((event) => event.pid === nice)!;
    const goesOn = run.events('continue').findLast((event) => event.pid === nice)!;
    const ended = run.events('exit').find((event) => event.name === 'short')!;
    expect(stop.ns).toBeGreaterThan(8_000_000);
    expect(goesOn.ns).toBeGreaterThanOrEqual(ended.ns);
    const between = run.events('switch').filter((event) => event.ns > stop.ns && event.ns < goesOn.ns);
    expect(between.some((event) => event.pid === nice)).toBe(false);
    expect([important, nice].map((pid) => run.exitOf(pid))).toEqual([
      { code: 5, signal: 0 },
      { code: 5, signal: 0 },
    ]);
  });

  it('leaves them alone while there are cores enough', () => {
    const config: SystemConfig = { ...BASE, recovery: 'degraded', faults: [atTime(2, 8_000_000)] };
    const run = new Run({ main: worker(60_000) }, config);
    run.start('main');
    run.start('main', { nice: 10 });
    run.go(3e9);
    expect(run.events('stop').filter(({ traced }) => !traced)).toEqual([]);
  });
});

describe('restart-from-beginning', () => {
  it('needs no checkpoint, and has the arguments, environment and descriptors of the beginning', () => {
    const main = program((p) => {
      p.loadStack(0).log('argc').sys('getpid').log('pid');
      p.sys('open', '/tmp/file', 0x202, 0o644).log('fd').sys('write', 3, 'again', 5);
      p.burn(40_000).sys('lseek', 3, 0, 0, 1).log('offset').exit(6);
    });
    const run = new Run({ main }, { ...BASE, checkpointEveryNs: 0, recovery: 'restart-from-beginning' });
    const pid = run.start('main', { args: ['main', 'a', 'b'] });
    run.system.run({ untilNs: 4_000_000 });
    const core = coreOf(run, pid);
    faultInterrupt(run.system.kernel, { core, by: 'machine-check', permanent: true });
    run.go(3e9);
    expect(run.logOf(pid)).toEqual({ argc: 3, pid, fd: 3, offset: 5 });
    expect(run.exitOf(pid)).toEqual({ code: 6, signal: 0 });
  });

  it('loses a process that was forked and has executed nothing', () => {
    const main = program((p) => {
      p.sys('fork').ifZero((c) => c.burn(60_000).sys('exit', 3));
      p.wait('w').exit(0);
    });
    const run = new Run({ main }, { ...BASE, recovery: 'restart-from-beginning' });
    run.start('main');
    run.system.run({ untilNs: 4_000_000 });
    const core = coreOf(run, 3);
    faultInterrupt(run.system.kernel, { core, by: 'machine-check', permanent: true });
    run.go(3e9);
    expect(run.events('recovery-failed')[0]!.why).toBe('it was forked and has executed no program since');
    expect(run.logOf(2)).toMatchObject({ 'w.status': 9 });
  });
});
