import { assert } from '../base/errors.ts';
import { BlockCode } from './block-code.ts';
import { writeInstructions } from './block-instructions.ts';
import type { BlockNotes } from './block-notes.ts';
import { writeLookUp } from './code-map.ts';
import { type Exit, Reason } from './exits.ts';
import { DYNAMIC } from './flag-code.ts';
import { REGION_MAP, S_EIP, S_RESUME, STATE, STEP_MAP } from './layout.ts';
import { ENTRY, EXIT, FLAGS, INEXACT, LEFT, T1, T2, TARGET_EIP, X87_INEXACT, X87_SHAPE } from './locals.ts';
import { edgeName, isOwnLoop, isSwitch, nodeFor, type Plan } from './plan.ts';
import { type Block, Ending, type Region } from './region.ts';
import { RegionNotes } from './region-notes.ts';
import { writeLoad, writeStore } from './region-state.ts';
import { isReturn } from './returns.ts';
import { type Inexactness, inexactnessFor, type Situation } from './situation.ts';
import { StructuredWriter } from './structure.ts';
import { type BranchHint, type Label, LIKELY, MEM, OP, UNLIKELY, WasmCode } from './wasm-code.ts';
import type { X87Note } from './x87-state.ts';

/** Bytes of code from the first to the last target of an indirect jump that goes by a table. */
const JUMP_TABLE_MAX = 2048;

/** Function type of regions in every translated module: entry number -> exit number. */
export const REGION_TYPE = 0;

/**
 * Writes the function of one region.
 *
 *   registers and flags come out of the state block
 *   block exit
 *     if the translation takes "inexact" for what it is not, back to the host
 *     block budget
 *       loop root
 *         block leave
 *           the region's graph: a switch over the entries, then blocks
 *         end
 *         control goes to TARGET_EIP: through the code map to this region again, to another, or back to the host
 *       end
 *     end
 *     the budget ends in the block at TARGET_EIP: single steps go on, if there are any
 *   end
 *   registers and flags go back; the exit's number is the result
 */
export class RegionCode {
  private readonly code = new WasmCode();
  private readonly plan: Plan;
  private readonly region: Region;
  private readonly slot: number;
  /** At the region's head. */
  private readonly situation: Situation;
  private readonly newNote: (note: X87Note) => number;
  private readonly newExit: (exit: Omit<Exit, 'slot'>) => number;
  private readonly notes: RegionNotes;
  private exitLabel: Label = 0;
  private rootLabel: Label = 0;
  private leaveLabel: Label = 0;
  private budgetLabel: Label = 0;
  private structure!: StructuredWriter;
  /** Kind of the flags at the start of blocks that only one edge leads to. */
  private readonly kindAt = new Map<number, number>();
  private readonly edgesTo = new Map<number, number>();

  /** `slot`: the function's number in the table. `newExit` gives numbers that are unique in the engine. */
  constructor(
    plan: Plan,
    region: Region,
    slot: number,
    situation: Situation,
    newExit: (exit: Exit) => number,
    newNote: (note: X87Note) => number,
  ) {
    this.plan = plan;
    this.region = region;
    this.slot = slot;
    this.situation = situation;
    this.newNote = newNote;
    this.notes = new RegionNotes(region, situation);
    this.newExit = (exit) => newExit({ ...exit, slot });
  }

  get hints(): readonly BranchHint[] {
    return this.code.hints;
  }

  private get all(): BlockNotes {
    return this.notes.all;
  }

  get usesVectors(): boolean {
    return this.all.vectorsUsed !== 0 || this.all.usesMxcsr;
  }

  get usesMxcsr(): boolean {
    return this.all.usesMxcsr;
  }

  get usesX87(): boolean {
    return this.all.usesX87;
  }

  get inexactness(): Inexactness {
    return inexactnessFor(this.situation, this.all);
  }

  /** Null when x87 instructions do not fit the stack that they find. */
  write(): Uint8Array | null {
    const { code, plan } = this;
    if (!this.notes.x87Fits) return null;
    for (const node of plan.flow.order) {
      for (const to of plan.flow.successors[node]!) this.edgesTo.set(to, (this.edgesTo.get(to) ?? 0) + 1);
    }
    writeLoad(code, this.all);
    this.exitLabel = code.block();
    if (this.inexactness !== 'either') this.writeGate();
    this.budgetLabel = code.block();
    this.rootLabel = code.loop();
    this.leaveLabel = code.block();
    this.structure = new StructuredWriter(
      code,
      plan.flow,
      (node) => isSwitch(plan, node),
      (node) => this.writeNode(node),
    );
    this.structure.write(0);
    code.op(OP.unreachable);
    code.end();
    this.writeLeaving();
    code.end();
    code.op(OP.unreachable);
    code.end();
    this.writeBudgetEnd();
    code.end();
    writeStore(this.code, this.all);
    code.get(EXIT);
    code.endFunction();
    return code.toBytes();
  }

