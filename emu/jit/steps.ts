import { type Block, Ending, type Region } from './region.ts';

/*
 * Single steps: a second translation of code in which budgets end. Each instruction is a block of its own, so that control can leave in front
 * of any of them, and come in there again when the next budget begins. Where the budget reaches far enough, pieces of a block are done at once.
 */

/** Instructions of a piece. */
const PIECE = 8;

/** The region's instructions one by one, and by pieces. */
export function singleSteps(region: Region): Region {
  const blocks = new Map<number, Block>();
  for (const block of region.blocks.values()) {
    const { insns } = block;
    for (const [i, { eip }] of insns.entries()) {
      const piece = partOf(block, i, i + PIECE);
      const step = partOf(block, i, i + 1);
      blocks.set(eip, i % PIECE === 0 && piece.insns.length > 1 ? { ...step, whole: piece } : step);
    }
  }
  return { ...region, blocks, entries: new Set(blocks.keys()), isOfSteps: true };
}

/** Some instructions of a block, which ends as the block does when the last is among them. */
function partOf(block: Block, from: number, to: number): Block {
  const insns = block.insns.slice(from, to);
  const { eip } = insns[0]!;
  if (to >= block.insns.length) return { ...block, eip, insns };
  return { eip, insns, ending: Ending.Falls, target: 0, next: insns.at(-1)!.next, resume: 0, targets: [] };
}
