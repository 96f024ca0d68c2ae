import { describe, expect, it } from 'vitest';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { addProcess, addThread, Caller, fileKernel, MEMORY, WILD } from '../../support/kernel.ts';

const [EPERM, EINTR, EDEADLK, EFAULT, EBUSY, EINVAL, ETIMEDOUT] = [1, 4, 11, 14, 16, 22, 60];
const [WAIT, WAKE, TRYLOCK, LOCK, UNLOCK, SET_CEILING, CV_WAIT] = [2, 3, 4, 5, 6, 7, 8];
const [WAIT_UINT_PRIVATE, WAKE_PRIVATE, MUTEX_WAIT, MUTEX_WAKE, NWAKE_PRIVATE, MUTEX_WAKE2] = [15, 16, 17, 18, 21, 22];
const CONTESTED = 0x80000000;
const OBJ = MEMORY + 0x1000;
const TIME = MEMORY + 0x1800;

function two(): { a: Caller; b: Caller; set: (at: number, ...words: number[]) => void; word: (at?: number) => number } {
  const { k } = fileKernel();
  const td = addProcess(k);
  const a = new Caller(k, td, SYSCALLS);
  const b = new Caller(k, addThread(k, td.pid), SYSCALLS);
  return {
    a,
    b,
    set: (at, ...words) => a.poke(at, new Uint8Array(Uint32Array.from(words).buffer)),
    word: (at = OBJ) => a.view(at, 4).getUint32(0, true),
  };
}
const op = (c: Caller, number: number, val = 0, uaddr1 = 0, uaddr2 = 0, obj = OBJ): ReturnType<Caller['call']> =>
  c.call('_umtx_op', obj, number, val, uaddr1, uaddr2);
const OK = { kind: 'return', eax: 0 };
const error = (errno: number): { kind: string; errno: number } => ({ kind: 'error', errno });

describe('WAIT and WAKE', () => {
  it('sleep while the word is what was expected, and return at once when it is not', () => {
    const { a, b, set } = two();
    set(OBJ, 7);
    expect(op(a, WAIT, 8)).toEqual(OK);
    expect(op(a, WAIT_UINT_PRIVATE, 7)).toMatchObject({ kind: 'sleep', wmesg: 'uwait', deadlineNs: null });
    op(b, WAKE, 1, 0, 0, OBJ + 4);
    expect(a.awake).toBe(false);
    expect(op(b, WAKE_PRIVATE, 1)).toEqual(OK);
    expect(a.awake).toBe(true);
    expect(a.resume()).toEqual(OK);
  });

  it('end with ETIMEDOUT after a relative time, and with EINTR by a signal, never to be restarted', () => {
    const { a, set } = two();
    set(TIME, 1, 500);
    a.k.clockNs = 100;
    expect(op(a, WAIT, 0, 0, TIME)).toMatchObject({ kind: 'sleep', deadlineNs: 1_000_000_600 });
    expect(a.resume('timeout')).toEqual(error(ETIMEDOUT));
    op(a, WAIT, 0, 0, TIME);
    expect(a.resume('signal')).toEqual(error(EINTR));
    op(a, WAIT, 0);
    expect(a.resume('signal')).toEqual(error(EINTR));
  });

  it("take the later systems' struct _umtx_time, relative or absolute", () => {
    const { a, set } = two();
    a.k.clockNs = 1_000_000;
    set(TIME, 0, 2_000_000, 0, 4);
    expect(op(a, WAIT, 0, 16, TIME)).toMatchObject({ deadlineNs: 3_000_000 });
    a.resume();
    set(TIME, 0, 2_000_000, 1, 4);
    expect(op(a, WAIT, 0, 16, TIME)).toMatchObject({ deadlineNs: 2_000_000 });
    a.resume();
    set(TIME, 0, 500_000, 1, 4);
    expect(op(a, WAIT, 0, 16, TIME)).toEqual(error(ETIMEDOUT));
  });

  it('refuse wild addresses and times that are none', () => {
    const { a, set } = two();
    set(TIME, 0, 1_000_000_000);
    expect(op(a, WAIT, 0, 0, TIME)).toEqual(error(EINVAL));
    set(TIME, -1, 0);
    expect(op(a, WAIT, 0, 0, TIME)).toEqual(error(EINVAL));
    expect(op(a, WAIT, 0, 0, WILD)).toEqual(error(EFAULT));
    expect(op(a, WAIT, 0, 0, 0, WILD)).toEqual(error(EFAULT));
    expect(op(a, 23)).toEqual(error(EINVAL));
    expect(op(a, -1)).toEqual(error(EINVAL));
  });

  it('NWAKE_PRIVATE wakes everybody at each of its addresses', () => {
    const { a, b, set } = two();
    op(a, WAIT, 0);
    op(b, WAIT, 0, 0, 0, OBJ + 8);
    const c = new Caller(a.k, addThread(a.k, a.td.pid), SYSCALLS);
    set(TIME, OBJ, OBJ + 8);
    expect(op(c, NWAKE_PRIVATE, 2, 0, 0, TIME)).toEqual(OK);
    expect([a.awake, b.awake]).toEqual([true, true]);
  });
});

