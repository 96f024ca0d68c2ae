import {
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  ESI,
  ESP,
  FLAG_AF,
  FLAG_CF,
  FLAG_DF,
  FLAG_ID,
  FLAG_NT,
  FLAG_OF,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  SEG_ES,
} from '../core/core-state.ts';
import { ARITHMETIC_FLAGS } from '../interp/flags.ts';
import { IMMEDIATE, IN_REGISTER, IN_STRING, type Insn, NONE, type Operand } from './insn.ts';
import { flagMask } from './row.ts';

/** Index of EFLAGS in the masks, after the eight general registers in the order of their numbers. */
export const ACCESS_EFLAGS = 8;
export const ACCESS_COUNT = 9;

/**
 * Which bits of the general registers and of EFLAGS one execution of an instruction depends on or overwrites, as far as its encoding
 * tells. Bits in neither pass through: what they held before they hold afterwards, and nothing else depends on them.
 */
export interface RegisterAccess {
  /** May be read, or may be written only sometimes. When in doubt a bit is here. */
  readonly reads: Int32Array;
  /** Overwritten whenever the instruction completes, whatever they held; never also in `reads`. */
  readonly writes: Int32Array;
}

const ALL = -1;
/**
 * What of EFLAGS some instructions alone depend on. All else matters between any two: single step, alignment checks, RF, which each
 * clears, whether interrupts are taken, virtual-8086 mode.
 */
const READ_BY_SOME = ARITHMETIC_FLAGS | FLAG_DF | FLAG_NT | FLAG_ID;
const LOW_FLAGS = FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;

/** What condition tttn >> 1 of Jcc, SETcc and CMOVcc reads. Source: Intel SDM Vol. 2, App. B. */
const CONDITION_READS = [
  FLAG_OF,
  FLAG_CF,
  FLAG_ZF,
  FLAG_CF | FLAG_ZF,
  FLAG_SF,
  FLAG_PF,
  FLAG_SF | FLAG_OF,
  FLAG_SF | FLAG_OF | FLAG_ZF,
];

/** The first operand is only written. All others are read as well, where they are written at all. */
const WRITES_FIRST =
  /^(MOV|MOVZX|MOVSX|LEA|POP|SET[A-Z]+|LODS|L[DEFGS]S|CVTT?S[SD]2SI|MOVMSKP[SD]|PMOVMSKB|PEXTRW|MOVD)$/;
const SHIFT = /^(RO|RC|SH|SA)[LR]D?$/;
const STACK = /^(PUSH|POP|PUSHA|POPA|PUSHF|POPF|CALL|CALLF|RET|RETF|IRET|ENTER)$/;

/** Registers besides the operands: read, and overwritten. */
interface Implicit {
  readonly reads?: readonly number[];
  readonly writes?: readonly number[];
  readonly flags?: number;
}

const CARRY: Implicit = { flags: FLAG_CF };
/** Of these, what `writes` names is overwritten by the operand size only. */
const SIZED = /^(CWD|POPA)$/;

/** By mnemonic, with whole registers: where an instruction uses a part only, a bit too many is read. */
const IMPLICIT: Readonly<Record<string, Implicit>> = {
  ADC: CARRY,
  SBB: CARRY,
  RCL: CARRY,
  RCR: CARRY,
  CMC: CARRY,
  SALC: { reads: [EAX], flags: FLAG_CF },
  LAHF: { reads: [EAX], flags: LOW_FLAGS },
  SAHF: { reads: [EAX] },
  DAA: { reads: [EAX], flags: FLAG_CF | FLAG_AF },
  DAS: { reads: [EAX], flags: FLAG_CF | FLAG_AF },
  AAA: { reads: [EAX], flags: FLAG_AF },
  AAS: { reads: [EAX], flags: FLAG_AF },
  AAM: { reads: [EAX] },
  AAD: { reads: [EAX] },
  CBW: { reads: [EAX] },
  CWD: { reads: [EAX], writes: [EDX] },
  MUL: { reads: [EAX] },
  DIV: { reads: [EAX, EDX] },
  IDIV: { reads: [EAX, EDX] },
  XLATB: { reads: [EAX, EBX] },
  CMPXCHG: { reads: [EAX] },
  CMPXCHG8B: { reads: [EAX, EBX, ECX, EDX] },
  CPUID: { reads: [EAX, ECX], writes: [EBX, EDX] },
  RDTSC: { writes: [EAX, EDX] },
  LOOP: { reads: [ECX] },
  LOOPE: { reads: [ECX], flags: FLAG_ZF },
  LOOPNE: { reads: [ECX], flags: FLAG_ZF },
  JECXZ: { reads: [ECX] },
  LEAVE: { reads: [EBP], writes: [ESP] },
  ENTER: { reads: [EBP] },
  PUSHA: { reads: [EAX, ECX, EDX, EBX, EBP, ESI, EDI] },
  POPA: { writes: [EAX, ECX, EDX, EBX, EBP, ESI, EDI] },
  PUSHF: { flags: ALL },
  POPF: { flags: ALL },
  IRET: { flags: ALL },
  INTO: { flags: FLAG_OF },
  MASKMOVQ: { reads: [EDI] },
  MASKMOVDQU: { reads: [EDI] },
};

