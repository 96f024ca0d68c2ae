import { describe, expect, it } from 'vitest';
import { faultInterrupt } from '../../../kernel-sim/kern/recovery.ts';
import type { VmEntry } from '../../../kernel-sim/kern/state.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { at, type GuestProgram, program, Run, SCRATCH } from '../../support/guest-program.ts';

const BASE: SystemConfig = {
  cores: 3,
  checkpointEveryNs: 5_000_000,
  costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
  recovery: 'rollback-migrate',
};
const AREA = 0x3000_0000;
const PAGE = 0x1000;
const [RW, R, NONE] = [3, 1, 0];
const [PRIVATE, SHARED, FIXED, ANON, NOCORE] = [0x2, 0x1, 0x10, 0x1000, 0x20000];
const INHERIT_NONE = 2;
/** The end of the data of every program here. */
const BREAK = 0x08064000;
const FD = SCRATCH + 0x10;

const map = (p: GuestProgram, address: number, pages: number, prot = RW, flags = PRIVATE | ANON): GuestProgram =>
  p.sys('mmap', address, pages * PAGE, prot, flags | FIXED, -1, 0, 0);

/** What a recovery has to bring back of a map: whether memory was shared, or touched, is not in it. */
function shapeOf(run: Run, pid: number) {
  const { map: entries, stackLow, dataSize } = run.system.kernel.vmspace(run.system.kernel.findProc(pid)!.vmspace);
  return {
    entries: entries.map(({ object: _object, touched: _touched, ...entry }: VmEntry) => entry),
    ...{ stackLow, dataSize },
  };
}

/** Maps before the checkpoint at 5 ms, loses its core at 9 ms, and does the rest after 10 ms. */
function recovered(before: (p: GuestProgram) => void, after: (p: GuestProgram) => void) {
  const main = program((p) => {
    before(p);
    p.burn(50_000);
    after(p);
    p.exit(0);
  });
  const run = new Run({ main }, BASE);
  const pid = run.start('main');
  run.system.run({ untilNs: 9_000_000 });
  const { kernel } = run.system;
  const td = kernel.thread(kernel.findProc(pid)!.threads[0]!);
  expect(td.state).toBe('running');
  const then = shapeOf(run, pid);
  faultInterrupt(kernel, { core: kernel.cores[td.onCpu]!, by: 'machine-check', permanent: true });
  for (let ns = 9_000_000; run.events('recovery-done').length === 0 && ns < 1e9; ns += 50_000)
    run.system.run({ untilNs: ns });
  expect(run.events('recovery-done')).toMatchObject([{ pid, fromNs: 5_000_000 }]);
  const now = shapeOf(run, pid);
  run.go(3e9);
  return { run, pid, then, now };
}

