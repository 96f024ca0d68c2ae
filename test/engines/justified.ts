import { VECTOR_GP, VECTOR_PF, VECTOR_SS } from '../../emu/core/engine.ts';
import type { Divergence } from '../../emu/lockstep/lockstep-engine.ts';
import type { Dispute } from '../../emu/unicorn/unicorn-engine.ts';

/** A difference between the interpreter and Unicorn 2.0 that is right as it is. */
export interface Justified {
  readonly name: string;
  readonly reason: string;
  applies(divergence: Divergence): boolean;
}

/** What a lockstep run may show. */
export const JUSTIFIED: readonly Justified[] = [
  {
    name: 'undefined flags',
    reason:
      "the row of the instruction leaves them undefined, and the reference's choice is not QEMU's (double shifts of words)",
    applies: (d) => d.undefinedFlagsOnly,
  },
];

/** Faults of which Unicorn tells something else than the interpreter, whose word counts. */
export const JUSTIFIED_DISPUTES: readonly {
  readonly name: string;
  readonly reason: string;
  applies(dispute: Dispute): boolean;
}[] = [
  {
    name: 'order of accesses',
    reason:
      'of two operands that page fault QEMU may report the other one; the SDM does not order accesses of one instruction',
    applies: ({ vector, judged }) => vector === VECTOR_PF && judged === VECTOR_PF,
  },
  {
    name: 'around the end of 4 GiB',
    reason: 'an operand that goes on at address 0 is beyond the segment limit, #GP or #SS; for QEMU it is an address',
    applies: ({ vector, judged }) => vector === VECTOR_PF && (judged === VECTOR_GP || judged === VECTOR_SS),
  },
];

/** A divergence in one line. */
export function describeDivergence(d: Divergence): string {
  const what = d.differences.map((x) => `${x.what} ${x.first}, on Unicorn ${x.second}`).join('; ');
  const where = `core ${d.core}, instruction ${d.position} of the run`;
  return `${d.eip.toString(16)} ${d.instruction} (${where}${d.onlyAsAWhole ? '; only in one piece' : ''}): ${what}`;
}

/**
 * Where Unicorn 2.0 (QEMU 5) does not do what hardware does, so that the Unicorn engine lets the reference run the instruction
 * (emu/unicorn/blocks.ts). Found by running the silicon tests' random cases on both (test/engines/random.ts).
 */
export const DEVIATIONS: readonly string[] = [
  'LOCK before CMP, CMPS or BT, BTS, BTR, BTC of registers, and CALL and JMP through far pointers in registers (#UD on hardware): Unicorn aborts the process while translating, so that it never sees them (emu/unicorn/guard.ts)',
  'LOCK before other instructions that do not allow it: no #UD',
  'exceptions: the first is never ended, hence the second page fault would be a double fault; ended by way of uc_context',
  'error codes and RF: not told, taken from the reference',
  'segment limits, code and read-only segments, null selectors in FS and GS: not checked',
  '#AC: none in user mode',
  'IN, OUT, INS, OUTS: no #GP at CPL 3, Unicorn has taken the check out for its hooks',
  'INT1: a breakpoint of QEMU instead of #DB',
  'SETcc to memory: flags are lost when the store faults',
  'RCL and RCR of memory: flags change before the store faults',
  'BT, BTS, BTR, BTC: undefined flags that depend on the block that the instruction stands in',
  'LOOPE, LOOPNE: flags of the instructions before are lost when the count becomes 0',
  'F2 and F3 before one instruction: F2 counts, not the last of them',
  'F3 before BSF and BSR: TZCNT and LZCNT, which the i686 has not',
  'SGDT, SIDT with 16-bit operands: 24 bits of the base',
  'RDPMC: #UD in place of #GP',
  'CMPXCHG8B: flags of the instructions before are lost',
  'LOCK NEG: wrong flags',
  'RET imm16: the number of bytes is taken for signed',
  'BSWAP of a word: another result than hardware',
  'LAR: bits 16 to 19 are 0; SMSW: bits 16 to 31 are 0',
  'TEST F6/1 and F7/1, NOP 0F18 of registers: #UD',
  'INT 6: taken for #UD',
  'PUSHA, POPA, ENTER: partly done when an access faults',
  'CMPS: the second operand is read first, so that CR2 is its address when both fault',
  'x87: no last instruction and operand pointers, no sticky exception flags, transcendental functions by the host',
  'SSE: no #XM, no flags in MXCSR, no #GP for misaligned operands; 66 wins over F2 and F3',
  'MMX: the reference runs it, with the x87',
  'loads and stores of 16 bytes: two of 8, of which the first is done when the second faults',
];