describe('mutexes', () => {
  it('carry the owner, the contested bit while somebody sleeps, and go to a sleeper', () => {
    const { a, b, word } = two();
    expect(op(a, LOCK)).toEqual(OK);
    expect(word()).toBe(a.td.tid);
    expect(op(b, TRYLOCK)).toEqual(error(EBUSY));
    expect(op(b, LOCK)).toMatchObject({ kind: 'sleep', wmesg: 'umtxn' });
    expect(word()).toBe(CONTESTED + a.td.tid);
    expect(op(a, UNLOCK)).toEqual(OK);
    expect(word()).toBe(0);
    expect(b.resume()).toEqual(OK);
    expect(word()).toBe(b.td.tid);
    expect(op(a, UNLOCK)).toEqual(error(EPERM));
  });

  it('are tried again after a signal, but not with a time limit', () => {
    const { a, b, set } = two();
    op(a, LOCK);
    op(b, LOCK);
    expect(b.resume('signal')).toEqual({ kind: 'restart' });
    set(TIME, 1, 0);
    op(b, LOCK, 0, 0, TIME);
    expect(b.resume('signal')).toEqual(error(EINTR));
    op(b, LOCK, 0, 0, TIME);
    expect(b.resume('timeout')).toEqual(error(ETIMEDOUT));
    // A free mutex is taken, whatever ended the sleep.
    op(b, LOCK, 0, 0, TIME);
    op(a, UNLOCK);
    expect(b.resume('timeout')).toEqual(OK);
  });

  it('that check errors say EDEADLK to their owner', () => {
    const { a, set } = two();
    set(OBJ, 0, 2);
    op(a, LOCK);
    expect(op(a, LOCK)).toEqual(error(EDEADLK));
  });

  it('MUTEX_WAIT returns when it is free, without taking it; MUTEX_WAKE wakes one', () => {
    const { a, b, word, set } = two();
    set(OBJ, a.td.tid);
    expect(op(b, MUTEX_WAIT)).toMatchObject({ kind: 'sleep' });
    expect(word()).toBe(CONTESTED + a.td.tid);
    set(OBJ, CONTESTED);
    expect(op(a, MUTEX_WAKE)).toEqual(OK);
    expect(word()).toBe(0);
    expect(b.resume()).toEqual(OK);
    expect(word()).toBe(0);
    expect(op(a, MUTEX_WAKE2)).toEqual(OK);
  });

  it('with a ceiling are unowned as CONTESTED, and SET_CEILING changes and tells it', () => {
    const { a, set, word } = two();
    set(OBJ, CONTESTED, 8, 5, 0xffffffff);
    expect(op(a, LOCK)).toEqual(OK);
    expect(word()).toBe(CONTESTED + a.td.tid);
    expect(op(a, UNLOCK)).toEqual(OK);
    expect(word()).toBe(CONTESTED);
    expect(op(a, SET_CEILING, 9, TIME)).toEqual(OK);
    expect([word(OBJ + 8), word(TIME)]).toEqual([9, 5]);
    expect(op(a, SET_CEILING, 32)).toEqual(error(EINVAL));
    set(OBJ, 0, 12);
    expect(op(a, LOCK)).toEqual(error(EINVAL));
  });
});

describe('condition variables', () => {
  it('give the mutex up, and a time limit clears the mark of the last waiter', () => {
    const { a, word, set } = two();
    const cond = OBJ + 0x100;
    op(a, LOCK);
    set(TIME, 0, 1000);
    expect(op(a, CV_WAIT, 0, OBJ, TIME, cond)).toMatchObject({ kind: 'sleep', wmesg: 'ucond', deadlineNs: 1000 });
    expect([word(), word(cond)]).toEqual([0, 1]);
    expect(a.resume('timeout')).toEqual(error(ETIMEDOUT));
    expect(word(cond)).toBe(0);
    expect(op(a, CV_WAIT, 0, OBJ, 0, cond)).toEqual(error(EPERM));
  });
});

describe('NWAKE_PRIVATE of a long list', () => {
  it('gives way to others, then goes on where it was', () => {
    const { a, b, set } = two();
    const LIST = MEMORY + 0x2000;
    set(LIST, ...new Array<number>(1500).fill(OBJ + 64), OBJ);
    set(OBJ, 7);
    expect(op(a, WAIT_UINT_PRIVATE, 7)).toMatchObject({ kind: 'sleep' });
    expect(op(b, NWAKE_PRIVATE, 1501, 0, 0, LIST)).toMatchObject({ kind: 'sleep', interruptible: false });
    expect(a.awake).toBe(false);
    expect([b.resume('timeout'), a.awake]).toEqual([OK, true]);
    expect(op(b, NWAKE_PRIVATE, 3, 0, 0, WILD)).toEqual(error(EFAULT));
  });
});
