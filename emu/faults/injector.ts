import { assert } from '../base/errors.ts';
import { Prng } from '../base/prng.ts';
import { sameValue } from '../base/same-value.ts';
import { EFLAGS, FLAG_IF } from '../core/core-state.ts';
import type { Engine } from '../core/engine.ts';
import type { MachineEvent } from '../machine/events.ts';
import { checkFaultPlan } from './check-plan.ts';
import { describeEffect } from './describe.ts';
import { advanceRate, type CoreFaultState, copyFaultState, type FaultState, initialFaultState } from './fault-state.ts';
import { FLAG_VM, reloadBases } from './flip.ts';
import type { FaultPlan, FaultSpec, FaultTrigger } from './plan.ts';
import { SteppingEngine } from './stepping-engine.ts';
import { strikeCore } from './strike.ts';
import type { FaultHooks, FaultSite, FaultyCore, MachineCheck, WriteFailure } from './world.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** The plan, and how far it has come. */
export interface FaultsSnapshot {
  readonly plan: FaultPlan;
  readonly state: FaultState;
}

type Spec<A extends FaultTrigger['at']> = FaultSpec & { readonly trigger: Extract<FaultTrigger, { at: A }> };

/**
 * The faults of a plan: watches for their triggers, and changes what hardware would change when they strike. The machine asks it where to
 * stop a core and what is due; the kernel tells it what it is about to do (`FaultHooks`). What has changed by the time that a snapshot is
 * taken is in the snapshot, all of it JSON data.
 */
export class FaultInjector implements FaultHooks {
  private plan: FaultPlan = [];
  private readonly cores: readonly FaultyCore[];
  private readonly emit: (event: MachineEvent) => void;
  private site: FaultSite | null = null;
  private state: FaultState;
  private readonly stepping = new SteppingEngine();
  /** Faults of the plan by the kind of their triggers; the kinds that a plan does not have cost nothing. Derived. */
  private readonly byTrigger = new Map<FaultTrigger['at'], number[]>();

  constructor(plan: FaultPlan, cores: readonly FaultyCore[], emit: (event: MachineEvent) => void) {
    this.cores = cores;
    this.emit = emit;
    this.state = initialFaultState([], cores.length);
    this.arm(plan);
  }

  /** From here on the faults of this plan may strike, and no others; what has struck keeps its effects. Errors: as checkFaultPlan. */
  arm(plan: FaultPlan): void {
    this.plan = checkFaultPlan(plan, this.cores.length);
    this.state = { ...initialFaultState(plan, this.cores.length), cores: this.state.cores };
    this.byTrigger.clear();
    plan.forEach(({ trigger }, index) => {
      this.byTrigger.set(trigger.at, [...(this.byTrigger.get(trigger.at) ?? []), index]);
    });
  }

  /** The kernel that the faults ask about processes. Called once, before anything runs. */
  attach(site: FaultSite): void {
    this.site = site;
  }

  snapshot(): FaultsSnapshot {
    return { plan: this.plan, state: copyFaultState(this.state) };
  }

  restore({ plan, state }: FaultsSnapshot): void {
    this.arm(plan);
    this.state = copyFaultState(state);
  }

  // ---- what the machine asks -------------------------------------------------------------------------------------------

  /** When the next thing happens that depends on time alone; Infinity when nothing will. */
  nextTimeNs(nowNs: number): number {
    let next = NEVER;
    for (const [index] of this.armed('time')) next = Math.min(next, this.triggerOf<'time'>(index).ns);
    for (const [, { nextNs }] of this.armed('rate')) next = Math.min(next, nextNs);
    for (const [index] of this.armed('process')) {
      const { ns } = this.triggerOf<'process'>(index);
      if (ns > nowNs) next = Math.min(next, ns);
    }
    for (const { backNs, slowUntilNs } of this.state.cores)
      next = Math.min(next, backNs ?? NEVER, slowUntilNs ?? NEVER);
    return next;
  }

