import { SELECTOR_UCODE, SELECTOR_UDATA, SELECTOR_UFS, SELECTOR_UGS } from '../../../emu/core/reset.ts';
import * as ev from '../../../kernel-sim/abi/event.ts';
import { bytesOf } from '../../../kernel-sim/kern/kernel.ts';
import { UCONTEXT_SIZE } from '../../../kernel-sim/kern/sendsig.ts';
import { sysctlRows } from '../../../kernel-sim/sys/sysctl-nodes.ts';
import { TEXT } from '../../../src/testing/guest-program.ts';
import { type Draft, THREAD_STACK_BYTES, THREAD_STACKS } from './draft.ts';
import { mappable, oneOf, orNull, regular } from './drawings.ts';
import type { Drawing } from './kinds.ts';

/* What arguments of the other calls look like: structures in memory, ranges of it, and words that belong together. */

const MC_SIZE = 640;
const FPFMT_NODEV = 0x10000;
const FPOWNED_NONE = 0x20000;

// ---- times, scheduling ---------------------------------------------------------------------------------------------------

const timeval: Drawing = (d) => d.words(...d.time(1e6));
export const itimerval: Drawing = (d) => d.words(...d.time(1e6), ...d.time(1e6));
export const itimerspec: Drawing = (d) => d.words(...d.time(1e9), ...d.time(1e9));
export const limit: Drawing = (d) => {
  const big = (): number[] =>
    d.pick([
      [0x7fffffff, -1],
      [-1, 0x7fffffff],
      [1 << 22, 0],
      [1 << 28, 0],
      [64, 0],
      [d.raw(), d.raw()],
    ]);
  return d.words(...big(), ...big());
};
export const rtprio: Drawing = (d) => d.words(d.pick([2, 3, 3, 3, 4, 10, d.below(12)]) | (d.below(40) << 16));
export const whichCpus: Drawing = oneOf(1, 2, 3);
export const levelCpus: Drawing = oneOf(1, 2, 3, 3);
export const cpuId: Drawing = (d) => d.pick([-1, -1, d.pid(), d.tid(), d.below(4)]);
export const cpuMask: Drawing = (d) => d.words(d.pick([1, 2, 3, 3, 3, 7, d.raw()]), 0, 0, 0);
export const cpuMaskSize: Drawing = oneOf(4, 4, 8, 16);

// ---- everything else -----------------------------------------------------------------------------------------------------

export const pollfds: Drawing = (d) =>
  d.words(...Array.from({ length: 4 }, () => [d.fd(), d.bits(1, 2, 4, 0x40, 0x80, 0x100)]).flat());
export const fdSet: Drawing = (d) =>
  d.oneIn(3) ? 0 : d.words(d.bits(1, 2, 4, 8, 16, 32, 64, 128, d.raw()), 0, 0, d.oneIn(8) ? d.raw() : 0);
export const fdCount: Drawing = oneOf(0, 3, 8, 12, 32, 64, 1024);
export const fifoMode = oneOf(0o010666, 0o010666, 0o020666, 0o100644);
export const sleepTimeval: Drawing = (d) => (d.oneIn(6) ? 0 : timeval(d));
export const programs = [
  '/bin/true',
  '/bin/fuzz',
  '/bin/fuzz',
  '/bin/fuzz',
  '/tmp/script',
  '/tmp/a',
  '/tmp/d',
  '/tmp/deep',
];
export const stringList: Drawing = (d) => {
  const strings = Array.from({ length: d.below(4) }, (_, n) => (d.oneIn(12) ? d.pointer() : d.text(`arg${n}`)));
  return d.oneIn(12) ? d.pointer() : d.words(...strings, 0);
};

