import { FLAG_NT } from '../../emu/core/core-state.ts';
import { VECTOR_AC, VECTOR_DB, VECTOR_GP, VECTOR_PF, VECTOR_SS, VECTOR_TS, VECTOR_UD } from '../../emu/core/engine.ts';
import { flagMask } from '../../emu/isa/row.ts';
import { undefinedAfter } from './flag-use.ts';
import type { Case, Outcome } from './protocol.ts';
import type { TestedRow } from './rows.ts';

/** Instructions that are not tried on the real CPU at all. */
export const EXCLUDED: readonly { readonly mnemonic: string; readonly reason: string }[] = [
  { mnemonic: 'RDTSC', reason: 'the time is another' },
  { mnemonic: 'RDPMC', reason: 'Linux may allow it; the counters are others' },
  { mnemonic: 'CPUID', reason: 'the processor is another' },
  { mnemonic: 'SGDT', reason: 'UMIP: Linux answers in the place of the CPU' },
  { mnemonic: 'SIDT', reason: 'UMIP: Linux answers in the place of the CPU' },
  { mnemonic: 'SLDT', reason: 'UMIP: Linux refuses or answers; the selector is another' },
  { mnemonic: 'STR', reason: 'UMIP: Linux refuses or answers; the selector is another' },
  { mnemonic: 'SMSW', reason: 'UMIP: Linux answers in the place of the CPU' },
];

export interface Seen {
  readonly c: Case;
  readonly row: TestedRow | null;
  readonly native: Outcome;
  readonly emulated: Outcome;
  readonly found: readonly { readonly what: string }[];
}

/** A difference between the real CPU and ours that is right as it is. */
export interface Justified {
  readonly name: string;
  readonly reason: string;
  applies(seen: Seen): boolean;
}

const STACK_FAULTS = new Set([VECTOR_PF, VECTOR_SS, VECTOR_AC]);

const RUNNER_LOW = 0xe1230000;
const RUNNER_HIGH = 0xe1300000;

export const JUSTIFIED: readonly Justified[] = [
  {
    name: 'runner memory',
    reason: 'the address hits the runner itself, which only the real machine has',
    applies: ({ emulated }) => emulated.vector === VECTOR_PF && emulated.cr2 >= RUNNER_LOW && emulated.cr2 < RUNNER_HIGH,
  },
  {
    name: 'INT1 in a virtual machine',
    reason: 'KVM on AMD gives the #DB of opcode F1 with EIP at the instruction; the SDM (Vol. 3, Debug Exception) makes it a trap',
    applies: ({ c, row, native, emulated }) => row?.mnemonic === 'INT1' && native.vector === VECTOR_DB && native.eip === c.eip && emulated.eip > c.eip,
  },
  {
    name: 'memory below ESP after a fault',
    reason: 'PUSHA and ENTER that fault midway have written part of the new stack on this CPU; the SDM leaves it open, ours writes nothing',
    applies: ({ c, row, native, emulated, found }) =>
      /^(PUSHA|ENTER)$/.test(row?.mnemonic ?? '') &&
      native.eip === c.eip && emulated.changes.length === 0 && found.every((d) => d.what === 'memory'),
  },
  {
    name: 'order of page faults in a far return',
    reason: 'this CPU reads the selector before the offset; the SDM does not order the accesses of one instruction',
    applies: ({ row, found, native }) => /^(RETF|IRET)$/.test(row?.mnemonic ?? '') && native.vector === VECTOR_PF && found.every((d) => d.what === 'cr2'),
  },
  {
    name: 'double shift by more than the size',
    reason: 'SDM Vol. 2, SHLD and SHRD: the result is undefined when the count is greater than the operand size',
    applies: ({ c, row }) => row !== null && /^SH[LR]D$/.test(row.mnemonic) && c.code.includes(0x66) && (shiftCount(row, c) & 31) > 16,
  },
  {
    name: 'REP before LOOPcc',
    reason: 'SDM Vol. 2, REP: reserved with other than string instructions. On this CPU it selects the condition',
    applies: ({ c, row }) => /^LOOPN?E$/.test(row?.mnemonic ?? '') && (c.code.includes(0xf2) || c.code.includes(0xf3)),
  },
  {
    name: 'a far return reads its whole frame first',
    reason: 'this CPU reads the outer stack pointer before it looks at the selector; the SDM orders the checks, not the accesses',
    applies: ({ row, native, emulated }) =>
      /^(RETF|IRET)$/.test(row?.mnemonic ?? '') && STACK_FAULTS.has(native.vector) && (emulated.vector === VECTOR_GP || STACK_FAULTS.has(emulated.vector)),
  },
  {
    name: 'IRET with NT set',
    reason: 'a return to the previous task, #TS where there is none; a CPU in long mode has no tasks and raises #GP(0)',
    applies: ({ c, row, native, emulated }) =>
      row?.mnemonic === 'IRET' && (c.eflags & FLAG_NT) !== 0 && native.vector === VECTOR_GP && emulated.vector === VECTOR_TS,
  },
  {
    name: 'POPA that faults midway',
    reason: 'this CPU has popped some registers by then; ESP still stands, so the restart is the same; ours changes nothing',
    applies: ({ c, row, native, found }) => row?.mnemonic === 'POPA' && native.eip === c.eip && found.every((d) => /^e[a-ds][a-z]$/.test(d.what)),
  },
  {
    name: 'LOCK VERW',
    reason: 'this CPU lets it pass; SDM Vol. 2, VERR/VERW: #UD if the LOCK prefix is used',
    applies: ({ c, row, emulated }) => row?.mnemonic === 'VERW' && c.code.includes(0xf0) && emulated.vector === VECTOR_UD,
  },
  {
    name: 'VEX prefix',
    reason: 'C4 and C5 with a register operand are AVX on this CPU and go on for more bytes; for the i686 they are #UD at once',
    applies: ({ c, row, emulated }) => /^L[ED]S$/.test(row?.mnemonic ?? '') && emulated.vector === VECTOR_UD && emulated.eip === c.eip,
  },
];

