import { hexadecimal, isOneByteNop, REGISTERS, SEGMENTS, stringSize, UNSIGNED_IMMEDIATES } from './disassemble.ts';
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
import type { OperandCode } from './row.ts';

// AT&T syntax as GNU binutils and gdb write it, from the same rows. An interop test compares every row with objdump.

const SUFFIXES: Readonly<Record<number, string>> = { 1: 'b', 2: 'w', 4: 'l' };

/** Names of their own, for operands of 2 and of 4 bytes. */
const SIZED_NAMES: Readonly<Record<string, readonly [word: string, doubleword: string]>> = {
  CBW: ['cbtw', 'cwtl'],
  CWD: ['cwtd', 'cltd'],
  PUSHA: ['pushaw', 'pusha'],
  POPA: ['popaw', 'popa'],
  PUSHF: ['pushfw', 'pushf'],
  POPF: ['popfw', 'popf'],
  IRET: ['iretw', 'iret'],
  CALLF: ['lcallw', 'lcall'],
  JMPF: ['ljmpw', 'ljmp'],
  RETF: ['lretw', 'lret'],
  RET: ['retw', 'ret'],
  LEAVE: ['leavew', 'leave'],
  ENTER: ['enterw', 'enter'],
};

/** The name says how large the memory operand of an x87 instruction is, and of what kind. */
const X87_SUFFIXES: Readonly<Partial<Record<OperandCode, string>>> = {
  m32fp: 's',
  m64fp: 'l',
  m80fp: 't',
  m16int: 's',
  m32int: 'l',
  m64int: 'll',
};

/** SysV's assembler mixed these up for destinations other than ST(0), and everybody after it did the same. */
const SWAPPED: Readonly<Record<string, string>> = {
  FSUB: 'fsubr',
  FSUBR: 'fsub',
  FDIV: 'fdivr',
  FDIVR: 'fdiv',
  FSUBP: 'fsubrp',
  FSUBRP: 'fsubp',
  FDIVP: 'fdivrp',
  FDIVRP: 'fdivp',
};

/** Their operands stand as in the Intel syntax. */
const NOT_REVERSED = /^(?:ENTER|BOUND)$/;

const register = (name: string): string => `%${name}`;

function memory(insn: Insn): string {
  const names = REGISTERS[insn.addressSize];
  const segment = insn.override === NONE ? '' : `%${SEGMENTS[insn.override]}:`;
  if (insn.base === NONE && insn.index === NONE) return segment + hexadecimal(insn.disp >>> 0);
  const displacement = insn.disp === 0 && insn.base !== NONE ? '' : hexadecimal(insn.disp);
  const base = insn.base === NONE ? '' : register(names[insn.base]);
  // A 16-bit address has no scale.
  const scale = insn.addressSize === 2 ? '' : `,${1 << insn.scale}`;
  const index = insn.index === NONE ? '' : `,${register(names[insn.index])}${scale}`;
  return `${segment}${displacement}(${base}${index})`;
}

/** DS:eSI or ES:eDI. */
function stringOperand(insn: Insn, code: OperandCode): string {
  const names = REGISTERS[insn.addressSize];
  return code[0] === 'X' ? `%${SEGMENTS[insn.segment]}:(${register(names[6])})` : `%es:(${register(names[7])})`;
}

/** Immediates are shown as the unsigned numbers that the operation sees: widened to the size of the operand that they meet. */
function immediate(insn: Insn, operand: Operand): string {
  const { mnemonic } = insn.row;
  const widened = mnemonic === 'PUSH' ? insn.operandSize : insn.operands[0].size;
  const size = UNSIGNED_IMMEDIATES.test(mnemonic) ? operand.size : widened;
  const shift = 32 - 8 * size;
  return `$${hexadecimal(((operand.value << shift) >>> shift) >>> 0)}`;
}

function operandText(insn: Insn, operand: Operand, code: OperandCode): string {
  switch (operand.kind) {
    case IN_REGISTER:
      // A port.
      return code === 'DX' ? '(%dx)' : register(REGISTERS[operand.size][operand.reg]);
    case IN_MEMORY:
      return memory(insn);
    case IMMEDIATE:
      return immediate(insn, operand);
    case IN_SEGMENT:
      return register(SEGMENTS[operand.reg]);
    case TARGET:
      return hexadecimal(operand.value >>> 0);
    case FAR_TARGET:
      return `$${hexadecimal(insn.selector)},$${hexadecimal(operand.value >>> 0)}`;
    case IN_CONTROL:
      return register(`cr${operand.reg}`);
    case IN_DEBUG:
      return register(`db${operand.reg}`);
    case IN_STACK:
      return code === 'ST(0)' ? '%st' : `%st(${operand.reg})`;
    case IN_MMX:
      return register(`mm${operand.reg}`);
    case IN_XMM:
      return register(`xmm${operand.reg}`);
    case IN_STRING:
      return stringOperand(insn, code);
    default:
      return '';
  }
}

