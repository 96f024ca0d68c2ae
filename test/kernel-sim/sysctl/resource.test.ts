import { describe, expect, it } from 'vitest';
import { EFAULT, EINVAL, EPERM } from '../../../kernel-sim/abi/errno.ts';
import { decode } from '../../../kernel-sim/abi/layout.ts';
import { decodeRlimit, encodeRlimits, RLIM_INFINITY, rusageLayout } from '../../../kernel-sim/abi/resource.ts';
import { sampleLoad } from '../../../kernel-sim/kern/load-average.ts';
import { NO_USAGE } from '../../../kernel-sim/kern/proc.ts';
import { resourceSyscalls } from '../../../kernel-sim/sys/resource.ts';
import { addProcess, Caller, fileKernel, OUT, WILD } from '../../support/kernel.ts';

const setup = (patch = {}) => {
  const { k } = fileKernel();
  return { k, c: new Caller(k, addProcess(k, patch), resourceSyscalls) };
};

const getLimit = (c: Caller, which: number) => {
  c.ok('getrlimit', which, OUT);
  return decodeRlimit(c.bytes(OUT, 16));
};

const setLimit = (c: Caller, which: number, soft: number, hard: number) => {
  c.poke(OUT, encodeRlimits([{ soft, hard }]));
  const result = c.call('setrlimit', which, OUT);
  return result.kind === 'error' ? result.errno : 0;
};

describe('getrusage', () => {
  it('adds up living and dead threads, and knows children and the thread alone', () => {
    const { k, c } = setup({
      deadThreads: { ...NO_USAGE, userNs: 1_500_000_000, systemNs: 0, minorFaults: 7, voluntarySwitches: 10 },
      children: { ...NO_USAGE, userNs: 9_000_000_000, systemNs: 1000, handledSignals: 2 },
    });
    const switches = { voluntarySwitches: 3, involuntarySwitches: 4 };
    k.setThread(c.td.tid, { userNs: 2_000_001_000, systemNs: 5000, minorFaults: 5, handledSignals: 1, ...switches });
    const usage = (who: number) => {
      c.ok('getrusage', who, OUT);
      return decode(rusageLayout, c.bytes(OUT, 72));
    };
    expect(usage(0)).toMatchObject({
      ru_utime: { tv_sec: 3, tv_usec: 500_001 },
      ru_stime: { tv_sec: 0, tv_usec: 5 },
      ru_maxrss: 256,
      ru_minflt: 12,
      ru_nsignals: 1,
      ru_nvcsw: 13,
      ru_nivcsw: 4,
    });
    expect(usage(1)).toMatchObject({ ru_utime: { tv_sec: 2, tv_usec: 1 }, ru_minflt: 5, ru_nvcsw: 3 });
    expect(usage(-1)).toMatchObject({ ru_utime: { tv_sec: 9, tv_usec: 0 }, ru_nsignals: 2 });
    expect(c.errno('getrusage', 2, OUT)).toBe(EINVAL);
    expect(c.errno('getrusage', 0, WILD)).toBe(EFAULT);
  });
});

describe('limits', () => {
  it('start as a login shell has them', () => {
    const { c } = setup();
    expect(getLimit(c, 0)).toEqual({ soft: RLIM_INFINITY, hard: RLIM_INFINITY });
    expect(getLimit(c, 2)).toEqual({ soft: 512 << 20, hard: 512 << 20 });
    expect(getLimit(c, 3)).toEqual({ soft: 64 << 20, hard: 64 << 20 });
    expect(getLimit(c, 8)).toEqual({ soft: 11095, hard: 11095 });
    expect(c.errno('getrlimit', 13, OUT)).toBe(EINVAL);
    expect(c.errno('getrlimit', -1, OUT)).toBe(EINVAL);
  });

  it('can be lowered by anybody and raised by root, up to what the machine has', () => {
    const { c } = setup({ uid: 1001 });
    expect(setLimit(c, 3, 1 << 20, 2 << 20)).toBe(0);
    expect(setLimit(c, 3, 2 << 20, 2 << 20)).toBe(0);
    expect(setLimit(c, 3, 3 << 20, 2 << 20)).toBe(EPERM);
    expect(setLimit(c, 3, 1 << 20, 3 << 20)).toBe(EPERM);
    expect(getLimit(c, 3)).toEqual({ soft: 2 << 20, hard: 2 << 20 });
    const root = setup().c;
    expect(setLimit(root, 3, 5, 2)).toBe(0);
    expect(getLimit(root, 3)).toEqual({ soft: 2, hard: 2 });
    expect(setLimit(root, 3, RLIM_INFINITY, RLIM_INFINITY)).toBe(0);
    expect(getLimit(root, 3)).toEqual({ soft: 64 << 20, hard: 64 << 20 });
    expect(setLimit(root, 13, 1, 1)).toBe(EINVAL);
    expect(root.errno('setrlimit', 3, WILD)).toBe(EFAULT);
  });
});

describe('the load average', () => {
  it('tends to the number of runnable threads, every five seconds', () => {
    const { k } = setup();
    k.state.cpus[0] = { ...k.cpu(0), load: 2 };
    sampleLoad(k);
    const [first] = k.state.loadAverage;
    expect(first).toBe(2 * (2048 - 1884));
    sampleLoad(k);
    expect(k.state.loadAverage[0]).toBe(first);
    for (k.clockNs = 0; k.clockNs < 600e9; k.clockNs += 1e9) sampleLoad(k);
    expect(k.state.loadAverage[0] / 2048).toBeCloseTo(2, 1);
    expect(k.state.loadAverage[2] / 2048).toBeLessThan(1.2);
  });
});
