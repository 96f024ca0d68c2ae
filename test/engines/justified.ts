import type { Divergence } from '../../emu/lockstep/lockstep-engine.ts';

/** A difference between the interpreter and Unicorn 2.0 that is right as it is. */
export interface Justified {
  readonly name: string;
  readonly reason: string;
  applies(divergence: Divergence): boolean;
}

const only = ({ differences }: Divergence, what: RegExp): boolean => differences.every((d) => what.test(d.what));

/** What a lockstep run may show. */
export const JUSTIFIED: readonly Justified[] = [
  {
    name: 'undefined flags',
    reason:
      "the row of the instruction leaves them undefined, and the reference's choice is not QEMU's (double shifts of words)",
    applies: (d) => d.undefinedFlagsOnly,
  },
  {
    name: 'first half of a store of 16 bytes',
    reason:
      'QEMU stores 16 bytes as two quadwords: the first is written when the second faults; the restart writes both again',
    applies: (d) => /^movu|^movdqu/i.test(d.instruction) && only(d, /^memory/),
  },
];

/**
 * Where Unicorn 2.0 (QEMU 5) does not do what hardware does, so that the Unicorn engine lets the reference run the instruction
 * (emu/unicorn/blocks.ts). Found by running the silicon tests' random cases on both (test/engines/random.ts).
 */
export const DEVIATIONS: readonly string[] = [
  'LOCK with CMP (#UD on hardware): Unicorn aborts the process while translating; where such an instruction is the first of a run it is kept away, inside a block it is not',
  'LOCK before instructions that do not allow it: no #UD',
  'exceptions: the first is never ended, hence the second page fault would be a double fault; ended by way of uc_context',
  'error codes and RF: not told, taken from the reference',
  'segment limits, code and read-only segments, null selectors in FS and GS: not checked',
  '#AC: none in user mode',
  'IN, OUT, INS, OUTS: no #GP at CPL 3, Unicorn has taken the check out for its hooks',
  'INT1: a breakpoint of QEMU instead of #DB',
  'SETcc to memory: flags are lost when the store faults',
  'RCL and RCR of memory: flags change before the store faults',
  'CMPXCHG8B: flags of the instructions before are lost',
  'LOCK NEG: wrong flags',
  'RET imm16: the number of bytes is taken for signed',
  'BSWAP of a word: another result than hardware',
  'LAR: bits 16 to 19 are 0; SMSW: bits 16 to 31 are 0',
  'TEST F6/1 and F7/1, NOP 0F18 to 0F1F of registers: #UD',
  'PUSHA, POPA, ENTER: partly done when an access faults',
  'CMPS: the second operand is read first, so that CR2 is its address when both fault',
  'x87: no last instruction and operand pointers, no sticky exception flags, transcendental functions by the host',
  'SSE: no #XM, no flags in MXCSR, no #GP for misaligned operands; 66 wins over F2 and F3',
  'MMX: the reference runs it, with the x87',
];
