// A record is eight doublewords. Its instruction's successor in memory is the next record, which always exists.
export const RECORD_SIZE = 8;
/** Micro-op number. */
export const R_OP = 0;
/** Destination register, or the register beside a memory operand; byte registers as byte offsets in the state block. */
export const R_A = 1;
/** Base register, or source register; ABSENT when there is none. */
export const R_BASE = 2;
/** Index register, with the scale's shift count from bit 8 on. */
export const R_INDEX = 3;
/** Displacement; EIP of a branch target. */
export const R_DISP = 4;
/** Immediate, condition or ALU operation; of branches and GOTO the target's record, 0 = not yet linked. */
export const R_IMM = 5;
/** EIP of the instruction. */
export const R_EIP = 6;
/** Index of the `Insn`. */
export const R_INSN = 7;
