import { describe, expect, it } from 'vitest';
import { SIGKILL } from '../../../kernel-sim/abi/signal.ts';
import { residentPages } from '../../../kernel-sim/vm/memory.ts';
import { type GuestProgram, program, Run } from '../../support/guest-program.ts';

const PAGE = 4096;
const MEMORY_PAGES = 64;
const BIG = 0x20000000;
const [RW, PRIVATE_FIXED_ANON, SHARED_FIXED_ANON] = [3, 0x1012, 0x1011];
const O_RDWR = 2;
const INHERIT_COPY = 1;

const machine = (main: GuestProgram, config = {}): Run => {
  const run = new Run(
    { main, small: program((p) => p.sleep(50_000_000).exit(3)) },
    { physmemBytes: MEMORY_PAGES * PAGE, ...config },
  );
  run.start('small');
  return run;
};
/** So many pages from BIG on, all written to by user mode. mov eax, BIG; 1: inc byte [eax]; add eax, PAGE; cmp eax, end; jne 1b */
const touch = (p: GuestProgram, pages: number): GuestProgram => {
  const le32 = (n: number): string => Buffer.from(Int32Array.of(n).buffer).toString('hex');
  p.sys('mmap', BIG, pages * PAGE, RW, PRIVATE_FIXED_ANON, -1, 0, 0);
  return p.raw(`b8${le32(BIG)}fe0005${le32(PAGE)}3d${le32(BIG + pages * PAGE)}75f2`);
};

describe('a machine whose memory is used up', () => {
  it('kills the largest process, and no other', () => {
    const run = machine(program((p) => touch(p, 2 * MEMORY_PAGES).exit(0)));
    const big = run.start('main');
    const stop = run.go();
    expect(stop.reason).toBe('finished');
    expect(run.exitOf(big)).toEqual({ code: 0, signal: SIGKILL });
    expect(
      run
        .events('exit')
        .filter(({ signal }) => signal === 0)
        .map(({ code }) => code),
    ).toEqual([3]);
    expect(run.events('log').map(({ text }) => text)).toContain(
      `pid ${big} (main), uid 0, was killed: out of swap space`,
    );
  });

  it('never has more pages in use than there are, even within one system call', () => {
    const run = machine(
      program((p) => {
        p.sys('mmap', BIG, 4 * MEMORY_PAGES * PAGE, RW, PRIVATE_FIXED_ANON, -1, 0, 0);
        p.sys('open', '/dev/zero', O_RDWR, 0);
        p.sys('read', 3, BIG, 4 * MEMORY_PAGES * PAGE).exit(0);
      }),
    );
    const big = run.start('main');
    let most = 0;
    for (let at = 0; run.exitOf(big) === undefined && at < 1e6; at += 10) {
      run.system.run({ pauseInstructions: at });
      most = Math.max(most, residentPages(run.system.kernel));
    }
    expect(run.exitOf(big)).toEqual({ code: 0, signal: SIGKILL });
    expect(most).toBeLessThanOrEqual(MEMORY_PAGES);
  });

  it('does not fork what it has no room for', () => {
    const run = machine(
      program((p) =>
        touch(p, MEMORY_PAGES / 2)
          .sys('fork')
          .log('fork')
          .exit(0),
      ),
    );
    const big = run.start('main');
    run.go();
    expect(run.logOf(big)).toEqual({ fork: -35 });
  });
});

it('gigabytes of shared memory that a child gets as its own cost what was written to', () => {
  const run = machine(
    program((p) => {
      p.sys('mmap', BIG, 0x7000_0000, RW, SHARED_FIXED_ANON, -1, 0, 0).log('map');
      p.set(BIG + 0x100_0000, 7);
      p.sys('minherit', BIG, 0x7000_0000, INHERIT_COPY);
      p.sys('fork').ifZero((c) =>
        c
          .load(BIG + 0x100_0000)
          .store(BIG)
          .sys('exit', { at: BIG }),
      );
      p.wait('child').exit(0);
    }),
  );
  const big = run.start('main');
  run.go();
  expect(run.logOf(big)['child.status']).toBe(7 << 8);
});