/** EFLAGS bits that are undefined after some instructions in a row; jumps among them may or may not be taken. */
export function undefinedFlagsOfSequence(rows: readonly (TestedRow | null)[]): number {
  let mask = 0;
  for (const row of rows) if (row) mask |= undefinedAfter(row, mask);
  return mask;
}

/** The same, exactly, when no jump is among them and all of them ran. */
export function undefinedFlagsAtEnd(rows: readonly (TestedRow | null)[]): number {
  let mask = 0;
  for (const row of rows) if (row) mask = undefinedAfter(row, mask);
  return mask;
}

/** EFLAGS bits that the SDM leaves undefined after this instruction, given its operands: never more than the row says. */
export function undefinedFlags(row: TestedRow | null, c: Case): number {
  if (!row) return 0;
  let mask = flagMask(row.flags?.undefined);
  if (/^(ROL|ROR|RCL|RCR|SHL|SAL|SHR|SAR|SHLD|SHRD)$/.test(row.mnemonic)) {
    const count = shiftCount(row, c) & 31;
    // A count of 0 changes no flag; a count of 1 defines OF.
    if (count === 0) return 0;
    if (count === 1) mask &= ~flagMask('OF');
    const sizeBits = row.operands[0] === 'Eb' ? 8 : c.code.includes(0x66) ? 16 : 32;
    // SDM Vol. 2, SAL/SAR/SHL/SHR: CF is undefined for SHL and SHR when the count is not less than the size.
    if (/^(SHL|SAL|SHR)$/.test(row.mnemonic) && count >= sizeBits) mask |= flagMask('CF');
    if (/^SH[LR]D$/.test(row.mnemonic) && count > sizeBits) mask |= flagMask('CF OF SF ZF AF PF');
  }
  return mask;
}

export function shiftCount(row: TestedRow, c: Case): number {
  const operand = row.operands[row.operands.length - 1];
  if (operand === '1') return 1;
  return operand === 'CL' ? c.regs[1]! & 0xff : c.code[c.code.length - 1]!;
}
