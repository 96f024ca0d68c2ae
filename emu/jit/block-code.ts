import { EBP, ESP, SEG_CS, SEG_FS, SEG_GS } from '../core/core-state.ts';
import { IMMEDIATE, IN_MEMORY, IN_REGISTER, type Insn, NONE } from '../isa/insn.ts';
import { READ, windowsOf, writeAccessCheck } from './access-check.ts';
import type { BlockNotes, FlagsSeen, FlagWrite } from './block-notes.ts';
import { type Exit, Reason } from './exits.ts';
import { DYNAMIC, FlagCode, HELPER_CARRY, INC, KNOWN, keepsCarry } from './flag-code.ts';
import { EXIT, FLAGS, FS_BASE, GS_BASE, REGISTER, START, T0, X87_SHAPE } from './locals.ts';
import { type Label, MEM, OP, UNLIKELY, type WasmCode } from './wasm-code.ts';
import { SHAPE_TRUNCATES, type X87Note } from './x87-state.ts';

/** Function numbers of what translated modules import; HELPER_CARRY is one too. */
const HELPER_SETTLE = 0;
export const HELPER_DOUBLE = 2;
export const HELPER_SINGLE = 3;
export const HELPER_X87 = 4;

/** The linear address of an operand: code that leaves it on the stack, and what it is in terms of values. */
export interface Address {
  readonly key: string;
  readonly displacement: number;
  readonly inStack: boolean;
  readonly push: () => void;
}

/** A value as a register holds it: another value plus a constant. */
interface Symbol {
  readonly id: number;
  readonly offset: number;
}

export interface BlockContext {
  readonly exitLabel: Label;
  /** "Inexact" is masked and set already, in the MXCSR and the x87's status word as far as the region uses them. */
  readonly inexactIsOld: boolean;
  /** Whether EBP points into the stack. */
  readonly hasFrame: boolean;
  /** Gives the number of what the x87 is to remember of an instruction. */
  readonly newNote: (note: X87Note) => number;
  readonly newExit: (exit: Omit<Exit, 'slot'>) => number;
}

/**
 * Writes the straight-line code of one block, twice: the first time to a place where nobody looks, to learn which registers, flags
 * and page checks it needs. Every instruction makes all checks before it changes anything, so that an exit finds the state that the
 * instruction begins with.
 */
export class BlockCode {
  readonly code: WasmCode;
  readonly flags: FlagCode;
  /** Kind of the flags here, or DYNAMIC. */
  kind: number;
  private readonly notes: BlockNotes;
  private readonly recording: boolean;
  private readonly context: BlockContext;
  private readonly symbols: Symbol[] = Array.from({ length: 8 }, (_, id) => ({ id, offset: 0 }));
  private nextSymbol = 8;
  private accessCount = 0;
  private writeCount = 0;
  private insn!: Insn;
  private refund = 0;
  private exitNumber = -1;
  /** TOP, the filled registers and the rounding of the x87 (x87-state.ts). */
  shape = 0;
  private knownDoubles = 0;
  private knownStack = 0;

  constructor(code: WasmCode, kind: number, notes: BlockNotes, recording: boolean, context: BlockContext) {
    this.code = code;
    this.kind = kind;
    this.notes = notes;
    this.recording = recording;
    this.context = context;
    this.flags = new FlagCode(code, FLAGS);
  }

  /** `refund`: instructions of the block from this one on. */
  begin(insn: Insn, refund: number): void {
    this.insn = insn;
    this.refund = refund;
    this.exitNumber = -1;
  }

  /** What is known of numbers behind other code holds at the start of this. */
  knowWhatIsKnownBehind({ knownDoubles, knownStack }: BlockCode): void {
    this.knownDoubles = knownDoubles;
    this.knownStack = knownStack;
  }

  // Registers.

  private use(reg: number): void {
    this.notes.registersUsed |= 1 << reg;
  }

  /** Leaves a register on the stack, zero-extended. Bytes 4..7 are AH CH DH BH. */
  pushRegister(reg: number, size: number): void {
    const { code } = this;
    const whole = size === 1 ? reg & 3 : reg;
    this.use(whole);
    code.get(REGISTER + whole);
    if (size === 4) return;
    if (size === 1 && reg >= 4) {
      code.i32(8);
      code.op(OP.i32ShrU);
    }
    code.i32(size === 1 ? 0xff : 0xffff);
    code.op(OP.i32And);
  }

  /** Takes the value from the stack; only its low `size` bytes count. */
  popRegister(reg: number, size: number): void {
    const { code } = this;
    const whole = size === 1 ? reg & 3 : reg;
    this.changed(whole);
    if (size < 4) {
      const high = size === 1 && reg >= 4;
      const mask = size === 1 ? 0xff : 0xffff;
      code.i32(mask);
      code.op(OP.i32And);
      if (high) {
        code.i32(8);
        code.op(OP.i32Shl);
      }
      code.get(REGISTER + whole);
      code.i32(high ? ~0xff00 : ~mask);
      code.op(OP.i32And, OP.i32Or);
    }
    code.set(REGISTER + whole);
  }

