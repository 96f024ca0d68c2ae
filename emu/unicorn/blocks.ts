import { SEG_CS, SEG_FS, SEG_GS, SEG_SS } from '../core/core-state.ts';
import { VECTOR_BP, VECTOR_OF, VECTOR_UD } from '../core/engine.ts';
import { decodeFlat } from '../interp/fetch.ts';
import { IN_MEMORY, IN_SEGMENT, type Insn } from '../isa/insn.ts';
import { INVALID_ROW, TOO_LONG_ROW } from '../isa/opcode-table.ts';
import type { AddressSpace } from '../memory/address-space.ts';

/** What running an instruction on Unicorn takes. */
export const PLAIN = 0;
/** Unicorn runs it, and afterwards selectors are read back. */
export const LOADS_SEGMENT = 1;
/** The reference runs it: it does not exist (as far as our table goes), or depends on what only our machine knows. */
export const ASSISTED = 2;
/** Unicorn runs it, except under the trap flag, with which the engine steps and which it would see. */
export const READS_FLAGS = 3;

/** Software interrupts end in the interrupt hook just as exceptions do. */
const SOFTWARE_INTERRUPTS = new Set(['INT', 'INT3', 'INTO']);

const ASSISTED_MNEMONICS = new Set([
  // Our CPU's own answers.
  'CPUID',
  'RDTSC',
  // Its system-call gate needs no descriptor.
  'CALLF',
  // May change the code segment, or set the trap flag.
  'JMPF',
  'RETF',
  'IRET',
  'POPF',
  // QEMU makes it a breakpoint of the debugger.
  'INT1',
  // Unicorn takes the check of the privilege level out, for its hooks.
  'IN',
  'OUT',
  'INS',
  'OUTS',
  // QEMU forgets to settle the flags of the instructions before.
  'CMPXCHG8B',
  // What QEMU leaves in their undefined flags depends on the instructions before them in the block.
  'BT',
  'BTS',
  'BTR',
  'BTC',
  // Unicorn loses the flags of the instructions before them when the count becomes 0.
  'LOOPE',
  'LOOPNE',
  // #UD in place of #GP.
  'RDPMC',
  // With 16-bit operands it stores 24 bits of the base.
  'SGDT',
  'SIDT',
  // Bits that the SDM leaves open are 0 in QEMU.
  'LAR',
  'SMSW',
  // QEMU has written or popped some when one of many accesses faults.
  'PUSHA',
  'POPA',
  'ENTER',
]);

const SEGMENT_LOADS = new Set(['LDS', 'LES', 'LFS', 'LGS', 'LSS']);
const REPEATABLE = new Set(['MOVS', 'STOS', 'LODS', 'CMPS', 'SCAS', 'INS', 'OUTS']);
/**
 * SIMD instructions that Unicorn runs as hardware does: they touch neither MXCSR nor MMX registers, and need no alignment. All
 * other x87, MMX and SSE instructions are the reference's: Unicorn 2.0 raises no SIMD exception, keeps no exception flags, no last
 * instruction and operand pointers, and computes transcendental functions with the host's mathematics.
 */
const NATIVE_SIMD = new Set([
  'MOVUPS',
  'MOVUPD',
  'MOVDQU',
  'LDDQU',
  'MOVSS',
  'MOVSD',
  'MOVLPS',
  'MOVHPS',
  'MOVLPD',
  'MOVHPD',
  'MOVHLPS',
  'MOVLHPS',
  'MOVMSKPS',
  'MOVMSKPD',
  'MOVD',
  'MOVQ',
  'MOVNTI',
  'PINSRW',
  'PEXTRW',
  'PMOVMSKB',
  'STMXCSR',
  'LFENCE',
  'MFENCE',
  'SFENCE',
]);
/** Operand codes of MMX registers. */
const MMX_OPERAND = /^[PNQ]/;

/** The bytes that may stand in front of an opcode. */
export const PREFIXES: ReadonlySet<number> = new Set([
  0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3,
]);

/** One instruction as the engine sees it. */
export interface Step {
  /** Null when it cannot be fetched. */
  readonly insn: Insn | null;
  readonly kind: number;
  /** FS (bit 4) and GS (bit 5) when it addresses memory through them. */
  readonly segments: number;
  /** A repeated string instruction: each iteration counts as one instruction. */
  readonly repeats: boolean;
  readonly floatingPoint: boolean;
}

/** What Unicorn runs at once. */
export interface Block {
  readonly address: number;
  readonly sizeBytes: number;
  /** Instructions in it. */
  readonly count: number;
  /** EIP of each, and of what follows the last, as unsigned numbers. */
  readonly addresses: readonly number[];
  /** Index of the first that is not PLAIN or READS_FLAGS; `count` when there is none. */
  readonly special: number;
  /** Union of the segments of its instructions. */
  readonly segments: number;
  /** The last instruction repeats; `countMask` is then that of its count register. */
  readonly repeats: boolean;
  readonly countMask: number;
  readonly floatingPoint: boolean;
  /** The last instruction is INT, INT3 or INTO. */
  readonly interrupts: boolean;
}

function isSoftwareInterrupt(insn: Insn): boolean {
  return SOFTWARE_INTERRUPTS.has(insn.row.mnemonic);
}

/** The vector that an INT, INT3 or INTO goes through; -1 for any other instruction. */
export function softwareVector(insn: Insn): number {
  switch (insn.row.mnemonic) {
    case 'INT':
      return insn.operands[0].value & 0xff;
    case 'INT3':
      return VECTOR_BP;
    case 'INTO':
      return VECTOR_OF;
    default:
      return -1;
  }
}

