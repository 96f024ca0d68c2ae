import type { Kernel } from '../kern/kernel.ts';
import type { Thread } from '../kern/state.ts';
import type { SyscallEntry, SyscallResult } from '../kern/syscall-result.ts';

/**
 * What each kind of argument is, and whether the word on the stack is a signed number. `off` takes two words, low first. Dispatch,
 * traces and docs/syscalls.md go by it.
 */
export const ARG_KINDS = {
  int: { signed: true, about: 'a signed number' },
  uint: { signed: false, about: 'an unsigned number' },
  size: { signed: false, about: 'a number of bytes' },
  off: { signed: true, about: 'a signed 64-bit number in two words' },
  fd: { signed: true, about: 'a descriptor' },
  'at-fd': { signed: true, about: 'a descriptor of a folder, or AT_FDCWD' },
  pid: { signed: true, about: 'a process' },
  ptr: {
    signed: false,
    about: 'an address (or a value as large) that the call does not follow, or follows as another argument says',
  },
  in: { signed: false, about: 'the address of what the call reads' },
  out: { signed: false, about: 'the address of what the call writes' },
  inout: { signed: false, about: 'the address of what the call reads and writes' },
  'buf-in': { signed: false, about: 'the address of bytes to read; the next argument is their number' },
  'buf-out': { signed: false, about: 'the address of bytes to write; the result is their number' },
  str: { signed: false, about: 'the address of text with a NUL at its end' },
  mode: { signed: true, about: 'permissions' },
  signo: { signed: true, about: 'a signal' },
  'open-flags': { signed: true, about: 'O_ flags' },
  'at-flags': { signed: true, about: 'AT_ flags' },
  access: { signed: true, about: 'R_OK, W_OK, X_OK' },
  prot: { signed: true, about: 'PROT_ flags' },
  'map-flags': { signed: true, about: 'MAP_ flags' },
  'wait-options': { signed: true, about: 'options of wait4(2)' },
  flock: { signed: true, about: 'LOCK_ flags' },
  fcntl: { signed: true, about: 'an F_ command' },
  ioctl: { signed: false, about: 'a command of ioctl(2)' },
  whence: { signed: true, about: 'SEEK_SET, SEEK_CUR, SEEK_END' },
  ptrace: { signed: true, about: 'a PT_ request' },
  pad: { signed: false, about: 'a word that nobody looks at' },
} as const satisfies Record<string, { readonly signed: boolean; readonly about: string }>;

export type ArgKind = keyof typeof ARG_KINDS;

/** What a result is, where it is more than a number in EAX: an address, a 64-bit number in EDX:EAX, two numbers (EAX, EDX). */
export type ReturnKind = 'ptr' | 'off' | 'pair';

export type SyscallHandler = (k: Kernel, td: Thread, args: readonly number[], entry: SyscallEntry) => SyscallResult;

/** One system call. Source of numbers and arguments: FreeBSD 9.0 sys/kern/syscalls.master. */
export interface SyscallRow {
  readonly number: number;
  readonly name: string;
  readonly args: readonly (readonly [name: string, kind: ArgKind])[];
  readonly returns?: ReturnKind;
  /** The first release that has the call, where that came after 9.0. */
  readonly since?: string;
  readonly support: 'full' | 'partial';
  /** What is missing, when partial. */
  readonly note?: string;
  readonly handler: SyscallHandler;
}
