import { analyse, type Flow, irreducibleEdges, naturalLoops } from './flow.ts';
import { ENTRIES_MAX } from './layout.ts';
import { type Block, Ending, isRepeated, type Region } from './region.ts';

// The shape of a region's code: a graph that WebAssembly's structured control can express, with a way in to every entry.

/** A node is a block, or a switch over the entry that control is on its way to. */
export type PlanNode =
  | { readonly kind: 'block'; readonly block: Block }
  /** `targets` by entry number; entries that are not in it, and 0, go to `otherwise`. */
  | { readonly kind: 'switch'; readonly targets: ReadonlyMap<number, number>; readonly otherwise: number };

export interface Plan {
  /** Node 0 is the switch over everything. */
  readonly nodes: readonly PlanNode[];
  readonly flow: Flow;
  /** EIP -> number, from 1. */
  readonly entries: ReadonlyMap<number, number>;
  /** By EIP: the node of its block, or of the switch in front of it. */
  readonly fronts: ReadonlyMap<number, number>;
  /** Jumps (from block, to block) that go round by the root's switch. */
  readonly roundabout: ReadonlySet<string>;
}

export const edgeName = (from: number, to: number): string => `${from >>> 0}>${to >>> 0}`;

/** Node that a direct jump goes to; null when that is no node of the region, or the jump goes round by the root. */
export function nodeFor(plan: Pick<Plan, 'fronts' | 'roundabout'>, from: Block, to: number): number | null {
  if (plan.roundabout.has(edgeName(from.eip, to))) return null;
  return plan.fronts.get(to) ?? null;
}

/** Whether a jump to an EIP stays in the region. */
function isWithin({ blocks, isOfSteps, head }: Region, eip: number): boolean {
  return blocks.has(eip) && !(isOfSteps && eip === head);
}

/** A loop of a single block, which its writer closes: the graph has no edge for it. */
export function isOwnLoop({ ending, eip, target, insns }: Block, { isOfSteps }: Region): boolean {
  return ending === Ending.Branch && target === eip && !isOfSteps && !isRepeated(insns.at(-1)!);
}

/**
 * Where a block leads, as far as that is in the region. `fake`: also where control comes back to after a call or
 * an interpreted instruction.
 */
function successorsOf(block: Block, region: Region, fake: boolean): number[] {
  const found: number[] = [];
  const add = (eip: number): void => {
    if (isWithin(region, eip) && !found.includes(eip)) found.push(eip);
  };
  const { ending } = block;
  if (isOwnLoop(block, region)) {
    add(block.next);
    return found;
  }
  if (ending === Ending.Falls || ending === Ending.Branch) add(block.next);
  if (ending === Ending.Jump || ending === Ending.Branch || ending === Ending.Call) add(block.target);
  if (fake && (ending === Ending.Call || ending === Ending.Indirect) && block.next !== 0) add(block.next);
  if (fake && ending === Ending.Interpreted) add(block.resume);
  for (const target of block.targets) add(target);
  if (block.whole) for (const eip of successorsOf(block.whole, region, fake)) add(eip);
  return found;
}

/**
 * A loop that is entered anywhere but at its header gets a switch in front of the header, so that its header stays the only way in.
 * Jumps that would make the graph irreducible go round by the root. Null when there are too many entries or no such shape is found.
 */
