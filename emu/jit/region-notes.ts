import { BlockCode } from './block-code.ts';
import { writeInstructions } from './block-instructions.ts';
import { BlockNotes } from './block-notes.ts';
import { DYNAMIC } from './flag-code.ts';
import type { Block, Region } from './region.ts';
import type { Situation } from './situation.ts';
import { WasmCode } from './wasm-code.ts';

/** What a first writing of a region's blocks, to a place where nobody looks, finds out for the second. */
export class RegionNotes {
  readonly all = new BlockNotes();
  /** x87 instructions find the stack that they need, and the same one wherever control comes from. */
  readonly x87Fits: boolean;
  private readonly blocks = new Map<Block, BlockNotes>();
  /** By EIP of blocks: the x87's shape (x87-state.ts) in front of them. */
  private readonly shapes = new Map<number, number>();

  constructor(region: Region, { hasFrame, x87Shape }: Situation) {
    const { all, shapes } = this;
    let consistent = true;
    const work: number[] = [];
    const lead = (eip: number, shape: number): void => {
      if (!region.blocks.has(eip)) return;
      const known = shapes.get(eip);
      if (known === undefined) {
        shapes.set(eip, shape);
        work.push(eip);
      } else consistent &&= known === shape;
    };
    const note = (block: Block): void => {
      const notes = new BlockNotes();
      const context = { exitLabel: 0, inexactIsOld: false, hasFrame, newExit: () => 0, newNote: () => 0 };
      const scratch = new WasmCode();
      scratch.block();
      const b = new BlockCode(scratch, DYNAMIC, notes, true, context);
      b.shape = shapes.get(block.eip)!;
      writeInstructions(b, block);
      notes.conclude();
      this.blocks.set(block, notes);
      all.include(notes);
      for (const to of [block.target, block.next, block.resume, ...block.targets]) lead(to, b.shape);
      if (block.whole) note(block.whole);
    };
    // Behind an instruction that a jump leads to and that is not translated, code begins that nothing here leads to.
    for (const start of region.blocks.keys()) {
      if (!shapes.has(start)) lead(start, x87Shape);
      for (let eip = work.pop(); eip !== undefined; eip = work.pop()) note(region.blocks.get(eip)!);
    }
    this.x87Fits = !all.usesX87 || (consistent && !all.x87Fails);
  }

  of(block: Block): BlockNotes {
    return this.blocks.get(block)!;
  }

  shapeAt(eip: number): number {
    return this.shapes.get(eip)!;
  }
}
