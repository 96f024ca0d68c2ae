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

/**
 * By EIP: so many steps may be done at once. To the end of the block that the instruction was part of when a jump leads back into the steps, as
 * the same code has a faster translation; Infinity when all ways lead out.
 */
export function stepsLeft(region: Region): Map<number, number> {
  const blocks = [...region.blocks.values()];
  const isLoop = blocks.some(({ target }) => region.blocks.has(target));
  const left = new Map<number, number>();
  for (const { insns } of blocks)
    for (const [i, { eip }] of insns.entries()) left.set(eip, isLoop ? insns.length - i : Number.POSITIVE_INFINITY);
  return left;
}
