import { describe, expect, it } from 'vitest';
import { EAX, EFLAGS, EIP, FLAG_CF } from '../../../emu/core/core-state.ts';
import type { Engine, EngineExit } from '../../../emu/core/engine.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { LockstepEngine } from '../../../emu/lockstep/lockstep-engine.ts';
import { DATA, Guest } from '../guest-code.ts';

/** An interpreter with a bug: after `steps` instructions of any run that passes `eip`, `spoil` is done. */
class Broken implements Engine {
  readonly name = 'broken';
  private readonly inner = new Interpreter({ fast: false });
  private readonly eip: number;
  private readonly spoil: (guest: Parameters<Engine['run']>[0], space: Parameters<Engine['run']>[1]) => void;

  constructor(eip: number, spoil: Broken['spoil']) {
    this.eip = eip;
    this.spoil = spoil;
  }

  run(...[core, space, budget]: Parameters<Engine['run']>): EngineExit {
    let exit: EngineExit = 0;
    let retired = 0;
    while (retired < budget && exit === 0) {
      const at = core.i32[EIP];
      exit = this.inner.run(core, space, 1);
      retired += core.retired;
      if (at === this.eip) this.spoil(core, space);
    }
    core.retired = retired;
    return exit;
  }
}

// mov ecx, 100; add eax, ecx (at +5); lea eax, [eax+eax*2]; dec ecx; jnz; int3
const LOOP = 'b9 64000000 01c8 8d0440 49 75f8 cc';
const ADD = 0x08048005;

describe('lockstep', () => {
  it('finds nothing where two engines agree', () => {
    const engine = new LockstepEngine(new Interpreter(), new Interpreter({ fast: false }));
    const guest = new Guest(LOOP, { engine });
    expect(guest.outcome(1000)).toBe('#3(0x0)+402');
    expect(engine.divergences).toEqual([]);
    expect(engine.instructions).toBe(402);
  });

  it('names the first instruction that leaves a wrong flag', () => {
    const engine = new LockstepEngine(
      new Interpreter(),
      new Broken(ADD, (core) => {
        core.i32[EFLAGS] ^= FLAG_CF;
      }),
    );
    const guest = new Guest(LOOP, { engine });
    guest.outcome(1000);
    expect(engine.divergences).toHaveLength(1);
    expect(engine.divergences[0]).toMatchObject({ eip: ADD, position: 1, undefinedFlagsOnly: false });
    expect(engine.divergences[0]!.instruction).toMatch(/^add/i);
    expect(engine.divergences[0]!.differences.map(({ what }) => what)).toEqual(['eflags']);
  });

  it('sees a difference in memory alone', () => {
    const engine = new LockstepEngine(
      new Interpreter(),
      new Broken(ADD, (_core, space) => space.poke(DATA + 40, Uint8Array.of(9))),
    );
    new Guest(LOOP, { engine }).outcome(1000);
    expect(engine.divergences[0]).toMatchObject({ eip: ADD });
    expect(engine.divergences[0]!.differences.map(({ what }) => what)).toEqual(['memory at 0x8100028']);
  });

  it('goes on as the first engine would alone', () => {
    const engine = new LockstepEngine(
      new Interpreter(),
      new Broken(ADD, (core) => {
        core.i32[EAX] = 1;
      }),
    );
    const guest = new Guest(LOOP, { engine });
    const alone = new Guest(LOOP);
    expect(guest.outcome(1000)).toBe(alone.outcome(1000));
    expect(guest.r[EAX]).toBe(alone.r[EAX]);
  });
});