describe('the memory map of a process that comes back', () => {
  it('has a mapping that was not touched before the checkpoint', () => {
    const { run, pid, then, now } = recovered(
      (p) => map(p, AREA, 4),
      (p) =>
        p
          .set(AREA + 2 * PAGE, 7)
          .load(AREA + 2 * PAGE)
          .log('word')
          .load(AREA)
          .log('zero'),
    );
    expect(now).toEqual(then);
    expect(run.logOf(pid)).toEqual({ word: 7, zero: 0 });
  });

  it('has protection, guard pages, and parts that were touched beside parts that were not', () => {
    const { run, pid, then, now } = recovered(
      (p) => {
        map(p, AREA, 8)
          .set(AREA, 5)
          .set(AREA + 6 * PAGE, 6);
        p.sys('mprotect', AREA + PAGE, PAGE, NONE).sys('mprotect', AREA + 6 * PAGE, PAGE, R);
        map(p, AREA + 16 * PAGE, 2, NONE);
      },
      (p) =>
        p
          .load(AREA)
          .log('a')
          .load(AREA + 6 * PAGE)
          .log('b')
          .set(AREA + PAGE, 1),
    );
    expect(now).toEqual(then);
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: 11 });
  });

  it('has what mmap(2), minherit(2) and mlock(2) said of it', () => {
    const { then, now } = recovered(
      (p) => {
        map(p, AREA, 2, RW, PRIVATE | ANON | NOCORE);
        map(p, AREA + 8 * PAGE, 2).sys('minherit', AREA + 8 * PAGE, PAGE, INHERIT_NONE);
        map(p, AREA + 16 * PAGE, 2)
          .sys('mlock', AREA + 16 * PAGE, PAGE)
          .sys('mlockall', 2);
      },
      () => {},
    );
    expect(then.entries.some(({ noCoredump }) => noCoredump)).toBe(true);
    expect(then.entries.some(({ inherit }) => inherit === 'none')).toBe(true);
    expect(then.entries.some(({ wired }) => wired)).toBe(true);
    expect(now).toEqual(then);
  });

  it('has no mapping that was taken away', () => {
    const { run, pid, then, now } = recovered(
      (p) => p.sys('munmap', BREAK - PAGE, PAGE),
      (p) => p.set(BREAK - PAGE, 1),
    );
    expect(now).toEqual(then);
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: 11 });
  });

  it('has the break where it was, above a heap with an untouched end, a hole and a page of another protection', () => {
    const { run, pid, then, now } = recovered(
      (p) => {
        p.sys('break', BREAK + 8 * PAGE).sys('munmap', BREAK + 2 * PAGE, PAGE);
        p.sys('mprotect', BREAK + 4 * PAGE, PAGE, R);
      },
      (p) =>
        p
          .sys('break', BREAK + 9 * PAGE)
          .log('break')
          .set(BREAK + 8 * PAGE, 3)
          .load(BREAK + 8 * PAGE)
          .log('word'),
    );
    expect(now).toEqual(then);
    expect(run.logOf(pid)).toEqual({ break: 0, word: 3 });
  });

  it('has a break below that of the beginning', () => {
    const { run, pid, then, now } = recovered(
      (p) => p.sys('break', BREAK - PAGE),
      (p) =>
        p
          .sys('break', BREAK)
          .log('break')
          .load(BREAK - PAGE)
          .log('word'),
    );
    expect(now).toEqual(then);
    expect(run.logOf(pid)).toEqual({ break: 0, word: 0 });
  });

  it('has a deep stack, and files that nobody has looked at', () => {
    const { run, pid, then, now } = recovered(
      (p) => {
        p.sys('open', '/tmp/file', 0x202, 0o644).store(FD).sys('write', at(FD), 'text', 4);
        p.sys('mmap', AREA, PAGE, RW, PRIVATE | FIXED, at(FD), 0, 0);
        p.sys('mmap', AREA + 4 * PAGE, PAGE, R, SHARED | FIXED, at(FD), 0, 0);
        p.set(0xbfc00000 - 0x90000, 1);
      },
      (p) =>
        p
          .load(AREA)
          .log('private')
          .load(AREA + 4 * PAGE)
          .log('shared'),
    );
    expect(now).toEqual(then);
    const text = new DataView(new TextEncoder().encode('text').buffer).getInt32(0, true);
    expect(run.logOf(pid)).toEqual({ private: text, shared: text });
  });

  it('has the contents of files that are left out of cores, mapped again from the files', () => {
    const { run, pid, then, now } = recovered(
      (p) => {
        p.sys('open', '/tmp/file', 0x202, 0o644).store(FD);
        p.sys('pwrite', at(FD), 'page', 4, PAGE, 0).sys('pwrite', at(FD), 'next', 4, 2 * PAGE, 0);
        p.sys('mmap', AREA, 2 * PAGE, R, PRIVATE | FIXED | NOCORE, at(FD), PAGE, 0).sys('close', at(FD));
      },
      (p) =>
        p
          .load(AREA)
          .log('first')
          .load(AREA + PAGE)
          .log('second'),
    );
    expect(now).toEqual(then);
    const word = (text: string): number => new DataView(new TextEncoder().encode(text).buffer).getInt32(0, true);
    expect(run.logOf(pid)).toEqual({ first: word('page'), second: word('next') });
  });
});
