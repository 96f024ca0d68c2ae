import { ud } from '../../emu/interp/exec-control.ts';
import { privileged } from '../../emu/interp/exec-system.ts';
import { Decoder } from '../../emu/isa/decode.ts';
import { fitsModrm, opcodeRows } from '../../emu/isa/opcode-table.ts';
import { type OpcodeRow, opcodeBytes } from '../../emu/isa/row.ts';
import { type Case, MODE_RUN } from './protocol.ts';

/** An interpreter's row and what must be known to try it on a real CPU. */
export interface TestedRow extends Omit<OpcodeRow, 'exec' | 'operands'> {
  readonly operands: readonly string[];
  /** "0F BA /4 BT Ev,Ib" */
  readonly name: string;
  /** The trap flag would be seen or delayed by the instruction: never single-stepped. */
  readonly runOnly: boolean;
  /** F2 or F3 makes it an instruction of a later CPU. */
  readonly plainOnly: boolean;
  /** The register forms are other instructions. */
  readonly memoryOnly: boolean;
  readonly isX87: boolean;
  /** Whether it is the row for a ModR/M byte. */
  fits(modrm: number): boolean;
}

/**
 * Instructions that write EFLAGS to memory, or hold back the single-step trap after them; and those in whose place Linux answers
 * where the processor has UMIP, which loses the trap.
 */
const RUN_ONLY = /^(PUSHF|INT|INT1|INTO|S[GIL]DT|STR|SMSW)$/;

function testedRow(row: OpcodeRow): TestedRow {
  const { exec: _, ...facts } = row;
  const bytes = opcodeBytes(row.opcode).map(hex2).join(' ');
  const digit = row.modrm !== undefined ? ` ${hex2(row.modrm)}` : row.digit === undefined ? '' : ` /${row.digit}`;
  const prefix = row.prefix === undefined ? '' : row.prefix === 0 ? 'NP ' : `${hex2(row.prefix)} `;
  const loadsSs = row.mnemonic === 'POP' && row.operands[0] === 'SS';
  return {
    ...facts,
    operands: row.operands.flatMap((o) => (o[0] === 'm' ? [o] : o.split('/'))),
    name: `${prefix}${bytes}${digit} ${row.mnemonic} ${row.operands.join(',')}`.trim(),
    runOnly: RUN_ONLY.test(row.mnemonic) || loadsSs || (row.operands[0] as string) === 'Sw',
    plainOnly: /^(BSF|BSR|CMPXCHG8B)$/.test(row.mnemonic),
    memoryOnly:
      (row.opcode === 0x0f01 && row.digit !== 4 && row.digit !== 6) ||
      (isX87Opcode(row.opcode) && row.digit !== undefined),
    isX87: isX87Opcode(row.opcode),
    fits: (modrm) => fitsModrm(row, modrm),
  };
}

function isX87Opcode(opcode: number): boolean {
  return (opcode & 0xf8) === 0xd8 || opcode === 0x9b;
}

function hex2(n: number): string {
  return n.toString(16).toUpperCase().padStart(2, '0');
}

/** Every encoding of the table. All are tried on the real CPU. */
export const testedRows = opcodeRows.map(testedRow);

/** Those that user mode may not carry out: the real CPU never completes one. */
export const refusedRows = testedRows.filter((_, i) => {
  const { exec } = opcodeRows[i]!;
  return exec === privileged || exec === ud;
});

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/** Where the opcode begins. */
function prefixLength(code: Uint8Array): number {
  let at = 0;
  while (at < code.length && PREFIXES.has(code[at]!)) at++;
  return at;
}

/** The opcode of the first instruction in `code`, its prefixes skipped, as rows have it. */
export function opcodeOfCode(code: Uint8Array): number {
  const [first = 0, second = 0, third = 0] = code.subarray(prefixLength(code));
  if (first !== 0x0f) return first;
  return second === 0x38 || second === 0x3a ? ((0x0f00 | second) << 8) | third : 0x0f00 | second;
}

/** SYSCALL, SYSRET, SYSENTER, SYSEXIT; VMMCALL and the like hide in 0F 01, XSAVE in 0F AE; 0F C7 draws random numbers. */
const NOT_SWEPT = new Set([0x0f05, 0x0f07, 0x0f34, 0x0f35, 0x0f01, 0x0fae, 0x0fc7]);

/** Whether random bytes may go to the real CPU and a difference would say something. */
export function maySweep(code: Uint8Array): boolean {
  const row = rowOfCode(code);
  if (row?.runOnly) return false;
  return !NOT_SWEPT.has(opcodeOfCode(code));
}