  /** A register has got a value of its own. */
  changed(reg: number): void {
    this.use(reg);
    this.notes.registersWritten |= 1 << reg;
    this.symbols[reg] = { id: this.nextSymbol++, offset: 0 };
  }

  /** A register is what another was, plus a constant. To be called instead of `changed`. */
  becomes(reg: number, from: number, plus: number): void {
    const { id, offset } = this.symbols[from]!;
    this.use(reg);
    this.notes.registersWritten |= 1 << reg;
    this.symbols[reg] = { id, offset: (offset + plus) | 0 };
  }

  /** Adds a constant to a register. */
  advance(reg: number, by: number): void {
    const { code } = this;
    code.get(REGISTER + reg);
    code.i32(by);
    code.op(OP.i32Add);
    code.set(REGISTER + reg);
    this.becomes(reg, reg, by);
  }

  useVector(reg: number): void {
    this.notes.vectorsUsed |= 1 << reg;
  }

  /** Whether the low double of a vector is known to be zero or normal. */
  knowsDouble(reg: number): boolean {
    return ((this.knownDoubles >> reg) & 1) !== 0;
  }

  knowDouble(reg: number): void {
    this.knownDoubles |= 1 << reg;
  }

  changeVector(reg: number): void {
    this.knownDoubles &= ~(1 << reg);
    this.notes.vectorsUsed |= 1 << reg;
    this.notes.vectorsWritten |= 1 << reg;
  }

  get inexactIsOld(): boolean {
    return this.context.inexactIsOld;
  }

  useMxcsr(): void {
    this.notes.usesMxcsr = true;
  }

  // The x87 stack. ST(i) is physical register (TOP + i) & 7.

  get stackTop(): number {
    return this.shape & 7;
  }

  useStack(): void {
    this.notes.usesX87 = true;
  }

  stackRegister(i: number): number {
    this.useStack();
    return (this.shape + i) & 7;
  }

  requireFilled(i: number): void {
    if (((this.shape >> (8 + this.stackRegister(i))) & 1) === 0) this.notes.x87Fails = true;
  }

  /** Whether ST(i) is known to be a zero or middling (float-check.ts). */
  knowsStack(i: number): boolean {
    return ((this.knownStack >> this.stackRegister(i)) & 1) !== 0;
  }

  /** The register, which is filled from now on, and perhaps known. */
  fillStackRegister(i: number, known: boolean): number {
    const register = this.stackRegister(i);
    this.knownStack = (this.knownStack & ~(1 << register)) | (known ? 1 << register : 0);
    this.setShape(this.shape | (0x100 << register));
    return register;
  }

  /** Makes room; the new ST(0) is to be filled. */
  pushStack(): void {
    const register = this.stackRegister(7);
    if ((this.shape >> (8 + register)) & 1) this.notes.x87Fails = true;
    this.setShape((this.shape & ~7) | register);
  }

  popStack(): void {
    const register = this.stackRegister(0);
    this.setShape((this.shape & ~(0x100 << register) & ~7) | ((register + 1) & 7));
  }

  /** Whether rounding is toward zero, and not to nearest. */
  get truncates(): boolean {
    return (this.shape & SHAPE_TRUNCATES) !== 0;
  }

  changeRounding(): void {
    this.setShape(this.shape ^ SHAPE_TRUNCATES);
  }

  private setShape(shape: number): void {
    if (shape === this.shape) return;
    this.shape = shape;
    this.code.i32(shape);
    this.code.set(X87_SHAPE);
  }

  x87Note({ eip, row, modrm, segment }: Insn): number {
    this.useStack();
    return this.context.newNote({ eip, opcode: ((row.opcode & 7) << 8) | modrm, segment });
  }

  // Memory.

  /** The offset of the memory operand, without its segment's base. */
  pushOffset(insn: Insn): void {
    const { code } = this;
    if (insn.base !== NONE) this.pushRegister(insn.base, 4);
    if (insn.index !== NONE) {
      this.pushRegister(insn.index, 4);
      if (insn.scale > 0) {
        code.i32(insn.scale);
        code.op(OP.i32Shl);
      }
      if (insn.base !== NONE) code.op(OP.i32Add);
    }
    if (insn.base === NONE && insn.index === NONE) code.i32(insn.disp);
    else if (insn.disp !== 0) {
      code.i32(insn.disp);
      code.op(OP.i32Add);
    }
  }

