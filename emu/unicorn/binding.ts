import type { AddressSpace } from '../memory/address-space.ts';

/**
 * What the Unicorn engine needs of Unicorn, and nothing more. emu stays pure: the host side (src/host) finds a library and hands in
 * an implementation. Names and numbers are those of Unicorn's public interface, version 2.
 */

/** UC_X86_REG_*: numbers of registers. */
export const UC_EAX = 19;
export const UC_ECX = 22;
export const UC_EDX = 24;
export const UC_EBX = 21;
export const UC_ESP = 30;
export const UC_EBP = 20;
export const UC_ESI = 29;
export const UC_EDI = 23;
export const UC_EIP = 26;
export const UC_EFLAGS = 25;
export const UC_ES = 28;
export const UC_CS = 11;
export const UC_SS = 49;
export const UC_DS = 17;
export const UC_FS = 32;
export const UC_GS = 33;
export const UC_CR0 = 50;
export const UC_CR2 = 52;
export const UC_CR3 = 53;
export const UC_CR4 = 54;
export const UC_IDTR = 242;
export const UC_GDTR = 243;
export const UC_LDTR = 244;
export const UC_TR = 245;
/** A model-specific register: its number goes in with the buffer, uc_x86_msr. */
export const UC_MSR = 248;
/** Physical x87 registers 0 .. 7, ten bytes each. */
export const UC_FP0 = 82;
export const UC_FPCW = 246;
export const UC_FPSW = 31;
/** The full tag word, two bits a register. */
export const UC_FPTAG = 247;
/** XMM0 .. 7, sixteen bytes each. */
export const UC_XMM0 = 122;
export const UC_MXCSR = 249;

/** uc_err. */
export const UC_ERR_OK = 0;
export const UC_ERR_INSN_INVALID = 10;

/** UC_PROT_*. */
export const UC_PROT_READ = 1;
export const UC_PROT_ALL = 7;

/** Registers of at most 32 bits that are read and written in one call. */
export interface RegisterSet {
  /** One element a register, in the order asked for. */
  readonly values: Int32Array;
  /** From Unicorn into `values`. */
  read(): void;
  /** From `values` into Unicorn. */
  write(): void;
}

/** What Unicorn calls while it runs. Both may call `stop` and read registers, and must not throw. */
export interface UnicornEvents {
  /** UC_HOOK_BLOCK: a translated block of `sizeBytes` bytes is about to run. */
  block(address: number, sizeBytes: number): void;
  /** UC_HOOK_INTR: an exception or a software interrupt. */
  interrupt(vector: number): void;
}

/** One uc_engine in 32-bit mode whose physical memory is the 4 GiB that it was opened with. */
export interface UnicornInstance {
  registers(ids: readonly number[]): RegisterSet;
  /** A register of any size; a uc_x86_mmr is 24 bytes. */
  readWide(id: number, into: Uint8Array): void;
  writeWide(id: number, from: Uint8Array): void;
  /** A uc_context as bytes. It holds pointers: good for this instance only, and never to be kept in a file. Absent where the build has none. */
  newContext?(): Uint8Array;
  saveContext?(into: Uint8Array): void;
  restoreContext?(from: Uint8Array): void;
  /** Linear addresses at which a run ends before the instruction is translated; absent where the build has none. */
  setExits?(addresses: readonly number[]): void;
  /** Forgets code translated from a page, which must be present in the page tables. */
  dropTranslations(page: number): void;
  /** Forgets all cached page-table entries. */
  dropPageTables(): void;
  /**
   * When the instance cannot share memory: copies a page to it or back; absent where it shares.
   * The instance's memory is then of its own, and the engine keeps both in step.
   */
  pushPage?(page: number): void;
  pullPage?(page: number): void;
  /** uc_emu_start without an end; returns the uc_err. */
  start(address: number): number;
  stop(): void;
}

/** The memory of an address space. */
export type GuestMemory = AddressSpace['memory'];

export interface UnicornLibrary {
  /** For messages: which library, which version. */
  readonly name: string;
  open(memory: GuestMemory, events: UnicornEvents): UnicornInstance;
}
