import { cpuId } from '../../emu/base/brand.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import type { Suspect } from './state.ts';

/** How the kernel has learnt of a fault. */
export const DETECTORS = ['heartbeat', 'machine-check', 'self-test', 'duplicate'] as const;
export type DetectedBy = (typeof DETECTORS)[number];

/** What the kernel knows of a fault of a core. */
export interface FaultReport {
  readonly core: KernelCore;
  readonly by: DetectedBy;
  /** It will happen again: the core cannot be used any more. */
  readonly permanent: boolean;
  /** When it was noticed, where that is not the time of the core that serves the interrupt. */
  readonly noticedNs?: number;
  /** Polls that it has not answered. */
  readonly misses?: number;
  /** Processes that the core has misled since it was last known to be sound; absent: the one that it runs now. */
  readonly suspects?: readonly Suspect[];
  /** A page whose bytes are wrong, while the registers are good: a linear address of the process that the core runs. */
  readonly corruptAddress?: number;
}

/** Tells the world, with the time that it took. */
export function reportDetection(k: Kernel, { core, by, misses = 0, noticedNs = k.now() }: FaultReport): void {
  const { struck } = core;
  const latencyNs = struck ? noticedNs - struck.ns : -1;
  const latencyInstructions = struck ? core.retired - struck.instruction : -1;
  k.emit({ kind: 'fault-detected', victim: cpuId(core.id), by, latencyNs, latencyInstructions, misses }, noticedNs);
  core.struck = null;
}