/** Bits of a register operand: AH, CH, DH, BH are the second byte of the first four. */
function operandBits({ reg, size }: Operand): { index: number; mask: number } {
  if (size === 1) return reg < 4 ? { index: reg, mask: 0xff } : { index: reg - 4, mask: 0xff00 };
  return { index: reg, mask: size === 2 ? 0xffff : ALL };
}

/** Derives the access of a decoded instruction from its row, its operands and the table above. */
export function registerAccess(insn: Insn): RegisterAccess {
  const { row, operands } = insn;
  const { mnemonic } = row;
  const reads = new Int32Array(ACCESS_COUNT);
  const writes = new Int32Array(ACCESS_COUNT);
  const sizeMask = insn.operandSize === 2 ? 0xffff : ALL;
  const addressMask = insn.addressSize === 2 ? 0xffff : ALL;
  const repeats = insn.rep !== 0 && operands.some(({ kind }) => kind === IN_STRING);

  const clears = isClearing(insn);
  const writesFirst = clears || (mnemonic === 'IMUL' && operands.length === 3) || WRITES_FIRST.test(mnemonic);
  operands.forEach((operand, n) => {
    if (operand.kind === IN_STRING) reads[operand.reg === SEG_ES ? EDI : ESI] |= addressMask;
    if (operand.kind !== IN_REGISTER) return;
    const { index, mask } = operandBits(operand);
    if (clears || (n === 0 && writesFirst && !repeats)) writes[index] |= mask;
    else reads[index] |= mask;
  });
  if (insn.base !== NONE) reads[insn.base] |= addressMask;
  if (insn.index !== NONE) reads[insn.index] |= addressMask;
  if (repeats) reads[ECX] |= addressMask;

  const implicit = IMPLICIT[mnemonic];
  for (const index of implicit?.reads ?? []) reads[index] |= ALL;
  for (const index of implicit?.writes ?? []) writes[index] |= SIZED.test(mnemonic) ? sizeMask : ALL;
  if (STACK.test(mnemonic)) reads[ESP] |= ALL;
  if (mnemonic === 'LEAVE' && sizeMask !== ALL) reads[ESP] |= ALL;
  if (operands.length === 1 && (mnemonic === 'MUL' || mnemonic === 'IMUL')) {
    reads[EAX] |= ALL;
    if (operands[0].size > 1) writes[EDX] |= sizeMask;
  }

  reads[ACCESS_EFLAGS] = ~READ_BY_SOME | (implicit?.flags ?? 0) | conditionFlags(insn);
  if (operands.some(({ kind }) => kind === IN_STRING)) reads[ACCESS_EFLAGS] |= FLAG_DF;
  const { surely, perhaps } = flagsWritten(insn, repeats);
  reads[ACCESS_EFLAGS] |= perhaps;
  writes[ACCESS_EFLAGS] |= surely;
  for (let index = 0; index < ACCESS_COUNT; index++) writes[index] &= ~reads[index];
  return { reads, writes };
}

/** XOR or SUB of a register with itself: 0, whatever it held. */
function isClearing({ row, operands: [a, b] }: Insn): boolean {
  if (row.mnemonic !== 'XOR' && row.mnemonic !== 'SUB') return false;
  return a.kind === IN_REGISTER && b.kind === IN_REGISTER && a.reg === b.reg && a.size === b.size;
}

function conditionFlags({ row }: Insn): number {
  const { mnemonic, opcode } = row;
  if (mnemonic.startsWith('FCMOV')) return FLAG_CF | FLAG_ZF | FLAG_PF;
  const isCondition =
    (opcode >= 0x70 && opcode <= 0x7f) ||
    (opcode >= 0x0f40 && opcode <= 0x0f4f) ||
    (opcode >= 0x0f80 && opcode <= 0x0f9f);
  return isCondition ? CONDITION_READS[(opcode & 15) >> 1] : 0;
}

/** Flags that the instruction overwrites in any case, and those that it may change or leave. */
function flagsWritten({ row, operands }: Insn, repeats: boolean): { surely: number; perhaps: number } {
  const written = flagMask(row.flags?.written);
  const undefinedFlags = flagMask(row.flags?.undefined);
  const all = { surely: 0, perhaps: written | undefinedFlags };
  // A comparison of the x87 or of SSE may raise an exception of its own instead.
  const isFloat = (row.opcode >= 0xd8 && row.opcode <= 0xdf) || row.extension !== undefined;
  if (repeats || isFloat) return all;
  if (SHIFT.test(row.mnemonic)) {
    const count = operands.at(-1);
    if (count?.kind !== IMMEDIATE) return all;
    // A count of zero changes no flag.
    if ((count.value & 31) === 0) return { surely: 0, perhaps: 0 };
  }
  return { surely: written, perhaps: undefinedFlags };
}
