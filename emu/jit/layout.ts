import { ENGINE_AREA } from '../memory/address-space.ts';

// What the translated code keeps in the memory of each space, above all that user mode may touch.

/** Byte offset of the registers while translated code runs; doubleword indices below count from here. */
export const STATE = ENGINE_AREA;
/** 0..7 are the general registers, in the order of core-state.ts. */
export const S_EIP = 8;
export const S_EFLAGS = 9;
/** The arithmetic flags as lazy-flags.ts has them. */
export const S_KIND = 10;
export const S_FLAG_A = 11;
export const S_FLAG_B = 12;
/** Instructions left of the budget. */
export const S_LEFT = 13;
export const S_FS_BASE = 14;
export const S_GS_BASE = 15;
export const S_MXCSR = 16;
/** Of the x87 (x87-state.ts): TOP and what is filled, status word without TOP, what C1 depends on, the last instruction and operand. */
export const S_X87_SHAPE = 17;
export const S_X87_STATUS = 18;
export const S_X87_LAST = 19;
export const S_X87_NOTE = 20;
export const S_X87_OPERAND_NOTE = 21;
export const S_X87_DP = 22;
/** The state of the flags that CF comes from after an increment. */
export const S_CARRY_KIND = 23;
export const S_CARRY_A = 24;
export const S_CARRY_B = 25;
/** (function << 8 | entry) of the single step (steps.ts) in front of which the budget has ended; 0 when it has not, or elsewhere. */
export const S_RESUME = 26;
/** The x87's control word. */
export const S_X87_CONTROL = 30;
/** Indices of doubles: the eight physical registers, and the operands that C1 depends on. */
export const S_X87_REGISTERS = 32;
export const S_X87_A = 40;
export const S_X87_B = 41;
/** Of each window (windows.ts) the first address and the number of addresses; then of each an address that has missed it, or 0. */
export const S_WINDOWS = 96;
export const S_WINDOWS_MISSED = 102;
/** Byte offset from STATE: XMM0 .. XMM7. */
export const S_XMM_BYTES = 128;

/** The code maps (code-map.ts) of regions, and of single steps. */
export const REGION_MAP = { at: ENGINE_AREA + 0x10000, size: 4096 };
export const STEP_MAP = { at: ENGINE_AREA + 0x18000, size: 1024 };

/** An entry number fits the low byte of a code-map value. */
export const ENTRIES_MAX = 255;