  /** The machine's clock has come to `nowNs`. */
  advance(nowNs: number): void {
    this.cores.forEach((core, n) => {
      this.endOfSpell(core, this.state.cores[n]!, nowNs);
    });
    for (const [index, progress] of this.armed('time')) {
      const { core, ns } = this.triggerOf<'time'>(index);
      if (ns > nowNs) continue;
      progress.spent = true;
      this.strike(index, this.cores[core]!, nowNs);
    }
    for (const [index, progress] of this.armed('rate')) {
      const { core, meanNs, maxCount } = this.triggerOf<'rate'>(index);
      while (!progress.spent && progress.nextNs <= nowNs) {
        progress.count++;
        progress.spent = progress.count === maxCount;
        advanceRate(progress, new Prng(progress.prng!), meanNs);
        this.strike(index, this.cores[core]!, nowNs);
      }
    }
  }

  /** What was for a time only is over. */
  private endOfSpell(core: FaultyCore, faults: CoreFaultState, nowNs: number): void {
    if (faults.backNs !== null && faults.backNs <= nowNs) {
      faults.backNs = null;
      if (this.theSite.inService(core)) {
        core.failed = false;
        this.emit({ ...placeOf(core, nowNs), kind: 'core-back', victim: core.id });
      }
    }
    if (faults.slowUntilNs !== null && faults.slowUntilNs <= nowNs) {
      faults.slowUntilNs = null;
      core.slowdown = 1;
    }
  }

  /** Nothing has to be done in front of any instruction, or when a core begins to run something: `nextTimeNs` and `stopAt` say it all. */
  get areQuiet(): boolean {
    if (this.plan.length === 0) return true;
    if (this.armed('pc').length > 0 || this.armed('process').length > 0) return false;
    return this.cores.every((core, n) => !this.isDefective(core, this.state.cores[n]!));
  }

  /** The count of retired instructions at which this core has to stop; Infinity when no such fault is armed. */
  stopAt(core: FaultyCore): number {
    let next = NEVER;
    for (const [index] of this.armed('instruction')) {
      const trigger = this.triggerOf<'instruction'>(index);
      if (trigger.core === core.id && trigger.instruction < next) next = trigger.instruction;
    }
    return next;
  }

  /** The core has come to where it is: after so many instructions, or in front of one that is watched for. */
  arrive(core: FaultyCore): void {
    for (const [index, progress] of this.armed('instruction')) {
      const trigger = this.triggerOf<'instruction'>(index);
      if (trigger.core !== core.id || trigger.instruction > core.retired) continue;
      progress.spent = true;
      this.strike(index, core, core.clockNs);
    }
    for (const [index, progress] of this.armed('pc')) {
      const { hits } = this.triggerOf<'pc'>(index);
      if (progress.count < hits || progress.lastHit?.[0] !== core.id) continue;
      progress.spent = true;
      this.strike(index, core, core.clockNs);
    }
  }

  /** The core is about to run a thread: what waits for its process strikes, and what is due before its first instruction. */
  beforeRun(core: FaultyCore): void {
    if (core.retired === 0) this.arrive(core);
    if (!this.byTrigger.has('process')) return;
    const name = this.theSite.processName(core);
    for (const [index, progress] of this.armed('process')) {
      const { process, ns } = this.triggerOf<'process'>(index);
      if (process !== name || ns > core.clockNs) continue;
      progress.spent = true;
      this.strike(index, core, core.clockNs);
    }
  }

  /** The engine for the next run of this core: the machine's own, unless something has to be done between two instructions. */
  engineFor(core: FaultyCore, engine: Engine): Engine {
    if (this.plan.length === 0) return engine;
    const faults = this.state.cores[core.id]!;
    const watched = this.watchedOn(core);
    const isDefective = this.isDefective(core, faults);
    if (!isDefective && watched.length === 0) return engine;
    const watch = {
      addresses: new Set(watched.map((index) => this.triggerOf<'pc'>(index).address)),
      stops: (linear: number, done: number) => this.hit(core, watched, linear, core.retired + done),
    };
    return this.stepping.with(isDefective ? faults : null, watch);
  }

  /** Every instruction of this core needs looking after. */
  private isDefective({ state }: FaultyCore, faults: CoreFaultState): boolean {
    const { stuckBits, wrongUnits, cachedBytes } = faults;
    const isWrong = stuckBits.length > 0 || wrongUnits.length > 0 || cachedBytes.length > 0;
    return isWrong || (state.i32[EFLAGS]! & FLAG_VM) !== 0;
  }

