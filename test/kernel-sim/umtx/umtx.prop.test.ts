import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Thread } from '../../../kernel-sim/kern/state.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { addProcess, addThread, Caller, fileKernel, MEMORY } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';

const [EPERM, EBUSY] = [1, 16];
const [TRYLOCK, LOCK, UNLOCK, CV_WAIT, CV_SIGNAL, CV_BROADCAST] = [4, 5, 6, 8, 9, 10];
const [RDLOCK, WRLOCK, RWUNLOCK, SEM_WAIT, SEM_WAKE] = [12, 13, 14, 19, 20];
const MUTEX = MEMORY + 0x1000;
const COND = MEMORY + 0x1100;
const RWLOCK = MEMORY + 0x1200;
const SEM = MEMORY + 0x1300;
const THREADS = 4;

/**
 * Several threads of one process on the locks, each call of each thread chosen at random. A thread that sleeps can do nothing; one that
 * was woken must finish its call first.
 */
class World {
  readonly k = fileKernel().k;
  readonly callers: Caller[] = [];
  readonly asleep = new Map<number, number>();

  constructor() {
    const first = addProcess(this.k);
    const threads: Thread[] = [first];
    while (threads.length < THREADS) threads.push(addThread(this.k, first.pid));
    for (const td of threads) this.callers.push(new Caller(this.k, td, SYSCALLS));
  }

  word(at: number): number {
    return this.callers[0]!.view(at, 4).getUint32(0, true);
  }

  set(at: number, value: number): void {
    this.callers[0]!.poke(at, new Uint8Array(Uint32Array.of(value).buffer));
  }

  /** The call's result: 0, -errno, or 'asleep'. */
  call(n: number, obj: number, op: number, uaddr1 = 0): number | 'asleep' {
    return this.settle(n, op, this.callers[n]!.call('_umtx_op', obj, op, 0, uaddr1, 0));
  }

  private settle(n: number, op: number, result: ReturnType<Caller['call']>): number | 'asleep' {
    if (result.kind === 'sleep') {
      this.asleep.set(n, op);
      return 'asleep';
    }
    this.asleep.delete(n);
    return result.kind === 'return' ? 0 : result.kind === 'error' ? -result.errno : Number.NaN;
  }

  /** Lets every woken thread go on with its call; what they got, by thread. */
  wakeUp(): Map<number, { op: number; result: number | 'asleep' }> {
    const results = new Map<number, { op: number; result: number | 'asleep' }>();
    for (const [n, op] of [...this.asleep]) {
      if (this.callers[n]!.awake) results.set(n, { op, result: this.settle(n, op, this.callers[n]!.resume()) });
    }
    return results;
  }
}

const steps = <T extends string>(...names: T[]): fc.Arbitrary<{ n: number; what: T }[]> =>
  fc.array(fc.record({ n: fc.nat(THREADS - 1), what: fc.constantFrom(...names) }), { maxLength: 60 });

