import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { cpuId } from '../../../emu/base/brand.ts';
import { Prng } from '../../../emu/base/prng.ts';
import { EBX, ECX, EXIT_VECTOR } from '../../../emu/core/core-state.ts';
import { type Engine, EXIT_BUDGET, VECTOR_BP } from '../../../emu/core/engine.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import type { Core } from '../../../emu/machine/machine.ts';
import { Schedule, type ScheduleConfig, type TimedRound } from '../../../emu/machine/schedule.ts';
import { Trial, type TrialEnd } from '../../../emu/machine/trial.ts';
import { AddressSpace } from '../../../emu/memory/address-space.ts';
import { property } from '../../support/property.ts';
import { CODE, DATA, Guest, STACK_TOP } from '../guest-code.ts';
import { drawLoop } from '../jit/shared-loops.ts';

// Cores that run all their turns at once, and such that take turns: whoever traps first, all are the same afterwards.

vi.setConfig({ testTimeout: 120_000 });

const CYCLE_NS = 10;

const engines: Record<string, () => Engine> = {
  interpreter: () => new Interpreter(),
  jit: () => new JitEngine({ sampleEvery: 1, samples: 1, eager: true }),
};

interface Player {
  readonly core: Core;
  readonly guest: Guest | null;
}

/** What a core begins with. `turns` of its loop, and it traps; or at once, when its data are nowhere. */
const plan = fc.record({
  idle: fc.boolean(),
  seed: fc.nat(1000),
  turns: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1_000_000)),
  hasData: fc.boolean(),
  clockNs: fc.nat(2000),
  wakeNs: fc.nat(2000),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

function makePlayers(plans: readonly Plan[], engine: Engine): Player[] {
  return plans.map(({ idle, seed, turns, hasData, clockNs, wakeNs }, n) => {
    const guest = new Guest(drawLoop(Prng.seeded(seed, 0x7042)), { engine, codeWritable: true });
    guest.r[EBX] = hasData || seed % 8 > 0 ? DATA : 0x1000;
    guest.r[ECX] = turns;
    const faults = { failed: false, failedAtNs: 0, registersLost: false, slowdown: 1, struck: null };
    const core = { id: cpuId(n), state: guest.core, retired: 0, clockNs, wakeNs, ...faults };
    return { core, guest: idle ? null : guest };
  });
}

/** One turn after the other, as the machine takes them. */
function takeTurns(players: readonly Player[], engine: Engine, schedule: Schedule, nowNs: number, horizonNs: number) {
  let beforeNs = Number.NEGATIVE_INFINITY;
  for (let startNs = nowNs; ; ) {
    const { instructions, firstCore } = schedule.next(players.length);
    const endNs = Math.min(horizonNs, startNs + instructions * CYCLE_NS);
    const round: TimedRound = { startNs, endNs, firstCore, beforeNs };
    for (let turn = 0; turn < players.length; turn++) {
      const { core, guest } = players[(firstCore + turn) % players.length]!;
      if (guest === null) continue;
      core.clockNs = Math.max(core.clockNs, startNs, core.wakeNs);
      core.wakeNs = 0;
      const budget = Math.ceil((endNs - core.clockNs) / CYCLE_NS);
      if (budget <= 0) continue;
      core.state.tscBase = Math.floor(core.clockNs / CYCLE_NS);
      const exit = engine.run(core.state, guest.space, budget);
      core.retired += core.state.retired;
      core.clockNs += core.state.retired * CYCLE_NS;
      if (exit !== EXIT_BUDGET) return { round, turn, exit };
    }
    if (endNs >= horizonNs) return { round, turn: players.length, exit: EXIT_BUDGET };
    beforeNs = startNs;
    startNs = endNs;
  }
}

function stateOf({ core, guest }: Player): unknown {
  const { id, retired, clockNs, wakeNs, state } = core;
  const space = guest && [
    guest.space.peek(CODE, 256),
    guest.space.peek(DATA, 0x80),
    guest.space.peek(STACK_TOP - 0x200, 0x200),
    guest.space.dirtyPages(),
  ];
  return { id, retired, clockNs, wakeNs, block: state.save(), space };
}

const schedule: fc.Arbitrary<ScheduleConfig> = fc.oneof(
  fc.record({ kind: fc.constant('fixed' as const), instructions: fc.integer({ min: 1, max: 60 }) }),
  fc.record({
    kind: fc.constant('seeded' as const),
    seed: fc.nat(1000),
    minInstructions: fc.integer({ min: 1, max: 20 }),
    maxInstructions: fc.integer({ min: 20, max: 60 }),
  }),
);

describe.each(Object.keys(engines))('a trial on the %s', (name) => {
  it('leaves cores, spaces and schedule as one turn after the other would', () => {
    const engine = engines[name]!();
    const ended = vi.spyOn(AddressSpace.prototype, 'endTrial');
    const inputs = fc.tuple(
      fc.array(plan, { minLength: 2, maxLength: 4 }),
      schedule,
      fc.array(fc.integer({ min: 1, max: 15_000 }), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(inputs, ([plans, config, lengths, clean]) => {
        const tried = makePlayers(plans, engine);
        const stepped = makePlayers(plans, new Interpreter());
        const cores = tried.map(({ core }) => core);
        const schedules = [new Schedule(config), new Schedule(config)] as const;
        const trial = new Trial(CYCLE_NS, cores, engine, schedules[0]);
        let nowNs = 1000;
        for (const length of lengths) {
          const horizonNs = nowNs + length;
          const spaces = tried.map(({ guest }) => guest?.space ?? null);
          const end: TrialEnd = trial.run(spaces, nowNs, horizonNs, (endNs) => endNs >= horizonNs);
          expect(end).toEqual(takeTurns(stepped, new Interpreter(), schedules[1], nowNs, horizonNs));
          expect(tried.map(stateOf)).toEqual(stepped.map(stateOf));
          expect(schedules[0].snapshot()).toEqual(schedules[1].snapshot());
          if (end.exit !== EXIT_BUDGET) break;
          nowNs = end.round.endNs;
          if (clean) for (const { guest } of [...tried, ...stepped]) guest?.space.clearDirty();
        }
        for (const { guest } of [...tried, ...stepped]) guest?.space.dispose();
      }),
      property(name === 'jit' ? 50 : 150),
    );
    const undone = ended.mock.calls.filter(([keep]) => !keep).length;
    expect(undone).toBeGreaterThan(ended.mock.calls.length / 20);
    vi.restoreAllMocks();
  });

  it('leaves nothing of a fault that comes with the first instruction too many', () => {
    const engine = engines[name]!();
    const players = ['90 90 90 90 / a1 00000000', '90 90 / cc'].map((code, n): Player => {
      const guest = new Guest(code, { engine });
      const faults = { failed: false, failedAtNs: 0, registersLost: false, slowdown: 1, struck: null };
      return { core: { id: cpuId(n), state: guest.core, retired: 0, clockNs: 0, wakeNs: 0, ...faults }, guest };
    });
    const cores = players.map(({ core }) => core);
    const trial = new Trial(CYCLE_NS, cores, engine, new Schedule({ kind: 'fixed', instructions: 4 }));
    const end = trial.run(
      players.map(({ guest }) => guest!.space),
      0,
      1000,
      (endNs) => endNs >= 1000,
    );
    expect(end).toMatchObject({ round: { startNs: 0, endNs: 40 }, turn: 1 });
    expect(cores.map(({ retired }) => retired)).toEqual([4, 3]);
    expect(cores.map(({ state }) => state.i32[EXIT_VECTOR])).toEqual([0, VECTOR_BP]);
  });
});
