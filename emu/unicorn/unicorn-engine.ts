import { assert } from '../base/errors.ts';
import {
  type CoreState,
  CR2,
  EFLAGS,
  EIP,
  EXIT_ERROR_CODE,
  EXIT_VECTOR,
  FLAG_RF,
  FLAG_TF,
  SEG_SELECTOR,
} from '../core/core-state.ts';
import {
  type Engine,
  type EngineExit,
  EXIT_BUDGET,
  EXIT_EXCEPTION,
  EXIT_SYSCALL,
  VECTOR_BP,
  VECTOR_DB,
  VECTOR_GP,
  VECTOR_OF,
  VECTOR_PF,
  VECTOR_SYSCALL,
} from '../core/engine.ts';
import { loadSegment } from '../core/segments.ts';
import { DR6_BS, reportDebugException } from '../interp/debug-registers.ts';
import { Interpreter } from '../interp/interpreter.ts';
import { type AddressSpace, PAGE_SHIFT, PERM_W } from '../memory/address-space.ts';
import { Assistant } from './assist.ts';
import type { UnicornLibrary } from './binding.ts';
import { ASSISTED, holdsBackTrap, LOADS_SEGMENT, PLAIN, softwareVector } from './blocks.ts';
import { isRepresentable } from './representable.ts';
import { STOP_AFTER, STOP_INTERRUPT, UnicornSpace } from './unicorn-space.ts';

/** An instruction that faults differently on Unicorn, if the reference is right. */
export interface Dispute {
  readonly eip: number;
  /** Unicorn's vector and, for #PF, address. */
  readonly vector: number;
  readonly address: number;
  /** The reference's vector; -1 when it saw none. */
  readonly judged: number;
}

/**
 * Runs cores on Unicorn, to the same effect as the reference: exact budgets, precise exceptions. One instance serves one address
 * space. What Unicorn cannot know or do is left to the reference, one instruction at a time (`assisted` counts them) or, in modes
 * that it has not at all, as long as the mode lasts (`delegated`). Unicorn finds where an instruction faults; the details, which it
 * does not tell, come from the reference, and where the two see different faults is noted (`disputes`).
 */
export class UnicornEngine implements Engine {
  readonly name = 'unicorn';
  readonly library: UnicornLibrary;
  /** Instructions in modes that Unicorn has not. */
  delegated = 0;
  readonly disputes: Dispute[] = [];
  private readonly reference: Engine;
  private readonly assistant = new Assistant();
  private readonly instances = new WeakMap<WebAssembly.Memory, UnicornSpace>();
  // The run that is on.
  private core!: CoreState;
  private unicorn!: UnicornSpace;
  private budget = 0;

  constructor(library: UnicornLibrary, reference: Engine = new Interpreter()) {
    this.library = library;
    this.reference = reference;
  }

  /** Instructions that the reference ran in between, by mnemonic. */
  get assisted(): ReadonlyMap<string, number> {
    return this.assistant.counts;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    if (!isRepresentable(core)) return this.delegate(core, space, budget);
    this.core = core;
    this.budget = budget;
    this.unicorn = this.instanceFor(space);
    this.unicorn.left = budget;
    this.unicorn.load(core);
    for (;;) {
      const exit = this.proceed();
      if (exit === null && this.unicorn.left > 0) {
        if (isRepresentable(core)) continue;
        return this.delegateRest();
      }
      if (exit === null) this.unicorn.store(core);
      core.retired = budget - this.unicorn.left;
      return exit ?? EXIT_BUDGET;
    }
  }

  private instanceFor(space: AddressSpace): UnicornSpace {
    const known = this.instances.get(space.memory);
    if (known === undefined) {
      const made = new UnicornSpace(this.library, space);
      this.instances.set(space.memory, made);
      return made;
    }
    if (known.space !== space || space.codeCache !== known) known.attach(space);
    return known;
  }

  /** In place of an instance that an exception has spoilt. */
  private renew(): void {
    const { space, left } = this.unicorn;
    this.unicorn = new UnicornSpace(this.library, space);
    this.instances.set(space.memory, this.unicorn);
    this.unicorn.left = left;
    this.unicorn.load(this.core);
  }

  private delegate(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const exit = this.reference.run(core, space, budget);
    this.delegated += core.retired;
    return exit;
  }

  private delegateRest(): EngineExit {
    const { core, unicorn, budget } = this;
    const done = budget - unicorn.left;
    unicorn.store(core);
    core.tscBase += done;
    const exit = this.delegate(core, unicorn.space, unicorn.left);
    core.tscBase -= done;
    core.retired += done;
    return exit;
  }