/** A ucontext_t that can be gone on with, with a few words spoilt at times. Offsets: kern/sendsig.ts. */
export const ucontext: Drawing = (d) => {
  const words = new Int32Array(UCONTEXT_SIZE / 4);
  const selectors = {
    5: SELECTOR_UGS,
    6: SELECTOR_UFS,
    7: SELECTOR_UDATA,
    8: SELECTOR_UDATA,
    20: SELECTOR_UCODE,
    23: SELECTOR_UDATA,
  };
  for (const [at, selector] of Object.entries(selectors)) words[Number(at)] = selector;
  words[19] = TEXT;
  words.set([0x202, THREAD_STACKS + THREAD_STACK_BYTES], 21);
  words.set([MC_SIZE, FPFMT_NODEV, FPOWNED_NONE], 24);
  if (d.oneIn(3)) for (let n = d.below(3); n >= 0; n--) words[d.below(words.length)] = d.raw();
  return d.words(...words);
};
const threadStack = (d: Draft): number[] => [THREAD_STACKS + THREAD_STACK_BYTES * d.below(4), THREAD_STACK_BYTES];
export const threadParameters: Drawing = (d) =>
  d.words(
    TEXT,
    d.raw(),
    ...threadStack(d),
    d.pointer(),
    64,
    d.lock(),
    d.pick([0, d.lock()]),
    d.oneIn(5) ? 1 : 0,
    d.oneIn(8) ? rtprio(d) : 0,
    0,
    0,
    0,
  );
export const deadline: Drawing = (d) => d.timeout();

export function kevents(d: Draft, count: number): number {
  const one = (): number[] => {
    const filter = d.oneIn(24) ? d.raw() : d.pick(ev.FILTERS);
    const flags =
      d.pick([ev.EV_ADD, ev.EV_ADD, ev.EV_ADD, 0]) | (d.oneIn(2) ? d.bits(2, 4, 8, 0x10, 0x20, 0x40, 0x80) : 0);
    const ident = filter === ev.EVFILT_PROC ? d.pid() : filter === ev.EVFILT_SIGNAL ? d.signo() : d.fd();
    const notes = d.pick([
      0,
      1,
      6,
      0x3f,
      0x1000000,
      ev.NOTE_EXIT,
      ev.NOTE_FORK | ev.NOTE_TRACK | ev.NOTE_EXIT,
      d.raw(),
    ]);
    return [ident, (filter & 0xffff) | (flags << 16), notes, d.pick([0, 1, 50, 1000, d.raw()]), d.raw()];
  };
  return d.words(...Array.from({ length: count }, one).flat());
}

/** struct flock, for the commands that take one. */
export const fcntlArgument: Drawing = (d) =>
  d.oneIn(2)
    ? d.pick([d.fd(), 4, 0x40, 0x44, d.p.pid, -d.p.pgid, d.pid()])
    : d.words(
        d.below(200),
        d.oneIn(8) ? d.raw() : 0,
        d.pick([0, 10, 100, d.raw()]),
        0,
        d.p.pid,
        d.pick([1, 2, 3]) | (d.pick([0, 0, 1, 2]) << 16),
        0,
      );

const sysctlNames = sysctlRows.map((row) => row.name);
export function sysctl(d: Draft): number[] {
  const row = d.pick(sysctlRows);
  const questions = d.below(5) + 1;
  const mib = d.pick([
    row.mib,
    row.mib,
    [...row.mib, d.pid()],
    [...row.mib, d.pid(), d.below(3)],
    [0, questions, ...row.mib],
    [1, 14, d.below(60), d.pid()],
    [d.raw(), d.raw()],
  ]);
  const old = orNull((x) => x.room(400))(d);
  const size = d.words(d.pick([400, 400, 0, 4, 64, 100_000, d.raw()]));
  if (d.oneIn(8)) {
    const name = d.pick(sysctlNames);
    return [d.words(0, 3), 2, d.room(128), d.words(128), d.place(bytesOf(name)), name.length];
  }
  const value = d.oneIn(5) ? (d.oneIn(2) ? d.text('a-new-name') : d.noise(2)) : 0;
  return [
    d.words(...mib),
    d.oneIn(24) ? d.raw() : mib.length,
    old,
    size,
    value,
    value === 0 ? 0 : d.pick([4, 10, d.raw()]),
  ];
}

