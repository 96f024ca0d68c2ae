import type { AddressSpace } from '../memory/address-space.ts';
import { type CoreState, EXIT_VECTOR } from './core-state.ts';

/** Why an engine returned. */
export const EXIT_BUDGET = 0;
/**
 * A CPU exception: EXIT_VECTOR and EXIT_ERROR_CODE say which, CR2 where for #PF. For faults EIP is at the instruction, which
 * had no effect and was not retired; for traps (#BP, #OF, single-step and data-breakpoint #DB) EIP is after it and it was retired.
 */
export const EXIT_EXCEPTION = 1;
/** `int 0x80` (EIP after it) or a far call through the system-call gate `lcall $7,$0`; retired. */
export const EXIT_SYSCALL = 2;
export type EngineExit = typeof EXIT_BUDGET | typeof EXIT_EXCEPTION | typeof EXIT_SYSCALL;

/** Vectors (SDM Vol. 3, Exception and Interrupt Reference). */
export const VECTOR_DE = 0;
export const VECTOR_DB = 1;
export const VECTOR_BP = 3;
export const VECTOR_OF = 4;
export const VECTOR_BR = 5;
export const VECTOR_UD = 6;
export const VECTOR_NM = 7;
export const VECTOR_DF = 8;
export const VECTOR_TS = 10;
export const VECTOR_NP = 11;
export const VECTOR_SS = 12;
export const VECTOR_GP = 13;
export const VECTOR_PF = 14;
export const VECTOR_MF = 16;
export const VECTOR_AC = 17;
export const VECTOR_MC = 18;
export const VECTOR_XM = 19;

/** Gate of FreeBSD's system call. */
export const VECTOR_SYSCALL = 0x80;

/** #PF error code bits. */
export const PF_PRESENT = 1;
export const PF_WRITE = 2;
export const PF_USER = 4;

/**
 * Whether the instruction that ended a run was retired: all but faults are. A #DB is taken for a trap, which it is unless a breakpoint
 * on an instruction is set.
 */
export function isRetired({ i32 }: CoreState, exit: EngineExit): boolean {
  if (exit !== EXIT_EXCEPTION) return true;
  const vector = i32[EXIT_VECTOR]!;
  return vector === VECTOR_DB || vector === VECTOR_BP || vector === VECTOR_OF;
}

export interface Engine {
  readonly name: string;
  /**
   * All that a run leaves behind is in the core's block and in the space: what is taken back there can be done again, which is worth it where it
   * saves each core so many turns. Engines that tell somebody what they run leave it out.
   */
  readonly trialMin?: number;
  /**
   * Runs user-mode code until something needs the kernel or exactly `budget` instructions have been retired
   * (`core.retired` tells how many; it never exceeds `budget`). `budget` is an integer from 1 to 2^31 - 1.
   * An exit of kind EXCEPTION or SYSCALL wins over BUDGET when both happen at the same instruction.
   */
  run(core: CoreState, space: AddressSpace, budget: number): EngineExit;
  /**
   * As `run`, for cores that take turns while nobody looks at them: until `settle` the engine may keep the state of every core that it has been
   * called for elsewhere. `core.retired` is exact. Engines that gain nothing by it leave both out.
   */
  takeTurn?(core: CoreState, space: AddressSpace, budget: number): EngineExit;
  settle?(): void;
}
