import { F64, I32, I64, V128 } from './wasm-code.ts';

// The locals of every translated function, by number. The parameter, 0, is the entry.

export const ENTRY = 0;
/** The general registers, EAX first. */
export const REGISTER = 1;
/** Instructions left of the budget. */
export const LEFT = 9;
export const FLAGS = { eflags: 10, kind: 11, a: 12, b: 13 } as const;
/** The exit taken, and the EIP that control leaves for. */
export const EXIT = 14;
export const TARGET_EIP = 15;
export const FS_BASE = 16;
export const GS_BASE = 17;
export const MXCSR_LOCAL = 18;
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

/** Their types, the parameter left out. */
export const LOCAL_TYPES: readonly number[] = [
  ...Array<number>(T4).fill(I32),
  I64,
  I64,
  ...Array<number>(10).fill(V128),
  F64,
  F64,
  F64,
];
