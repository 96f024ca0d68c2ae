import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRI_MAX, PRI_MIN_REALTIME, PRI_REALTIME, PRI_TIMESHARE } from '../../../kernel-sim/abi/priority.ts';
import { lentPriority } from '../../../kernel-sim/kern/lend.ts';
import { removeThread } from '../../../kernel-sim/kern/thread.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { addProcess, addThread, Caller, fileKernel, MEMORY } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';

const [TRYLOCK, LOCK, UNLOCK] = [4, 5, 6];
const [INHERIT, PROTECT] = [4, 8];
const CONTESTED = 0x80000000;
const [EPERM, EINVAL, EBUSY] = [1, 22, 16];
const MUTEX_BYTES = 32;
const mutexAt = (n: number): number => MEMORY + 0x1000 + n * MUTEX_BYTES;

/** Threads of one process with these real-time priorities (0 is the best; null: timeshare), and mutexes of the kinds given. */
function setup(priorities: readonly (number | null)[], kinds: readonly number[]) {
  const { k } = fileKernel();
  const first = addProcess(k);
  k.setCpu(0, { current: 0 });
  const callers = priorities.map((prio, n) => {
    const td = n === 0 ? first : addThread(k, first.pid);
    const c = new Caller(k, td, SYSCALLS);
    setPriority(c, prio);
    return c;
  });
  kinds.forEach((flags, n) => {
    const owner = flags === PROTECT ? CONTESTED : 0;
    callers[0]!.poke(mutexAt(n), new Uint8Array(Uint32Array.of(owner, flags, 0, 0xffffffff).buffer));
  });
  return { k, callers };
}

const setPriority = ({ k, td }: Caller, prio: number | null): void => {
  const scheduling =
    prio === null
      ? { priClass: PRI_TIMESHARE, basePri: 120 }
      : { priClass: PRI_REALTIME, basePri: PRI_MIN_REALTIME + prio };
  k.setThread(td.tid, scheduling);
};
const op = (c: Caller, number: number, n = 0): ReturnType<Caller['call']> =>
  c.call('_umtx_op', mutexAt(n), number, 0, 0, 0);
const lent = ({ k, td }: Caller): number => k.thread(td.tid).lentPri;
const OK = { kind: 'return', eax: 0 };