  /** The engine for what this core runs besides its own thread: nothing there is watched for, but the core is no better for it. */
  engineForCopy(core: FaultyCore, engine: Engine): Engine {
    const { stuckBits, wrongUnits } = this.state.cores[core.id]!;
    if (stuckBits.length === 0 && wrongUnits.length === 0) return engine;
    return this.stepping.with({ stuckBits, wrongUnits, cachedBytes: [] }, null);
  }

  /** The faults that watch for an instruction of what this core runs. */
  private watchedOn(core: FaultyCore): number[] {
    const watched: number[] = [];
    for (const [index] of this.armed('pc')) {
      const { core: only, process } = this.triggerOf<'pc'>(index);
      if (only !== undefined && only !== core.id) continue;
      if (process !== undefined && process !== this.theSite.guestOn(core)?.name) continue;
      watched.push(index);
    }
    return watched;
  }

  /** The core is about to execute the instruction at `linear`. True when a fault is due first. */
  private hit(core: FaultyCore, watched: readonly number[], linear: number, retired: number): boolean {
    let due = false;
    for (const index of watched) {
      const { address, hits } = this.triggerOf<'pc'>(index);
      const progress = this.state.progress[index]!;
      if (address !== linear || progress.spent) continue;
      if (progress.lastHit?.[0] === core.id && progress.lastHit[1] === retired) continue;
      progress.lastHit = [core.id, retired];
      progress.count++;
      if (progress.count === hits) due = true;
    }
    return due;
  }

  /** The thread of this core enters the kernel by a trap. */
  entersKernel(core: FaultyCore): void {
    const faults = this.state.cores[core.id]!;
    if (faults.wrongBases.length === 0) return;
    reloadBases(core.state, faults.wrongBases);
    faults.wrongBases = [];
  }

  /** Cores that are away and will be back. */
  get someAreBackLater(): boolean {
    return this.state.cores.some(({ backNs }) => backNs !== null);
  }

  /** True while the core, though it runs, may fail to answer a poll. */
  mayMissPolls(core: FaultyCore): boolean {
    return this.state.cores[core.id]!.lostInterrupts > 0 || core.slowdown > 1;
  }

  /** No fault is still to come, and those that came have left nothing behind that acts later. */
  get areOver(): boolean {
    const { progress, cores, waitingWrites, machineChecks } = this.state;
    const sound = initialFaultState([], cores.length).cores;
    const spent = progress.every((each) => each.spent) && waitingWrites.length === 0 && machineChecks.length === 0;
    return spent && sameValue(cores, sound);
  }

  /** Machine checks since this was last asked. */
  takeMachineChecks(): readonly MachineCheck[] {
    if (this.state.machineChecks.length === 0) return [];
    const checks = this.state.machineChecks.map(({ core, fault }) => {
      const spec = this.plan[fault]!;
      assert(spec.model === 'machine-check', `fault ${fault} is no machine check`);
      return { victim: core, bank: spec.bank, status: spec.status, address: spec.address ?? '' };
    });
    this.state.machineChecks = [];
    return checks;
  }

  // ---- what the kernel tells -------------------------------------------------------------------------------------------

  get awaitsSystemCall(): boolean {
    return this.byTrigger.has('syscall');
  }

  systemCall(core: number, process: string, name: string): void {
    for (const [index, progress] of this.armed('syscall')) {
      const trigger = this.triggerOf<'syscall'>(index);
      if ((trigger.name ?? name) !== name || (trigger.process ?? process) !== process) continue;
      if ((trigger.core ?? core) !== core) continue;
      progress.count++;
      if (progress.count < trigger.nth) continue;
      progress.spent = true;
      this.strike(index, this.cores[core]!, this.cores[core]!.clockNs);
    }
  }

  checkpoint(core: number, process: string, bytes: number): WriteFailure | null {
    for (const [index, progress] of this.armed('checkpoint')) {
      const trigger = this.triggerOf<'checkpoint'>(index);
      if ((trigger.process ?? process) !== process) continue;
      progress.count++;
      if (progress.count < trigger.nth) continue;
      progress.spent = true;
      const victim = this.cores[trigger.core ?? core]!;
      this.strike(index, victim, Math.max(victim.clockNs, this.cores[core]!.clockNs));
    }
    return this.writeFailure(this.cores[core]!, bytes);
  }

