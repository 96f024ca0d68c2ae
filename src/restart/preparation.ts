import { PATH_MAX } from '../../kernel-sim/abi/fcntl.ts';

/** What the child has to be made to do before the core's contents fit into it. */
export type Preparation =
  /** A store at `start`: the stack grows down to it. */
  { readonly kind: 'grow'; readonly start: number; readonly end: number } | InjectedCall;

/** A system call that the child makes itself. */
export interface InjectedCall {
  readonly kind: 'call';
  readonly step: 'map' | 'threads' | 'signals';
  /** In words, for the log. */
  readonly what: string;
  readonly number: number;
  readonly args: readonly Word[];
  /** What is put into memory for the time of the call; at most INJECTED_DATA_MAX. */
  readonly data: readonly Word[];
  /** Which of the core's threads makes it. */
  readonly thread: number;
  /** Its result is what 'kept' means from now on. */
  readonly keep?: boolean;
}

/** A doubleword, the address of the byte `at` of the call's data, or the result of the last call that was to be kept. */
export type Word = number | { readonly at: number } | 'kept';

/** Enough for a path. */
export const INJECTED_DATA_MAX = PATH_MAX / 4;

/** The address of a call's data. */
export const DATA: Word = { at: 0 };

export function call(
  step: InjectedCall['step'],
  what: string,
  number: number,
  args: InjectedCall['args'],
  more: Partial<Pick<InjectedCall, 'data' | 'thread' | 'keep'>> = {},
): InjectedCall {
  return { kind: 'call', step, what, number, args, data: [], thread: 0, ...more };
}
