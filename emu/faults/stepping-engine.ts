import { type CoreState, EFLAGS, EXIT_ERROR_CODE, EXIT_VECTOR } from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET, EXIT_EXCEPTION, VECTOR_GP } from '../core/engine.ts';
import { Interpreter } from '../interp/interpreter.ts';
import { type AddressSpace, PAGE_SHIFT, PERM_X } from '../memory/address-space.ts';
import { applyStuckBits, FLAG_VM, linearEip, type StuckBit } from './flip.ts';
import { WrongAlu, type WrongUnit } from './wrong-alu.ts';

/** A byte of the instruction cache that is not what memory has. */
export interface CachedByte {
  readonly address: number;
  /** What memory has; once it has something else, the line has been dropped. */
  readonly memory: number;
  readonly cached: number;
}

/** What is the matter with a core between two instructions. */
export interface CoreDefects {
  readonly stuckBits: readonly StuckBit[];
  readonly wrongUnits: readonly WrongUnit[];
  cachedBytes: readonly CachedByte[];
}

const LENGTH_MAX = 15;

/**
 * Runs a core one instruction at a time on the reference engine, whatever engine the machine has, for faults that act between two
 * instructions. `pauses(linear, done)` is asked before each instruction and ends the run there by saying true.
 */
export class SteppingEngine implements Engine {
  readonly name = 'stepping';
  private readonly reference = new Interpreter({ fast: false });
  private readonly wrongAlu = new WrongAlu();
  private defects: CoreDefects = SOUND;
  private pauses: (linear: number, done: number) => boolean = never;

  /** What the next run has to do with. Returns this engine. */
  with(defects: CoreDefects, pauses: ((linear: number, done: number) => boolean) | null): this {
    this.defects = defects;
    this.pauses = pauses ?? never;
    return this;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const { tscBase } = core;
    let done = 0;
    let exit: EngineExit = EXIT_BUDGET;
    while (done < budget && exit === EXIT_BUDGET && !this.pauses(linearEip(core), done)) {
      core.tscBase = tscBase + done;
      exit = this.step(core, space);
      done += core.retired;
    }
    core.tscBase = tscBase;
    core.retired = done;
    return exit;
  }

  private step(core: CoreState, space: AddressSpace): EngineExit {
    const { defects } = this;
    if (core.i32[EFLAGS]! & FLAG_VM) return leaveVirtual8086(core);
    applyStuckBits(core, defects.stuckBits);
    const patched = defects.cachedBytes.length === 0 ? [] : this.patch(core, space);
    const units = defects.wrongUnits;
    const correct = units.length === 0 ? null : this.wrongAlu.before(core, space, units);
    const exit = this.reference.run(core, space, 1);
    if (core.retired === 1) correct?.();
    if (patched.length > 0) this.unpatch(space, patched);
    applyStuckBits(core, defects.stuckBits);
    return exit;
  }

  /** While an instruction runs, the bytes that it may be fetched from are what the cache has. */
  private patch(core: CoreState, space: AddressSpace): CachedByte[] {
    const eip = linearEip(core);
    const isThere = (byte: CachedByte): boolean => space.u8[byte.address] === byte.memory;
    this.defects.cachedBytes = this.defects.cachedBytes.filter(isThere);
    const patched = this.defects.cachedBytes.filter(
      ({ address }) => (address - eip) >>> 0 < LENGTH_MAX && (space.perm[address >>> PAGE_SHIFT]! & PERM_X) !== 0,
    );
    for (const { address, cached } of patched) space.poke(address, Uint8Array.of(cached));
    return patched;
  }

  /** An instruction that has written there itself has dropped the line. */
  private unpatch(space: AddressSpace, patched: readonly CachedByte[]): void {
    for (const { address, memory, cached } of patched.toReversed()) {
      if (space.u8[address] === cached) space.poke(address, Uint8Array.of(memory));
    }
  }
}

const SOUND: CoreDefects = { stuckBits: [], wrongUnits: [], cachedBytes: [] };
const never = (): boolean => false;

/** What a processor does whose VM flag changes by itself is defined nowhere; here it is a general-protection fault. */
function leaveVirtual8086(core: CoreState): EngineExit {
  core.i32[EFLAGS] = core.i32[EFLAGS]! & ~FLAG_VM;
  core.i32[EXIT_VECTOR] = VECTOR_GP;
  core.i32[EXIT_ERROR_CODE] = 0;
  core.retired = 0;
  return EXIT_EXCEPTION;
}