/** Where nothing but the mnemonic can say how large the operation is: memory of a size that the instruction chooses, no register. */
function suffixOf(insn: Insn): string {
  const { operands, mnemonic } = insn.row;
  if (/^SET[A-Z]+$/.test(mnemonic)) return '';
  const memory = insn.operands.find(
    ({ kind }, i) => kind === IN_MEMORY && (operands[i] === 'Eb' || operands[i] === 'Ev'),
  );
  const says = insn.operands.some(({ kind }, i) => kind !== IN_MEMORY && kind !== IMMEDIATE && operands[i] !== 'CL');
  return memory === undefined || says ? '' : SUFFIXES[memory.size];
}

function mnemonicText(insn: Insn): string {
  const { mnemonic, operands } = insn.row;
  const lower = mnemonic.toLowerCase();
  if (mnemonic === 'MOVZX' || mnemonic === 'MOVSX') {
    return `${lower.slice(0, 4)}${SUFFIXES[insn.operands[1].size]}${SUFFIXES[insn.operandSize]}`;
  }
  const short = insn.operandSize === 2;
  if (/^(?:SAL|XLATB)$/.test(mnemonic)) return mnemonic === 'SAL' ? `shl${suffixOf(insn)}` : 'xlat';
  if (/^(?:CALL|JMP)$/.test(mnemonic))
    return operands[0] === 'Jb' || !short || insn.operands[0].kind === IN_REGISTER ? lower : `${lower}w`;
  if (operands[0] === 'Ms') return lower + (short ? 'w' : 'l');
  if (/^(?:PUSH|POP)$/.test(mnemonic)) return short && insn.operands[0].kind !== IN_REGISTER ? `${lower}w` : lower;
  if (mnemonic === 'JECXZ') return insn.addressSize === 2 ? 'jcxz' : lower;
  if (/^LOOPN?E?$/.test(mnemonic)) return insn.addressSize === 2 ? `${lower}w` : lower;
  if (operands[0] === 'm14/28byte' || operands[0] === 'm94/108byte') return short ? `${lower}s` : lower;
  const sized = SIZED_NAMES[mnemonic];
  if (sized !== undefined) return sized[short ? 0 : 1];
  const x87Suffix = X87_SUFFIXES[operands[0]];
  if (x87Suffix !== undefined) return lower + x87Suffix;
  if (operands[0] === 'ST(i)' && operands[1] === 'ST(0)') return SWAPPED[mnemonic] ?? lower;
  // MOVS and CMPS have no register that could say it; INS and OUTS only one for the port.
  if (/^(?:MOVS|CMPS|INS|OUTS)$/.test(mnemonic)) return lower + SUFFIXES[stringSize(insn)];
  return lower + suffixOf(insn);
}

function prefixText(insn: Insn): string {
  let prefix = insn.lock ? 'lock ' : '';
  if (stringSize(insn) > 0) {
    if (insn.rep === 0xf3) prefix += /^(?:CMPS|SCAS)$/.test(insn.row.mnemonic) ? 'repz ' : 'rep ';
    if (insn.rep === 0xf2) prefix += 'repnz ';
  }
  return prefix;
}

/** 'mov %eax,0x8(%esp)'. Branch targets are absolute. */
export function disassembleAtt(insn: Insn): string {
  if (isOneByteNop(insn)) return 'nop';
  const texts = insn.operands
    .map((operand, i) => operandText(insn, operand, insn.row.operands[i]))
    // A shift or rotation by the 1 that is no byte of its own.
    .filter((_, i) => insn.row.operands[i] !== '1');
  if (insn.row.mnemonic === 'XLATB')
    texts.push(`%${SEGMENTS[insn.segment]}:(${register(REGISTERS[insn.addressSize][3])})`);
  if (!NOT_REVERSED.test(insn.row.mnemonic)) texts.reverse();
  const indirect = /^(?:CALL|JMP)F?$/.test(insn.row.mnemonic) && !/^[JA]/.test(insn.row.operands[0]) ? '*' : '';
  const mnemonic = prefixText(insn) + mnemonicText(insn);
  return texts.length === 0 ? mnemonic : `${mnemonic} ${indirect}${texts.join(',')}`;
}