  /** The first of the faults that wait for a checkpoint has its file; one that lies behind its end does nothing. */
  private writeFailure(core: FaultyCore, bytes: number): WriteFailure | null {
    const index = this.state.waitingWrites[0];
    if (index === undefined) return null;
    this.state.waitingWrites = this.state.waitingWrites.slice(1);
    const spec = this.plan[index]!;
    assert(spec.model === 'checkpoint-write', `fault ${index} is none of a checkpoint`);
    if (spec.atByte >= bytes) return null;
    this.report(index, core, core.clockNs, describeEffect(spec));
    const { failure, atByte } = spec;
    return failure === 'bit-flip' ? { failure, atByte, bit: spec.bit! } : { failure, atByte };
  }

  recoveryBegins(pid: number, attempt: number): void {
    const { state } = this;
    const known = state.recovering.find((each) => each.pid === pid);
    if (attempt === 1 || !known) state.recoveries++;
    const nth = attempt === 1 || !known ? state.recoveries : known.nth;
    state.recovering = [...state.recovering.filter((each) => each !== known), { pid, nth, step: 0 }];
  }

  recoveryStep(core: number, pid: number, step: string): void {
    const { state } = this;
    const known = state.recovering.find((each) => each.pid === pid);
    if (!known) return;
    const at = { ...known, step: known.step + 1 };
    state.recovering = state.recovering.map((each) => (each === known ? at : each));
    for (const [index, progress] of this.armed('recovery')) {
      const trigger = this.triggerOf<'recovery'>(index);
      if (trigger.nth !== at.nth || (trigger.step !== at.step && trigger.step !== step)) continue;
      progress.spent = true;
      const victim = this.cores[trigger.core ?? core]!;
      this.strike(index, victim, Math.max(victim.clockNs, this.cores[core]!.clockNs));
    }
  }

  threadLeaves(core: number): void {
    this.entersKernel(this.cores[core]!);
    this.state.cores[core]!.cachedBytes = [];
  }

  /** An interrupt is lost on the way, or finds the core with interrupts disabled, which user mode cannot have but by a fault. */
  interruptReaches(core: number): boolean {
    const { state } = this.cores[core]!;
    const faults = this.state.cores[core]!;
    if (faults.lostInterrupts > 0) {
      faults.lostInterrupts--;
      return false;
    }
    return (state.i32[EFLAGS]! & FLAG_IF) !== 0 || this.theSite.guestOn(this.cores[core]!) === null;
  }

  // ---- striking --------------------------------------------------------------------------------------------------------

  private get theSite(): FaultSite {
    assert(this.site, 'the faults have no kernel to strike at');
    return this.site;
  }

  /** The faults with this kind of trigger that can still strike. */
  private armed(
    at: FaultTrigger['at'],
  ): readonly (readonly [index: number, progress: FaultState['progress'][number]])[] {
    const indices = this.byTrigger.get(at);
    if (indices === undefined) return [];
    const { progress } = this.state;
    return indices.filter((index) => !progress[index]!.spent).map((index) => [index, progress[index]!] as const);
  }

  private triggerOf<A extends FaultTrigger['at']>(index: number): Spec<A>['trigger'] {
    return this.plan[index]!.trigger as Spec<A>['trigger'];
  }

  /** A core that is gone has nothing that could be hit: the fault is spent without having struck. */
  private strike(index: number, core: FaultyCore, ns: number): void {
    if (core.failed) return;
    const spec = this.plan[index]!;
    if (spec.model === 'checkpoint-write') {
      this.state.waitingWrites = [...this.state.waitingWrites, index];
      return;
    }
    if (spec.model === 'spurious-interrupt') {
      this.report(index, core, ns, describeEffect(spec));
      this.theSite.strayInterrupt(core, spec.vector);
      return;
    }
    const effect = strikeCore(spec, core, this.state.cores[core.id]!, this.theSite, ns);
    if (effect === null) return;
    if (spec.model === 'machine-check') this.state.machineChecks.push({ core: core.id, fault: index });
    core.struck ??= { ns, instruction: core.retired };
    this.report(index, core, ns, effect);
  }

  private report(index: number, core: FaultyCore, ns: number, effect: string): void {
    const { model } = this.plan[index]!;
    this.emit({ ...placeOf(core, ns), kind: 'core-fault', victim: core.id, model, fault: index, effect });
  }
}

const placeOf = (core: FaultyCore, ns: number) => ({ ns, core: core.id, instruction: core.retired });