  /** The memory operand's address, by what registers hold now. */
  addressOf(insn: Insn): Address {
    let displacement = insn.disp;
    let key = '';
    if (insn.base !== NONE) {
      const { id, offset } = this.symbols[insn.base]!;
      key += id;
      displacement += offset;
    }
    if (insn.index !== NONE) {
      const { id, offset } = this.symbols[insn.index]!;
      key += `*${insn.scale}:${id}`;
      displacement += offset << insn.scale;
    }
    const inSegment = insn.override === SEG_FS || insn.override === SEG_GS;
    const push = (): void => {
      this.pushOffset(insn);
      if (!inSegment) return;
      this.code.get(insn.override === SEG_FS ? FS_BASE : GS_BASE);
      this.code.op(OP.i32Add);
    };
    return {
      key: inSegment ? `${key}@${insn.override}` : key,
      displacement: displacement | 0,
      inStack: !inSegment && this.pointsToStack(insn.base),
      push,
    };
  }

  /** The address that a register holds, plus a constant. */
  addressIn(reg: number, plus = 0): Address {
    const { id, offset } = this.symbols[reg]!;
    const push = (): void => {
      this.pushRegister(reg, 4);
      if (plus === 0) return;
      this.code.i32(plus);
      this.code.op(OP.i32Add);
    };
    return { key: String(id), displacement: (offset + plus) | 0, inStack: this.pointsToStack(reg), push };
  }

  /** An address plus what `push` leaves on the stack, which nothing is known of. */
  beyond(address: Address, push: () => void): Address {
    const pushSum = (): void => {
      address.push();
      push();
      this.code.op(OP.i32Add);
    };
    return { key: String(this.nextSymbol++), displacement: 0, inStack: false, push: pushSum };
  }

  private pointsToStack(reg: number): boolean {
    return reg === ESP || (reg === EBP && this.context.hasFrame);
  }

  /** Leaves on the stack the address of `size` bytes that may be accessed: the instruction is the interpreter's if they may not. */
  pushChecked(address: Address, size: number, need: number, temporary = T0): void {
    this.pushAccess(this.noteAccess(address, size, need), address, temporary);
  }

  /** The same for a load or store with the offset that is returned: accesses that are checked together go by one address. */
  pushNear(address: Address, size: number, need: number): number {
    const access = this.noteAccess(address, size, need);
    const group = this.notes.groups[access] ?? null;
    if (group === null) {
      this.pushAccess(access, address, T0);
      return 0;
    }
    if (this.notes.checks[access] !== null) {
      address.push();
      this.code.set(T0);
      this.writeCheck(access, address, T0);
    }
    this.code.get(group.start);
    return address.displacement - group.low;
  }

  /** The number of the access. */
  private noteAccess({ key, inStack, displacement }: Address, size: number, need: number): number {
    const access = this.accessCount++;
    if (this.recording) {
      const [likely, other] = windowsOf({ need, inStack });
      this.notes.windowsUsed |= (1 << likely) | (1 << other);
      this.notes.accesses.push({ key, low: displacement, high: displacement + size, need, inStack });
      this.notes.events.push({ what: 'access', access });
    }
    return access;
  }

  private pushAccess(access: number, address: Address, temporary: number): void {
    address.push();
    if (this.recording || this.notes.checks[access] === null) return;
    this.code.set(temporary);
    this.writeCheck(access, address, temporary);
    this.code.get(temporary);
  }

  /** Checks what an access and those after it reach; its own address is in a local. */
  private writeCheck(access: number, { displacement }: Address, local: number): void {
    const { code, notes } = this;
    const { low, high, need, inStack } = notes.checks[access]!;
    const group = notes.groups[access] ?? null;
    let start = local;
    if (group !== null || low !== displacement) {
      start = group === null ? START : group.start;
      code.get(local);
      code.i32(low - displacement);
      code.op(OP.i32Add);
      code.set(start);
    }
    const range = { start, size: high - low, need, inStack };
    writeAccessCheck(code, range, () => this.setExit(), this.context.exitLabel);
  }

  /** Takes an address from the stack. */
  load(size: number, signed = false, offset = 0): void {
    const op =
      size === 4
        ? MEM.i32Load
        : size === 2
          ? signed
            ? MEM.i32Load16S
            : MEM.i32Load16U
          : signed
            ? MEM.i32Load8S
            : MEM.i32Load8U;
    this.code.mem(op, offset);
  }

  /** Takes an address and a value from the stack. */
  store(size: number, offset = 0): void {
    this.code.mem(size === 4 ? MEM.i32Store : size === 2 ? MEM.i32Store16 : MEM.i32Store8, offset);
  }