  /** Goes on until something happens. Returns the exit, with the core's block complete, or null when the run may go on. */
  private proceed(): EngineExit | null {
    const { unicorn } = this;
    const { values } = unicorn.general;
    if (values[EFLAGS] & FLAG_TF) return this.traceOne();
    // Some encodings that do not exist make Unicorn abort the process when it translates them (LOCK CMP).
    if (unicorn.stepOf(values[EIP] >>> 0).kind === ASSISTED) return this.special();
    unicorn.run();
    if (unicorn.stop === STOP_INTERRUPT) return this.interrupted();
    // Before a block that Unicorn shall not run as a whole.
    const { refused } = unicorn;
    const step = unicorn.stepOf(values[EIP] >>> 0);
    if (step.kind !== PLAIN || step.segments & unicorn.limited) return this.special();
    if (unicorn.left === 0) return null;
    const fits = refused.count <= unicorn.left && refused.special === refused.count;
    // Fitting blocks were refused because page tables had changed: they run next time.
    if (fits && !(refused.segments & unicorn.limited)) return null;
    unicorn.step(Math.min(refused.count, unicorn.left));
    return unicorn.stop === STOP_INTERRUPT ? this.interrupted() : null;
  }

  /** The guest's own trap flag: one instruction, then #DB. */
  private traceOne(): EngineExit | null {
    const { unicorn, core } = this;
    const step = unicorn.stepOf(unicorn.general.values[EIP] >>> 0);
    if (step.kind !== PLAIN || step.segments & unicorn.limited) return this.special();
    unicorn.step(1);
    if (unicorn.stop === STOP_INTERRUPT) return this.interrupted();
    if (unicorn.stop !== STOP_AFTER) return null;
    reportDebugException(core.i32, 0, DR6_BS);
    return this.trap(VECTOR_DB);
  }

  /** The instruction at EIP is one that Unicorn does not run, or not without care. */
  private special(): EngineExit | null {
    const { unicorn, core } = this;
    if (unicorn.left === 0) return null;
    const { values } = unicorn.general;
    const { kind, insn, segments } = unicorn.stepOf(values[EIP] >>> 0);
    if (kind !== LOADS_SEGMENT || segments & unicorn.limited) return this.assist();
    const before = unicorn.left;
    unicorn.step(1, true);
    if (unicorn.stop === STOP_INTERRUPT) return this.interrupted();
    if (unicorn.left === before) return null;
    this.noteSegments();
    if (!(values[EFLAGS] & FLAG_TF) || holdsBackTrap(insn!)) return null;
    reportDebugException(core.i32, 0, DR6_BS);
    return this.trap(VECTOR_DB);
  }

  /** Hidden parts of segment registers cannot be read from Unicorn: they follow from the selectors. */
  private noteSegments(): void {
    const { unicorn, core } = this;
    const selectors = unicorn.selectors();
    for (let seg = 0; seg < 6; seg++) {
      if (selectors[seg] === core.i32[SEG_SELECTOR + seg]) continue;
      const fault = loadSegment(core, seg, selectors[seg]);
      assert(fault === null, `Unicorn has loaded selector ${selectors[seg].toString(16)}, which is no good`);
    }
    unicorn.segmentsLoaded(core);
  }

  /** The reference runs the instruction at EIP, and those after it that are not for Unicorn either. */
  private assist(): EngineExit | null {
    const { unicorn, core, assistant } = this;
    unicorn.store(core);
    do {
      const traced = (core.i32[EFLAGS] & FLAG_TF) !== 0;
      const { fault, exit, inhibitTrap } = assistant.run(
        core,
        unicorn.space,
        core.tscBase + this.budget - unicorn.left,
      );
      if (fault !== null) return this.deliver(fault.vector, fault.errorCode);
      unicorn.left--;
      if (exit !== EXIT_BUDGET) return exit;
      if (traced && !inhibitTrap) {
        reportDebugException(core.i32, 0, DR6_BS);
        core.i32[EXIT_VECTOR] = VECTOR_DB;
        core.i32[EXIT_ERROR_CODE] = 0;
        return EXIT_EXCEPTION;
      }
      if (!isRepresentable(core)) {
        unicorn.general.values.set(core.i32.subarray(0, unicorn.general.values.length));
        return null;
      }
    } while (unicorn.left > 0 && unicorn.stepOf(core.i32[EIP] >>> 0).kind === ASSISTED);
    unicorn.load(core);
    return null;
  }

