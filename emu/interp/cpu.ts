import {
  type CoreState,
  CR0,
  CR2,
  EAX,
  ECX,
  EFLAGS,
  EIP,
  ESP,
  EXIT_ERROR_CODE,
  EXIT_VECTOR,
  FLAG_AC,
  SEG_ACCESS,
  SEG_BASE,
  SEG_CS,
  SEG_LIMIT,
  SEG_SS,
} from '../core/core-state.ts';
import {
  type EngineExit,
  EXIT_BUDGET,
  EXIT_EXCEPTION,
  EXIT_SYSCALL,
  PF_PRESENT,
  PF_USER,
  PF_WRITE,
  VECTOR_AC,
  VECTOR_GP,
  VECTOR_PF,
  VECTOR_SS,
  VECTOR_UD,
} from '../core/engine.ts';
import {
  ACCESS_BIG,
  ACCESS_CODE,
  ACCESS_EXPAND_DOWN,
  ACCESS_READABLE,
  ACCESS_WRITABLE,
  type Descriptor,
  setCodeSegment,
} from '../core/segments.ts';
import { X87 } from '../fpu/x87.ts';
import { IMMEDIATE, IN_MEMORY, IN_REGISTER, type Insn, NONE } from '../isa/insn.ts';
import { type AddressSpace, PERM_R, PERM_W } from '../memory/address-space.ts';
import { ARITHMETIC_FLAGS, truncate } from './flags.ts';

const CR0_AM = 0x40000;

/** Whether user mode's unaligned accesses are #AC: CR0.AM and EFLAGS.AC. */
export function isAlignmentChecked(r: Int32Array): boolean {
  return (r[EFLAGS] & FLAG_AC) !== 0 && (r[CR0] & CR0_AM) !== 0;
}

/**
 * What an operand of so many bytes must be aligned to when alignment is checked: a pseudo-descriptor (6, SGDT) is a doubleword and
 * a word, an x87 environment (14, 28) or state (94, 108; FXSAVE: 512) words or doublewords, an 80-bit number a quadword and a word; everything
 * else is aligned to its size. Source: SDM Vol. 3, Interrupt 17.
 */
function alignmentOf(size: number): number {
  switch (size) {
    case 512:
    case 6:
    case 28:
    case 108:
      return 4;
    case 14:
    case 94:
      return 2;
    case 10:
      return 8;
    default:
      return size;
  }
}

/** What a faulting instruction throws: one object, filled in anew each time. The instruction has changed nothing. */
export class CpuFault {
  vector = 0;
  errorCode = 0;
}

/**
 * What the exec functions of the rows see: registers, operands, memory with all checks, exceptions.
 * Values of operands are zero-extended for 1 and 2 bytes and int32 for 4. All checks come before all changes: an exec function
 * makes every access that can fault (reads, `check...`, `...ForWrite`) before it changes a register, a flag or memory.
 */
export class Cpu {
  core!: CoreState;
  space!: AddressSpace;
  /** The doublewords of the state block: general registers at EAX.., EIP, EFLAGS, segments. */
  r!: Int32Array;
  private readonly fault = new CpuFault();
  private bytes!: Uint8Array;
  /** What ends the run after this instruction: EXIT_SYSCALL or EXIT_EXCEPTION for a trap; EXIT_BUDGET when nothing does. */
  exit: EngineExit = EXIT_BUDGET;
  /** MOV SS and POP SS hold back a single-step trap until after the next instruction. */
  inhibitTrap = false;
  /** A segment register or a flag that decides how instructions run (TF, AC, RF) may have changed. */
  modeChanged = false;
  /** Time-stamp counter at this instruction. */
  tsc = 0;

  attach(core: CoreState, space: AddressSpace): void {
    this.core = core;
    this.space = space;
    this.r = core.i32;
    this.bytes = core.u8;
    this.exit = EXIT_BUDGET;
  }

  // The x87 state moves out of the core's FXSAVE image when the first x87 instruction of a run wants it, and back at the end of the
  // run; whatever else looks at the image or changes it calls `storeX87` first.

  private readonly fpu = new X87();
  private fpuLoaded = false;

  x87(): X87 {
    if (!this.fpuLoaded) {
      this.fpuLoaded = true;
      this.fpu.load(this.r);
    }
    return this.fpu;
  }

  storeX87(): void {
    if (!this.fpuLoaded) return;
    this.fpuLoaded = false;
    this.fpu.store(this.r);
  }

  // Registers. Bytes 4..7 are AH CH DH BH.

  register(reg: number, size: number): number {
    if (size === 4) return this.r[reg];
    if (size === 2) return this.r[reg] & 0xffff;
    return this.bytes[reg < 4 ? reg * 4 : (reg - 4) * 4 + 1];
  }