const rowsByOpcode = new Map<number, TestedRow[]>();
for (const row of testedRows) {
  const opcodeCount = row.opEn === 'O' || row.opEn === 'OI' ? 8 : 1;
  for (let opcode = row.opcode; opcode < row.opcode + opcodeCount; opcode++)
    rowsByOpcode.set(opcode, [...(rowsByOpcode.get(opcode) ?? []), row]);
}

/** The row of the first instruction in `code`, from its bytes alone, so that a replayed case is judged as a drawn one. */
export function rowOfCode(code: Uint8Array): TestedRow | null {
  const at = prefixLength(code);
  const prefixes = [...code.subarray(0, at)];
  const opcode = opcodeOfCode(code);
  const modrm = code[at + opcodeBytes(opcode).length] ?? 0;
  const prefix = prefixes.findLast((byte) => byte === 0xf2 || byte === 0xf3) ?? (prefixes.includes(0x66) ? 0x66 : 0);
  const candidates = (rowsByOpcode.get(opcode) ?? []).filter(
    (row) => row.prefix === undefined || row.prefix === prefix,
  );
  const sameDigit = (row: TestedRow): boolean => row.digit === ((modrm >>> 3) & 7) && !row.isX87;
  const fitting = [...candidates.filter((row) => row.fits(modrm)), ...candidates.filter(sameDigit)];
  return fitting.find((row) => row.prefix !== undefined) ?? fitting[0] ?? null;
}

/** What a sequence may be made of: instructions that seldom fault and go on to the next one. */
const SEQUENCE =
  /^(ADD|OR|ADC|SBB|AND|SUB|XOR|CMP|INC|DEC|TEST|NOT|NEG|MUL|IMUL|RO[LR]|RC[LR]|S[HA][LR]D?|DAA|DAS|AAA|AAS|AAD|MOV|XCHG|LEA|CBW|CWD|SAHF|LAHF|SALC|CMC|CLC|STC|CLD|PUSH|POP|PUSHF|SET[A-Z]+|CMOV[A-Z]+|BT[SRC]?|XADD|CMPXCHG|CMPXCHG8B|BSWAP|MOVZX|MOVSX|J[A-Z]{1,2}|STOS|LODS|SCAS|CMPS|MOVS|NOP)$/;

export const sequenceRows = testedRows.filter(
  (row) =>
    SEQUENCE.test(row.mnemonic) &&
    !row.operands.some((o) => /^(Jz|Sw|Cd|Dd|Rd|ES|CS|SS|DS|FS|GS)$/.test(o)) &&
    // A random bit offset or stack pointer soon leads out of the pages.
    row.opcode !== 0x0fa3 &&
    row.opcode !== 0x0fab &&
    row.opcode !== 0x0fb3 &&
    row.opcode !== 0x0fbb,
);

/** What does not end a sequence, and gives the same on every processor: nearly all vector instructions, some others between them. */
export const vectorSequenceRows = testedRows
  .filter(
    (row) =>
      (row.extension !== undefined && !/^(FX|LDMXCSR|MASKMOV|R(CP|SQRT)[PS]S)/.test(row.mnemonic)) ||
      /^F(LD|LD1|LDZ|ADD|SUB|MUL|XCH|CHS|ABS|INCSTP|DECSTP|ILD|STP?)$/.test(row.mnemonic) ||
      /^(MOV|ADD|CMP|SETB|SETP|CMOVE|JNE)$/.test(row.mnemonic),
  )
  .filter((row) => !row.operands.some((o) => /^(Jz|Sw|Cd|Dd|m80)/.test(o)));

/**
 * The x87 instructions among which sequences may go on: not those whose results may differ, nor those that store or load the pointers
 * to instructions, nor FCOMI, whose C1 differs. To be tried with all exceptions masked.
 */
export const x87SequenceRows = testedRows.filter(
  (row) =>
    row.isX87 &&
    row.tolerance === undefined &&
    !/^(FN?STENV|FLDENV|FN?SAVE|FRSTOR|FLDCW|FU?COMIP?)$/.test(row.mnemonic),
);

const decoder = new Decoder();

/** Lengths of the instructions that stand one after the other in `code`. */
export function lengthsOfCode(code: Uint8Array): number[] {
  const padded = new Uint8Array(code.length + 16).fill(0xcc);
  padded.set(code);
  const lengths: number[] = [];
  for (let at = 0; at < code.length; at += lengths.at(-1)!)
    lengths.push(Math.max(1, decoder.decode(padded, at, padded.length - at, 0, true)?.length ?? 1));
  return lengths;
}

/** Whether a case is more than one instruction. */
export function isSequence(c: Case): boolean {
  return c.mode === MODE_RUN && lengthsOfCode(c.code).length > 1;
}

/** Their rows. */
export function rowsOfCode(code: Uint8Array): (TestedRow | null)[] {
  let at = 0;
  return lengthsOfCode(code).map((length) => {
    at += length;
    return rowOfCode(code.subarray(at - length));
  });
}