  /** Control that comes in is sent back when "inexact" is old and the code is for its being news, or the other way round. */
  private writeGate(): void {
    const { code, all } = this;
    const isOld = this.inexactness === 'old';
    const exits = [...this.plan.entries.keys()].map((eip) =>
      this.newExit({ reason: Reason.Rounding, eip, refund: 0, kind: DYNAMIC, always: false }),
    );
    code.get(ENTRY);
    code.i32(exits[0]! - 1);
    code.op(OP.i32Add);
    code.set(EXIT);
    if (all.usesMxcsr) code.get(INEXACT);
    else code.i32(0);
    if (all.usesX87) {
      // As long as the x87 is not loaded nothing is known of it.
      code.get(X87_INEXACT);
      code.get(X87_SHAPE);
      code.i32(0);
      code.op(...(isOld ? [OP.i32GeS, OP.i32And] : [OP.i32LtS, OP.i32Or]), OP.i32Or);
    }
    if (!isOld) code.op(OP.i32Eqz);
    code.brIf(this.exitLabel, UNLIKELY);
  }

  /** Behind the block that is left for TARGET_EIP, with the kind of the flags in its local and the number of the exit in case there is nothing. */
  private writeLeaving(): void {
    const { code } = this;
    const miss = code.block();
    if (this.region.isOfSteps) {
      const found = code.block();
      const elsewhere = code.block();
      writeLookUp(code, REGION_MAP, elsewhere);
      code.br(found);
      code.end();
      writeLookUp(code, STEP_MAP, miss);
      code.end();
    } else writeLookUp(code, REGION_MAP, miss);
    this.pushIsHere();
    code.brIf(this.rootLabel);
    this.writeCall();
    code.end();
    code.i32(STATE);
    code.get(TARGET_EIP);
    code.mem(MEM.i32Store, S_EIP * 4);
    code.br(this.exitLabel);
  }

  /** Leaves on the stack whether the function in T1 is this one. */
  private pushIsHere(): void {
    const { code } = this;
    code.get(T1);
    code.i32(this.slot);
    code.op(OP.i32Eq);
  }

  /** To ENTRY of the function in T1. */
  private writeCall(): void {
    const { code } = this;
    writeStore(code, this.all);
    code.get(ENTRY);
    code.get(T1);
    code.returnCallIndirect(REGION_TYPE);
  }

  /** Single steps go on in front of TARGET_EIP, or with the next budget do so at the entry T1 of this function. */
  private writeBudgetEnd(): void {
    const { code } = this;
    code.get(LEFT);
    code.get(T2);
    code.op(OP.i32Add);
    code.set(LEFT);
    if (!this.region.isOfSteps) {
      const miss = code.block();
      writeLookUp(code, STEP_MAP, miss);
      this.writeCall();
      code.end();
      return;
    }
    code.i32(STATE);
    code.get(T1);
    code.i32(this.slot << 8);
    code.op(OP.i32Or);
    code.mem(MEM.i32Store, S_RESUME * 4);
    code.i32(STATE);
    code.get(TARGET_EIP);
    code.mem(MEM.i32Store, S_EIP * 4);
  }

  // Nodes.

  private writeNode(node: number): void {
    const found = this.plan.nodes[node]!;
    if (found.kind === 'block') this.writeBlock(node, found.block);
    else this.writeSwitch(node, found.targets, found.otherwise);
  }

  private writeSwitch(node: number, targets: ReadonlyMap<number, number>, otherwise: number): void {
    const label = (to: number): Label => this.structure.labelOf(node, to)!;
    const last = Math.max(0, ...targets.keys());
    const table = Array.from({ length: last + 1 }, (_, entry) => label(targets.get(entry) ?? otherwise));
    // Mostly control is not on its way to an entry, and a jump through a table costs more than the question.
    this.code.get(ENTRY);
    this.code.op(OP.i32Eqz);
    this.code.brIf(label(otherwise), LIKELY);
    this.code.get(ENTRY);
    this.code.brTable(table, label(otherwise));
  }