describe('_umtx_op, any order of calls of several threads', () => {
  it('a mutex has one owner, and nobody sleeps at a free one; a condition gives the mutex up', () => {
    fc.assert(
      fc.property(steps('lock', 'try', 'unlock', 'wait', 'signal', 'broadcast'), (moves) => {
        const world = new World();
        let owner = -1;
        // Who sleeps at the condition.
        const waiting: number[] = [];
        const take = (n: number, result: number | 'asleep'): void => {
          if (result !== 0) return;
          expect(owner).toBe(-1);
          owner = n;
        };
        for (const { n, what } of moves) {
          if (world.asleep.has(n)) continue;
          const holds = owner === n;
          if (what === 'lock' && !holds) {
            const result = world.call(n, MUTEX, LOCK);
            expect(result).toBe(owner === -1 ? 0 : 'asleep');
            take(n, result);
          } else if (what === 'try' && !holds) {
            const result = world.call(n, MUTEX, TRYLOCK);
            expect(result).toBe(owner === -1 ? 0 : -EBUSY);
            take(n, result);
          } else if (what === 'unlock') {
            expect(world.call(n, MUTEX, UNLOCK)).toBe(holds ? 0 : -EPERM);
            if (holds) owner = -1;
          } else if (what === 'wait' && holds) {
            expect(world.call(n, COND, CV_WAIT, MUTEX)).toBe('asleep');
            waiting.push(n);
            owner = -1;
          } else if (what === 'signal' || what === 'broadcast') {
            expect(world.call(n, COND, what === 'signal' ? CV_SIGNAL : CV_BROADCAST)).toBe(0);
            const woken = waiting.splice(0, what === 'signal' ? 1 : waiting.length);
            for (const one of woken) expect(world.callers[one]!.awake).toBe(true);
            for (const one of waiting) expect(world.callers[one]!.awake).toBe(false);
          }
          for (const [one, { op, result }] of world.wakeUp()) {
            if (op === LOCK) take(one, result);
            else expect(result).toBe(0);
          }
          const word = world.word(MUTEX);
          if (owner >= 0) expect(word & 0x7fffffff).toBe(world.callers[owner]!.td.tid);
          else expect(word & 0x7fffffff).toBe(0);
          const sleepers = [...world.asleep.values()].filter((op) => op === LOCK).length;
          if (sleepers > 0) expect(owner).toBeGreaterThanOrEqual(0);
          // The contested bit says that a release must go through the kernel.
          if (sleepers > 0) expect(word >>> 31).toBe(1);
          expect(world.word(COND)).toBe(waiting.length > 0 ? 1 : 0);
        }
      }),
      property(300),
    );
  });

  it('a rwlock has one writer or any number of readers; waiters are counted', () => {
    fc.assert(
      fc.property(steps('read', 'write', 'unlock'), (moves) => {
        const world = new World();
        const holders = new Map<number, 'r' | 'w'>();
        const take = (n: number, op: number, result: number | 'asleep'): void => {
          if (result !== 0) return;
          const kinds = [...holders.values()];
          expect(op === WRLOCK ? kinds : kinds.filter((kind) => kind === 'w')).toEqual([]);
          holders.set(n, op === WRLOCK ? 'w' : 'r');
        };
        for (const { n, what } of moves) {
          if (world.asleep.has(n)) continue;
          if (what === 'unlock') {
            if (!holders.has(n)) continue;
            holders.delete(n);
            expect(world.call(n, RWLOCK, RWUNLOCK)).toBe(0);
          } else if (!holders.has(n)) {
            const op = what === 'write' ? WRLOCK : RDLOCK;
            take(n, op, world.call(n, RWLOCK, op));
          }
          // A reader woken while a writer is ahead of it sleeps again, and counts again.
          for (const [one, { op, result }] of world.wakeUp()) take(one, op, result);
          const readers = [...holders.values()].filter((kind) => kind === 'r').length;
          const state = world.word(RWLOCK);
          expect(state & 0x1fffffff).toBe(readers);
          expect(state >>> 31).toBe([...holders.values()].includes('w') ? 1 : 0);
          const sleeping = (op: number): number => [...world.asleep.values()].filter((one) => one === op).length;
          expect(world.word(RWLOCK + 8)).toBe(sleeping(RDLOCK));
          expect(world.word(RWLOCK + 12)).toBe(sleeping(WRLOCK));
          if (holders.size === 0) expect(world.asleep.size).toBe(0);
        }
      }),
      property(300),
    );
  });

  it('a semaphore lets as many through as it was posted', () => {
    fc.assert(
      fc.property(steps('wait', 'post'), (moves) => {
        const world = new World();
        let posted = 0;
        let passed = 0;
        // What libc's sem_wait does around the call: take one if there is one, else sleep and look again.
        const tryTake = (n: number): void => {
          const count = world.word(SEM + 4);
          if (count > 0) {
            world.set(SEM + 4, count - 1);
            passed++;
          } else if (world.call(n, SEM, SEM_WAIT) === 0) tryTake(n);
        };
        for (const { n, what } of moves) {
          if (world.asleep.has(n)) continue;
          if (what === 'wait') tryTake(n);
          else {
            posted++;
            world.set(SEM + 4, world.word(SEM + 4) + 1);
            if (world.word(SEM) !== 0) expect(world.call(n, SEM, SEM_WAKE)).toBe(0);
          }
          for (const one of world.wakeUp().keys()) if (!world.asleep.has(one)) tryTake(one);
          expect(passed + world.word(SEM + 4)).toBe(posted);
          if (world.asleep.size > 0) expect(world.word(SEM + 4)).toBe(0);
          expect(world.word(SEM)).toBe(world.asleep.size > 0 ? 1 : 0);
        }
      }),
      property(300),
    );
  });
});
