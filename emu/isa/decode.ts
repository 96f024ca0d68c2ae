import { EBP, ESP, SEG_DS, SEG_ES, SEG_SS } from '../core/core-state.ts';
import {
  FAR_TARGET,
  IMMEDIATE,
  IN_CONTROL,
  IN_DEBUG,
  IN_MEMORY,
  IN_MMX,
  IN_REGISTER,
  IN_SEGMENT,
  IN_STACK,
  IN_STRING,
  IN_XMM,
  type Insn,
  NONE,
  type Operand,
  TARGET,
} from './insn.ts';
import { INVALID_ROW, lookUp, rowOfGroup, TOO_LONG_ROW } from './opcode-table.ts';
import type { OpcodeRow, OperandCode } from './row.ts';

const LENGTH_MAX = 15;
const SEGMENT_NAMES: readonly string[] = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'];

/** Operand codes that a ModR/M byte encodes. */
const MODRM_CODES = /^(?:[EGMRSCD][a-z]?|M[a-z]+|R[vd]\/Mw|[NPQUVW][a-z]+)$/;

const modrmOf = new Map<OpcodeRow, boolean>();
function hasModrm(row: OpcodeRow): boolean {
  let has = modrmOf.get(row);
  if (has === undefined) {
    has = row.digit !== undefined || row.modrm !== undefined || row.operands.some((code) => MODRM_CODES.test(code));
    modrmOf.set(row, has);
  }
  return has;
}

/**
 * Reads one instruction after another from bytes. Source: Intel SDM Vol. 2, chapter 2 (prefixes, ModR/M, SIB) and App. A.
 * One decoder is reused for many instructions; what `decode` returns is a fresh, immutable `Insn`.
 */
export class Decoder {
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;
  private end = 0;
  private at = 0;
  private truncated = false;

  private operandSize = 4;
  private addressSize = 4;
  private override = NONE;
  private modrm = 0;
  private base = NONE;
  private index = NONE;
  private scale = 0;
  private disp = 0;
  private selector = 0;
  private defaultSegment = SEG_DS;

  /**
   * Decodes the instruction at `bytes[start]`, whose EIP is `eip`; `available` bytes may be read (15 are enough for any).
   * `big` is the D bit of the code segment. Returns null when the instruction goes on after the available bytes;
   * an encoding that does not exist comes back as a row whose exec raises #UD (or #GP when it is too long).
   */
  decode(bytes: Uint8Array, start: number, available: number, eip: number, big: boolean): Insn | null {
    this.bytes = bytes;
    this.start = start;
    this.at = start;
    this.end = start + Math.min(available, LENGTH_MAX);
    this.truncated = false;
    this.override = NONE;
    this.base = this.index = NONE;
    this.scale = this.disp = this.selector = this.modrm = 0;
    this.defaultSegment = SEG_DS;

    let rep = 0;
    let lock = false;
    let operandPrefix = false;
    let addressPrefix = false;
    let opcode = 0;
    prefixes: for (;;) {
      opcode = this.u8();
      switch (opcode) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
          this.override = (opcode >> 3) & 3;
          break;
        case 0x64:
        case 0x65:
          this.override = opcode - 0x60;
          break;
        case 0x66:
          operandPrefix = true;
          break;
        case 0x67:
          addressPrefix = true;
          break;
        case 0xf0:
          lock = true;
          break;
        case 0xf2:
        case 0xf3:
          rep = opcode;
          break;
        default:
          break prefixes;
      }
      if (this.truncated) break;
    }
    this.operandSize = operandPrefix === big ? 2 : 4;
    this.addressSize = addressPrefix === big ? 2 : 4;
    if (opcode === 0x0f) opcode = 0x0f00 | this.u8();
    if (opcode === 0x0f38 || opcode === 0x0f3a) opcode = (opcode << 8) | this.u8();

