import { type CoreState, EFLAGS, EXIT_ERROR_CODE, EXIT_VECTOR, FLAG_TF } from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET, EXIT_EXCEPTION, VECTOR_GP } from '../core/engine.ts';
import { decodeFlat } from '../interp/fetch.ts';
import { Interpreter, isFlatCode } from '../interp/interpreter.ts';
import { endsBlock } from '../interp/micro-ops.ts';
import { type Insn, TARGET } from '../isa/insn.ts';
import { type AddressSpace, PAGE_SHIFT, PERM_W, PERM_X } from '../memory/address-space.ts';
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

/** Instructions that somebody waits for. */
export interface Watch {
  /** Linear addresses. */
  readonly addresses: ReadonlySet<number>;
  /** The instruction at one of them comes next, after `done` others of this run. True ends the run there. */
  readonly stops: (linear: number, done: number) => boolean;
}

const LENGTH_MAX = 15;
const STRETCH_MAX = 64;

/**
 * Runs a core on the reference engine, whatever engine the machine has, for faults that act between two instructions: one at a time when
 * the core has a defect, in stretches without a branch when an instruction is only waited for.
 */
export class SteppingEngine implements Engine {
  readonly name = 'stepping';
  private readonly reference = new Interpreter();
  private readonly plain = new Interpreter({ fast: false });
  private readonly wrongAlu = new WrongAlu();
  /** Length of the stretch from an EIP on; of the run that is on, as code may change between two. */
  private readonly stretches = new Map<number, number>();
  private defects: CoreDefects | null = null;
  private watch: Watch = NOTHING;

  /** What the next run has to do with. Returns this engine. */
  with(defects: CoreDefects | null, watch: Watch | null): this {
    this.defects = defects;
    this.watch = watch ?? NOTHING;
    return this;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const { watch } = this;
    const { tscBase } = core;
    this.stretches.clear();
    let done = 0;
    let exit: EngineExit = EXIT_BUDGET;
    while (done < budget && exit === EXIT_BUDGET) {
      const linear = linearEip(core);
      if (watch.addresses.has(linear) && watch.stops(linear, done)) break;
      core.tscBase = tscBase + done;
      exit = this.defects
        ? this.step(core, space, this.defects)
        : this.reference.run(core, space, Math.min(budget - done, this.stretch(core, space, linear)));
      done += core.retired;
    }
    core.tscBase = tscBase;
    core.retired = done;
    return exit;
  }

  /** So many instructions from here on come one after the other, none but the first of them waited for. */
  private stretch(core: CoreState, space: AddressSpace, start: number): number {
    if (!isFlatCode(core) || (core.i32[EFLAGS]! & FLAG_TF) !== 0) return 1;
    const known = this.stretches.get(start);
    if (known !== undefined) return known;
    let length = 0;
    for (let eip = start; length < STRETCH_MAX; ) {
      if (length > 0 && this.watch.addresses.has(eip)) break;
      // Where a program can write its own code, what comes next is only known next.
      if (length > 0 && (space.permOf(eip >>> PAGE_SHIFT) & PERM_W) !== 0) break;
      const insn = decodeFlat(space, eip);
      if (insn === null) break;
      length++;
      if (mayBranch(insn)) break;
      eip = insn.next >>> 0;
    }
    length = Math.max(1, length);
    this.stretches.set(start, length);
    return length;
  }

  private step(core: CoreState, space: AddressSpace, defects: CoreDefects): EngineExit {
    if (core.i32[EFLAGS]! & FLAG_VM) return leaveVirtual8086(core);
    applyStuckBits(core, defects.stuckBits);
    const patched = defects.cachedBytes.length === 0 ? [] : this.patch(core, space, defects);
    const units = defects.wrongUnits;
    const correct = units.length === 0 ? null : this.wrongAlu.before(core, space, units);
    const exit = this.plain.run(core, space, 1);
    if (core.retired === 1) correct?.();
    if (patched.length > 0) this.unpatch(space, patched);
    applyStuckBits(core, defects.stuckBits);
    return exit;
  }

  /** While an instruction runs, the bytes that it may be fetched from are what the cache has. */
  private patch(core: CoreState, space: AddressSpace, defects: CoreDefects): CachedByte[] {
    const eip = linearEip(core);
    const isThere = (byte: CachedByte): boolean => space.u8[byte.address] === byte.memory;
    defects.cachedBytes = defects.cachedBytes.filter(isThere);
    const patched = defects.cachedBytes.filter(
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

const NOTHING: Watch = { addresses: new Set(), stops: () => false };

/** After it, another instruction than the next one may come. */
const mayBranch = (insn: Insn): boolean =>
  endsBlock(insn) || insn.row.mnemonic.startsWith('CALL') || insn.operands.some(({ kind }) => kind === TARGET);

/** What a processor does whose VM flag changes by itself is defined nowhere; here it is a general-protection fault. */
function leaveVirtual8086(core: CoreState): EngineExit {
  core.i32[EFLAGS] = core.i32[EFLAGS]! & ~FLAG_VM;
  core.i32[EXIT_VECTOR] = VECTOR_GP;
  core.i32[EXIT_ERROR_CODE] = 0;
  core.retired = 0;
  return EXIT_EXCEPTION;
}
