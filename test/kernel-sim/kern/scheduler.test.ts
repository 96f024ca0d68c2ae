import { describe, expect, it } from 'vitest';
import { usageOf } from '../../../kernel-sim/kern/proc.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { at, program, Run, runOne, SCRATCH } from '../../support/guest-program.ts';

/** 1 MHz: seconds of virtual time cost few instructions. */
const SLOW: SystemConfig = {
  cycleNs: 1000,
  costs: { syscallInstructions: 1, contextSwitchInstructions: 1, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
  schedule: { kind: 'fixed', instructions: 1000 },
};
const TICK = 7_812_500;
const CHILD = SCRATCH + 0x10;
const spinner = program((p) => p.spin());
const RT = 2;
const IDLE = 4;
const FIFO = 10;

function ranNs(run: Run, pid: number): number {
  const { kernel } = run.system;
  return usageOf(kernel, kernel.findProc(pid)!).userNs;
}

const setRt = (type: number, prio: number) =>
  program((p) => p.sys('rtprio', 1, 0, p.words(type | (prio << 16))).spin());

describe('time slices and shares', () => {
  it('gives two equal processes turns of 12 stat ticks, and half of the CPU each', () => {
    const run = new Run({ spinner }, SLOW);
    const pids = [run.start('spinner'), run.start('spinner')];
    run.system.run({ untilNs: 4e9 });
    const switches = run.events('switch').filter((e) => e.ns > 1e9);
    const turns = switches.slice(1).map((e, n) => e.ns - switches[n]!.ns);
    for (const turn of turns) expect(Math.abs(turn - 12 * TICK)).toBeLessThan(2_000_000);
    for (const pid of pids) expect(ranNs(run, pid) / 4e9).toBeCloseTo(0.5, 1);
  });

  it('gives a nicer process less, and the nicest the least', () => {
    const run = new Run({ spinner }, SLOW);
    const pids = [-20, 0, 20].map((nice) => run.start('spinner', { nice }));
    run.system.run({ untilNs: 8e9 });
    const [eager, normal, nice] = pids.map((pid) => ranNs(run, pid)) as [number, number, number];
    expect(eager).toBeGreaterThan(normal * 1.1);
    expect(normal).toBeGreaterThan(nice * 1.1);
    expect(nice).toBeGreaterThan(0.02e9);
  });

  it('lets an interactive process run as soon as it wakes, in front of busy ones', () => {
    const sleeper = program((p) => p.forever((q) => q.sleep(20_000_000)));
    const run = new Run({ spinner, sleeper }, SLOW);
    run.start('spinner');
    run.start('spinner');
    const pid = run.start('sleeper');
    run.system.run({ untilNs: 3e9 });
    const turns = run.events('switch').filter((e) => e.pid === pid && e.ns > 1e9);
    // Awake every 20 ms: about 100 times in two seconds.
    expect(turns.length).toBeGreaterThan(90);
  });

  it('puts a process that was thrown off by a better one back at the head: the other busy one does not get its turn early', () => {
    const sleeper = program((p) => p.sys('rtprio', 1, 0, p.words(RT | (3 << 16))).forever((q) => q.sleep(20_000_000)));
    const run = new Run({ spinner, sleeper }, SLOW);
    const busy = [run.start('spinner'), run.start('spinner')];
    run.start('sleeper');
    run.system.run({ untilNs: 3e9 });
    const order = run
      .events('switch')
      .filter((e) => e.ns > 1e9 && busy.includes(e.pid))
      .map((e) => e.pid);
    const changes = order.slice(1).filter((pid, n) => pid !== order[n]).length;
    // A turn is about 94 ms long, so about 21 changes in two seconds, not one at each of the 100 wake-ups.
    expect(changes).toBeLessThan(30);
  });

  it('spreads equal work over the cores', () => {
    const run = new Run({ spinner }, { ...SLOW, cores: 3 });
    const pids = [1, 2, 3, 4, 5, 6].map(() => run.start('spinner'));
    run.system.run({ untilNs: 3e9 });
    for (const pid of pids) expect(ranNs(run, pid)).toBeGreaterThan(1e9);
  });

  it('lets an idle core take what waits for another', () => {
    const run = new Run({ spinner, short: program((p) => p.burn(1000).exit(0)) }, { ...SLOW, cores: 2 });
    run.start('short');
    run.start('spinner');
    run.start('spinner');
    run.system.run({ untilNs: 1e9 });
    for (const pid of [3, 4]) expect(ranNs(run, pid)).toBeGreaterThan(0.9e9);
  });
});

describe('classes', () => {
  it('real-time before timeshare before idle', () => {
    const run = new Run({ rt: setRt(RT, 5), spinner, idle: setRt(IDLE, 0) }, SLOW);
    const idle = run.start('idle');
    const normal = run.start('spinner');
    run.system.run({ untilNs: 1e9 });
    const before = ranNs(run, idle);
    expect(before).toBeLessThan(0.02e9);
    const rt = run.start('rt');
    run.system.run({ untilNs: 3e9 });
    expect(ranNs(run, rt)).toBeGreaterThan(1.7e9);
    expect(ranNs(run, idle)).toBe(before);
    expect(ranNs(run, normal)).toBeLessThan(1.3e9);
  });

  it('round robin within real-time, none within FIFO', () => {
    for (const [type, expected] of [
      [RT, 0.5],
      [FIFO, 0],
    ] as const) {
      const pair = program((p) =>
        p
          .sys('rtprio', 1, 0, p.words(type | (5 << 16)))
          .sys('fork')
          .spin(),
      );
      const run = new Run({ pair }, SLOW);
      const first = run.start('pair');
      const second = first + 1;
      run.system.run({ untilNs: 2e9 });
      expect(ranNs(run, second) / 2e9).toBeCloseTo(expected, 1);
      expect(ranNs(run, first) / 2e9).toBeCloseTo(1 - expected, 1);
    }
  });

  it('looks up what was set, and refuses what is no priority', () => {
    const { log } = runOne((p) => {
      p.sys('rtprio', 1, 0, p.words(RT | (7 << 16)))
        .log('set')
        .sys('rtprio', 0, 0, SCRATCH)
        .load(SCRATCH)
        .log('rt');
      p.sys('rtprio', 1, 0, p.words(RT | (32 << 16)))
        .log('32')
        .sys('rtprio', 1, 0, p.words(77))
        .log('type');
      p.sys('rtprio', 2, 0, SCRATCH).log('function').sys('rtprio', 0, 99, SCRATCH).log('nobody');
      p.sys('rtprio', 1, 0, p.words(3)).sys('rtprio', 0, 0, SCRATCH).load(SCRATCH).log('normal').exit(0);
    });
    expect(log).toEqual({ set: 0, rt: RT | (7 << 16), 32: -22, type: -22, function: -22, nobody: -3, normal: 3 });
  });

  it('clamps nice values and shows them by getpriority', () => {
    const { log } = runOne((p) => {
      p.sys('setpriority', 0, 0, 99).sys('getpriority', 0, 0).log('max').sys('setpriority', 0, 0, -99);
      p.sys('getpriority', 0, 0)
        .raw('83c01e')
        .log('min + 30')
        .sys('getpriority', 0, 77)
        .log('nobody')
        .sys('getpriority', 5, 0)
        .log('which')
        .exit(0);
    });
    expect(log).toEqual({ max: 20, 'min + 30': 10, nobody: -3, which: -22 });
  });
});

describe('CPU sets', () => {
  const set = (level: number, which: number, id: number) =>
    ['cpuset_setaffinity', level, which, id, id >> 31, 4] as const;
  const get = (level: number, which: number, id: number) =>
    ['cpuset_getaffinity', level, which, id, id >> 31, 4] as const;

  it('are obeyed at every switch', () => {
    const forker = program((p) => {
      p.sys(...set(3, 2, -1), p.words(0b0110))
        .sys('fork')
        .sys('fork')
        .forever((q) => q.burn(2000).sleep(3_000_000));
    });
    const run = new Run({ spinner, forker }, { ...SLOW, cores: 4 });
    for (let n = 0; n < 5; n++) run.start('spinner');
    run.start('forker');
    run.system.run({ untilNs: 1e9 });
    const members = run
      .events('fork')
      .filter((e) => e.pid >= 7)
      .map((e) => e.child as number);
    expect(members).toHaveLength(3);
    const switches = run.events('switch').filter((e) => members.includes(e.pid));
    expect(switches.length).toBeGreaterThan(50);
    for (const e of switches) expect([1, 2]).toContain(e.core);
  });

  it('follow the rules of cpuset_setaffinity: the default set shrinks and grows, own masks stay within it', () => {
    const { log } = runOne(
      (p) => {
        p.sys(...set(3, 3, 1), p.words(0b0111))
          .log('shrink')
          .sys(...get(3, 2, -1), SCRATCH)
          .load(SCRATCH)
          .log('follows');
        p.sys(...set(3, 2, -1), p.words(0b1000))
          .log('outside')
          .sys(...set(3, 2, -1), p.words(0))
          .log('empty');
        p.sys(...set(3, 2, -1), p.words(0b0100))
          .log('own')
          .sys(...set(3, 3, 1), p.words(0b0011))
          .log('strands me');
        p.sys(...set(3, 3, 1), p.words(0b1111))
          .log('widen')
          .sys(...get(3, 2, -1), SCRATCH)
          .load(SCRATCH)
          .log('mine');
        p.sys(...set(3, 3, 1), p.words(0b10000))
          .log('no such CPU')
          .sys(...set(1, 2, -1), p.words(1))
          .log('root');
        p.sys(...get(1, 2, -1), SCRATCH)
          .load(SCRATCH)
          .log('root mask')
          .sys(...get(2, 2, -1), SCRATCH)
          .load(SCRATCH)
          .log('set mask');
        p.sys('cpuset_getaffinity', 3, 2, -1, -1, 3, SCRATCH)
          .log('3 bytes')
          .sys('cpuset_getaffinity', 3, 2, -1, -1, 17, SCRATCH)
          .log('17 bytes');
        p.sys(...get(3, 2, 99), SCRATCH)
          .log('nobody')
          .sys(...get(3, 9, -1), SCRATCH)
          .log('which')
          .exit(0);
      },
      { cores: 4 },
    );
    expect(log).toEqual({
      shrink: 0,
      follows: 0b0111,
      outside: -11,
      empty: -11,
      own: 0,
      'strands me': -11,
      widen: 0,
      mine: 0b0100,
      'no such CPU': -22,
      root: -1,
      'root mask': 0b1111,
      'set mask': 0b1111,
      '3 bytes': -34,
      '17 bytes': -34,
      nobody: -3,
      which: -22,
    });
  });

  it('keep a thread its own mask when it joins another set, and are inherited by children', () => {
    const { log, run } = runOne(
      (p) => {
        p.sys(...set(3, 1, -1), p.words(0b0011))
          .sys('cpuset', SCRATCH)
          .log('cpuset')
          .load(SCRATCH)
          .log('id');
        p.sys('cpuset_getid', 2, 2, -1, -1, SCRATCH)
          .load(SCRATCH)
          .log('joined')
          .sys(...get(3, 1, -1), SCRATCH)
          .load(SCRATCH)
          .log('mask');
        p.sys('fork')
          .store(CHILD)
          .ifZero((c) =>
            c
              .sys(...get(3, 1, -1), SCRATCH)
              .load(SCRATCH)
              .log('child')
              .exit(0),
          );
        p.wait('w').sys('cpuset', 0x1000).log('fault').sys('cpuset_setid', 2, at(CHILD), 0, 1).log('dead').exit(0);
      },
      { cores: 4 },
    );
    expect(log).toMatchObject({ cpuset: 0, id: 2, joined: 2, mask: 0b0011, fault: -14, dead: -3 });
    expect(run.logOf(3)).toMatchObject({ child: 0b0011 });
  });
});
