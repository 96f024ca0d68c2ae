import { type Block, Ending, type Region } from './region.ts';

/** A RET with more places to go to looks for them in the code map. */
const RETURN_TARGETS_MAX = 4;

/** Gives each RET as targets where the region's calls of what it belongs to go on. It may lead elsewhere all the same. */
export function withReturns(region: Region): Region {
  const blocks = new Map(region.blocks);
  for (const [eip, targets] of findReturns(blocks)) {
    if (targets.size <= RETURN_TARGETS_MAX) blocks.set(eip, { ...blocks.get(eip)!, targets: [...targets] });
  }
  return { ...region, blocks };
}

/** By EIP of blocks that end with RET. */
function findReturns(blocks: ReadonlyMap<number, Block>): Map<number, ReadonlySet<number>> {
  const targets = new Map<number, Set<number>>();
  for (const { ending, target, next } of blocks.values()) {
    if (ending !== Ending.Call || !blocks.has(next)) continue;
    for (const eip of returnsOf(target, blocks)) targets.set(eip, (targets.get(eip) ?? new Set()).add(next));
  }
  return targets;
}

/** EIPs of blocks that end with RET, of the function that begins at an EIP, as far as it is in the region. */
function returnsOf(start: number, blocks: ReadonlyMap<number, Block>): number[] {
  const seen = new Set([start]);
  const found: number[] = [];
  // What is added to a set while it is gone through comes, too.
  for (const eip of seen) {
    const block = blocks.get(eip);
    if (block === undefined) continue;
    if (isReturn(block)) found.push(eip);
    const inCallee = block.ending === Ending.Call;
    for (const to of [block.next, block.resume, ...(inCallee ? [] : [block.target, ...block.targets])]) {
      if (blocks.has(to)) seen.add(to);
    }
  }
  return found;
}

export function isReturn({ ending, insns }: Block): boolean {
  return ending === Ending.Indirect && insns.at(-1)!.row.mnemonic === 'RET';
}