  /** Unicorn has met an exception or a software interrupt. */
  private interrupted(): EngineExit | null {
    const { unicorn } = this;
    const { current, begun, vector, general } = unicorn;
    const eip = general.values[EIP] >>> 0;
    const index = current.addresses.indexOf(eip);
    // INTO does not end a block.
    const before = begun >= 0 ? begun : index > 0 ? current.addresses[index - 1]! : -1;
    const insn = before >= 0 ? unicorn.stepOf(before).insn : null;
    if (insn !== null && softwareVector(insn) === vector && insn.next >>> 0 === eip) {
      unicorn.left += begun >= 0 ? -1 : current.count - index;
      return this.softwareInterrupt(vector, before);
    }
    assert(vector !== VECTOR_SYSCALL, `Unicorn met int 0x80 before ${eip.toString(16)}, where there is none`);
    // The instruction at EIP has not retired, nor has what follows it in its block.
    const inBlock = index >= 0 && index < current.count;
    if (inBlock) unicorn.left += current.count - index;
    // MOV SS, which ends without a trap.
    else if (begun >= 0 && begun !== eip) unicorn.left--;
    if (unicorn.reusable) unicorn.endException();
    else this.renew();
    if (vector === VECTOR_PF && this.admitFetch(eip)) return null;
    if (!inBlock && begun < 0) {
      // Met while Unicorn looked for what comes next. Beyond the budget there is nothing to look for; and in front of a page that
      // is not there some instructions may still stand.
      if (unicorn.left === 0) return null;
      if (unicorn.stepOf(eip).insn !== null) return this.single();
    }
    return this.exception(vector);
  }

  /** Whether a page fault was but Unicorn's first fetch from a page, where it was or where the block that it looked at went on. */
  private admitFetch(eip: number): boolean {
    const { unicorn } = this;
    const page = unicorn.faultAddress() >>> PAGE_SHIFT;
    const distance = page - (eip >>> PAGE_SHIFT);
    return (distance === 0 || distance === 1) && unicorn.admit(page);
  }

  /** Unicorn says that the instruction at EIP faults. What fault exactly, or what else, the reference says. */
  private exception(vector: number): EngineExit | null {
    const { core, unicorn } = this;
    const address = vector === VECTOR_PF ? unicorn.faultAddress() : 0;
    const writeWasTracked = vector === VECTOR_PF && unicorn.space.permOf(address >>> PAGE_SHIFT) & PERM_W;
    const eip = unicorn.general.values[EIP];
    const exit = this.assist();
    const agreed =
      exit === EXIT_EXCEPTION &&
      core.i32[EXIT_VECTOR] === vector &&
      (vector !== VECTOR_PF || core.i32[CR2] === (address | 0));
    if (!agreed && !writeWasTracked) {
      this.disputes.push({ eip, vector, address, judged: exit === EXIT_EXCEPTION ? core.i32[EXIT_VECTOR] : -1 });
    }
    return exit;
  }

  /** One instruction, with whatever care it needs. */
  private single(): EngineExit | null {
    const { unicorn } = this;
    const { kind, segments } = unicorn.stepOf(unicorn.general.values[EIP] >>> 0);
    if (kind !== PLAIN || segments & unicorn.limited) return this.special();
    unicorn.step(1);
    return unicorn.stop === STOP_INTERRUPT ? this.interrupted() : null;
  }

  /** FreeBSD's gates for 3, 4 and 0x80 are open to user mode; through any other it is #GP with the vector's index and the IDT bit. */
  private softwareInterrupt(vector: number, address: number): EngineExit {
    const { unicorn, core } = this;
    if (vector === VECTOR_BP || vector === VECTOR_OF) return this.trap(vector);
    if (vector !== VECTOR_SYSCALL) {
      unicorn.left++;
      unicorn.general.values[EIP] = address | 0;
    }
    unicorn.store(core);
    return vector === VECTOR_SYSCALL ? EXIT_SYSCALL : this.deliver(VECTOR_GP, vector * 8 + 2);
  }

  private trap(vector: number): EngineExit {
    const { core, unicorn } = this;
    unicorn.store(core);
    core.i32[EXIT_VECTOR] = vector;
    core.i32[EXIT_ERROR_CODE] = 0;
    return EXIT_EXCEPTION;
  }

  /** A fault, with the core's block complete; RF keeps the instruction from being stopped twice by one breakpoint. */
  private deliver(vector: number, errorCode: number): EngineExit {
    const { i32 } = this.core;
    i32[EXIT_VECTOR] = vector;
    i32[EXIT_ERROR_CODE] = errorCode;
    i32[EFLAGS] |= FLAG_RF;
    return EXIT_EXCEPTION;
  }
}
