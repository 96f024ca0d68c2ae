import { F32, F64, I32, I64, V128 } from './wasm-code.ts';

// The locals of every translated function, by number. The parameter, 0, is the entry.

export const ENTRY = 0;
/** The general registers, EAX first. */
export const REGISTER = 1;
/** Instructions left of the budget. */
export const LEFT = 9;
export const FLAGS = { eflags: 10, kind: 11, a: 12, b: 13, carryKind: 67, carryA: 68, carryB: 69 } as const;
/** The exit taken, and the EIP that control leaves for. */
export const EXIT = 14;
export const TARGET_EIP = 15;
export const FS_BASE = 16;
export const GS_BASE = 17;
/** 0 when "inexact" is masked and set already and rounding is to nearest; else 1. */
export const INEXACT = 39;
/** Addresses and values in flight within one instruction. */
export const T0 = 19;
export const T1 = 20;
export const T2 = 21;
export const T3 = 22;
export const T4 = 23;
export const W0 = 24;
export const W1 = 25;
export const XMM_LOCAL = 26;
export const V0 = 34;
export const V1 = 35;
export const D0 = 36;
export const D1 = 37;
export const D2 = 38;
export const S0 = 40;
export const S1 = 41;
export const S2 = 42;
/** The physical x87 registers, and what belongs to them in the state block. */
export const STACK = 43;
export const X87_A = 51;
export const X87_B = 52;
export const X87_SHAPE = 53;
export const X87_STATUS = 54;
export const X87_LAST = 55;
export const X87_NOTE = 56;
export const X87_OPERAND_NOTE = 57;
export const X87_DP = 58;
/** 0 when PE is set already; else 1. */
export const X87_INEXACT = 59;
/** Of each window (windows.ts) the first address and the number of addresses. */
export const WINDOW = 60;
/** Where what an access and others with it reach begins: of the others, and of the groups of a block. */
export const START = 66;
export const GROUP_STARTS = { first: 70, count: 8 } as const;

/** Their types, the parameter left out. */
export const LOCAL_TYPES: readonly number[] = [
  ...Array<number>(T4).fill(I32),
  I64,
  I64,
  ...Array<number>(10).fill(V128),
  F64,
  F64,
  F64,
  I32,
  F32,
  F32,
  F32,
  ...Array<number>(10).fill(F64),
  ...Array<number>(25).fill(I32),
];