  setRegister(reg: number, size: number, value: number): void {
    if (size === 4) this.r[reg] = value;
    else if (size === 2) this.r[reg] = (this.r[reg] & ~0xffff) | (value & 0xffff);
    else this.bytes[reg < 4 ? reg * 4 : (reg - 4) * 4 + 1] = value;
  }

  get eflags(): number {
    return this.r[EFLAGS];
  }

  flag(mask: number): number {
    return this.r[EFLAGS] & mask ? 1 : 0;
  }

  /** Replaces the flags in `mask` by those of `values`. */
  setFlags(mask: number, values: number): void {
    this.r[EFLAGS] = (this.r[EFLAGS] & ~mask) | (values & mask);
  }

  setArithmeticFlags(values: number): void {
    this.setFlags(ARITHMETIC_FLAGS, values);
  }

  // Operands.

  read(insn: Insn, i: number): number {
    const operand = insn.operands[i];
    if (operand.kind === IN_REGISTER) return this.register(operand.reg, operand.size);
    if (operand.kind === IN_MEMORY) return this.readMemory(insn.segment, this.offset(insn), operand.size);
    if (operand.kind === IMMEDIATE) return truncate(operand.value, insn.operands[0].size);
    return operand.value;
  }

  /** The value of an operand that will be written: a write that is going to fault faults here. */
  readForWrite(insn: Insn, i: number): number {
    const operand = insn.operands[i];
    if (operand.kind === IN_MEMORY) this.checkWrite(insn.segment, this.offset(insn), operand.size);
    return this.read(insn, i);
  }

  write(insn: Insn, i: number, value: number): void {
    const operand = insn.operands[i];
    if (operand.kind === IN_REGISTER) this.setRegister(operand.reg, operand.size, value);
    else this.writeMemory(insn.segment, this.offset(insn), operand.size, value);
  }

  /** Effective address of the memory operand: its offset in the segment. */
  offset(insn: Insn): number {
    let offset = insn.disp;
    if (insn.base !== NONE) offset += this.r[insn.base];
    if (insn.index !== NONE) offset += this.r[insn.index] << insn.scale;
    return insn.addressSize === 2 ? offset & 0xffff : offset | 0;
  }

  // Memory, by segment and offset.

  readMemory(seg: number, offset: number, size: number): number {
    return this.load(this.checkRead(seg, offset, size), size);
  }

  writeMemory(seg: number, offset: number, size: number, value: number): void {
    this.store(this.checkWrite(seg, offset, size), size, value);
  }

  /** Checks a read of `size` bytes in full and returns its linear address. `aligned`: it must be a multiple of 16. */
  checkRead(seg: number, offset: number, size: number, aligned = false): number {
    const linear = this.translate(seg, offset, size, false, aligned);
    this.checkPages(linear, size, PERM_R);
    return linear;
  }

  /** Checks a write of `size` bytes in full and returns its linear address. `aligned`: it must be a multiple of 16. */
  checkWrite(seg: number, offset: number, size: number, aligned = false): number {
    const linear = this.translate(seg, offset, size, true, aligned);
    this.checkPages(linear, size, PERM_W);
    return linear;
  }

  /** Checks a write that will not be made. */
  probeWrite(seg: number, offset: number, size: number): void {
    this.checkWrite(seg, offset, size);
  }

  /** From offset to linear address. Source: SDM Vol. 3, Limit Checking and Type Checking. */
  private translate(seg: number, offset: number, size: number, write: boolean, aligned: boolean): number {
    const access = this.r[SEG_ACCESS + seg];
    const limit = this.r[SEG_LIMIT + seg] >>> 0;
    const first = offset >>> 0;
    const last = first + size - 1;
    const vector = seg === SEG_SS ? VECTOR_SS : VECTOR_GP;
    if (access === 0) this.raise(VECTOR_GP, 0);
    const linear = (this.r[SEG_BASE + seg] + offset) >>> 0;
    if (aligned && size === 16 && linear & 15) this.raise(VECTOR_GP, 0);
    if (access & ACCESS_CODE) {
      if (write || !(access & ACCESS_READABLE)) this.raise(VECTOR_GP, 0);
      if (last > limit) this.raise(vector, 0);
    } else {
      if (write && !(access & ACCESS_WRITABLE)) this.raise(VECTOR_GP, 0);
      if (access & ACCESS_EXPAND_DOWN) {
        if (first <= limit || last > (access & ACCESS_BIG ? 0xffffffff : 0xffff)) this.raise(vector, 0);
      } else if (last > limit) this.raise(vector, 0);
    }
    if (linear & (alignmentOf(size) - 1) && isAlignmentChecked(this.r)) this.raise(VECTOR_AC, 0);
    if (aligned && linear & 15) this.raise(VECTOR_GP, 0);
    return linear;
  }