export function planRegion(region: Region): Plan | null {
  const blocks = [...region.blocks.values()];
  const index = new Map(blocks.map((block, i) => [block.eip, i]));
  const entries = new Set(region.entries);
  for (const block of blocks) if (isOwnLoop(block, region)) entries.add(block.eip);
  const roundabout = new Set<string>();
  for (let attempt = 0; attempt < 8; attempt++) {
    const edges = blocks.map((block) =>
      successorsOf(block, region, true)
        .filter((to) => !roundabout.has(edgeName(block.eip, to)))
        .map((to) => index.get(to)!),
    );
    const flow = analyse(edges);
    let clean = true;
    for (const [from, to] of irreducibleEdges(flow)) {
      clean = false;
      roundabout.add(edgeName(blocks[from]!.eip, blocks[to]!.eip));
      entries.add(blocks[to]!.eip);
    }
    if (!clean) continue;
    const loops = naturalLoops(flow);
    for (const header of loops.keys()) entries.add(blocks[header]!.eip);
    if (entries.size > ENTRIES_MAX - 1) return null;
    const plan = withSwitches(region, blocks, index, loops, entries, roundabout);
    const bad = irreducibleEdges(plan.flow);
    if (bad.length === 0) return plan;
    for (const [from, to] of bad) {
      const source = plan.nodes[from]!;
      const target = plan.nodes[to]!;
      if (source.kind !== 'block') return null;
      const eip = target.kind === 'block' ? target.block.eip : eipOfSwitch(plan, to);
      roundabout.add(edgeName(source.block.eip, eip));
      entries.add(eip);
    }
  }
  return null;
}

function eipOfSwitch(plan: Plan, node: number): number {
  const found = plan.nodes[node]!;
  return found.kind === 'block' ? found.block.eip : eipOfSwitch(plan, found.otherwise);
}

/** Whether a node leads on by a table. */
export function isSwitch(plan: Plan, node: number): boolean {
  const found = plan.nodes[node]!;
  return found.kind === 'switch' || found.block.targets.length > 0;
}

const blockNode = (block: number): number => block + 1;

function withSwitches(
  region: Region,
  blocks: readonly Block[],
  index: ReadonlyMap<number, number>,
  loops: ReadonlyMap<number, ReadonlySet<number>>,
  entryEips: ReadonlySet<number>,
  roundabout: ReadonlySet<string>,
): Plan {
  const entries = new Map([...entryEips].map((eip, i) => [eip, i + 1]));
  const entryBlocks = [...entryEips].map((eip) => index.get(eip)!);
  // Loops from the outermost in.
  const ordered = [...loops].sort(([, a], [, b]) => b.size - a.size);
  const switched = ordered.filter(([header, body]) => entryBlocks.some((block) => block !== header && body.has(block)));
  const switchNode = new Map(switched.map(([header], i) => [header, blocks.length + 1 + i]));
  /** The node through which control comes to a block from inside its innermost switched loop. */
  const front = (block: number): number => switchNode.get(block) ?? blockNode(block);
  /** The next step from the switch at `depth` of `chain` to an entry. */
  const step = (block: number, inside: number): number => {
    const chain = switched.filter(([, body]) => body.has(block)).map(([header]) => header);
    const next = chain[inside];
    // An entry that is a header goes through its own switch too, which sends it on.
    return next === undefined ? blockNode(block) : switchNode.get(next)!;
  };
  const depthOf = (header: number): number =>
    switched.filter(([h, body]) => h !== header && body.has(header) && loops.get(h)!.size > loops.get(header)!.size)
      .length;

  const rootTargets = new Map<number, number>();
  for (const [eip, number] of entries) rootTargets.set(number, step(index.get(eip)!, 0));
  const nodes: PlanNode[] = [
    { kind: 'switch', targets: rootTargets, otherwise: front(0) },
    ...blocks.map((block): PlanNode => ({ kind: 'block', block })),
  ];
  for (const [header, body] of switched) {
    const targets = new Map<number, number>();
    for (const [eip, number] of entries) {
      const block = index.get(eip)!;
      if (block !== header && body.has(block)) targets.set(number, step(block, depthOf(header) + 1));
    }
    nodes.push({ kind: 'switch', targets, otherwise: blockNode(header) });
  }
  const fronts = new Map(
    [...index].filter(([eip]) => isWithin(region, eip)).map(([eip, block]) => [eip, front(block)]),
  );
  const ways = { fronts, roundabout };
  const successors = nodes.map((node) => {
    if (node.kind === 'switch') return [...new Set([...node.targets.values(), node.otherwise])];
    const { block } = node;
    return successorsOf(block, region, false).flatMap((to) => nodeFor(ways, block, to) ?? []);
  });
  return { nodes, flow: analyse(successors), entries, ...ways };
}