export function umtx(d: Draft): number[] {
  const operation = d.oneIn(24) ? d.raw() : d.below(23);
  const object = d.oneIn(16) ? d.pointer() : d.lock();
  // Sometimes as user mode leaves it: free, or owned by a thread.
  if (d.oneIn(3))
    d.k.copyout(
      d.p.pid,
      object,
      new Uint8Array(
        Int32Array.of(d.pick([0, 0, d.td.tid, d.td.tid | (1 << 31), 1 << 31]), d.pick([0, 0, 0, 2, 4, 8, 12])).buffer,
      ),
    );
  const value = d.pick([0, 1, d.td.tid, 0x7fffffff, d.raw()]);
  // CV_WAIT's mutex is uaddr1; NWAKE_PRIVATE takes a list.
  if (operation === 8) return [object, operation, d.pick([0, 0, 2, 4]), d.lock(), d.timeout()];
  if (operation === 21) return [d.words(d.lock(), d.lock(), d.pointer()), operation, d.pick([1, 2, 3, d.raw()]), 0, 0];
  return [object, operation, value, d.pick([0, 0, 16, d.raw()]), d.timeout()];
}

export function map(d: Draft): number[] {
  const anonymous = d.oneIn(2);
  const fixed = d.oneIn(4) ? 0x10 : 0;
  const at = fixed ? (d.oneIn(2) ? d.mapped() & ~0xfff : 0x20000000 + 4096 * d.below(64)) : d.pick([0, 0, 0, d.raw()]);
  const length = d.pick([1, 4096, 4096, 16384, 65536, 1 << 20, d.raw()]);
  const flags = (anonymous ? 0x1000 : 0) | d.pick([1, 2]) | fixed | d.bits(0x400, 0x20000);
  return [
    at,
    length,
    d.pick([0, 1, 3, 3, 3, 3, 7, d.raw()]),
    d.oneIn(16) ? d.raw() : flags,
    anonymous ? -1 : mappable(d),
    d.pick([0, 0, 0, 0, 4096, 8192, 0, d.raw()]),
  ];
}

/** A range that is mapped, mostly. */
const range = (d: Draft): number[] => [
  d.oneIn(8) ? d.raw() : d.mapped() & (d.oneIn(6) ? -1 : ~0xfff),
  d.pick([0, 1, 4096, 4096, 8192, 65536, d.raw()]),
];
export const withRange =
  (...rest: readonly Drawing[]) =>
  (d: Draft): number[] => [...range(d), ...rest.map((draw) => draw(d))];

export const segmentId: Drawing = (d) =>
  d.k.state.sysvShm.size > 0 && !d.oneIn(8) ? d.pick([...d.k.state.sysvShm.keys()]) : d.raw();
export const timerId: Drawing = (d) => (d.oneIn(8) ? d.raw() : d.below(Math.max(1, d.p.timers.length)));
/** A struct aiocb of 17 words, of a regular file mostly. */
export const aiocb: Drawing = (d) => {
  const sigevent = d.oneIn(3) ? [1, d.signo(), d.raw()] : [0, 0, 0];
  const place = [d.pick([0, 0, 10, d.raw()]), d.pick([0, 0, 0, -1])];
  const transfer = [d.pointer(), d.pick([0, 1, 100, 5000, d.raw()])];
  return d.words(regular(d), ...place, ...transfer, 0, 0, 0, d.pick([0, 1, 2, 3]), 0, 0, 0, 0, ...sigevent, 0);
};
/** What a transfer is known by as long as nobody has asked for its result. */
export const aiocbOfJob: Drawing = (d) => (d.p.aio.length > 0 && !d.oneIn(8) ? d.pick(d.p.aio).address : aiocb(d));
export const descriptors: Drawing = (d) =>
  d.words(...Array.from({ length: 4 }, () => [d.raw(), d.pick([0x0000f200, 0x00c0f200, d.raw()])]).flat());