  private checkPages(linear: number, size: number, wanted: number): void {
    this.checkPage(linear, wanted);
    const last = (linear + size - 1) >>> 0;
    if (linear >>> 12 !== last >>> 12) this.checkPage((last & ~0xfff) >>> 0, wanted);
  }

  private checkPage(linear: number, wanted: number): void {
    const { perm } = this.space;
    const page = linear >>> 12;
    if (perm[page] & wanted) return;
    if (wanted === PERM_W && this.space.resolveWrite(page)) return;
    this.pageFault(linear, perm[page] === 0 ? 0 : PF_PRESENT, wanted === PERM_W ? PF_WRITE : 0);
  }

  pageFault(linear: number, present: number, write: number): never {
    this.r[CR2] = linear;
    this.raise(VECTOR_PF, present | write | PF_USER);
  }

  /** Reads at a linear address that has been checked. */
  load(linear: number, size: number): number {
    const { u8, i32 } = this.space;
    if (size === 1) return u8[linear];
    if (size === 2) return u8[linear] | (u8[linear + 1] << 8);
    if ((linear & 3) === 0) return i32[linear >>> 2];
    return u8[linear] | (u8[linear + 1] << 8) | (u8[linear + 2] << 16) | (u8[linear + 3] << 24);
  }

  /** Writes at a linear address that has been checked. */
  store(linear: number, size: number, value: number): void {
    const { u8, i32 } = this.space;
    if (size === 4 && (linear & 3) === 0) {
      i32[linear >>> 2] = value;
      return;
    }
    for (let i = 0; i < size; i++) u8[linear + i] = value >> (8 * i);
  }

  // Stack. Its pointer is ESP or SP by the B bit of SS.

  get stackMask(): number {
    return this.r[SEG_ACCESS + SEG_SS] & ACCESS_BIG ? -1 : 0xffff;
  }

  /** Sets ESP or SP. */
  setStackPointer(offset: number): void {
    const mask = this.stackMask;
    this.r[ESP] = (this.r[ESP] & ~mask) | (offset & mask);
  }

  /** Offset of the stack `bytes` above (below when negative) its top. */
  stackOffset(bytes: number): number {
    return (this.r[ESP] + bytes) & this.stackMask;
  }

  push(size: number, value: number): void {
    const offset = this.stackOffset(-size);
    this.writeMemory(SEG_SS, offset, size, value);
    this.setStackPointer(offset);
  }

  /** Checks that `count` values can be pushed. */
  checkWriteStack(size: number, count: number): void {
    for (let i = 1; i <= count; i++) this.checkWrite(SEG_SS, this.stackOffset(-size * i), size);
  }

  /** The value `bytes` above the top of the stack, which stays where it is. */
  peek(size: number, bytes = 0): number {
    return this.readMemory(SEG_SS, this.stackOffset(bytes), size);
  }

  drop(bytes: number): void {
    this.setStackPointer(this.stackOffset(bytes));
  }

  // Control.

  /** Continues at an EIP within the limit of CS; beyond it is #GP(0). */
  jump(target: number): void {
    this.checkTarget(target, this.r[SEG_LIMIT + SEG_CS]);
    this.r[EIP] = target;
  }

  loadCodeSegment(selector: number, descriptor: Descriptor): void {
    setCodeSegment(this.core, selector, descriptor);
    this.modeChanged = true;
  }

  checkTarget(target: number, limit: number): void {
    if (target >>> 0 > limit >>> 0) this.raise(VECTOR_GP, 0);
  }

  /** Ends the instruction as a fault, without effect. */
  raise(vector: number, errorCode: number): never {
    this.fault.vector = vector;
    this.fault.errorCode = errorCode;
    throw this.fault;
  }

  undefined(): never {
    this.raise(VECTOR_UD, 0);
  }

  /** Ends the run after this instruction, which counts as retired. */
  trap(vector: number): void {
    this.exit = EXIT_EXCEPTION;
    this.r[EXIT_VECTOR] = vector;
    this.r[EXIT_ERROR_CODE] = 0;
  }

  systemCall(): void {
    this.exit = EXIT_SYSCALL;
  }

  /** Count and index registers are 16 or 32 bits wide by address size. */
  count(insn: Insn): number {
    return this.register(ECX, insn.addressSize);
  }

  accumulator(size: number): number {
    return this.register(EAX, size);
  }
}
