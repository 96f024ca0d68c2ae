import { describe, expect, it } from 'vitest';
import { runOne, SCRATCH } from '../../support/guest-program.ts';

const ITIMER_REAL = 0;
const CLOCK_MONOTONIC = 4;
const SIG_IGN = 1;
const SIGALRM = 14;
const TICK_NS = 1_000_000;

describe('timers of processes', () => {
  it('have the length of a clock tick when they are asked for less', () => {
    const { log } = runOne((p) => {
      p.sys('sigaction', SIGALRM, p.words(SIG_IGN, 0, 0, 0, 0, 0), 0);
      p.sys('setitimer', ITIMER_REAL, p.words(0, 1, 0, 1), 0);
      p.sys('getitimer', ITIMER_REAL, SCRATCH)
        .load(SCRATCH + 4)
        .log('interval us');
      p.sys('ktimer_create', CLOCK_MONOTONIC, 0, SCRATCH + 32);
      p.sys('ktimer_settime', 0, 0, p.words(0, 1, 0, 1), 0);
      p.sys('ktimer_gettime', 0, SCRATCH)
        .load(SCRATCH + 4)
        .log('interval ns');
      p.exit(0);
    });
    expect(log).toEqual({ 'interval us': TICK_NS / 1000, 'interval ns': TICK_NS });
  });

  it('that go off all the time do not keep the host busy while the process sleeps', () => {
    const { run, stop } = runOne((p) => {
      p.sys('sigaction', SIGALRM, p.words(SIG_IGN, 0, 0, 0, 0, 0), 0);
      p.sys('ktimer_create', CLOCK_MONOTONIC, 0, SCRATCH + 32);
      p.sys('ktimer_settime', 0, 0, p.words(0, 1, 0, 1), 0)
        .sleep(1_000_000_000)
        .exit(0);
    });
    expect(stop.reason).toBe('finished');
    expect(run.system.machine.nowNs).toBeGreaterThanOrEqual(1e9);
  });
});
