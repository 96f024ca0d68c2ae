import { SEG_BASE, SEG_CS, SEG_DS, SEG_FS } from '../core/core-state.ts';
import { IMMEDIATE, IN_MEMORY, IN_REGISTER, IN_XMM, type Insn, NONE, type Operand } from '../isa/insn.ts';
import { R_A, R_BASE, R_DISP, R_EIP, R_IMM, R_INDEX, R_OP, RECORD_SIZE } from './record.ts';
import { XMM } from './simd.ts';
import { vectorOpOf } from './vector-ops.ts';

/**
 * The commonest instructions as numbers that the hot loop switches over (its cases repeat number and name; a test compares).
 * R = register, I = immediate, M = memory; 8 and 16 are operand sizes, 32 bits otherwise. A memory operand of the plain form is
 * base + displacement; X adds an index. Conditions stand in the SDM's order, so JO + tttn is the jump on tttn.
 */
// biome-ignore format: by kind
export const MICRO_OPS = [
  'SLOW', 'FETCH', 'GOTO', 'NOP',
  'MOV_RR', 'MOV_RI', 'LOAD', 'LOAD_X', 'STORE', 'STORE_X', 'STORE_I', 'LEA', 'LEA_X', 'XCHG_RR',
  'LOAD8', 'STORE8', 'STORE8_I', 'MOV8_RR', 'MOV8_RI', 'LOAD16', 'STORE16', 'STORE16_I',
  'MOVZX8_M', 'MOVZX8_R', 'MOVZX16_M', 'MOVZX16_R', 'MOVSX8_M', 'MOVSX8_R', 'MOVSX16_M', 'MOVSX16_R',
  'ADD_RR', 'OR_RR', 'ADC_RR', 'SBB_RR', 'AND_RR', 'SUB_RR', 'XOR_RR', 'CMP_RR',
  'ADD_RI', 'OR_RI', 'ADC_RI', 'SBB_RI', 'AND_RI', 'SUB_RI', 'XOR_RI', 'CMP_RI',
  'TEST_RR', 'TEST_RI', 'CMP_MI', 'CMP_MR', 'TEST_MI', 'ALU_RM', 'ALU_MR', 'ALU_MI',
  'CMP8_RR', 'CMP8_RI', 'CMP8_RM', 'CMP8_MR', 'CMP8_MI', 'TEST8_RR', 'TEST8_RI', 'TEST8_MI', 'ALU8_RR', 'ALU8_RI', 'ALU8_RM',
  'CMP16_MI', 'CMP16_RM',
  'INC_R', 'DEC_R', 'INC_M', 'DEC_M', 'NEG_R', 'NOT_R',
  'SHL_RI', 'SHR_RI', 'SAR_RI', 'SHL_RC', 'SHR_RC', 'SAR_RC', 'ROL_RI', 'ROR_RI', 'SHLD_RI', 'SHRD_RI',
  'IMUL_RR', 'IMUL_RM', 'IMUL_RRI', 'MUL_R', 'DIV_R', 'IDIV_R', 'CDQ', 'CWDE',
  'PUSH_R', 'PUSH_I', 'PUSH_M', 'POP_R', 'LEAVE', 'CALL', 'CALL_R', 'CALL_M', 'RET', 'RET_I', 'JMP', 'JMP_R', 'JMP_M',
  'JO', 'JNO', 'JB', 'JAE', 'JE', 'JNE', 'JBE', 'JA', 'JS', 'JNS', 'JP', 'JNP', 'JL', 'JGE', 'JLE', 'JG',
  'SETCC_R', 'CMOV_RR', 'CMOV_RM', 'REP_MOVS', 'REP_STOS',
  'VECTOR', 'VECTOR_EXEC', 'STOP',
] as const;
export type MicroOp = (typeof MICRO_OPS)[number];

const numbers = new Map<string, number>(MICRO_OPS.map((name, index) => [name, index]));
const op = (name: MicroOp): number => numbers.get(name)!;

export const SLOW = op('SLOW');
export const FETCH = op('FETCH');
export const GOTO = op('GOTO');
/** Ends the run before the instruction: another engine has something better for it. */
export const STOP = op('STOP');
/** The first of the sixteen conditional jumps. */
export const JO = op('JO');

