// Control flow graphs: order, dominators, loops. Nodes are numbers from 0; node 0 is the root.
// Source: Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm.

export interface Flow {
  /** Successors of each node. */
  readonly successors: readonly (readonly number[])[];
  /** Reachable nodes, each before its successors but for retreating edges. */
  readonly order: readonly number[];
  /** Position in `order`; -1 when unreachable. */
  readonly position: readonly number[];
  /** Immediate dominator; -1 for the root and unreachable nodes. */
  readonly dominator: readonly number[];
}

export function analyse(successors: readonly (readonly number[])[]): Flow {
  const order = reversePostorder(successors);
  const position = successors.map(() => -1);
  order.forEach((node, index) => {
    position[node] = index;
  });
  return { successors, order, position, dominator: dominators(successors, order, position) };
}

function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const state = successors.map(() => 0);
  const postorder: number[] = [];
  const stack: { node: number; next: number }[] = [{ node: 0, next: 0 }];
  state[0] = 1;
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const list = successors[top.node]!;
    if (top.next === list.length) {
      postorder.push(top.node);
      stack.pop();
      continue;
    }
    const child = list[top.next++]!;
    if (state[child] !== 0) continue;
    state[child] = 1;
    stack.push({ node: child, next: 0 });
  }
  return postorder.reverse();
}

function dominators(
  successors: readonly (readonly number[])[],
  order: readonly number[],
  position: readonly number[],
): number[] {
  const predecessors: number[][] = successors.map(() => []);
  for (const node of order) for (const to of successors[node]!) predecessors[to]!.push(node);
  const dominator = successors.map(() => -1);
  dominator[order[0]!] = order[0]!;
  const meet = (a: number, b: number): number => {
    let x = a;
    let y = b;
    while (x !== y) {
      while (position[x]! > position[y]!) x = dominator[x]!;
      while (position[y]! > position[x]!) y = dominator[y]!;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of order.slice(1)) {
      let found = -1;
      for (const from of predecessors[node]!) {
        if (dominator[from] === -1) continue;
        found = found === -1 ? from : meet(from, found);
      }
      if (dominator[node] === found) continue;
      dominator[node] = found;
      changed = true;
    }
  }
  dominator[order[0]!] = -1;
  return dominator;
}

export function dominates(flow: Flow, a: number, b: number): boolean {
  for (let node = b; node !== -1; node = flow.dominator[node]!) if (node === a) return true;
  return false;
}

/** Whether an edge goes backwards in the order. */
export function isRetreating(flow: Flow, from: number, to: number): boolean {
  return flow.position[to]! <= flow.position[from]!;
}

/** Retreating edges whose target does not dominate their source: what makes a graph irreducible. */
export function irreducibleEdges(flow: Flow): [number, number][] {
  const edges: [number, number][] = [];
  for (const from of flow.order) {
    for (const to of flow.successors[from]!) {
      if (isRetreating(flow, from, to) && !dominates(flow, to, from)) edges.push([from, to]);
    }
  }
  return edges;
}

/** The natural loops of a reducible graph: header -> the nodes that can reach an edge back to it without passing it, itself included. */
export function naturalLoops(flow: Flow): Map<number, Set<number>> {
  const predecessors: number[][] = flow.successors.map(() => []);
  for (const node of flow.order) for (const to of flow.successors[node]!) predecessors[to]!.push(node);
  const loops = new Map<number, Set<number>>();
  for (const from of flow.order) {
    for (const header of flow.successors[from]!) {
      if (!isRetreating(flow, from, header)) continue;
      const body = loops.get(header) ?? new Set([header]);
      loops.set(header, body);
      const work = [from];
      for (let node = work.pop(); node !== undefined; node = work.pop()) {
        if (body.has(node)) continue;
        body.add(node);
        work.push(...predecessors[node]!);
      }
    }
  }
  return loops;
}
