import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import { DEFAULT_FAULT_GENERATOR } from '../../emu/machine/fault-generator.ts';
import type { Stop } from '../../emu/machine/machine.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import type { Kernel } from '../../kernel-sim/kern/kernel.ts';
import type { FileData } from '../../kernel-sim/kern/state.ts';
import { readFileRange } from '../../kernel-sim/vfs/file-data.ts';
import { isAsOnHost } from '../../kernel-sim/vfs/host-folder.ts';
import { allFiles } from '../../kernel-sim/vfs/memfs.ts';
import type { System } from '../system.ts';

/** What the judge needs to know of a run that is over. Data: it may come from a worker or a file. */
export interface FinishedRun {
  readonly events: readonly TraceEvent[];
  readonly stop: Stop;
  /** End of the run: no event is later. */
  readonly endNs: number;
  readonly faults: FaultPlan;
  /** What the guest has written: SHA-256 of each file by path, '' for those that stand as they were put in. */
  readonly files: Readonly<Record<string, string>>;
  readonly machine: RunMachine;
}

/** What the bound of a hang depends on (hang-bound.ts). */
export interface RunMachine {
  readonly cores: number;
  readonly cycleNs: number;
  /** No fault of a core that is ever noticed is noticed later than this, in ns. */
  readonly detectionNs: number;
}

/** A core file tells of the run and of its moment; it is no result of the program. */
const CORE_FILE = /(^|\/)(core\.\d+(\.\d+)?|[^/]+\.core)$/;

/** Sums up a run for the judge. `faults`: those that were planned. */
export function finishedRun(system: System, stop: Stop, faults: FaultPlan): FinishedRun {
  return {
    events: system.events,
    stop,
    endNs: endOf(system),
    faults,
    files: writtenFiles(system.kernel),
    machine: machineOf(system),
  };
}

export function machineOf({ kernel, machine }: System): RunMachine {
  const { periodNs, deadlineNs, misses } = machine.config.faultGenerator ?? DEFAULT_FAULT_GENERATOR;
  const { cores, cycleNs } = kernel.config;
  return { cores, cycleNs, detectionNs: periodNs * (misses + 1) + deadlineNs };
}

/** The end of a run: no event is later. */
export function endOf(system: System): number {
  let end = system.machine.nowNs;
  for (const { ns } of system.events) if (ns > end) end = ns;
  return end;
}

function writtenFiles(k: Kernel): Record<string, string> {
  const files: Record<string, string> = {};
  for (const { path, vnode } of allFiles(k)) {
    if (CORE_FILE.test(path) || isAsOnHost(k, vnode)) continue;
    if (vnode.type === 'lnk') files[path] = `-> ${vnode.target}`;
    // Nothing that the guest does happens at time 0, when files are put in.
    else if (vnode.type === 'reg') files[path] = vnode.modifyNs === 0 ? '' : hashOf(vnode.data);
  }
  return files;
}

const hashOf = (data: FileData): string => bytesToHex(sha256(readFileRange(data, 0, data.size)));
