import { Prng } from '../../emu/base/prng.ts';
import { CoreState, EIP } from '../../emu/core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../../emu/core/engine.ts';
import type { AddressSpace, SpaceSnapshot } from '../../emu/memory/address-space.ts';

/*
 * What a run leaves behind on its way, so that the same run on another engine can be held against it. Both are whole runs of a system each: what
 * the kernel does to memory (fork, mprotect, breakpoints, pages read from files) it does to spaces in which that engine has its own code.
 */

/** How a run is cut into pieces; two runs that are compared have the same. */
export interface TrailOptions {
  readonly seed: number;
  /** The longest piece. Short ones are as likely as long ones of twice, four times ... their length. */
  readonly pieceMax: number;
  /** Memory is compared after one piece in so many. */
  readonly memoryEvery: number;
  /** Pieces from one number up to another after each of which memory is compared. */
  readonly thorough?: { readonly from: number; readonly to: number };
}

/** A mark for each piece: a hash of registers, exit and number retired, and of what has changed in memory. */
export type Trail = readonly number[];

/** A core and its memory before a piece, and the length of that. */
export interface PieceStart {
  readonly core: CoreState;
  readonly memory: SpaceSnapshot | null;
  readonly budget: number;
}

/** Thrown in a run that leaves the trail. */
export class Parted extends Error {
  readonly piece: number;
  /** The last piece up to which memory was the same, too. */
  readonly lastWhole: number;
  /** Instructions of the run before it. */
  readonly instructions: number;
  readonly start: PieceStart;

  constructor(piece: number, lastWhole: number, instructions: number, start: PieceStart) {
    super(`parts in piece ${piece}, which begins at ${(start.core.i32[EIP]! >>> 0).toString(16)}`);
    this.piece = piece;
    this.lastWhole = lastWhole;
    this.instructions = instructions;
    this.start = start;
  }
}

/** An engine that cuts every budget into pieces and marks where it is after each; with `follow`, it compares the marks with those of another run. */
export class TrailEngine implements Engine {
  readonly name: string;
  readonly marks: number[] = [];
  instructions = 0;
  private readonly inner: Engine;
  private readonly options: TrailOptions;
  private readonly follow: Trail | null;
  private readonly prng: Prng;
  private readonly spaces = new WeakMap<AddressSpace, { readonly number: number; last: SpaceSnapshot }>();
  private spaceCount = 0;
  private lastWhole = -1;

  constructor(inner: Engine, options: TrailOptions, follow: Trail | null = null) {
    this.name = inner.name;
    this.inner = inner;
    this.options = options;
    this.follow = follow;
    this.prng = Prng.seeded(options.seed, 0x7a11);
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const base = core.tscBase;
    let left = budget;
    let exit: EngineExit = EXIT_BUDGET;
    while (left > 0 && exit === EXIT_BUDGET) {
      core.tscBase = base + budget - left;
      const piece = Math.min(left, this.pieceLength());
      const start = this.follow === null ? null : this.startOf(core, space, piece);
      exit = this.inner.run(core, space, piece);
      left -= core.retired;
      this.mark(core, space, exit, start);
    }
    core.tscBase = base;
    core.retired = budget - left;
    return exit;
  }

  private pieceLength(): number {
    const { prng } = this;
    return 1 + prng.below(2 ** prng.below(1 + Math.log2(this.options.pieceMax)));
  }

  private get isThorough(): boolean {
    const { thorough } = this.options;
    return thorough !== undefined && this.marks.length >= thorough.from && this.marks.length <= thorough.to;
  }

  private startOf(core: CoreState, space: AddressSpace, budget: number): PieceStart {
    const copy = new CoreState(core.id, core.tables);
    copy.load(core.u8);
    copy.tscBase = core.tscBase;
    return { core: copy, memory: this.isThorough ? space.snapshot() : null, budget };
  }

  private mark(core: CoreState, space: AddressSpace, exit: EngineExit, start: PieceStart | null): void {
    const withMemory = this.prng.below(this.options.memoryEvery) === 0 || this.isThorough;
    const hash = new Hash();
    hash.add(exit);
    hash.add(core.retired);
    hash.add(core.id);
    hash.addAll(core.i32);
    this.addMemory(hash, space, withMemory);
    const { value } = hash;
    const piece = this.marks.push(value) - 1;
    if (start !== null && this.follow![piece] !== value)
      throw new Parted(piece, this.lastWhole, this.instructions, start);
    this.instructions += core.retired;
    if (withMemory) this.lastWhole = piece;
  }

  /** Which space it is; with its contents, all that is not as it was when they were last asked for. */
  private addMemory(hash: Hash, space: AddressSpace, withContents: boolean): void {
    let known = this.spaces.get(space);
    if (known === undefined) {
      known = { number: this.spaceCount++, last: { pages: [], attributes: new Uint8Array(0), bytes: [] } };
      this.spaces.set(space, known);
    }
    hash.add(known.number);
    if (!withContents) return;
    const { last } = known;
    known.last = space.snapshot();
    const { pages, attributes, bytes } = known.last;
    hash.add(pages.length);
    for (let i = 0, before = 0; i < pages.length; i++) {
      const page = pages[i]!;
      while (last.pages[before]! < page) before++;
      const isNew = last.pages[before] !== page;
      if (!isNew && last.bytes[before] === bytes[i] && last.attributes[before] === attributes[i]) continue;
      hash.add(page);
      hash.add(attributes[i]!);
      hash.addAll(new Int32Array(bytes[i]!.buffer, bytes[i]!.byteOffset, bytes[i]!.length / 4));
    }
  }
}

/** 53 bits of a hash of doublewords. */
class Hash {
  private low = 0x811c9dc5;
  private high = 0x2545f491;

  add(word: number): void {
    this.low = Math.imul(this.low ^ word, 0x9e3779b1);
    this.low ^= this.low >>> 15;
    this.high = Math.imul((this.high + word) ^ (this.high >>> 13), 0x85ebca6b);
  }

  addAll(words: Int32Array): void {
    for (let i = 0; i < words.length; i++) this.add(words[i]!);
  }

  get value(): number {
    return (this.high >>> 11) * 2 ** 32 + (this.low >>> 0);
  }
}
