import { silences } from '../../emu/faults/plan.ts';
import type { EventOf, FaultStory, Recovery, Runner } from './timeline.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

type RecoveryEvent = EventOf<
  'fault-detected' | 'core-removed' | 'recovery-start' | 'restart-step' | 'recovery-done' | 'recovery-failed'
>;
type OpenRecovery = Mutable<Omit<Recovery, 'steps'>> & { steps: EventOf<'restart-step'>[] };
type OpenFault = Mutable<Omit<FaultStory, 'recoveries' | 'recoveredAtNs' | 'recoveryNs'>>;

/** Tells which detection, removal, recovery and step belongs to which fault. */
export class RecoveryBuilder {
  private readonly faults: OpenFault[] = [];
  private readonly recoveries: OpenRecovery[] = [];

  fault(e: EventOf<'core-fault'>, running: Runner): void {
    this.faults.push({
      core: e.victim,
      model: e.model,
      atNs: e.ns,
      atInstruction: e.instruction,
      running,
      detectedAtNs: undefined,
      detectedBy: undefined,
      detectionLatencyNs: undefined,
      misses: undefined,
      removedAtNs: undefined,
    });
  }

  add(e: RecoveryEvent): void {
    switch (e.kind) {
      case 'fault-detected': {
        const fault = this.undetectedOf(e.victim);
        if (fault === undefined) return;
        fault.detectedAtNs = e.ns;
        fault.detectedBy = e.core;
        fault.detectionLatencyNs = e.latencyNs;
        fault.misses = e.misses;
        return;
      }
      case 'core-removed': {
        const fault = this.faults.findLast(({ core, detectedAtNs }) => core === e.victim && detectedAtNs !== undefined);
        if (fault !== undefined) fault.removedAtNs ??= e.ns;
        return;
      }
      case 'recovery-start':
        this.open(e.victim, e.pid, e.file, e.ns);
        return;
      case 'restart-step':
        this.recoveryOfStep(e).steps.push(e);
        return;
      case 'recovery-done': {
        const recovery = this.recoveryOfEnd(e);
        recovery.outcome = 'done';
        recovery.endNs = e.ns;
        recovery.fromNs = e.fromNs;
        return;
      }
      case 'recovery-failed': {
        const recovery = this.recoveryOfEnd(e);
        recovery.outcome = 'failed';
        recovery.endNs = e.ns;
        recovery.why = e.why;
        return;
      }
    }
  }

  done(): { faults: FaultStory[]; recoveries: Recovery[] } {
    // A flipped bit that nobody noticed is no story of a core: it stands among the marks.
    const told = this.faults.filter(({ model, detectedAtNs }) => silences(model) || detectedAtNs !== undefined);
    const faults = told.sort((a, b) => a.atNs - b.atNs || a.core - b.core);
    return { faults: faults.map((fault) => this.finish(fault)), recoveries: this.recoveries };
  }

  /** The fault of a core that is noticed now: the last one that silenced it, or else the last of any kind. */
  private undetectedOf(victim: number): OpenFault | undefined {
    const open = this.faults.filter(({ core, detectedAtNs }) => core === victim && detectedAtNs === undefined);
    return open.findLast(({ model }) => silences(model)) ?? open.at(-1);
  }

  private finish(fault: OpenFault): FaultStory {
    const { core, detectedAtNs } = fault;
    const nextNs = this.faults.find(
      (other) => other.core === core && other.atNs > fault.atNs && other.detectedAtNs,
    )?.atNs;
    const recoveries = this.recoveries.filter(
      (r) =>
        r.victim === core && detectedAtNs !== undefined && r.startNs >= fault.atNs && r.startNs < (nextNs ?? Infinity),
    );
    const allDone = recoveries.length > 0 && recoveries.every((r) => r.outcome === 'done');
    const recoveredAtNs = allDone ? Math.max(...recoveries.map((r) => r.endNs!)) : undefined;
    const recoveryNs =
      recoveredAtNs === undefined || detectedAtNs === undefined ? undefined : recoveredAtNs - detectedAtNs;
    return { ...fault, recoveries, recoveredAtNs, recoveryNs };
  }

  private open(victim: number | undefined, pid: number, file: string, startNs: number): OpenRecovery {
    const recovery: OpenRecovery = {
      victim,
      pid,
      file,
      startNs,
      steps: [],
      outcome: 'unfinished',
      endNs: undefined,
      fromNs: undefined,
      why: undefined,
    };
    this.recoveries.push(recovery);
    return recovery;
  }

  /** A restored process may have a pid of its own: then the step belongs to the recovery that was opened last. */
  private recoveryOfStep(e: EventOf<'restart-step'>): OpenRecovery {
    const isOpen = (r: OpenRecovery): boolean => r.outcome === 'unfinished';
    return (
      this.recoveries.findLast((r) => isOpen(r) && r.pid === e.pid) ??
      this.recoveries.findLast((r) => isOpen(r) && r.steps.some((step) => step.pid === e.pid)) ??
      this.recoveries.findLast((r) => isOpen(r) && r.victim !== undefined) ??
      this.open(undefined, e.pid, '', e.ns)
    );
  }

  private recoveryOfEnd(e: EventOf<'recovery-done' | 'recovery-failed'>): OpenRecovery {
    const ofVictim = (r: OpenRecovery): boolean => r.outcome === 'unfinished' && r.victim === e.victim;
    return (
      this.recoveries.findLast((r) => ofVictim(r) && r.pid === e.pid) ??
      this.recoveries.findLast((r) => ofVictim(r) && r.steps.some((step) => step.pid === e.pid)) ??
      this.recoveries.find(ofVictim) ??
      this.open(e.victim, e.pid, '', e.ns)
    );
  }
}
