import { type Flow, isRetreating } from './flow.ts';
import type { Label, WasmCode } from './wasm-code.ts';

/**
 * Turns a reducible graph into structured control. A node that several edges lead forward to stands behind a block that they leave;
 * a node that edges lead back to begins a loop. Source: Ramsey, Beyond Relooper (ICFP 2022).
 */
export class StructuredWriter {
  private readonly code: WasmCode;
  private readonly flow: Flow;
  private readonly writeNode: (node: number) => void;
  private readonly isMerge: readonly boolean[];
  private readonly isHeader: readonly boolean[];
  private readonly children: readonly number[][];
  private readonly loopLabels = new Map<number, Label>();
  private readonly blockLabels = new Map<number, Label>();

  /** `writeNode` writes a node's own code and ends it by `goTo`. Nodes that `isSwitch` leads to are reached by label only. */
  constructor(code: WasmCode, flow: Flow, isSwitch: (node: number) => boolean, writeNode: (node: number) => void) {
    this.code = code;
    this.flow = flow;
    this.writeNode = writeNode;
    const forward = flow.successors.map(() => 0);
    const isHeader = flow.successors.map(() => false);
    const byLabel = flow.successors.map(() => false);
    for (const from of flow.order) {
      for (const to of flow.successors[from]!) {
        if (isRetreating(flow, from, to)) isHeader[to] = true;
        else forward[to]!++;
        if (isSwitch(from)) byLabel[to] = true;
      }
    }
    this.isHeader = isHeader;
    this.isMerge = forward.map((count, node) => count > 1 || byLabel[node]!);
    const children: number[][] = flow.successors.map(() => []);
    for (const node of flow.order) {
      const parent = flow.dominator[node]!;
      if (parent !== -1 && this.isMerge[node]) children[parent]!.push(node);
    }
    this.children = children;
  }

  write(root: number): void {
    if (this.isHeader[root]) {
      this.loopLabels.set(root, this.code.loop());
      this.writeWithin(root);
      this.code.end();
      this.loopLabels.delete(root);
    } else this.writeWithin(root);
  }

  /** The label to leave for, or null when the node's code is to be written here. */
  labelOf(from: number, to: number): Label | null {
    if (isRetreating(this.flow, from, to)) return this.loopLabels.get(to)!;
    return this.isMerge[to] ? this.blockLabels.get(to)! : null;
  }

  goTo(from: number, to: number): void {
    const label = this.labelOf(from, to);
    if (label !== null) this.code.br(label);
    else this.write(to);
  }

  /** A node, and behind it the merge nodes that it dominates, in order: the first of them closest. */
  private writeWithin(node: number): void {
    const merges = this.children[node]!;
    for (const merge of merges.toReversed()) this.blockLabels.set(merge, this.code.block());
    this.writeNode(node);
    for (const merge of merges) {
      this.code.end();
      this.blockLabels.delete(merge);
      this.write(merge);
    }
  }
}