  private writeBlock(node: number, block: Block): void {
    const { code } = this;
    const isEntry = this.plan.entries.has(block.eip);
    const kind = isEntry ? DYNAMIC : (this.kindAt.get(node) ?? DYNAMIC);
    if (isEntry) {
      if (this.all.usesX87) this.writeShapeCheck(block, kind);
      code.i32(0);
      code.set(ENTRY);
    }
    if (block.whole) {
      code.get(LEFT);
      code.i32(block.whole.insns.length);
      code.op(OP.i32GeS);
      code.if();
      this.pushLeftAfter(block.whole);
      code.set(LEFT);
      this.writeBody(node, block.whole, kind);
      code.end();
    }
    if (isOwnLoop(block, this.region)) this.writeOwnLoop(node, block, kind);
    else {
      this.writeBudgetCheck(block, kind);
      this.writeBody(node, block, kind);
    }
  }

  /**
   * A loop of one block, and once more the block in front of it: there control comes in from anywhere with flags of any kind,
   * the loop itself begins with those that it ends with, and knows what is known at its end.
   */
  private writeOwnLoop(node: number, block: Block, kind: number): void {
    const { code } = this;
    const done = code.block();
    this.writeBudgetCheck(block, kind);
    const first = this.writeStraight(block, kind);
    code.op(OP.i32Eqz);
    code.brIf(done);
    const again = code.loop();
    this.writeBudgetCheck(block, first.kind);
    const b = this.writeStraight(block, first.kind, first);
    assert(b.kind === first.kind, 'the flags behind a block are of one kind, whatever they are in front of it');
    code.brIf(again);
    code.end();
    code.end();
    this.goTo(node, b, block, block.next);
  }

  /** What is left of the budget behind a block. */
  private pushLeftAfter({ insns }: Block): void {
    const { code } = this;
    code.get(LEFT);
    code.i32(insns.length);
    code.op(OP.i32Sub);
  }

  /** Counts the block's instructions, which T2 takes back where the budget does not reach to its end. */
  private writeBudgetCheck(block: Block, kind: number): void {
    const { code } = this;
    const { eip } = block;
    code.i32(this.newExit({ reason: Reason.Budget, eip, refund: 0, kind: DYNAMIC, always: false }));
    code.set(EXIT);
    code.i32(eip);
    code.set(TARGET_EIP);
    if (this.region.isOfSteps) {
      code.i32(this.plan.entries.get(eip)!);
      code.set(T1);
    }
    if (kind !== DYNAMIC) {
      code.i32(kind);
      code.set(FLAGS.kind);
    }
    code.i32(block.insns.length);
    code.set(T2);
    this.pushLeftAfter(block);
    code.tee(LEFT);
    code.i32(0);
    code.op(OP.i32LtS);
    code.brIf(this.budgetLabel, UNLIKELY);
  }

  /** The instructions, and where they lead. */
  private writeBody(node: number, block: Block, kind: number): void {
    this.writeEnding(node, this.writeStraight(block, kind), block);
  }

  /** The instructions; what the last leaves on the stack is for the ending. */
  private writeStraight(block: Block, kind: number, before?: BlockCode): BlockCode {
    const { code } = this;
    const { exitLabel, newExit, newNote } = this;
    const inexactIsOld = this.inexactness === 'old';
    const context = { exitLabel, inexactIsOld, hasFrame: this.situation.hasFrame, newExit, newNote };
    const b = new BlockCode(code, kind, this.notes.of(block), false, context);
    b.shape = this.notes.shapeAt(block.eip);
    if (before) b.knowWhatIsKnownBehind(before);
    writeInstructions(b, block);
    return b;
  }

  /** Who comes from outside may bring another x87 stack than the one that this code was written for. */
  private writeShapeCheck(block: Block, kind: number): void {
    const { code } = this;
    code.i32(this.newExit({ reason: Reason.Shape, eip: block.eip, refund: 0, kind, always: false }));
    code.set(EXIT);
    code.get(X87_SHAPE);
    code.i32(this.notes.shapeAt(block.eip));
    code.op(OP.i32Ne);
    code.brIf(this.exitLabel, UNLIKELY);
  }

  // Endings.

  private writeEnding(node: number, b: BlockCode, block: Block): void {
    const { code } = this;
    switch (block.ending) {
      case Ending.Jump:
      case Ending.Call:
        this.goTo(node, b, block, block.target);
        return;
      case Ending.Branch:
        this.branch(node, b, block, block.target, block.next);
        return;
      case Ending.Falls:
        this.goTo(node, b, block, block.next);
        return;
      case Ending.Indirect:
        this.writeIndirect(node, b, block);
        return;
      case Ending.Interpreted:
        code.i32(this.newExit({ reason: Reason.Interpret, eip: block.next, refund: 0, kind: b.kind, always: true }));
        code.set(EXIT);
        code.br(this.exitLabel);
    }
  }

