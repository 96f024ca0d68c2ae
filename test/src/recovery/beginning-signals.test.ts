import { describe, expect, it } from 'vitest';
import { signo, pid as toPid } from '../../../kernel-sim/abi/ids.ts';
import { faultInterrupt } from '../../../kernel-sim/kern/recovery.ts';
import { psignal } from '../../../kernel-sim/kern/signal.ts';
import { ContractMonitor } from '../../../src/recovery/contract.ts';
import { type GuestProgram, program, Run, SCRATCH } from '../../support/guest-program.ts';

const [SIGTERM, SIGUSR1, SIGUSR2] = [15, 30, 31];
const SIG_BLOCK = 1;
const SIG_UNBLOCK = 2;
/** The process that another signal is said to come from. */
const SENDER = 99;
const COUNT = SCRATCH + 0x20;
const bit = (n: number): number => 1 << (n - 1);

/** Handlers count in COUNT. */
const counting = (p: GuestProgram, signum: number): GuestProgram =>
  p
    .routine(`handler${signum}`, (h) =>
      h.raw(`ff05${[0, 8, 16, 24].map((by) => ((COUNT >>> by) & 255).toString(16).padStart(2, '0')).join('')}c3`),
    )
    .sys('sigaction', signum, p.words(p.address(`handler${signum}`), 0, 0, 0, 0, 0), 0);
const mask = (p: GuestProgram, how: number, signum: number): GuestProgram =>
  p.sys('sigprocmask', how, p.words(bit(signum), 0, 0, 0), 0);

/** Begins `main`, sends signals at their times (ns), and has its core fail at 9 ms; `main` is to begin again then. */
function begunAgain(
  build: (p: GuestProgram) => void,
  sent: readonly { readonly signum: number; readonly ns: number }[],
) {
  const run = new Run(
    { main: program(build) },
    {
      ...{ cores: 3, checkpointEveryNs: 0, recovery: 'restart-from-beginning' },
      costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
    },
  );
  const contract = new ContractMonitor(run.system);
  const pid = run.start('main');
  const { kernel } = run.system;
  const send = (from: number, to: number): void => {
    for (const { signum, ns } of sent) {
      if (ns < from || ns >= to) continue;
      run.system.run({ untilNs: ns });
      psignal(kernel, toPid(pid), signo(signum), SENDER);
    }
  };
  send(0, 9_000_000);
  run.system.run({ untilNs: 9_000_000 });
  const td = kernel.thread(kernel.findProc(pid)!.threads[0]!);
  expect(td.state).toBe('running');
  faultInterrupt(kernel, { core: kernel.cores[td.onCpu]!, by: 'machine-check', permanent: true });
  send(9_000_000, Number.POSITIVE_INFINITY);
  expect(run.go(3e9).reason).toBe('finished');
  expect(run.events('recovery-done')).toHaveLength(1);
  expect(contract.finish()).toEqual([]);
  return { run, pid };
}

/** Takes until 5 ms to set its handler, and ends after 15 ms. */
const slowly = (p: GuestProgram): GuestProgram =>
  counting(p.burn(25_000), SIGUSR1).burn(60_000).load(COUNT).log('count').exit(3);

describe('signals of a process that begins again', () => {
  it.each([
    ['was handled before the fault', 6_000_000],
    ['comes after the fault, while there is no handler', 10_000_000],
    ['comes when there is one again', 16_000_000],
  ])('one that %s reaches the new handler', (_when, ns) => {
    const { run, pid } = begunAgain(slowly, [{ signum: SIGUSR1, ns }]);
    expect(run.exitOf(pid)).toEqual({ code: 3, signal: 0 });
    expect(run.logOf(pid)).toEqual({ count: 1 });
  });

  it('what was masked and pending is held until the handler is there', () => {
    const main = (p: GuestProgram): void => {
      mask(counting(p.burn(20_000), SIGUSR1), SIG_BLOCK, SIGUSR1).burn(30_000);
      mask(p, SIG_UNBLOCK, SIGUSR1).load(COUNT).log('count').exit(3);
    };
    const { run, pid } = begunAgain(main, [{ signum: SIGUSR1, ns: 7_000_000 }]);
    expect(run.logOf(pid)).toEqual({ count: 1 });
  });

  it('what it waits for with sigwait(2) it gets there', () => {
    const main = (p: GuestProgram): void => {
      mask(p.burn(20_000), SIG_BLOCK, SIGUSR2).burn(40_000);
      p.sys('sigwait', p.words(bit(SIGUSR2), 0, 0, 0), SCRATCH)
        .load(SCRATCH)
        .log('signal')
        .exit(3);
    };
    const { run, pid } = begunAgain(main, [{ signum: SIGUSR2, ns: 7_000_000 }]);
    expect(run.logOf(pid)).toEqual({ signal: SIGUSR2 });
  });

  it('what it sends itself is not doubled', () => {
    const main = (p: GuestProgram): void => {
      mask(counting(p, SIGUSR1), SIG_BLOCK, SIGUSR1);
      p.sys('getpid').store(SCRATCH).sys('kill', { at: SCRATCH }, SIGUSR1).burn(50_000);
      mask(p, SIG_UNBLOCK, SIGUSR1).load(COUNT).log('count').exit(3);
    };
    const { run, pid } = begunAgain(main, []);
    expect(run.logOf(pid)).toEqual({ count: 1 });
  });

  it('one that it has never been ready for ends it', () => {
    const { run, pid } = begunAgain(slowly, [{ signum: SIGTERM, ns: 10_000_000 }]);
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: SIGTERM });
  });
});
