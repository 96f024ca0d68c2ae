import { cpuId } from '../base/brand.ts';
import { CoreState, EIP } from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../core/engine.ts';
import { decodeFlat } from '../interp/fetch.ts';
import { disassemble } from '../isa/disassemble.ts';
import { flagMask } from '../isa/row.ts';
import { AddressSpace } from '../memory/address-space.ts';
import { bringUpToDate, coreDifferences, type Difference, memoryDifference } from './difference.ts';

/** Where two engines first part. */
export interface Divergence {
  /** Address and text of the first instruction after which something differs. */
  readonly eip: number;
  readonly instruction: string;
  readonly core: number;
  /** How many instructions of the run came before it. */
  readonly position: number;
  readonly differences: readonly Difference[];
  /** Only flags that the instruction's row leaves undefined. */
  readonly undefinedFlagsOnly: boolean;
  /** The same instructions one by one do not show it: it takes a run in one piece. */
  readonly onlyAsAWhole: boolean;
}

/** Instructions between two comparisons when a run is repeated to find the place. */
const PIECE = 256;

/** A core and its memory, one engine's copy. */
interface Side {
  readonly engine: Engine;
  readonly core: CoreState;
  readonly space: AddressSpace;
}

/**
 * Runs two engines on equal states and compares everything after each run: registers, flags, x87 and SSE state, memory. The first
 * engine's result is the one that counts, so that a run goes on as it would on that engine alone.
 */
export class LockstepEngine implements Engine {
  readonly name: string;
  readonly divergences: Divergence[] = [];
  runs = 0;
  instructions = 0;
  private readonly first: Engine;
  private readonly second: Engine;
  private readonly divergencesMax: number;
  /** The second engine's memory, and what both were before the run. */
  private readonly copies = new WeakMap<AddressSpace, { second: AddressSpace; before: AddressSpace }>();

  constructor(first: Engine, second: Engine, divergencesMax = 20) {
    this.name = `${first.name} and ${second.name}`;
    this.first = first;
    this.second = second;
    this.divergencesMax = divergencesMax;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    let copies = this.copies.get(space);
    if (copies === undefined) {
      copies = { second: new AddressSpace(), before: new AddressSpace() };
      this.copies.set(space, copies);
    }
    bringUpToDate(copies.second, space);
    bringUpToDate(copies.before, space);
    const start = copyOf(core);
    const other = copyOf(core);
    const exit = this.first.run(core, space, budget);
    const exitOther = this.second.run(other, copies.second, budget);
    this.runs++;
    this.instructions += core.retired;
    const found = coreDifferences(core, exit, other, exitOther);
    const memory = memoryDifference(space, copies.second);
    if (memory !== null) found.push(memory);
    if (found.length > 0 && this.divergences.length < this.divergencesMax) {
      this.divergences.push(this.locate(start, copies.before, budget, found));
    }
    return exit;
  }

  /** Repeats a run to find the first instruction after which something differs. */
  private locate(start: CoreState, before: AddressSpace, budget: number, whole: readonly Difference[]): Divergence {
    const sides = this.sidesAt(start, before);
    for (let done = 0; done < budget; ) {
      const pieceStart = copyOf(sides[0].core);
      const pieceBefore = sides[0].space.clone();
      const piece = Math.min(PIECE, budget - done);
      const { differences, ended } = runBoth(sides, piece);
      if (differences.length > 0) {
        const found = this.single(pieceStart, pieceBefore, piece, done);
        return found ?? this.describe(pieceStart, pieceBefore, done, differences, true);
      }
      if (ended) break;
      done += piece;
    }
    return this.describe(start, before, 0, whole, true);
  }

  private single(start: CoreState, before: AddressSpace, count: number, done: number): Divergence | null {
    const sides = this.sidesAt(start, before);
    for (let i = 0; i < count; i++) {
      const at = copyOf(sides[0].core);
      const { differences, ended } = runBoth(sides, 1);
      if (differences.length > 0) return this.describe(at, sides[0].space, done + i, differences, false);
      if (ended) return null;
    }
    return null;
  }

  private sidesAt(core: CoreState, space: AddressSpace): readonly [Side, Side] {
    return [
      { engine: this.first, core: copyOf(core), space: space.clone() },
      { engine: this.second, core: copyOf(core), space: space.clone() },
    ];
  }

  private describe(
    at: CoreState,
    space: AddressSpace,
    position: number,
    differences: readonly Difference[],
    onlyAsAWhole: boolean,
  ): Divergence {
    const eip = at.i32[EIP];
    const insn = decodeFlat(space, eip);
    const flags = differences.find(({ what }) => what === 'eflags');
    const changed = flags === undefined ? 0 : Number(flags.first) ^ Number(flags.second);
    const undefinedFlags = insn === null ? 0 : flagMask(insn.row.flags?.undefined);
    return {
      eip: eip >>> 0,
      instruction: insn === null ? '(cannot be fetched)' : disassemble(insn),
      core: at.id,
      position,
      differences,
      undefinedFlagsOnly: differences.length === 1 && changed !== 0 && (changed & ~undefinedFlags) === 0,
      onlyAsAWhole,
    };
  }
}

function copyOf(core: CoreState): CoreState {
  const copy = new CoreState(cpuId(core.id), core.tables);
  copy.load(core.u8);
  copy.tscBase = core.tscBase;
  return copy;
}

function runBoth([a, b]: readonly [Side, Side], budget: number): { differences: Difference[]; ended: boolean } {
  const exits = [a, b].map(({ engine, core, space }) => {
    const exit = engine.run(core, space, budget);
    core.tscBase += core.retired;
    return exit;
  });
  const differences = coreDifferences(a.core, exits[0]!, b.core, exits[1]!);
  const memory = memoryDifference(a.space, b.space);
  if (memory !== null) differences.push(memory);
  return { differences, ended: exits[0] !== EXIT_BUDGET };
}
