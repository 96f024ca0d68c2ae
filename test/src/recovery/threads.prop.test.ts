import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import { logicalOutputs } from '../../../src/recovery/logical-output.ts';
import { System } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';
import { program, Run, SCRATCH } from '../../support/guest-program.ts';
import { property } from '../../support/property.ts';

/** Programs with threads, and arguments with which they run for some 10 to 30 ms of virtual time at 10 MHz. */
const PROGRAMS = [
  ['threads', '4', '60'],
  ['prodcons', '60'],
] as const;
const FILES = guestPrograms('threads', 'prodcons');

const plans = fc.record({
  program: fc.constantFrom(...PROGRAMS),
  seed: fc.nat(1 << 20),
  slice: fc.integer({ min: 20, max: 400 }),
  checkpointUs: fc.integer({ min: 300, max: 4000 }),
  /** Each strikes the core that runs the program then; three of the four cores at most. */
  faultsUs: fc.array(fc.nat(9000), { minLength: 1, maxLength: 3 }),
});
type Plan = typeof plans extends fc.Arbitrary<infer P> ? P : never;

function run(plan: Plan, withFaults: boolean): System {
  const [name] = plan.program;
  const faults = plan.faultsUs.map((us): FaultSpec => {
    return { model: 'fail-stop', trigger: { at: 'process', process: name, ns: us * 1000 } };
  });
  const { seed, slice } = plan;
  const system = new System({
    ...{ cores: 4, cycleNs: 100, seed, faults: withFaults ? faults : [], paranoid: true },
    schedule: { kind: 'seeded', seed, minInstructions: slice, maxInstructions: 3 * slice },
    checkpointEveryNs: plan.checkpointUs * 1000,
    faultGenerator: { periodNs: 500_000, deadlineNs: 100_000, misses: 1 },
    costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 1000, checkpointNsPerKiB: 0 },
  });
  for (const file of FILES) system.install(file);
  system.spawn({ path: `/bin/${name}`, args: plan.program, nice: 3 });
  expect(system.run({ untilNs: 20e9 }).reason).toBe('finished');
  return system;
}

const resultOf = (system: System): unknown => {
  const exit = system.events.findLast((event) => event.kind === 'exit' && event.pid === 2);
  if (exit?.kind !== 'exit') return null;
  return { code: exit.code, signal: exit.signal, nice: exit.nice, text: logicalOutputs(system.events).get(2)?.text };
};

describe('a process with several threads, one of whose cores dies', () => {
  it('goes on with all of them and comes to the same result', () => {
    let recovered = 0;
    fc.assert(
      fc.property(plans, (plan) => {
        const faulty = run(plan, true);
        expect(resultOf(faulty)).toEqual(resultOf(run(plan, false)));
        recovered += faulty.events.filter((event) => event.kind === 'recovery-done').length;
      }),
      property(25),
    );
    expect(recovered).toBeGreaterThan(20);
  }, 120_000);

  it('has its thread ids, TLS, LDT, masks and signal stacks as they were', () => {
    const TID = SCRATCH + 0x10;
    const GO = SCRATCH + 0x20;
    const run = new Run(
      {
        main: program((p) => {
          p.routine('thread', (t) => {
            t.sys('sigprocmask', 3, t.words(1 << 29, 0, 0, 0), 0).sys('sigaltstack', t.words(SCRATCH, 0x800, 0), 0);
            t.set(GO, 1).burn(60_000).sys('thr_self', SCRATCH).load(SCRATCH).log('self');
            t.raw('65a100000000').log('tls').sys('sigprocmask', 1, 0, SCRATCH).load(SCRATCH).log('mask');
            t.sys('sigaltstack', 0, SCRATCH)
              .load(SCRATCH + 4)
              .log('stack size')
              .set(GO, 2)
              .spin();
          });
          const stack = SCRATCH + 0x400;
          const param = [p.address('thread'), 0, stack, 0x500, p.words(777), 0, TID, 0, 0, 0, 0, 0, 0];
          // A data segment at 0x12340000 in slot 20: descriptor of 4 KiB limit, DPL 3.
          const descriptor = p.words(0x00000fff, 0x1240f234);
          p.sys('sysarch', 1, p.words(20, descriptor, 1)).sys('sysarch', 8, p.words(0x08060100));
          p.sys('thr_new', p.words(...param), 52)
            .load(TID)
            .log('thread');
          p.awaitWord(GO).burn(40_000);
          p.sys('sysarch', 0, p.words(20, SCRATCH + 0x30, 1))
            .load(SCRATCH + 0x34)
            .log('ldt');
          p.sys('sysarch', 7, SCRATCH + 0x30)
            .load(SCRATCH + 0x30)
            .log('fs')
            .sys('sigprocmask', 1, 0, SCRATCH + 0x40);
          p.load(SCRATCH + 0x40).log('main mask');
          p.sleep(30_000_000).exit(0);
        }),
      },
      {
        cores: 3,
        checkpointEveryNs: 2_000_000,
        faults: [0, 1].map((core) => ({ model: 'fail-stop', trigger: { at: 'time', core, ns: 7_000_000 } })),
        costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
        faultGenerator: { periodNs: 1_000_000, deadlineNs: 200_000, misses: 1 },
      },
    );
    const pid = run.start('main');
    expect(run.go().reason).toBe('finished');
    expect(run.events('recovery-done').length).toBeGreaterThan(0);
    const log = run.logOf(pid);
    expect(log).toMatchObject({ tls: 777, mask: 1 << 29, 'stack size': 0x800, ldt: 0x1240f234, fs: 0x08060100 });
    expect(log).toMatchObject({ self: log.thread, 'main mask': 0 });
  });
});
