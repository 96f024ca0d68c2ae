import { Decoder } from './decode.ts';
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
  IN_XMM,
  type Insn,
  NONE,
  type Operand,
  TARGET,
} from './insn.ts';

// Intel syntax, from the same rows that decode and execute.

export const REGISTERS: Readonly<Record<number, readonly string[]>> = {
  1: ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'],
  2: ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'],
  4: ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'],
};
export const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
const SIZES: Readonly<Record<number, string>> = {
  1: 'byte ptr ',
  2: 'word ptr ',
  4: 'dword ptr ',
  6: 'fword ptr ',
  8: 'qword ptr ',
  10: 'tbyte ptr ',
  16: 'xmmword ptr ',
};

/** Mnemonics that name another instruction when the operand size is 16 bits, and those that it does not change. */
const SIZED_NAMES: Readonly<Record<string, readonly [word: string, doubleword: string]>> = {
  CBW: ['cbw', 'cwde'],
  CWD: ['cwd', 'cdq'],
  PUSHA: ['pushaw', 'pushad'],
  POPA: ['popaw', 'popad'],
  PUSHF: ['pushfw', 'pushfd'],
  POPF: ['popfw', 'popfd'],
  IRET: ['iretw', 'iretd'],
};
const STRING_SUFFIXES: Readonly<Record<number, string>> = { 1: 'b', 2: 'w', 4: 'd' };

/** Instructions whose immediate is a vector, a port, a count, a size or a selection of lanes. */
export const UNSIGNED_IMMEDIATES =
  /^(?:P(?!USH)[A-Z]+|SHUFP[SD]|CMP[PS][SD]|INT|IN|OUT|RET|RETF|ENTER|AAM|AAD|BT[SRC]?|SH[LR]D?|SA[LR]|RO[LR]|RC[LR])$/;

export function hexadecimal(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function memory(insn: Insn, size: number): string {
  const names = REGISTERS[insn.addressSize];
  const parts: string[] = [];
  if (insn.base !== NONE) parts.push(names[insn.base]);
  if (insn.index !== NONE) parts.push(insn.scale > 0 ? `${names[insn.index]}*${1 << insn.scale}` : names[insn.index]);
  let address = parts.join('+');
  if (address === '') address = hexadecimal(insn.disp >>> 0);
  else if (insn.disp !== 0) address += (insn.disp < 0 ? '' : '+') + hexadecimal(insn.disp);
  const segment = insn.override === NONE ? '' : `${SEGMENTS[insn.override]}:`;
  return `${SIZES[size] ?? ''}${segment}[${address}]`;
}

function operandText(insn: Insn, operand: Operand): string {
  switch (operand.kind) {
    case IN_REGISTER:
      return REGISTERS[operand.size][operand.reg];
    case IN_MEMORY:
      return memory(insn, operand.size);
    case IMMEDIATE:
      return hexadecimal(
        UNSIGNED_IMMEDIATES.test(insn.row.mnemonic)
          ? operand.value & (operand.size === 1 ? 0xff : 0xffff)
          : operand.value,
      );
    case IN_SEGMENT:
      return SEGMENTS[operand.reg];
    case TARGET:
      return hexadecimal(operand.value >>> 0);
    case FAR_TARGET:
      return `${hexadecimal(insn.selector)}:${hexadecimal(operand.value >>> 0)}`;
    case IN_CONTROL:
      return `cr${operand.reg}`;
    case IN_STACK:
      return insn.row.operands[insn.operands.indexOf(operand)] === 'ST(0)' ? 'st' : `st(${operand.reg})`;
    case IN_DEBUG:
      return `dr${operand.reg}`;
    case IN_MMX:
      return `mm${operand.reg}`;
    case IN_XMM:
      return `xmm${operand.reg}`;
    default:
      return '';
  }
}

/** Size of the elements of a string instruction; 0 for others. */
export function stringSize(insn: Insn): number {
  const code = insn.row.operands.find((name) => name[0] === 'X' || name[0] === 'Y');
  return code === undefined ? 0 : code[1] === 'b' ? 1 : insn.operandSize;
}

function mnemonicText(insn: Insn): string {
  const { mnemonic } = insn.row;
  if (mnemonic === 'JECXZ') return insn.addressSize === 2 ? 'jcxz' : 'jecxz';
  const sized = SIZED_NAMES[mnemonic];
  if (sized !== undefined) return sized[insn.operandSize === 2 ? 0 : 1];
  return mnemonic.toLowerCase() + (STRING_SUFFIXES[stringSize(insn)] ?? '');
}

function prefixText(insn: Insn): string {
  const size = stringSize(insn);
  let prefix = insn.lock ? 'lock ' : '';
  if (size > 0 && insn.rep === 0xf3) prefix += /^(?:CMPS|SCAS)/.test(insn.row.mnemonic) ? 'repe ' : 'rep ';
  if (size > 0 && insn.rep === 0xf2) prefix += 'repne ';
  if (size > 0 && insn.override !== NONE) prefix += `${SEGMENTS[insn.override]} `;
  return prefix;
}

/** Whether it is the one-byte NOP, which is XCHG EAX, EAX by its row. */
export function isOneByteNop(insn: Insn): boolean {
  return (
    insn.row.opcode === 0x90 && insn.row.mnemonic === 'XCHG' && insn.operandSize === 4 && insn.operands[0].reg === 0
  );
}

/** 'mov dword ptr [esp+0x8], eax'. Branch targets are absolute. */
export function disassemble(insn: Insn): string {
  if (isOneByteNop(insn)) return 'nop';
  const operands = stringSize(insn) > 0 ? [] : insn.operands.map((operand) => operandText(insn, operand));
  const mnemonic = prefixText(insn) + mnemonicText(insn);
  return operands.length === 0 ? mnemonic : `${mnemonic} ${operands.join(', ')}`;
}

export interface DisassembledLine {
  readonly eip: number;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** All instructions of some bytes of 32-bit code, the first at `eip`, in Intel syntax or another; a cut-off last one is left out. */
export function disassembleBytes(bytes: Uint8Array, eip: number, write = disassemble): DisassembledLine[] {
  const decoder = new Decoder();
  const lines: DisassembledLine[] = [];
  for (let at = 0; at < bytes.length; ) {
    const insn = decoder.decode(bytes, at, bytes.length - at, (eip + at) | 0, true);
    if (insn === null) break;
    lines.push({ eip: (eip + at) >>> 0, bytes: bytes.slice(at, at + insn.length), text: write(insn) });
    at += insn.length;
  }
  return lines;
}