  /** Leaves operand i on the stack: zero-extended from a register or memory, truncated when an immediate. */
  pushOperand(insn: Insn, i: number): void {
    const { kind, reg, size, value } = insn.operands[i]!;
    if (kind === IN_REGISTER) this.pushRegister(reg, size);
    else if (kind === IN_MEMORY) {
      this.load(size, false, this.pushNear(this.addressOf(insn), size, READ));
    } else if (kind === IMMEDIATE) {
      const width = insn.operands[0]!.size;
      this.code.i32(width === 4 ? value : value & (width === 2 ? 0xffff : 0xff));
    }
  }

  // Exits.

  /** Sets the exit that gives the instruction to the interpreter. */
  setExit(always = false): void {
    if (this.exitNumber < 0) {
      const { insn, refund, kind } = this;
      this.exitNumber = this.context.newExit({ reason: Reason.Interpret, eip: insn.eip, refund, kind, always });
    }
    this.code.i32(this.exitNumber);
    this.code.set(EXIT);
  }

  /** The instruction is the interpreter's when the condition that `push` leaves holds. */
  exitIf(push: () => void): void {
    if (this.recording) this.notes.events.push({ what: 'exit' });
    else this.setExit();
    push();
    this.code.brIf(this.context.exitLabel, UNLIKELY);
  }

  // Flags.

  /** Whether anybody will see the flags that the instruction is about to write, all six of them. */
  writesFlags(): boolean {
    return this.flagWrite('write') !== 'none';
  }

  /** The same for who has less to do when that is CF alone. */
  writesSeenFlags(): FlagsSeen {
    return this.flagWrite('write');
  }

  /** The same for an increment or decrement, which leaves CF as it was. */
  incrementsFlags(): boolean {
    return this.flagWrite('increment') !== 'none';
  }

  /** The same for an instruction that leaves some flags as they were, or perhaps all. */
  changesFlags(): boolean {
    return this.flagWrite('partial') !== 'none';
  }

  private flagWrite(what: FlagWrite): FlagsSeen {
    const write = this.writeCount++;
    if (this.recording) {
      this.notes.events.push({ what, write });
      return 'all';
    }
    return this.notes.seen[write]!;
  }

  readsFlags(): void {
    if (this.recording) this.notes.events.push({ what: 'read' });
  }

  /** Leaves CF on the stack as 0 or 1. Whoever does more with it than keep it calls `readsFlags` first. */
  pushCarry(): void {
    if (this.kind !== DYNAMIC) this.flags.carry(this.kind);
    else this.callHelper(HELPER_CARRY);
  }

  /** Leaves EFLAGS on the stack, likewise. */
  pushSettled(): void {
    if (this.kind !== DYNAMIC) this.flags.settled(this.kind);
    else this.callHelper(HELPER_SETTLE);
  }

  /** Leaves on the stack whether condition tttn holds, as 0 or 1. */
  pushCondition(tttn: number): void {
    this.readsFlags();
    if (this.kind === DYNAMIC) this.settle();
    this.flags.condition(this.kind, tttn);
  }

  /** From now on EFLAGS holds the flags. */
  settle(): void {
    if (this.kind === KNOWN) return;
    this.pushSettled();
    this.code.set(FLAGS.eflags);
    this.kind = KNOWN;
  }

  private callHelper(number: number): void {
    this.notes.usesCarryState = true;
    this.flags.pushAll();
    this.code.call(number);
  }

  /** An increment is about to write the other flags. */
  keepCarry(): void {
    const { code, flags, kind } = this;
    this.notes.usesCarryState = true;
    if (kind === DYNAMIC) {
      code.get(FLAGS.kind);
      code.i32(INC);
      code.op(OP.i32LtU);
      code.if();
      flags.keepForCarry(DYNAMIC);
      code.end();
    } else if (!keepsCarry(kind)) flags.keepForCarry(kind);
  }

  /** Puts the kind where code that does not know it looks. */
  makeDynamic(): void {
    if (this.kind === DYNAMIC) return;
    this.code.i32(this.kind);
    this.code.set(FLAGS.kind);
    this.kind = DYNAMIC;
  }

  /** The flags become (kind, a, b), all in locals, when `condition` is not 0; else they stay. */
  setFlagsIf(condition: number, kind: number, a: number, b: number): void {
    const { code } = this;
    this.makeDynamic();
    const choose = (local: number, push: () => void): void => {
      push();
      code.get(local);
      code.get(condition);
      code.op(OP.select);
      code.set(local);
    };
    choose(FLAGS.kind, () => code.i32(kind));
    choose(FLAGS.a, () => code.get(a));
    choose(FLAGS.b, () => code.get(b));
  }
}

/** Whether translated code can address the memory operand, if there is one. */
export function isAddressable(insn: Insn): boolean {
  if (!insn.operands.some(({ kind }) => kind === IN_MEMORY)) return true;
  return insn.addressSize === 4 && insn.override !== SEG_CS;
}
