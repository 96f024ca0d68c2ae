import type { CoreState } from '../../../emu/core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../../../emu/core/engine.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import type { AddressSpace } from '../../../emu/memory/address-space.ts';

/** In turn. */
const LENGTHS = [1, 2, 3, 7, 1, 30, 5, 11] as const;

/** The translating engine, which runs every budget as many short turns; nobody looks at the core in between. */
export class TurnByTurn implements Engine {
  readonly name = 'turn by turn';
  readonly jit = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
  private turns = 0;

  get statistics(): JitEngine['statistics'] {
    return this.jit.statistics;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const base = core.tscBase;
    let retired = 0;
    let exit: EngineExit = EXIT_BUDGET;
    while (retired < budget && exit === EXIT_BUDGET) {
      core.tscBase = base + retired;
      exit = this.jit.takeTurn(core, space, Math.min(LENGTHS[this.turns++ % LENGTHS.length]!, budget - retired));
      retired += core.retired;
    }
    this.jit.settle();
    core.tscBase = base;
    core.retired = retired;
    return exit;
  }
}
