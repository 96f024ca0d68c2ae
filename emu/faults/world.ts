import type { CpuId } from '../base/brand.ts';
import type { CoreState } from '../core/core-state.ts';
import type { AddressSpace } from '../memory/address-space.ts';

/** What a fault can change of a core. The machine's cores have it. */
export interface FaultyCore {
  readonly id: CpuId;
  readonly state: CoreState;
  readonly retired: number;
  readonly clockNs: number;
  /** It retires nothing and answers nobody. */
  failed: boolean;
  /** When the last fault struck that its silence can be put down to. */
  failedAtNs: number;
  /** What it held in registers is gone with it. */
  registersLost: boolean;
  /** Every instruction takes so many times as long; 1 on a sound core. */
  slowdown: number;
  /** When the fault struck that it shows, if nobody has noticed that yet: in ns, and in its retired instructions. For reports. */
  struck: { readonly ns: number; readonly instruction: number } | null;
}

/** A process of i386 code, as a fault finds it on a core. */
export interface Guest {
  readonly name: string;
  readonly space: AddressSpace;
}

/** What the faults ask of the kernel. It is part of the machine's TrapHandler. */
export interface FaultSite {
  /** The process whose thread this core runs; null when it is idle or runs a program of the kernel's own. */
  guestOn(core: { readonly id: CpuId }): Guest | null;
  /** The memory of the process of this name, of the oldest when there are several; null when there is none. */
  guestNamed(name: string): AddressSpace | null;
  /** Name of the process whose thread the core runs; '' when idle. */
  processName(core: { readonly id: CpuId }): string;
  /** False once the kernel has taken the core out for good. */
  inService(core: { readonly id: CpuId }): boolean;
  /** An interrupt that no device asked for reaches the core. */
  strayInterrupt(core: { readonly id: CpuId }, vector: number): void;
}

/** A machine check that the kernel is to be told of. */
export interface MachineCheck {
  readonly victim: number;
  readonly bank: number;
  /** MCi_STATUS and MCi_ADDR in hexadecimal. */
  readonly status: string;
  readonly address: string;
}

/** How the writing of a checkpoint goes wrong. */
export type WriteFailure =
  | { readonly failure: 'torn' | 'error'; readonly atByte: number }
  | { readonly failure: 'bit-flip'; readonly atByte: number; readonly bit: number };

/**
 * What the kernel tells the faults while it works, so that they can strike there. After each of these the core may be gone
 * (`failed`): the kernel then gets no further with what it was doing on it.
 */
export interface FaultHooks {
  /** Whether `systemCall` is to be told of system calls at all. */
  readonly awaitsSystemCall: boolean;
  /** A thread of `process` has made the system call `name` on this core; the kernel has not begun with it. */
  systemCall(core: number, process: string, name: string): void;
  /** This core writes a checkpoint of `process`, `bytes` long. Returns what goes wrong with it, or null. */
  checkpoint(core: number, process: string, bytes: number): WriteFailure | null;
  /** An attempt, counted from 1, to bring back the process `pid` begins. */
  recoveryBegins(pid: number, attempt: number): void;
  /** This core is about to do a step of the restart of `pid`. */
  recoveryStep(core: number, pid: number, step: string): void;
  /** The thread that the core runs is taken off it: its registers are in memory from now on. */
  threadLeaves(core: number): void;
  /** An interrupt for this core: false when it never gets there. */
  interruptReaches(core: number): boolean;
}

/** A kernel without a machine, as tests have it. */
export const NO_FAULTS: FaultHooks = {
  awaitsSystemCall: false,
  systemCall: () => {},
  checkpoint: () => null,
  recoveryBegins: () => {},
  recoveryStep: () => {},
  threadLeaves: () => {},
  interruptReaches: () => true,
};
