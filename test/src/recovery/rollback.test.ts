import { describe, expect, it } from 'vitest';
import { signo } from '../../../kernel-sim/abi/ids.ts';
import { faultInterrupt } from '../../../kernel-sim/kern/recovery.ts';
import { psignal } from '../../../kernel-sim/kern/signal.ts';
import { readFile } from '../../../kernel-sim/vfs/memfs.ts';
import type { SystemConfig } from '../../../src/system.ts';
import { at, type GuestProgram, program, Run, SCRATCH } from '../../support/guest-program.ts';

const BASE: SystemConfig = {
  cores: 3,
  // Taken by hand in these tests, after exec and where `checkpointAt` says.
  checkpointEveryNs: 5_000_000,
  costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
};
const FD = SCRATCH + 0x10;
const [O_RDWR, O_APPEND, O_CREAT] = [2, 8, 0x200];

/**
 * Runs a program, and at `failNs` takes it back to its last checkpoint, as a fault of the core that it runs on would do. The periodic
 * checkpoint is at 5 ms.
 */
function rolledBack(build: (p: GuestProgram) => void, config: SystemConfig = {}, failNs = 9_000_000): Run {
  const run = new Run({ main: program(build) }, { ...BASE, ...config });
  const pid = run.start('main');
  run.system.run({ untilNs: failNs });
  const { kernel } = run.system;
  const td = kernel.thread(kernel.findProc(pid)!.threads[0]!);
  expect(td.state).toBe('running');
  faultInterrupt(kernel, { core: kernel.cores[td.onCpu]!, by: 'machine-check', permanent: true });
  expect(run.go(3e9).reason).toBe('finished');
  expect(run.events('recovery-failed')).toEqual([]);
  expect(run.events('recovery-done')).toHaveLength(1);
  expect(run.events('recovery-done')[0]!.fromNs).toBe(5_000_000);
  return run;
}

/** 10 MHz: past the checkpoint at 5 ms, and past the fault at 9 ms. */
const burnTo7ms = (p: GuestProgram): GuestProgram => p.burn(32_000);
const burnTo10ms = (p: GuestProgram): GuestProgram => p.burn(17_000);
const openFile = (p: GuestProgram, flags: number): GuestProgram =>
  p.sys('open', '/tmp/file', flags | O_CREAT, 0o644).store(FD);
const writeText = (p: GuestProgram, text: string): GuestProgram => p.sys('write', at(FD), text, text.length);
const contents = (run: Run): string => {
  const bytes = readFile(run.system.kernel, '/tmp/file');
  return typeof bytes === 'number' ? `errno ${bytes}` : String.fromCharCode(...bytes);
};

describe('files of a process that is rolled back', () => {
  const writer =
    (flags: number) =>
    (p: GuestProgram): void => {
      writeText(openFile(p, flags), 'one ');
      burnTo7ms(p);
      writeText(p, 'two ');
      burnTo10ms(p);
      writeText(p, 'three').exit(0);
    };

  it('get their offset of then: what is written again stands where it stood', () => {
    expect(contents(rolledBack(writer(O_RDWR)))).toBe('one two three');
  });

  it('keep the offset where that is asked for, as in the paper: written twice', () => {
    const run = rolledBack(writer(O_RDWR), { recoveryOptions: { files: 'keep' } });
    expect(contents(run)).toBe('one two two three');
  });

  it('that are appended to get their contents of then where that is asked for', () => {
    expect(contents(rolledBack(writer(O_RDWR | O_APPEND)))).toBe('one two two three');
    const run = rolledBack(writer(O_RDWR | O_APPEND), { recoveryOptions: { files: 'contents' } });
    expect(contents(run)).toBe('one two three');
  });

  it('are read again from where they were', () => {
    const run = rolledBack((p) => {
      writeText(openFile(p, O_RDWR), 'abcdefgh').sys('lseek', at(FD), 0, 0, 0);
      p.sys('read', at(FD), SCRATCH, 2);
      burnTo7ms(p)
        .sys('read', at(FD), SCRATCH + 0x20, 4)
        .load(SCRATCH + 0x20)
        .log('word');
      burnTo10ms(p)
        .sys('read', at(FD), SCRATCH + 0x20, 4)
        .log('count')
        .exit(0);
    });
    expect(run.logOf(2)).toEqual({ word: 0x66656463, count: 2 });
  });

  it('keep the offset, and the log says so, when another process shares it', () => {
    const run = rolledBack((p) => {
      openFile(p, O_RDWR)
        .sys('fork')
        .ifZero((c) => c.sleep(50_000_000).sys('exit', 0));
      writeText(p, 'one ');
      writeText(burnTo7ms(p), 'two ');
      writeText(burnTo10ms(p), 'three').wait('w').exit(0);
    });
    expect(contents(run)).toBe('one two two three');
    expect(run.events('log').some(({ text }) => text.includes('share an offset'))).toBe(true);
  });

  it('keep their contents when another process has written them as well', () => {
    const run = rolledBack(
      (p) => {
        openFile(p, O_RDWR | O_APPEND)
          .sys('fork')
          .ifZero((c) => {
            c.sleep(7_500_000);
            writeText(c, 'X').sys('exit', 0);
          });
        writeText(p, 'one ');
        writeText(burnTo7ms(p), 'two ');
        writeText(burnTo10ms(p), 'three').wait('w').exit(0);
      },
      { recoveryOptions: { files: 'contents' } },
    );
    expect(contents(run)).toBe('one two Xtwo three');
  });

  it('are open again if they were closed since, and closed if they were opened since', () => {
    const run = rolledBack((p) => {
      writeText(openFile(p, O_RDWR), 'one ');
      burnTo7ms(p);
      writeText(p, 'two')
        .sys('close', at(FD))
        .sys('open', '/tmp/other', O_RDWR | O_CREAT, 0o600)
        .log('other');
      burnTo10ms(p).exit(0);
    });
    expect(contents(run)).toBe('one two');
    expect(run.logOf(2)).toEqual({ other: 3 });
  });
});

