import { describe, expect, it } from 'vitest';
import { cpuId } from '../../../emu/base/brand.ts';
import { Prng } from '../../../emu/base/prng.ts';
import { CoreState, EBX, ECX, EIP, ESP } from '../../../emu/core/core-state.ts';
import { type Engine, EXIT_BUDGET } from '../../../emu/core/engine.ts';
import { freebsdDescriptorTables, resetCore } from '../../../emu/core/reset.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { CODE, DATA, Guest, STACK_TOP } from '../guest-code.ts';
import { drawLoop } from './shared-loops.ts';

// Three cores in turns of a few instructions, two of them in one space: what each finds in the other's memory, code included, depends on
// every turn's exact end.

const CASES = Number(process.env.JIT_CASES ?? 40);
const SEED = Number(process.env.JIT_SEED ?? 1);
const TURNS = [1, 1, 2, 3, 7, 25] as const;

interface Runner {
  readonly core: CoreState;
  readonly guest: Guest;
}

/** Two guests, and a second core in the first. */
function makeRunners(engine: Engine, code: Uint8Array): Runner[] {
  const guests = [0, 1].map(() => new Guest(code, { engine, codeWritable: true }));
  const thread = new CoreState(cpuId(2), freebsdDescriptorTables({ gsBase: 0 }));
  resetCore(thread);
  thread.i32[EIP] = CODE;
  thread.i32[ESP] = STACK_TOP - 0x800;
  const runners = [...guests.map((guest) => ({ guest, core: guest.core })), { guest: guests[0]!, core: thread }];
  runners.forEach(({ core, guest }, n) => {
    core.i32[EBX] = DATA;
    core.i32[ECX] = 50 + 17 * n;
    guest.space.poke(DATA + 0x40, new Uint8Array(Float64Array.of(1.5, 0.1).buffer));
  });
  return runners;
}

/** All that a turn can change, as text that is compared at once. */
function stateOf({ core, guest: { space } }: Runner): string {
  const parts = [core.u8, space.peek(DATA, 0x60), space.peek(CODE, 8), space.peek(STACK_TOP - 0x900, 0x900)];
  return Buffer.concat(parts).toString('base64');
}

describe('turns of translated code', () => {
  it('are those of the interpreter, in one space and in several', { timeout: 240_000 }, () => {
    const prng = Prng.seeded(SEED, 0x7042);
    const jit = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
    const interpreter = new Interpreter();
    for (let n = 0; n < CASES; n++) {
      const code = drawLoop(prng);
      const first = makeRunners(jit, code);
      const second = makeRunners(interpreter, code);
      const over = new Set<number>();
      while (over.size < first.length) {
        const which = prng.below(first.length);
        if (over.has(which)) continue;
        const turn = TURNS[prng.below(TURNS.length)]!;
        const [mine, reference] = [first[which]!, second[which]!];
        const exit = jit.takeTurn(mine.core, mine.guest.space, turn);
        const isSame =
          interpreter.run(reference.core, reference.guest.space, turn) === exit &&
          reference.core.retired === mine.core.retired;
        expect(isSame, `case ${n} of seed ${SEED}`).toBe(true);
        if (exit !== EXIT_BUDGET) over.add(which);
        else if (prng.below(10) !== 0) continue;
        jit.settle();
        expect(first.map(stateOf), `case ${n} of seed ${SEED}`).toEqual(second.map(stateOf));
      }
    }
    const { translated, cold, assisted } = jit.statistics;
    expect(translated).toBeGreaterThan(cold + assisted);
  });
});