  private writeIndirect(node: number, b: BlockCode, block: Block): void {
    if (isReturn(block)) this.writeReturn(node, b, block);
    else this.writeIndirectJump(node, b, block);
    this.leave(b, block);
  }

  private writeReturn(node: number, b: BlockCode, block: Block): void {
    const { code } = this;
    b.makeDynamic();
    for (const eip of block.targets) {
      const to = nodeFor(this.plan, block, eip);
      if (to === null) continue;
      code.get(TARGET_EIP);
      code.i32(eip);
      code.op(OP.i32Eq);
      code.brIf(this.structure.labelOf(node, to)!);
    }
  }

  /** Straight to those targets that are known and in the region, if they lie so close together that there is a table for them. */
  private writeIndirectJump(node: number, b: BlockCode, block: Block): void {
    const { code } = this;
    const labels = new Map<number, Label>();
    for (const eip of block.targets) {
      const to = nodeFor(this.plan, block, eip);
      if (to !== null) labels.set(eip >>> 0, this.structure.labelOf(node, to)!);
    }
    if (labels.size === 0) return;
    const first = Math.min(...labels.keys());
    const size = Math.max(...labels.keys()) - first + 1;
    if (size > JUMP_TABLE_MAX) return;
    b.makeDynamic();
    const elsewhere = code.block();
    const table = Array.from({ length: size }, (_, i) => labels.get(first + i) ?? elsewhere);
    code.get(TARGET_EIP);
    code.i32(first);
    code.op(OP.i32Sub);
    code.brTable(table, elsewhere);
    code.end();
  }

  /** The condition is on the stack. */
  private branch(node: number, b: BlockCode, block: Block, taken: number, next: number): void {
    const { code } = this;
    const { kind } = b;
    const takenLabel = this.simpleLabel(node, b, block, taken);
    if (takenLabel !== null) {
      code.brIf(takenLabel);
      this.goTo(node, b, block, next);
      return;
    }
    const nextLabel = this.simpleLabel(node, b, block, next);
    if (nextLabel !== null) {
      code.op(OP.i32Eqz);
      code.brIf(nextLabel);
      this.goTo(node, b, block, taken);
      return;
    }
    code.if();
    this.goTo(node, b, block, taken);
    code.else();
    b.kind = kind;
    this.goTo(node, b, block, next);
    code.end();
  }

  /** The label, when nothing else is needed to get there. */
  private simpleLabel(node: number, b: BlockCode, block: Block, eip: number): Label | null {
    const to = nodeFor(this.plan, block, eip);
    if (to === null) return null;
    const label = this.structure.labelOf(node, to);
    if (label === null || this.knowsKind(to)) return null;
    // The other way goes on knowing the kind.
    const { kind } = b;
    b.makeDynamic();
    b.kind = kind;
    return label;
  }

  /** Blocks that only one edge leads to begin with the kind of flags that it brings. */
  private knowsKind(to: number): boolean {
    const found = this.plan.nodes[to]!;
    return found.kind === 'block' && this.edgesTo.get(to) === 1 && !this.plan.entries.has(found.block.eip);
  }

  private goTo(node: number, b: BlockCode, block: Block, eip: number): void {
    const { code } = this;
    const to = nodeFor(this.plan, block, eip);
    if (to !== null) {
      if (this.knowsKind(to)) this.kindAt.set(to, b.kind);
      else b.makeDynamic();
      this.structure.goTo(node, to);
      return;
    }
    if (this.plan.roundabout.has(edgeName(block.eip, eip))) {
      code.i32(this.plan.entries.get(eip)!);
      code.set(ENTRY);
      b.makeDynamic();
      code.br(this.rootLabel);
      return;
    }
    code.i32(eip);
    code.set(TARGET_EIP);
    this.leave(b, block);
  }

  /** Goes to TARGET_EIP, wherever that is. */
  private leave(b: BlockCode, block: Block): void {
    const { code } = this;
    const { eip, row } = block.insns.at(-1)!;
    const always = block.ending === Ending.Indirect && row.mnemonic === 'JMP';
    b.makeDynamic();
    code.i32(this.newExit({ reason: Reason.Leave, eip, refund: 0, kind: DYNAMIC, always }));
    code.set(EXIT);
    code.br(this.leaveLabel);
  }
}
