import { describe, expect, it } from 'vitest';
import { cpuId } from '../../../emu/base/brand.ts';
import { CoreState, EAX } from '../../../emu/core/core-state.ts';
import type { Engine } from '../../../emu/core/engine.ts';
import { freebsdDescriptorTables } from '../../../emu/core/reset.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { AddressSpace } from '../../../emu/memory/address-space.ts';
import { loadSelfTest, selfTestPassed } from '../../../kernel-sim/kern/self-test.ts';
import { SELF_TEST_CODE, SELF_TEST_RESULTS } from '../../../kernel-sim/kern/self-test-code.ts';
import { buildSelfTest } from '../../../scripts/selftest-code.ts';
import { program, Run } from '../../support/guest-program.ts';

/** An engine with a core whose EAX has a bit that is stuck at 1, from an instant on. */
class StuckEngine implements Engine {
  readonly name = 'stuck';
  core = -1;
  private readonly inner = new Interpreter({ fast: false });

  run(core: CoreState, space: AddressSpace, budget: number) {
    if (core.id !== this.core) return this.inner.run(core, space, budget);
    let done = 0;
    for (;;) {
      core.i32[EAX] = core.i32[EAX]! | 0x40;
      const exit = this.inner.run(core, space, 1);
      core.i32[EAX] = core.i32[EAX]! | 0x40;
      done += core.retired;
      if (exit !== 0 || done >= budget) {
        core.retired = done;
        return exit;
      }
    }
  }
}

const CHEAP = { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 };

describe('the self-test', () => {
  it('is what nasm makes of its source, and its results are those of this machine', () => {
    const { code, results } = buildSelfTest();
    expect(Buffer.from(code).toString('hex')).toBe(SELF_TEST_CODE);
    expect(Buffer.from(results).toString('hex')).toBe(SELF_TEST_RESULTS);
  });

  it('is passed by a sound core, and takes about 250 instructions', () => {
    const core = new CoreState(cpuId(0), freebsdDescriptorTables());
    const space = new AddressSpace();
    loadSelfTest(core.i32, space);
    const exit = new Interpreter().run(core, space, 10_000);
    expect(selfTestPassed(core, space, exit)).toBe(true);
    expect(core.retired).toBeGreaterThan(150);
    expect(core.retired).toBeLessThan(300);
    space.poke(0x08060010, Uint8Array.of(0));
    expect(selfTestPassed(core, space, exit)).toBe(false);
  });
});

describe('a machine that tests its cores', () => {
  const worker = program((p) => p.burn(300_000).exit(5));

  it('runs each test on its core and lets programs go on as if nothing had been', () => {
    const run = new Run({ worker }, { cores: 2, costs: CHEAP, selfTest: { periodNs: 2_000_000 } });
    const pids = [run.start('worker'), run.start('worker')];
    expect(pids).toEqual([2, 3]);
    expect(run.go(3e9).reason).toBe('finished');
    for (const pid of pids) expect(run.exitOf(pid)).toEqual({ code: 5, signal: 0 });
    for (const core of [0, 1]) {
      const tests = run.events('switch').filter((event) => event.name === `selftest${core}`);
      expect(tests.length).toBeGreaterThan(20);
      expect(new Set(tests.map((event) => event.core))).toEqual(new Set([core]));
    }
    expect(run.events('fault-detected')).toEqual([]);
  });

  it('finds a core that has become unsound, and takes back all that it has misled', () => {
    const engine = new StuckEngine();
    const main = program((p) => {
      // Counts in EAX: the stuck bit would show.
      p.raw('b800000000').raw('b980800200').raw('40').raw('4975fc').log('count').exit(0);
    });
    const run = new Run(
      { main },
      { cores: 3, costs: CHEAP, engine, checkpointEveryNs: 1_500_000, selfTest: { periodNs: 4_000_000 } },
    );
    const pid = run.start('main');
    run.system.run({ untilNs: 9_100_000 });
    const { kernel } = run.system;
    engine.core = kernel.thread(kernel.findProc(pid)!.threads[0]!).onCpu;
    run.go(3e9);
    expect(run.events('fault-detected')).toMatchObject([{ victim: engine.core, by: 'self-test' }]);
    // Passed last at 8 ms; checkpoints of 9 ms and later come from the unsound core.
    expect(run.events('recovery-done')[0]!.fromNs).toBe(7_500_000);
    expect(run.logOf(pid)).toEqual({ count: 0x28080 });
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: 0 });
    const later = run.events('switch').filter((event) => event.ns > run.events('core-removed')[0]!.ns);
    expect(later.some((event) => event.core === engine.core && event.pid !== 0)).toBe(false);
  });

  it('cannot be killed, traced or waited for from inside', () => {
    const main = program((p) => {
      p.sys('kill', 99999, 9).log('kill').sys('ptrace', 10, 99999, 0, 0).log('attach').burn(200_000).exit(0);
    });
    const run = new Run({ main }, { cores: 1, costs: CHEAP, selfTest: { periodNs: 2_000_000 } });
    const pid = run.start('main');
    expect(run.go(3e9).reason).toBe('finished');
    expect(run.logOf(pid)).toEqual({ kill: 0, attach: -22 });
    expect(run.events('switch').filter((event) => event.name === 'selftest0').length).toBeGreaterThan(5);
  });
});