/** MOV SS and POP SS hold back the single-step trap for one instruction. */
export function holdsBackTrap({ row, operands }: Insn): boolean {
  const [first] = operands;
  return /^(?:MOV|POP)$/.test(row.mnemonic) && first?.kind === IN_SEGMENT && first.reg === SEG_SS;
}

/** Where QEMU 5, which is in Unicorn 2.0, does not do what hardware does (found by random tests: test/engines). */
function deviates({ row, operands, operandSize, override, lock, rep }: Insn): boolean {
  const inMemory = operands.some(({ kind }) => kind === IN_MEMORY);
  // Writing through CS is #GP.
  if (override === SEG_CS && inMemory) return true;
  switch (row.mnemonic) {
    case 'RET':
      // It takes the number of bytes to drop for a signed one.
      return operands.length > 0 && (operands[0].value & 0x8000) !== 0;
    case 'BSWAP':
      return operandSize === 2;
    case 'BSF':
    case 'BSR':
      // TZCNT and LZCNT, which its processor has.
      return rep !== 0;
    case 'INT':
      // It takes INT 6 for #UD.
      return operands[0].value === VECTOR_UD;
    case 'NOP':
      // It does not know 0F 18 of a register.
      return row.opcode === 0x0f18 && !inMemory;
    case 'TEST':
      // It does not know F6 /1 and F7 /1.
      return row.digit === 1;
    case 'NEG':
      // Wrong flags.
      return lock;
    case 'RCL':
    case 'RCR':
      // It changes flags before it finds that the store faults.
      return inMemory;
    default:
      // It settles the flags of the instructions before, and loses them when the store faults.
      return inMemory && row.mnemonic.startsWith('SET');
  }
}

function kindOf(insn: Insn): number {
  const { row, operands } = insn;
  if (row === INVALID_ROW || row === TOO_LONG_ROW || ASSISTED_MNEMONICS.has(row.mnemonic)) return ASSISTED;
  if (deviates(insn)) return ASSISTED;
  if (isFloatingPoint(row.opcode) && !isNativeSimd(insn)) return ASSISTED;
  if (row.mnemonic === 'PUSHF') return READS_FLAGS;
  if (SEGMENT_LOADS.has(row.mnemonic)) return LOADS_SEGMENT;
  if (/^(?:MOV|POP)$/.test(row.mnemonic) && operands[0]?.kind === IN_SEGMENT) return LOADS_SEGMENT;
  return PLAIN;
}

function isNativeSimd({ row, rep, operandSize, operands }: Insn): boolean {
  // QEMU loads and stores 16 bytes as two quadwords, of which the first is done when the second faults.
  if (operands.some(({ kind, size }) => kind === IN_MEMORY && size === 16)) return false;
  // With both 66 and F2 or F3 before it, QEMU takes another instruction than hardware.
  if (rep !== 0 && operandSize === 2) return false;
  return NATIVE_SIMD.has(row.mnemonic) && !row.operands.some((code) => MMX_OPERAND.test(code));
}

/** x87, MMX, SSE: opcodes D8 .. DF, FWAIT, and the two-byte rows of SDM Vol. 2, App. A that are not general-purpose. */
function isFloatingPoint(opcode: number): boolean {
  if (opcode < 0x0f00) return opcode === 0x9b || (opcode >= 0xd8 && opcode <= 0xdf);
  const second = opcode > 0xffff ? 0xd0 : opcode & 0xff;
  if (second >= 0x10 && second <= 0x17) return true;
  if (second >= 0x28 && second <= 0x2f) return true;
  if (second >= 0x50 && second <= 0x7f) return true;
  if (second === 0xae || second === 0x38 || second === 0x3a) return true;
  return second >= 0xc2 && second !== 0xc7 && (second < 0xc8 || second > 0xcf);
}

/** Of F2 and F3 QEMU takes F2, hardware the last. */
function hasBothRepeats({ u8 }: AddressSpace, address: number, { rep }: Insn): boolean {
  if (rep === 0) return false;
  const other = rep ^ 1;
  for (let at = address; PREFIXES.has(u8[at]!); at++) if (u8[at] === other) return true;
  return false;
}

export function stepAt(space: AddressSpace, address: number): Step {
  const insn = decodeFlat(space, address | 0);
  if (insn === null) return { insn, kind: ASSISTED, segments: 0, repeats: false, floatingPoint: false };
  return {
    insn,
    kind: hasBothRepeats(space, address, insn) ? ASSISTED : kindOf(insn),
    segments: insn.override === SEG_FS || insn.override === SEG_GS ? 1 << insn.override : 0,
    repeats: insn.rep !== 0 && REPEATABLE.has(insn.row.mnemonic),
    floatingPoint: isFloatingPoint(insn.row.opcode),
  };
}

/** The instructions of a block that Unicorn has translated. */
export function blockAt(space: AddressSpace, address: number, sizeBytes: number): Block {
  const addresses: number[] = [];
  const end = address + sizeBytes;
  let segments = 0;
  let special = -1;
  let floatingPoint = false;
  let last: Step | null = null;
  let at = address;
  do {
    last = stepAt(space, at);
    addresses.push(at);
    segments |= last.segments;
    floatingPoint ||= last.floatingPoint;
    if (special < 0 && (last.kind === ASSISTED || last.kind === LOADS_SEGMENT)) special = addresses.length - 1;
    if (last.insn === null) break;
    at = last.insn.next >>> 0;
  } while (at < end && at > address);
  const count = addresses.length;
  addresses.push(at);
  return {
    address,
    sizeBytes,
    count,
    addresses,
    special: special < 0 ? count : special,
    segments,
    repeats: last.repeats,
    countMask: last.insn?.addressSize === 2 ? 0xffff : -1,
    floatingPoint,
    interrupts: last.insn !== null && isSoftwareInterrupt(last.insn),
  };
}
