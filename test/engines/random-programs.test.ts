import { describe, expect, it } from 'vitest';
import type { CoreState } from '../../emu/core/core-state.ts';
import type { EngineExit } from '../../emu/core/engine.ts';
import { JitEngine } from '../../emu/jit/jit-engine.ts';
import type { AddressSpace } from '../../emu/memory/address-space.ts';
import { compareOnCase } from './random-programs.ts';

const SEED = 20;

describe('random programs on both engines', { timeout: 120_000 }, () => {
  it.each(['blocks', 'self-modifying'] as const)(
    '%s end as on the interpreter, and most of them are translated',
    (kind) => {
      let instructions = 0;
      let translated = 0;
      for (let number = 0; number < 25; number++) {
        const found = compareOnCase(SEED, number, kind);
        expect(found.differences, `npm run test:jit -- --what ${kind} --seed ${SEED} --case ${number}`).toEqual([]);
        instructions += found.instructions;
        translated += found.translated;
      }
      expect(translated / instructions).toBeGreaterThan(0.3);
    },
  );

  it('show it when translations of a page outlive its bytes', () => {
    class Stale extends JitEngine {
      override run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
        const exit = super.run(core, space, budget);
        if (space.codeCache !== null) space.codeCache.dropPage = () => {};
        return exit;
      }
    }
    const found = Array.from({ length: 20 }, (_, number) =>
      compareOnCase(SEED, number, 'self-modifying', (options) => new Stale(options)),
    );
    expect(found.filter(({ differences }) => differences.length > 0).length).toBeGreaterThan(5);
  });
});
