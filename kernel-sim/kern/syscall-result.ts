import type { Errno } from '../abi/ids.ts';
import type { ShownResult, Wakeup } from './state.ts';

/** What a system-call handler says. */
export type SyscallResult =
  /** Success: EAX, and EDX where the call has a second result. */
  | { readonly kind: 'return'; readonly eax: number; readonly edx?: number }
  | { readonly kind: 'error'; readonly errno: Errno }
  /** ERESTART: the call is made again after the signal (EIP goes back to the instruction), or EINTR if the handler says so. */
  | { readonly kind: 'restart' }
  /** EJUSTRETURN: registers are as the handler left them. */
  | { readonly kind: 'justreturn' }
  /** The thread sleeps; the handler runs again, with `resume`, when it is woken. */
  | {
      readonly kind: 'sleep';
      readonly wchan: string;
      readonly wmesg: string;
      readonly deadlineNs?: number | null;
      readonly interruptible?: boolean;
      readonly resume?: unknown;
      /** Absent: the call can be made again from the start. */
      readonly shown?: ShownResult;
    };

/** How a handler was entered. */
export interface SyscallEntry {
  /** `first` at the call itself; otherwise why the sleep ended. */
  readonly woken: 'first' | Wakeup;
  /** What the handler gave with its last sleep. */
  readonly resume: unknown;
}

export const FIRST_ENTRY: SyscallEntry = { woken: 'first', resume: undefined };

export const ok = (eax = 0, edx?: number): SyscallResult =>
  edx === undefined ? { kind: 'return', eax } : { kind: 'return', eax, edx };
export const fail = (errno: Errno): SyscallResult => ({ kind: 'error', errno });
/** How many items of a list as long as the guest likes a call looks at before others run. */
export const ITEMS_AT_ONCE = 1024;

/** FreeBSD maybe_yield: a call that has much to do goes on when others have run. */
export const giveWay = (k: { now(): number }, resume: unknown): SyscallResult => ({
  kind: 'sleep',
  wchan: '',
  wmesg: 'yield',
  deadlineNs: k.now() + 1,
  interruptible: false,
  resume,
});
export const RESTART: SyscallResult = { kind: 'restart' };
export const JUST_RETURN: SyscallResult = { kind: 'justreturn' };
