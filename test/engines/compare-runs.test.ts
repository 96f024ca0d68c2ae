import { describe, expect, it } from 'vitest';
import { type CoreState, EAX, EIP, ESP } from '../../emu/core/core-state.ts';
import { type EngineExit, EXIT_BUDGET } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { JitEngine } from '../../emu/jit/jit-engine.ts';
import type { AddressSpace } from '../../emu/memory/address-space.ts';
import { compareRuns, type WholeRun } from './compare-runs.ts';
import { runCommandLine } from './programs.ts';

// Mistakes that are planted into an engine are found, at their place.

type Mistake = (core: CoreState, space: AddressSpace) => void;

/** Instruction by instruction; does something wrong whenever one has ended at an address. */
class Mistaken extends JitEngine {
  private readonly place: number;
  private readonly mistake: Mistake;

  constructor(place: number, mistake: Mistake) {
    super();
    this.place = place;
    this.mistake = mistake;
  }

  override run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const base = core.tscBase;
    let retired = 0;
    let exit: EngineExit = EXIT_BUDGET;
    while (retired < budget && exit === EXIT_BUDGET) {
      core.tscBase = base + retired;
      exit = super.run(core, space, 1);
      retired += core.retired;
      if (exit === EXIT_BUDGET && core.i32[EIP]! >>> 0 === this.place) this.mistake(core, space);
    }
    core.tscBase = base;
    core.retired = retired;
    return exit;
  }
}

const OPTIONS = { seed: 1, pieceMax: 256, memoryEvery: 4 };
const countTwo: WholeRun = (engine) => runCommandLine('count 2', engine).digest;

/** Where the program is after so many instructions. */
function placeAfter(instructions: number): number {
  const interpreter = new Interpreter();
  let left = instructions;
  let place = 0;
  countTwo({
    name: 'steps',
    run: (core, space, budget) => {
      const before = Math.min(budget, left);
      if (before === 0) return interpreter.run(core, space, budget);
      const exit = interpreter.run(core, space, before);
      left -= core.retired;
      if (left === 0) place = core.i32[EIP]! >>> 0;
      return exit;
    },
  });
  return place;
}

describe('a run that is held against another', () => {
  const place = placeAfter(1000);
  const differencesOf = (mistake: Mistake): readonly string[] =>
    compareRuns(countTwo, () => new Mistaken(place, mistake), OPTIONS).differences;

  it('is the same on both engines', () => {
    const found = compareRuns(countTwo, () => new JitEngine({ sampleEvery: 20, samples: 1, eager: true }), OPTIONS);
    expect(found.differences).toEqual([]);
    expect(found.comparisons).toBeGreaterThan(20);
    expect(found.translated).toBeGreaterThan(100);
  });

  it('shows a wrong register at the instruction that has set it', () => {
    const found = differencesOf(({ i32 }) => {
      i32[EAX] = i32[EAX]! ^ 0x100;
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^after \d+ instructions: [0-9a-f]+ [^(]+\(core \d\): eax 0x[0-9a-f]+, translated 0x/);
  });

  it('shows wrong memory, which no register tells of', () => {
    const found = differencesOf(({ i32 }, space) => {
      const below = ((i32[ESP]! & ~4095) | 8) >>> 0;
      space.poke(below, Uint8Array.of(space.u8[below]! ^ 1));
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^after \d+ instructions: [0-9a-f]+ [^(]+\(core \d\): memory at 0x/);
  });
});