/** Stands for a missing base or index register: the base of DS, which is 0 whenever the hot loop runs. */
const ABSENT = SEG_BASE + SEG_DS;

const ALU: readonly string[] = ['ADD', 'OR', 'ADC', 'SBB', 'AND', 'SUB', 'XOR', 'CMP'];

/** Instructions after which the next byte in memory need not be an instruction. */
export function endsBlock(insn: Insn): boolean {
  return /^(?:JMP|RET|JMPF|RETF|IRET|INT|UD2|HLT|\()/.test(insn.row.mnemonic);
}

/**
 * Writes the record of an instruction at code[p]. `fullSegments` says of FS (bit 4) and GS (bit 5) whether they are 4 GiB
 * writable data segments; returns the bits of those that the record relies on.
 */
export function translate(insn: Insn, code: Int32Array, p: number, fullSegments: number): number {
  code.fill(0, p, p + RECORD_SIZE);
  code[p + R_BASE] = ABSENT;
  code[p + R_INDEX] = ABSENT;
  code[p + R_EIP] = insn.eip;
  if (insn.lock || insn.addressSize === 2) return 0;
  let reliesOn = 0;
  if (insn.operands.some((operand) => operand.kind === IN_MEMORY) && insn.row.mnemonic !== 'LEA') {
    const { override } = insn;
    if (override === SEG_CS) return 0;
    if (override >= SEG_FS) {
      if (!((fullSegments >> override) & 1) || (insn.base !== NONE && insn.index !== NONE)) return 0;
      reliesOn = 1 << override;
    }
  }
  const name = choose(insn, code, p);
  if (name === null) return 0;
  code[p + R_OP] = op(name);
  return reliesOn;
}

const byteOffset = (reg: number): number => (reg < 4 ? reg * 4 : (reg - 4) * 4 + 1);

/** Register fields hold a doubleword index for 2 and 4 bytes, a byte offset for 1. */
const registerField = ({ reg, size }: Operand): number => (size === 1 ? byteOffset(reg) : reg);

function putAddress(insn: Insn, code: Int32Array, p: number): void {
  const segmentBase = insn.override >= SEG_FS && insn.row.mnemonic !== 'LEA' ? SEG_BASE + insn.override : ABSENT;
  code[p + R_DISP] = insn.disp;
  if (insn.base === NONE) {
    code[p + R_BASE] = segmentBase;
    if (insn.index !== NONE) code[p + R_INDEX] = insn.index | (insn.scale << 8);
  } else {
    code[p + R_BASE] = insn.base;
    code[p + R_INDEX] = insn.index === NONE ? segmentBase : insn.index | (insn.scale << 8);
  }
}

/** Operand forms by kind: 'RR', 'RI', 'RM', 'MR', 'MI', 'R', 'I', 'M', ... */
function formOf(insn: Insn): string {
  return insn.operands
    .map(({ kind }) => (kind === IN_REGISTER ? 'R' : kind === IN_MEMORY ? 'M' : kind === IMMEDIATE ? 'I' : '?'))
    .join('');
}

function choose(insn: Insn, code: Int32Array, p: number): MicroOp | null {
  const { operands, row } = insn;
  const { mnemonic, opcode } = row;
  const form = formOf(insn);
  const size = operands.length > 0 ? operands[0].size : 0;
  const [first, second] = operands;

  if (row.extension !== undefined && mnemonic !== 'MOVNTI') return chooseVector(insn, code, p);

  // Fields in their usual places; a case that wants others changes them.
  if (form.includes('M')) putAddress(insn, code, p);
  if (form[0] === 'R') code[p + R_A] = registerField(first);
  if (form[0] === 'M' && form[1] === 'R') code[p + R_A] = registerField(second);
  if (form[0] === 'R' && form[1] === 'R') code[p + R_BASE] = registerField(second);
  if (form[1] === 'I') code[p + R_IMM] = second.value;

  const alu = ALU.indexOf(mnemonic);
  if (alu >= 0 || mnemonic === 'TEST') return chooseAlu(alu, form, size, code, p);
  const condition = opcode & 15;
  if (mnemonic.startsWith('SET')) {
    code[p + R_IMM] = condition;
    return form === 'R' ? 'SETCC_R' : null;
  }
  if (mnemonic.startsWith('CMOV')) {
    code[p + R_IMM] = condition;
    return size !== 4 ? null : form === 'RR' ? 'CMOV_RR' : 'CMOV_RM';
  }
  if ((opcode & 0xfff0) === 0x0f80 || (opcode & 0xfff0) === 0x70)
    return branch(insn, code, p, MICRO_OPS[op('JO') + condition]);

  const plain = insn.index === NONE && code[p + R_INDEX] === ABSENT;
  switch (mnemonic) {
    case 'NOP':
    case 'PAUSE':
      return 'NOP';
    case 'MOV':
    case 'MOVNTI':
      return chooseMov(form, size, plain);
    case 'XCHG':
      if (form !== 'RR' || size !== 4) return null;
      return first.reg === second.reg ? 'NOP' : 'XCHG_RR';
    case 'LEA':
      return size !== 4 ? null : plain ? 'LEA' : 'LEA_X';
    case 'MOVZX':
      return size !== 4
        ? null
        : second.size === 1
          ? form === 'RR'
            ? 'MOVZX8_R'
            : 'MOVZX8_M'
          : form === 'RR'
            ? 'MOVZX16_R'
            : 'MOVZX16_M';
    case 'MOVSX':
      return size !== 4
        ? null
        : second.size === 1
          ? form === 'RR'
            ? 'MOVSX8_R'
            : 'MOVSX8_M'
          : form === 'RR'
            ? 'MOVSX16_R'
            : 'MOVSX16_M';
    case 'MOVS':
    case 'STOS':
      code[p + R_IMM] = first.size;
      return insn.rep === 0 || insn.override !== NONE ? null : mnemonic === 'MOVS' ? 'REP_MOVS' : 'REP_STOS';
    case 'CBW':
      return insn.operandSize === 4 ? 'CWDE' : null;
    case 'CWD':
      return insn.operandSize === 4 ? 'CDQ' : null;
    case 'CALL':
    case 'JMP':
      if (insn.operandSize !== 4) return null;
      if (form === '?') return branch(insn, code, p, mnemonic);
      return form === 'R' ? `${mnemonic}_R` : `${mnemonic}_M`;
    case 'RET':
      code[p + R_IMM] = operands.length > 0 ? first.value & 0xffff : 0;
      return insn.operandSize !== 4 ? null : operands.length > 0 ? 'RET_I' : 'RET';
    case 'LEAVE':
      return insn.operandSize === 4 ? 'LEAVE' : null;
    case 'PUSH':
      if (insn.operandSize !== 4) return null;
      if (form === 'I') code[p + R_IMM] = first.value;
      return form === 'R' ? 'PUSH_R' : form === 'I' ? 'PUSH_I' : form === 'M' ? 'PUSH_M' : null;
    case 'POP':
      return insn.operandSize === 4 && form === 'R' ? 'POP_R' : null;
    default:
      return size === 4 ? chooseOneOperand(insn, form, code, p) : null;
  }
}

/**
 * VECTOR has the number of its operation (vector-ops.ts) as immediate, VECTOR_EXEC calls the row's exec, which must leave EIP,
 * EFLAGS and modes alone.
 */
function chooseVector(insn: Insn, code: Int32Array, p: number): MicroOp | null {
  const { operands, row } = insn;
  if (/^PREFETCH|FENCE$/.test(row.mnemonic)) return 'NOP';
  if (row.flags !== undefined) return null;
  const form = operands
    .map(({ kind }) => (kind === IN_XMM ? 'X' : kind === IN_REGISTER ? 'R' : kind === IN_MEMORY ? 'M' : '?'))
    .join('');
  const number = vectorOpOf(row.mnemonic, form);
  if (number < 0) return 'VECTOR_EXEC';
  const indexOf = ({ kind, reg }: Operand): number => (kind === IN_XMM ? XMM + 4 * reg : reg);
  if (form.includes('M')) putAddress(insn, code, p);
  else code[p + R_BASE] = indexOf(operands[1]);
  code[p + R_A] = indexOf(operands[form[0] === 'M' ? 1 : 0]);
  code[p + R_IMM] = number;
  return 'VECTOR';
}

function branch(insn: Insn, code: Int32Array, p: number, name: MicroOp): MicroOp | null {
  code[p + R_DISP] = insn.operands[0].value;
  return insn.operandSize === 4 ? name : null;
}

function chooseMov(form: string, size: number, plain: boolean): MicroOp | null {
  if (size === 1) {
    const forms: Record<string, MicroOp> = { RR: 'MOV8_RR', RI: 'MOV8_RI', RM: 'LOAD8', MR: 'STORE8', MI: 'STORE8_I' };
    return forms[form] ?? null;
  }
  if (size === 2) {
    const forms: Record<string, MicroOp> = { RM: 'LOAD16', MR: 'STORE16', MI: 'STORE16_I' };
    return forms[form] ?? null;
  }
  const forms: Record<string, MicroOp> = {
    RR: 'MOV_RR',
    RI: 'MOV_RI',
    RM: plain ? 'LOAD' : 'LOAD_X',
    MR: plain ? 'STORE' : 'STORE_X',
    MI: 'STORE_I',
  };
  return forms[form] ?? null;
}

/** ADD .. CMP are 0 .. 7; TEST is -1. */
function chooseAlu(alu: number, form: string, size: number, code: Int32Array, p: number): MicroOp | null {
  const isTest = alu < 0;
  const isCmp = alu === 7;
  if (size === 4) {
    if (isTest) {
      if (form === 'MR') return null;
      return `TEST_${form as 'RR' | 'RI' | 'MI'}`;
    }
    if (form === 'RR') return MICRO_OPS[op('ADD_RR') + alu];
    if (form === 'RI') return MICRO_OPS[op('ADD_RI') + alu];
    if (isCmp && form !== 'RM') return form === 'MI' ? 'CMP_MI' : 'CMP_MR';
    if (form === 'MI') {
      code[p + R_A] = alu;
      return 'ALU_MI';
    }
    code[p + R_IMM] = alu;
    return form === 'RM' ? 'ALU_RM' : 'ALU_MR';
  }
  if (size === 1) {
    if (isTest) return form === 'MR' ? null : `TEST8_${form as 'RR' | 'RI' | 'MI'}`;
    if (isCmp) return `CMP8_${form as 'RR' | 'RI' | 'RM' | 'MR' | 'MI'}`;
    if (alu === 2 || alu === 3) return null;
    if (form === 'RI') {
      code[p + R_BASE] = alu;
      return 'ALU8_RI';
    }
    code[p + R_IMM] = alu;
    return form === 'RR' ? 'ALU8_RR' : form === 'RM' ? 'ALU8_RM' : null;
  }
  if (isCmp) return form === 'MI' ? 'CMP16_MI' : form === 'RM' ? 'CMP16_RM' : null;
  return null;
}

/** Forms of 32 bits that have their own operand rules. */
function chooseOneOperand(insn: Insn, form: string, code: Int32Array, p: number): MicroOp | null {
  const { mnemonic } = insn.row;
  const [, second, third] = insn.operands;
  switch (mnemonic) {
    case 'INC':
    case 'DEC':
      return form === 'R' ? `${mnemonic}_R` : `${mnemonic}_M`;
    case 'NEG':
    case 'NOT':
    case 'MUL':
    case 'DIV':
    case 'IDIV':
      return form === 'R' ? `${mnemonic}_R` : null;
    case 'IMUL':
      if (form === 'RR' || form === 'RM') return `IMUL_${form}`;
      if (form !== 'RRI') return null;
      code[p + R_IMM] = third.value;
      return 'IMUL_RRI';
    case 'SHL':
    case 'SHR':
    case 'SAR':
    case 'SAL': {
      const kind = mnemonic === 'SAL' ? 'SHL' : mnemonic;
      if (form === 'RR') return `${kind}_RC`;
      code[p + R_IMM] &= 31;
      return form === 'RI' && code[p + R_IMM] !== 0 ? `${kind}_RI` : null;
    }
    case 'ROL':
    case 'ROR':
      code[p + R_IMM] &= 31;
      return form === 'RI' && second.kind === IMMEDIATE && code[p + R_IMM] !== 0 ? `${mnemonic}_RI` : null;
    case 'SHLD':
    case 'SHRD':
      if (form !== 'RRI') return null;
      code[p + R_IMM] = third.value & 31;
      return code[p + R_IMM] !== 0 ? `${mnemonic}_RI` : null;
    default:
      return null;
  }
}
