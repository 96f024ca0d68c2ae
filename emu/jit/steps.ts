import { type Block, Ending, type Region } from './region.ts';

/*
 * Single steps: a second translation of a block, for budgets that end within it. Each instruction is a block of its own, so that control can
 * leave before any of them, and come in there again when the next budget begins.
 */

/** The region's instructions one by one. */
export function singleSteps(region: Region): Region {
  const blocks = new Map<number, Block>();
  for (const block of region.blocks.values()) {
    const last = block.insns.at(-1)!;
    for (const insn of block.insns) {
      const { eip, next } = insn;
      const step = { eip, insns: [insn], ending: Ending.Falls, target: 0, next, resume: 0, targets: [] };
      blocks.set(eip, insn === last ? { ...block, eip, insns: [insn] } : step);
    }
  }
  return { ...region, blocks, entries: new Set(blocks.keys()) };
}

/** By EIP: so many steps are left to the end of the block that the instruction was part of. */
export function stepsLeft(region: Region): Map<number, number> {
  const left = new Map<number, number>();
  for (const { insns } of region.blocks.values())
    for (const [i, { eip }] of insns.entries()) left.set(eip, insns.length - i);
  return left;
}
