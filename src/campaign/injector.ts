import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { UsageError } from '../../emu/base/errors.ts';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { readFileRange } from '../../kernel-sim/vfs/file-data.ts';
import type { HostFolders } from '../../kernel-sim/vfs/host-folder.ts';
import { allFiles } from '../../kernel-sim/vfs/memfs.ts';
import { type FinishedRun, finishedRun, machineOf } from '../recovery/finished-run.ts';
import { hangBoundNs } from '../recovery/hang-bound.ts';
import { judge } from '../recovery/outcome.ts';
import { processEnds } from '../recovery/results.ts';
import type { System } from '../system.ts';
import { GoldenRun, type IntervalStore } from './golden.ts';
import type { GoldenSummary, InjectionResult } from './records.ts';
import { alwaysOf, checkEnded, limitsOf, makeSystem, type Policy, type Workload } from './workload.ts';

/** Instructions between the first snapshots: short runs are sped up as well. Long ones end with fewer, farther apart. */
const SPACING = 16;

export interface InjectorOptions {
  /** False: every run starts at power-on instead of at a snapshot, and goes on to its end; for comparison. */
  readonly snapshots?: boolean;
  /** What several injectors of one workload and policy find out about its fault-free run and share; by default each keeps its own. */
  readonly intervals?: IntervalStore;
  /** For workloads with mounts. */
  readonly hostFolders?: HostFolders;
}

/** Injects faults into one workload under one policy, each from the nearest snapshot of the fault-free run. */
export class Injector {
  readonly summary: GoldenSummary;
  /** SHA-256 of every file of the host's that the fault-free run has read, as it left them, by path. */
  readonly hostFiles: Readonly<Record<string, string>>;
  private readonly workload: Workload;
  private readonly policy: Policy;
  private readonly goldenRun: GoldenRun;
  private readonly golden: FinishedRun;
  private readonly snapshots: boolean;
  private readonly hostFolders: HostFolders | undefined;
  private system: System;

  /** Runs the workload without faults. Errors: UsageError when it does not end. */
  constructor(workload: Workload, policy: Policy, { snapshots = true, intervals, hostFolders }: InjectorOptions = {}) {
    this.workload = workload;
    this.policy = policy;
    this.snapshots = snapshots;
    this.hostFolders = hostFolders;
    const system = this.makeSystem();
    this.goldenRun = new GoldenRun(system, limitsOf(workload), {
      spacing: SPACING,
      ...(intervals ? { intervals } : {}),
    });
    this.golden = finishedRun(system, checkEnded(this.goldenRun.stop), []);
    this.summary = {
      policy,
      digest: resultDigest(this.golden),
      endNs: this.golden.endNs,
      retired: system.machine.cores.map(({ retired }) => retired),
    };
    this.hostFiles = filesOfHost(system);
    this.system = this.makeSystem();
  }

  private makeSystem(faults: FaultPlan = []): System {
    const { policy, hostFolders } = this;
    return makeSystem(this.workload, { policy, faults, hostFolders });
  }

  /**
   * What comes of these faults, besides those that every run has. A failure of coreback itself is an outcome too: `emulator-bug`.
   * Errors: UsageError for faults that cannot be, and when a folder of the host is not what it was.
   */
  inject(faults: FaultPlan): InjectionResult {
    try {
      return this.run([...alwaysOf(this.workload), ...faults]);
    } catch (error) {
      // The system may be broken; the next run gets another.
      this.system = this.makeSystem();
      if (error instanceof UsageError) throw error;
      return brokenRun(error);
    }
  }

  private run(faults: FaultPlan): InjectionResult {
    const { golden } = this;
    if (!this.snapshots) this.system = this.makeSystem(faults);
    const { system } = this;
    const limits = { untilNs: hangBoundNs(golden.endNs, faults, machineOf(system)) + 1 };
    const stop = this.snapshots ? this.goldenRun.inject(system, faults, limits).stop : system.run(limits);
    const run = finishedRun(system, stop, faults);
    return {
      outcome: judge(run, golden),
      ...detectionFigures(run.events),
      ...rollbackFigures(run.events),
      endNs: run.endNs,
      digest: resultDigest(run),
    };
  }
}

/** What is recorded of a run in which coreback itself has failed. */
export function brokenRun(error: unknown): InjectionResult {
  const { name, message } = error as Error;
  return { outcome: 'emulator-bug', endNs: 0, digest: '', error: `${name}: ${message}` };
}

function filesOfHost({ kernel }: System): Record<string, string> {
  const files: Record<string, string> = {};
  for (const { path, vnode } of allFiles(kernel)) {
    if (vnode.type === 'reg' && vnode.host?.isRead)
      files[path] = bytesToHex(sha256(readFileRange(vnode.data, 0, vnode.data.size)));
  }
  return files;
}

/** The first detection. */
function detectionFigures(
  events: readonly TraceEvent[],
): Pick<InjectionResult, 'detectedBy' | 'latencyNs' | 'latencyInstructions'> {
  const detected = events.find((event) => event.kind === 'fault-detected');
  if (!detected) return {};
  const { by: detectedBy, latencyNs, latencyInstructions } = detected;
  return latencyNs < 0 ? { detectedBy } : { detectedBy, latencyNs, latencyInstructions };
}

/** What the rollbacks threw away: what was done from the checkpoint until the fault struck, or on a core that went on with it, until it was noticed. */
function rollbackFigures(events: readonly TraceEvent[]): Pick<InjectionResult, 'lostNs' | 'rollbacks'> {
  const noticed = new Map<number, { readonly struckNs: number; readonly ns: number }>();
  let lostNs = 0;
  let rollbacks = 0;
  for (const event of events) {
    const { ns } = event;
    if (event.kind === 'fault-detected' && event.latencyNs >= 0)
      noticed.set(event.victim, { struckNs: ns - event.latencyNs, ns });
    if (event.kind !== 'recovery-done') continue;
    rollbacks++;
    const fault = noticed.get(event.victim) ?? { struckNs: ns, ns };
    const untilNs = fault.struckNs > event.fromNs ? fault.struckNs : fault.ns;
    lostNs += Math.max(0, untilNs - event.fromNs);
  }
  return rollbacks > 0 ? { lostNs, rollbacks } : {};
}

/** Digest of what the judge compares: what every process wrote, seen through rollbacks, how it ended, and the files. */
function resultDigest(run: FinishedRun): string {
  const ends = processEnds(run)
    .map((end) => JSON.stringify(end))
    .sort();
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify([ends, run.files])))).slice(0, 16);
}
