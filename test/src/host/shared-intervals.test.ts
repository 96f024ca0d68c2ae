import { describe, expect, it } from 'vitest';
import type { Interval } from '../../../src/campaign/interval.ts';
import { SharedIntervals } from '../../../src/host/shared-intervals.ts';

const interval: Interval = {
  registers: [{ used: Int32Array.of(1), overwritten: Int32Array.of(2) }],
  floats: false,
  switches: true,
  memory: new Map([[3, new Map([[0x8048, Uint8Array.of(4)]])]]),
};

describe('intervals that are shared', () => {
  it('are known to the others as soon as one has found them out, between tasks or in the midst of one', async () => {
    const [one, two, stranger] = [new SharedIntervals('a'), new SharedIntervals('a'), new SharedIntervals('b')];
    one.set(5, interval);
    one.set(6, null);
    expect(two.get(5)).toEqual(interval);
    expect(two.get(6)).toBe(null);
    expect(two.get(7)).toBe(undefined);
    two.set(7, interval);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(one.get(7)).toEqual(interval);
    expect(stranger.get(5)).toBe(undefined);
  });
});
