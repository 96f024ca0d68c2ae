import { FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../core/core-state.ts';
import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import { OP, type WasmCode } from './wasm-code.ts';

// The arithmetic flags as translated code keeps them: a kind, known when the code is written or not, and two doublewords a and b
// from which any flag can be computed. Nothing is computed until somebody asks.

/** EFLAGS holds them. */
export const KNOWN = 0;
/** Result a (sign-extended when it was narrower); CF, AF and OF are in b, in their places. */
export const RESULT = 1;
/** Result a, sign-extended; CF, AF and OF are 0. */
export const LOGIC = 2;
/** a + b. */
export const ADD = 3;
/** a - b. */
export const SUB = 4;
/** The same of bytes and words, which stand in the upper bits. */
export const SUB8 = 5;
export const SUB16 = 6;
export const ADD8 = 7;
export const ADD16 = 8;
/** a shifted by b, which is 1 .. 31. */
export const SHL = 9;
export const SHR = 10;
export const SAR = 11;
/** Signed and unsigned a * b. */
export const IMUL = 12;
export const MUL = 13;
/**
 * Result a of an increment or decrement; of bytes and words in the upper bits. CF is what it was before: (carryKind, carryA, carryB)
 * is that state of the flags, whose kind is below these.
 */
export const INC = 14;
export const DEC = 15;
export const INC8 = 16;
export const DEC8 = 17;
export const INC16 = 18;
export const DEC16 = 19;
export const KINDS = 20;

/** The kind is in a local. */
export const DYNAMIC = -1;

/** Where the parts are: locals of the function that is being written. */
export interface FlagLocals {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly eflags: number;
  readonly carryKind: number;
  readonly carryA: number;
  readonly carryB: number;
}

/** Function number of `carry` (flag-helpers.ts), in translated modules and among the helpers themselves. */
export const HELPER_CARRY = 1;

/** How far bytes and words are shifted up. */
function upShift(kind: number): number {
  if (kind === SUB8 || kind === ADD8 || kind === INC8 || kind === DEC8) return 24;
  return kind === SUB16 || kind === ADD16 || kind === INC16 || kind === DEC16 ? 16 : 0;
}

const isAdd = (kind: number): boolean => kind === ADD || kind === ADD8 || kind === ADD16;
const isSub = (kind: number): boolean => kind === SUB || kind === SUB8 || kind === SUB16;
const isInc = (kind: number): boolean => kind === INC || kind === INC8 || kind === INC16;
export const keepsCarry = (kind: number): boolean => kind >= INC;

/** Writes code that leaves one flag, or whether a condition holds, on the stack. Flags are 0 or 1. */
export class FlagCode {
  private readonly code: WasmCode;
  private readonly at: FlagLocals;

  constructor(code: WasmCode, at: FlagLocals) {
    this.code = code;
    this.at = at;
  }

  /** The result; of bytes and words in the upper bits. */
  private result(kind: number): void {
    const { code, at } = this;
    code.get(at.a);
    if (isAdd(kind)) {
      code.get(at.b);
      code.op(OP.i32Add);
    } else if (isSub(kind)) {
      code.get(at.b);
      code.op(OP.i32Sub);
    } else if (kind >= SHL && kind <= MUL) {
      code.get(at.b);
      code.op([OP.i32Shl, OP.i32ShrU, OP.i32ShrS, OP.i32Mul, OP.i32Mul][kind - SHL]!);
    }
  }

  private knownBit(mask: number): void {
    const { code, at } = this;
    code.get(at.eflags);
    code.i32(Math.log2(mask));
    code.op(OP.i32ShrU);
    code.i32(1);
    code.op(OP.i32And);
  }

  private resultBit(mask: number): void {
    const { code, at } = this;
    code.get(at.b);
    code.i32(mask);
    code.op(OP.i32And, OP.i32Eqz, OP.i32Eqz);
  }

  zero(kind: number): void {
    const { code, at } = this;
    if (kind === KNOWN) {
      this.knownBit(FLAG_ZF);
      return;
    }
    if (isSub(kind)) {
      code.get(at.a);
      code.get(at.b);
      code.op(OP.i32Eq);
      return;
    }
    this.result(kind);
    code.op(OP.i32Eqz);
  }

  sign(kind: number): void {
    const { code } = this;
    if (kind === KNOWN) {
      this.knownBit(FLAG_SF);
      return;
    }
    this.result(kind);
    code.i32(0);
    code.op(OP.i32LtS);
  }

  carry(kind: number): void {
    const { code, at } = this;
    switch (kind) {
      case KNOWN:
        this.knownBit(FLAG_CF);
        return;
      case RESULT:
        this.resultBit(FLAG_CF);
        return;
      case LOGIC:
        code.i32(0);
        return;
      case ADD:
      case ADD8:
      case ADD16:
        this.result(kind);
        code.get(at.a);
        code.op(OP.i32LtU);
        return;
      case SUB:
      case SUB8:
      case SUB16:
        code.get(at.a);
        code.get(at.b);
        code.op(OP.i32LtU);
        return;
      case SHL:
        code.get(at.a);
        code.i32(32);
        code.get(at.b);
        code.op(OP.i32Sub, OP.i32ShrU);
        code.i32(1);
        code.op(OP.i32And);
        return;
      case SHR:
      case SAR:
        code.get(at.a);
        code.get(at.b);
        code.i32(1);
        code.op(OP.i32Sub, kind === SHR ? OP.i32ShrU : OP.i32ShrS);
        code.i32(1);
        code.op(OP.i32And);
        return;
      case IMUL:
      case MUL:
        this.productOverflow(kind);
        return;
      default:
        code.get(at.carryKind);
        code.get(at.carryA);
        code.get(at.carryB);
        code.get(at.eflags);
        // What its kind does not look at.
        for (let i = 0; i < 3; i++) code.i32(0);
        code.call(HELPER_CARRY);
    }
  }

  /** The double-width product is not the extension of its lower half. */
  private productOverflow(kind: number): void {
    const { code, at } = this;
    const extend = kind === IMUL ? OP.i64ExtendI32S : OP.i64ExtendI32U;
    code.get(at.a);
    code.op(extend);
    code.get(at.b);
    code.op(extend, OP.i64Mul);
    code.get(at.a);
    code.get(at.b);
    code.op(OP.i32Mul, extend, OP.i64Ne);
  }

  overflow(kind: number): void {
    const { code, at } = this;
    if (keepsCarry(kind)) {
      code.get(at.a);
      code.i32(isInc(kind) ? -0x80000000 : 0x7fffffff & (-1 << upShift(kind)));
      code.op(OP.i32Eq);
      return;
    }
    switch (kind) {
      case KNOWN:
        this.knownBit(FLAG_OF);
        return;
      case RESULT:
        this.resultBit(FLAG_OF);
        return;
      case LOGIC:
      case SAR:
        code.i32(0);
        return;
      case SHL:
        this.carry(kind);
        this.result(kind);
        code.i32(31);
        code.op(OP.i32ShrU, OP.i32Xor);
        return;
      case SHR:
        this.result(kind);
        code.i32(31);
        code.op(OP.i32ShrU);
        this.result(kind);
        code.i32(30);
        code.op(OP.i32ShrU, OP.i32Xor);
        code.i32(1);
        code.op(OP.i32And);
        return;
      case IMUL:
      case MUL:
        this.productOverflow(kind);
        return;
      default:
        // (a ^ r) & (b ^ r) of sums, (a ^ b) & (a ^ r) of differences.
        code.get(at.a);
        if (isAdd(kind)) this.result(kind);
        else code.get(at.b);
        code.op(OP.i32Xor);
        code.get(isAdd(kind) ? at.b : at.a);
        this.result(kind);
        code.op(OP.i32Xor, OP.i32And);
        code.i32(31);
        code.op(OP.i32ShrU);
    }
  }

  parity(kind: number): void {
    const { code } = this;
    if (kind === KNOWN) {
      this.knownBit(FLAG_PF);
      return;
    }
    this.result(kind);
    const shift = upShift(kind);
    if (shift > 0) {
      code.i32(shift);
      code.op(OP.i32ShrU);
    }
    code.i32(0xff);
    code.op(OP.i32And, OP.i32Popcnt);
    code.i32(1);
    code.op(OP.i32And, OP.i32Eqz);
  }

  private adjust(kind: number): void {
    const { code, at } = this;
    if (keepsCarry(kind)) {
      // The low digit has wrapped.
      code.get(at.a);
      code.i32(upShift(kind));
      code.op(OP.i32ShrU);
      code.i32(15);
      code.op(OP.i32And);
      code.i32(isInc(kind) ? 0 : 15);
      code.op(OP.i32Eq);
      return;
    }
    switch (kind) {
      case KNOWN:
        this.knownBit(FLAG_AF);
        return;
      case RESULT:
        this.resultBit(FLAG_AF);
        return;
      default:
        if (!isAdd(kind) && !isSub(kind)) {
          code.i32(0);
          return;
        }
        code.get(at.a);
        code.get(at.b);
        code.op(OP.i32Xor);
        this.result(kind);
        code.op(OP.i32Xor);
        code.i32(upShift(kind) + 4);
        code.op(OP.i32ShrU);
        code.i32(1);
        code.op(OP.i32And);
    }
  }

  /** Leaves on the stack what the helpers take. */
  pushAll(): void {
    const { kind, a, b, eflags, carryKind, carryA, carryB } = this.at;
    for (const local of [kind, a, b, eflags, carryKind, carryA, carryB]) this.code.get(local);
  }

  /** The state of the flags, of a kind that is not one of an increment's, becomes the one that CF comes from. */
  keepForCarry(kind: number): void {
    const { code, at } = this;
    if (kind === DYNAMIC) code.get(at.kind);
    else code.i32(kind);
    code.set(at.carryKind);
    if (kind === KNOWN) return;
    code.get(at.a);
    code.set(at.carryA);
    code.get(at.b);
    code.set(at.carryB);
  }

  /** EFLAGS with the arithmetic flags filled in. */
  settled(kind: number): void {
    const { code, at } = this;
    code.get(at.eflags);
    if (kind === KNOWN) return;
    code.i32(~ARITHMETIC_FLAGS);
    code.op(OP.i32And);
    if (kind === RESULT) {
      code.get(at.b);
      code.i32(FLAG_CF | FLAG_AF | FLAG_OF);
      code.op(OP.i32And, OP.i32Or);
    } else {
      this.carry(kind);
      code.op(OP.i32Or);
      this.bit(FLAG_AF, () => this.adjust(kind));
      this.bit(FLAG_OF, () => this.overflow(kind));
    }
    this.bit(FLAG_PF, () => this.parity(kind));
    this.bit(FLAG_ZF, () => this.zero(kind));
    this.bit(FLAG_SF, () => this.sign(kind));
  }

  private bit(mask: number, flag: () => void): void {
    flag();
    this.code.i32(Math.log2(mask));
    this.code.op(OP.i32Shl, OP.i32Or);
  }

  /** Condition tttn (SDM Vol. 2, App. B), as 0 or 1. */
  condition(kind: number, tttn: number): void {
    const { code } = this;
    if (isSub(kind) && this.comparison(tttn)) return;
    switch (tttn >> 1) {
      case 0:
        this.overflow(kind);
        break;
      case 1:
        this.carry(kind);
        break;
      case 2:
        this.zero(kind);
        break;
      case 3:
        this.zero(kind);
        this.carry(kind);
        code.op(OP.i32Or);
        break;
      case 4:
        this.sign(kind);
        break;
      case 5:
        this.parity(kind);
        break;
      case 6:
        this.less(kind);
        break;
      default:
        this.less(kind);
        this.zero(kind);
        code.op(OP.i32Or);
        break;
    }
    if (tttn & 1) code.op(OP.i32Eqz);
  }

  private less(kind: number): void {
    this.sign(kind);
    if (kind === LOGIC || kind === SAR) return;
    this.overflow(kind);
    this.code.op(OP.i32Xor);
  }

  /** After a subtraction most conditions compare its operands. */
  private comparison(tttn: number): boolean {
    const compare: Record<number, number> = {
      2: OP.i32LtU,
      3: OP.i32GeU,
      4: OP.i32Eq,
      5: OP.i32Ne,
      6: OP.i32LeU,
      7: OP.i32GtU,
      12: OP.i32LtS,
      13: OP.i32GeS,
      14: OP.i32LeS,
      15: OP.i32GtS,
    };
    const op = compare[tttn];
    if (op === undefined) return false;
    this.code.get(this.at.a);
    this.code.get(this.at.b);
    this.code.op(op);
    return true;
  }
}