    let row = INVALID_ROW;
    let operands: readonly Operand[] = [];
    const entry = this.truncated ? null : lookUp(opcode, rep, operandPrefix);
    if (entry !== null) {
      const group = Array.isArray(entry);
      if (group || hasModrm(entry as OpcodeRow)) this.readModrm(!group && (entry as OpcodeRow).operands.includes('Rd'));
      const found: OpcodeRow | null = group ? rowOfGroup(entry, this.modrm) : (entry as OpcodeRow);
      if (found !== null && !this.truncated) {
        operands = this.readOperands(found, opcode, eip);
        row = this.isDefined(found, operands, lock) ? found : INVALID_ROW;
      }
    }
    if (this.truncated) {
      if (available < LENGTH_MAX) return null;
      row = TOO_LONG_ROW;
    }
    const length = this.at - this.start;
    return {
      row,
      eip: eip | 0,
      next: (eip + length) | 0,
      length,
      operandSize: this.operandSize,
      addressSize: this.addressSize,
      modrm: this.modrm,
      lock,
      rep,
      segment: this.override === NONE ? this.defaultSegment : this.override,
      override: this.override,
      base: this.base,
      index: this.index,
      scale: this.scale,
      disp: this.disp,
      selector: this.selector,
      operands: row === INVALID_ROW ? [] : operands,
    };
  }

  /** The encodings that a row excludes: LOCK without a memory destination, a register where only memory makes sense, MOV CS. */
  private isDefined(row: OpcodeRow, operands: readonly Operand[], lock: boolean): boolean {
    if (lock && !(row.lockable && operands[0].kind === IN_MEMORY)) return false;
    for (let i = 0; i < operands.length; i++) {
      const { kind, reg } = operands[i];
      if (row.operands[i][0] === 'M' && kind !== IN_MEMORY) return false;
      if (row.operands[i] === 'Sw' && (reg > 5 || (i === 0 && reg === 1))) return false;
      if (row.operands[i] === 'Cd' && (reg === 1 || reg > 4)) return false;
    }
    return true;
  }

  private readOperands(row: OpcodeRow, opcode: number, eip: number): Operand[] {
    const operands = row.operands.map((code) => this.readOperand(code, opcode));
    // Displacements count from the end of the instruction, which is known only now.
    return operands.map((operand) =>
      operand.kind === TARGET ? { ...operand, value: this.target(eip, operand.value) } : operand,
    );
  }

  private target(eip: number, displacement: number): number {
    const target = (eip + (this.at - this.start) + displacement) | 0;
    return this.operandSize === 2 ? target & 0xffff : target;
  }

  private readOperand(code: OperandCode, opcode: number): Operand {
    const reg = (this.modrm >> 3) & 7;
    switch (code) {
      case 'AL':
        return { kind: IN_REGISTER, size: 1, reg: 0, value: 0 };
      case 'CL':
        return { kind: IN_REGISTER, size: 1, reg: 1, value: 0 };
      case 'DX':
        return { kind: IN_REGISTER, size: 2, reg: 2, value: 0 };
      case 'eAX':
        return { kind: IN_REGISTER, size: this.operandSize, reg: 0, value: 0 };
      case '1':
        return { kind: IMMEDIATE, size: 1, reg: NONE, value: 1 };
      case 'ES':
      case 'CS':
      case 'SS':
      case 'DS':
      case 'FS':
      case 'GS':
        return { kind: IN_SEGMENT, size: 2, reg: SEGMENT_NAMES.indexOf(code), value: 0 };
      case 'AX':
        return { kind: IN_REGISTER, size: 2, reg: 0, value: 0 };
      case 'ST(0)':
        return { kind: IN_STACK, size: 10, reg: 0, value: 0 };
      case 'ST(i)':
        return { kind: IN_STACK, size: 10, reg: this.modrm & 7, value: 0 };
      case 'm2byte':
      case 'm16int':
        return { kind: IN_MEMORY, size: 2, reg: NONE, value: 0 };
      case 'm32fp':
      case 'm32int':
        return { kind: IN_MEMORY, size: 4, reg: NONE, value: 0 };
      case 'm64fp':
      case 'm64int':
        return { kind: IN_MEMORY, size: 8, reg: NONE, value: 0 };
      case 'm80fp':
      case 'm80bcd':
        return { kind: IN_MEMORY, size: 10, reg: NONE, value: 0 };
      case 'm14/28byte':
        return { kind: IN_MEMORY, size: 7 * this.operandSize, reg: NONE, value: 0 };
      case 'm94/108byte':
        return { kind: IN_MEMORY, size: 7 * this.operandSize + 80, reg: NONE, value: 0 };
      case 'Rv/Mw':
        if (this.modrm < 0xc0) return { kind: IN_MEMORY, size: 2, reg: NONE, value: 0 };
        return { kind: IN_REGISTER, size: this.operandSize, reg: this.modrm & 7, value: 0 };
      case 'Rd/Mw':
        if (this.modrm < 0xc0) return { kind: IN_MEMORY, size: 2, reg: NONE, value: 0 };
        return { kind: IN_REGISTER, size: 4, reg: this.modrm & 7, value: 0 };
      default:
        break;
    }
    const size = this.sizeOf(code.slice(1));
    switch (code[0]) {
      case 'E':
      case 'M':
        if (this.modrm < 0xc0) return { kind: IN_MEMORY, size, reg: NONE, value: 0 };
        return { kind: IN_REGISTER, size, reg: this.modrm & 7, value: 0 };
      case 'Q':
      case 'W':
        if (this.modrm < 0xc0) return { kind: IN_MEMORY, size, reg: NONE, value: 0 };
        return { kind: code[0] === 'Q' ? IN_MMX : IN_XMM, size, reg: this.modrm & 7, value: 0 };
      case 'N':
        return { kind: IN_MMX, size, reg: this.modrm & 7, value: 0 };
      case 'U':
        return { kind: IN_XMM, size, reg: this.modrm & 7, value: 0 };
      case 'P':
        return { kind: IN_MMX, size, reg, value: 0 };
      case 'V':
        return { kind: IN_XMM, size, reg, value: 0 };
      case 'R':
        return { kind: IN_REGISTER, size, reg: this.modrm & 7, value: 0 };
      case 'G':
        return { kind: IN_REGISTER, size, reg, value: 0 };
      case 'Z':
        return { kind: IN_REGISTER, size, reg: opcode & 7, value: 0 };
      case 'S':
        return { kind: IN_SEGMENT, size, reg, value: 0 };
      case 'C':
        return { kind: IN_CONTROL, size, reg, value: 0 };
      case 'D':
        return { kind: IN_DEBUG, size, reg, value: 0 };
      case 'I':
        return { kind: IMMEDIATE, size, reg: NONE, value: this.signed(size) };
      case 'J':
        return { kind: TARGET, size, reg: NONE, value: this.signed(size) };
      case 'O':
        this.disp = this.addressSize === 2 ? this.signed(2) & 0xffff : this.signed(4);
        return { kind: IN_MEMORY, size, reg: NONE, value: 0 };
      case 'A': {
        const offset = this.operandSize === 2 ? this.signed(2) & 0xffff : this.signed(4);
        this.selector = this.signed(2) & 0xffff;
        return { kind: FAR_TARGET, size, reg: NONE, value: offset };
      }
      case 'X':
        return { kind: IN_STRING, size, reg: SEG_DS, value: 0 };
      default:
        return { kind: IN_STRING, size, reg: SEG_ES, value: 0 };
    }
  }

  private sizeOf(type: string): number {
    switch (type) {
      case 'b':
        return 1;
      case 'w':
        return 2;
      case 'd':
      case 'ss':
        return 4;
      case 'q':
      case 'sd':
        return 8;
      case 'dq':
      case 'ps':
      case 'pd':
        return 16;
      case 'v':
      case 'z':
        return this.operandSize;
      case 'p':
        return this.operandSize + 2;
      case 'a':
        return this.operandSize * 2;
      case 's':
        return 6;
      default:
        return 0;
    }
  }

  /** ModR/M, SIB and displacement. Source: SDM Vol. 2, tables 2-1 to 2-3. MOV to and from CR and DR ignores mod. */
  private readModrm(registerOnly: boolean): void {
    this.modrm = this.u8() | (registerOnly ? 0xc0 : 0);
    if (this.modrm >= 0xc0 || this.truncated) return;
    if (this.addressSize === 2) this.readAddress16();
    else this.readAddress32();
  }

  private readAddress32(): void {
    const mod = this.modrm >> 6;
    let base = this.modrm & 7;
    if (base === ESP) {
      const sib = this.u8();
      base = sib & 7;
      const index = (sib >> 3) & 7;
      if (index !== ESP) {
        this.index = index;
        this.scale = sib >> 6;
      }
    }
    if (base === EBP && mod === 0) {
      this.disp = this.signed(4);
      return;
    }
    this.base = base;
    if (base === ESP || base === EBP) this.defaultSegment = SEG_SS;
    if (mod === 1) this.disp = this.signed(1);
    else if (mod === 2) this.disp = this.signed(4);
  }

  private readAddress16(): void {
    const mod = this.modrm >> 6;
    const rm = this.modrm & 7;
    if (rm === 6 && mod === 0) {
      this.disp = this.signed(2) & 0xffff;
      return;
    }
    const BX = 3,
      BP = 5,
      SI = 6,
      DI = 7;
    this.base = [BX, BX, BP, BP, SI, DI, BP, BX][rm];
    this.index = [SI, DI, SI, DI, NONE, NONE, NONE, NONE][rm];
    if (this.base === BP) this.defaultSegment = SEG_SS;
    if (mod === 1) this.disp = this.signed(1);
    else if (mod === 2) this.disp = this.signed(2);
  }

  private u8(): number {
    if (this.at >= this.end) {
      this.truncated = true;
      return 0;
    }
    return this.bytes[this.at++];
  }

  /** The next 1, 2 or 4 bytes as a signed integer. */
  private signed(size: number): number {
    if (size === 1) return (this.u8() << 24) >> 24;
    const low = this.u8() | (this.u8() << 8);
    if (size === 2) return (low << 16) >> 16;
    return low | (this.u8() << 16) | (this.u8() << 24);
  }
}