describe('a mutex with priority inheritance', () => {
  it('gives its owner the priority of the best who waits, until it is unlocked, and then goes to that one', () => {
    const { callers } = setup([null, 20, 5, null], [INHERIT]);
    const [low, middle, high, other] = callers as [Caller, Caller, Caller, Caller];
    expect(op(low, LOCK)).toEqual(OK);
    expect(op(other, LOCK)).toMatchObject({ kind: 'sleep', wmesg: 'umtxpi' });
    expect(lent(low)).toBe(223);
    expect(op(middle, LOCK)).toMatchObject({ kind: 'sleep' });
    expect(lent(low)).toBe(PRI_MIN_REALTIME + 20);
    expect(op(high, LOCK)).toMatchObject({ kind: 'sleep' });
    expect(lent(low)).toBe(PRI_MIN_REALTIME + 5);
    expect(low.k.thread(low.td.tid).priority).toBe(PRI_MIN_REALTIME + 5);
    expect(op(low, UNLOCK)).toEqual(OK);
    expect(lent(low)).toBe(PRI_MAX);
    expect([high.awake, middle.awake, other.awake]).toEqual([true, false, false]);
    expect(high.resume()).toEqual(OK);
    expect(lent(high)).toBe(PRI_MIN_REALTIME + 20);
  });

  it('lends along a chain, and takes back when a waiter gives up, changes its priority or ends', () => {
    const { k, callers } = setup([null, null, 9, 3], [INHERIT, INHERIT, INHERIT]);
    const [a, b, c, d] = callers as [Caller, Caller, Caller, Caller];
    op(a, LOCK, 0);
    op(b, LOCK, 1);
    op(b, LOCK, 0);
    op(c, LOCK, 2);
    op(c, LOCK, 1);
    expect([a, b, c].map(lent)).toEqual([PRI_MIN_REALTIME + 9, PRI_MIN_REALTIME + 9, PRI_MAX]);
    op(d, LOCK, 2);
    expect([a, b, c].map(lent)).toEqual([PRI_MIN_REALTIME + 3, PRI_MIN_REALTIME + 3, PRI_MIN_REALTIME + 3]);
    d.poke(MEMORY, new Uint8Array(Uint16Array.of(2, 6).buffer));
    a.call('rtprio_thread', 1, d.td.tid, MEMORY);
    expect([a, b, c].map(lent)).toEqual([PRI_MIN_REALTIME + 6, PRI_MIN_REALTIME + 6, PRI_MIN_REALTIME + 6]);
    expect(d.resume('signal')).toMatchObject({ kind: 'restart' });
    expect([a, b, c].map(lent)).toEqual([PRI_MIN_REALTIME + 9, PRI_MIN_REALTIME + 9, PRI_MAX]);
    k.state.cpusets.set(1, { ...k.cpuset(1), refs: 9 });
    k.setThread(c.td.tid, { state: 'suspended' });
    removeThread(k, c.td.tid);
    expect([a, b].map(lent)).toEqual([223, PRI_MAX]);
  });

  it('is not unlocked by a thread that the others do not wait for', () => {
    const { callers } = setup([null, 3, null], [INHERIT]);
    const [a, b, c] = callers as [Caller, Caller, Caller];
    op(a, LOCK);
    op(b, LOCK);
    a.poke(mutexAt(0), new Uint8Array(Uint32Array.of(CONTESTED + c.td.tid).buffer));
    expect(op(c, UNLOCK)).toEqual({ kind: 'error', errno: EPERM });
    expect(op(c, TRYLOCK)).toEqual({ kind: 'error', errno: EBUSY });
  });

  it('lends what a walk over owners and waiters gives, whatever threads do', () => {
    const step = fc.record({ thread: fc.nat(4), mutex: fc.nat(3), gives: fc.boolean() });
    const priorities = fc.array(fc.option(fc.nat(31)), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(priorities, fc.array(step, { maxLength: 40 }), (prios, steps) => {
        const { k, callers } = setup(prios, [INHERIT, INHERIT, INHERIT, INHERIT]);
        const owner = new Map<number, number>();
        const waits = new Map<number, number>();
        for (const { thread, mutex, gives } of steps) {
          const c = callers[thread]!;
          if (waits.has(thread)) {
            // Its time is over.
            if (!gives) continue;
            c.resume('timeout');
            waits.delete(thread);
          } else if (owner.get(mutex) === thread) {
            op(c, UNLOCK, mutex);
            owner.delete(mutex);
            const next = callers.findIndex((other, n) => waits.get(n) === mutex && other.awake);
            if (next < 0) continue;
            waits.delete(next);
            expect(callers[next]!.resume()).toEqual(OK);
            owner.set(mutex, next);
          } else if (owner.has(mutex)) {
            expect(op(c, LOCK, mutex)).toMatchObject({ kind: 'sleep' });
            waits.set(thread, mutex);
          } else {
            expect(op(c, LOCK, mutex)).toEqual(OK);
            owner.set(mutex, thread);
          }
          const worth = (n: number): number => (prios[n] == null ? 223 : PRI_MIN_REALTIME + prios[n]!);
          const best = (of: number, seen: number[]): number =>
            Math.min(
              PRI_MAX,
              ...callers.flatMap((_, n) =>
                waits.has(n) && owner.get(waits.get(n)!) === of && !seen.includes(n)
                  ? [worth(n), best(n, [...seen, n])]
                  : [],
              ),
            );
          callers.forEach((each, n) => {
            expect(lent(each)).toBe(best(n, [n]));
            expect(lent(each)).toBe(lentPriority(k, each.td.tid));
          });
        }
      }),
      property(150),
    );
  });
});

describe('a mutex with a priority ceiling', () => {
  const setCeilings = (c: Caller, n: number, ceiling: number, before: number): void =>
    c.poke(mutexAt(n) + 8, new Uint8Array(Int32Array.of(ceiling, before).buffer));

  it('raises its holder to the ceiling, and back to that of the one held before', () => {
    const { callers } = setup([25, 30], [PROTECT, PROTECT]);
    const [a, b] = callers as [Caller, Caller];
    setCeilings(a, 0, 11, -1);
    setCeilings(a, 1, 21, 11);
    expect(op(a, LOCK, 0)).toEqual(OK);
    expect(lent(a)).toBe(PRI_MIN_REALTIME + 20);
    expect(op(a, LOCK, 1)).toEqual(OK);
    expect(lent(a)).toBe(PRI_MIN_REALTIME + 10);
    expect(op(b, LOCK, 1)).toMatchObject({ kind: 'sleep', wmesg: 'umtxpp' });
    expect(lent(b)).toBe(PRI_MAX);
    expect(op(a, UNLOCK, 1)).toEqual(OK);
    expect(lent(a)).toBe(PRI_MIN_REALTIME + 20);
    expect(op(a, UNLOCK, 0)).toEqual(OK);
    expect(lent(a)).toBe(PRI_MAX);
    expect(b.resume()).toEqual(OK);
    expect(lent(b)).toBe(PRI_MIN_REALTIME + 10);
  });

  it('is refused to who is better than the ceiling, and raises nobody but root', () => {
    const { k, callers } = setup([5, null], [PROTECT]);
    const [a, b] = callers as [Caller, Caller];
    setCeilings(a, 0, 11, -1);
    expect(op(a, LOCK)).toEqual({ kind: 'error', errno: EINVAL });
    setCeilings(a, 0, 32, -1);
    expect(op(b, LOCK)).toEqual({ kind: 'error', errno: EINVAL });
    setCeilings(a, 0, 11, -1);
    k.setProc(b.td.pid, { uid: 1001 });
    expect(op(b, LOCK)).toEqual(OK);
    expect(lent(b)).toBe(PRI_MAX);
  });
});
