import type { Kernel } from '../kern/kernel.ts';
import type { Thread } from '../kern/state.ts';
import type { SyscallEntry, SyscallResult } from '../kern/syscall-result.ts';

/**
 * How an argument is taken from the stack: `int` signed, `uint` and `ptr` unsigned, `off` a signed 64-bit number in two words
 * (low first), `str` a pointer to a path (shown as text in traces), `fd` a descriptor.
 */
export type ArgKind = 'int' | 'uint' | 'ptr' | 'str' | 'fd' | 'off' | 'pid' | 'size' | 'pad';

export type SyscallHandler = (k: Kernel, td: Thread, args: readonly number[], entry: SyscallEntry) => SyscallResult;

/** One system call. Source of numbers and arguments: FreeBSD 9.0 sys/kern/syscalls.master. */
export interface SyscallRow {
  readonly number: number;
  readonly name: string;
  readonly args: readonly (readonly [name: string, kind: ArgKind])[];
  readonly support: 'full' | 'partial';
  /** What is missing, when partial. */
  readonly note?: string;
  readonly handler: SyscallHandler;
}