describe('a pipe within a process that is rolled back', () => {
  it('holds what it held', () => {
    const run = rolledBack((p) => {
      // pipe(2) returns the ends in EAX and EDX: mov [FD+4],edx.
      p.sys('pipe').store(FD).raw('8915').raw('14000608');
      p.sys('write', at(FD + 4), 'abcdefgh', 8);
      burnTo7ms(p).sys('read', at(FD), SCRATCH, 4).log('read').load(SCRATCH).log('first');
      burnTo10ms(p).sys('read', at(FD), SCRATCH, 8).log('rest').exit(0);
    });
    expect(run.logOf(2)).toEqual({ read: 4, first: 0x64636261, rest: 4 });
  });
});

describe('children of a process that is rolled back', () => {
  it('are made again if they were made since; the first ones are to have never been', () => {
    const run = rolledBack((p) => {
      burnTo7ms(p)
        .sys('fork')
        .ifZero((c) =>
          c
            .sys('fork')
            .ifZero((g) => g.sleep(40_000_000).sys('exit', 1))
            .sleep(40_000_000)
            .sys('exit', 9),
        );
      burnTo10ms(p).wait('w').sys('wait4', -1, 0, 0, 0).log('more').exit(0);
    });
    expect(run.events('discard').map(({ pid, parent }) => [pid, parent])).toEqual([
      [3, 2],
      [4, 2],
    ]);
    expect(run.logOf(2)).toMatchObject({ 'w.status': 9 << 8, more: -10 });
    expect(run.exitOf(3)).toEqual({ code: 0, signal: 9 });
    expect(run.system.kernel.state.procs.size).toBe(1);
  });

  it('of then that were waited for since can be waited for again', () => {
    const run = rolledBack((p) => {
      p.sys('fork').ifZero((c) => c.sys('exit', 7));
      burnTo7ms(p).wait('w');
      burnTo10ms(p).exit(0);
    });
    expect(run.logOf(2)).toEqual({ 'w.pid': 3, 'w.status': 7 << 8 });
    expect(run.events('discard')).toEqual([]);
  });

  it('of then that live on are not touched', () => {
    const run = rolledBack((p) => {
      p.sys('fork').ifZero((c) => c.sleep(40_000_000).sys('exit', 7));
      burnTo10ms(burnTo7ms(p)).wait('w').exit(0);
    });
    expect(run.logOf(2)).toEqual({ 'w.pid': 3, 'w.status': 7 << 8 });
  });
});

describe('signals of a process that is rolled back', () => {
  it('from others act again, since nobody will send them again', () => {
    const main = program((p) => {
      p.routine('handler', (h) => h.set(SCRATCH + 0x40, 5).raw('c3'));
      p.sys('sigaction', 30, p.words(p.address('handler'), 0, 0, 0, 0, 0), 0);
      burnTo10ms(burnTo7ms(p))
        .load(SCRATCH + 0x40)
        .log('seen')
        .exit(0);
    });
    const run = new Run({ main }, BASE);
    const pid = run.system.spawn({ path: '/bin/main', args: ['main'] });
    run.system.run({ untilNs: 6_000_000 });
    psignal(run.system.kernel, pid, signo(30));
    run.system.run({ untilNs: 8_000_000 });
    const { kernel } = run.system;
    const core = kernel.cores[kernel.thread(kernel.findProc(pid)!.threads[0]!).onCpu]!;
    faultInterrupt(kernel, { core, by: 'machine-check', permanent: true });
    run.go(3e9);
    expect(run.events('recovery-done')).toHaveLength(1);
    expect(run.logOf(pid)).toEqual({ seen: 5 });
  });
});

describe('a thread in the middle of a system call at its checkpoint', () => {
  it('goes on with the sleep that it had, not with a new one', () => {
    const main = program((p) => {
      p.sleep(20_000_000)
        .sys('gettimeofday', SCRATCH, 0)
        .load(SCRATCH + 4)
        .log('usec');
      p.burn(20_000).exit(0);
    });
    const run = new Run({ main }, BASE);
    const pid = run.start('main');
    // Checkpoints at 5, 10, 15 and 20 ms; the last one in the burn is not taken before 25 ms.
    run.system.run({ untilNs: 22_000_000 });
    const { kernel } = run.system;
    const core = kernel.cores[kernel.thread(kernel.findProc(pid)!.threads[0]!).onCpu]!;
    faultInterrupt(kernel, { core, by: 'machine-check', permanent: true });
    run.go(3e9);
    expect(run.events('recovery-done')).toHaveLength(1);
    expect(run.logOf(pid).usec).toBeLessThan(30_000);
  });
});
