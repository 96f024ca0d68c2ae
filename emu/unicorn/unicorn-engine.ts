import { assert } from '../base/errors.ts';
import {
  type CoreState,
  CR2,
  DR,
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
  PF_PRESENT,
  PF_USER,
  PF_WRITE,
  VECTOR_AC,
  VECTOR_BP,
  VECTOR_DB,
  VECTOR_DF,
  VECTOR_GP,
  VECTOR_OF,
  VECTOR_PF,
  VECTOR_SYSCALL,
  VECTOR_TS,
} from '../core/engine.ts';
import { loadSegment } from '../core/segments.ts';
import { Interpreter } from '../interp/interpreter.ts';
import { type AddressSpace, PAGE_SHIFT, PERM_R, PERM_W } from '../memory/address-space.ts';
import { Assistant } from './assist.ts';
import type { UnicornLibrary } from './binding.ts';
import { holdsBackTrap, isReadModifyWrite, LOADS_SEGMENT, PLAIN, softwareVector } from './blocks.ts';
import { isRepresentable } from './representable.ts';
import { STOP_AFTER, STOP_BEFORE, STOP_INTERRUPT, UnicornSpace } from './unicorn-space.ts';

/** DR6: the exception comes from single-stepping. */
const DR6_BS = 0x4000;

/**
 * Runs cores on Unicorn, to the same effect as the reference: exact budgets, precise exceptions. One instance serves one address
 * space. What Unicorn cannot know or do is left to the reference, one instruction at a time (`assisted` counts them) or, in modes
 * that it has not at all, as long as the mode lasts (`delegated`).
 */
export class UnicornEngine implements Engine {
  readonly name = 'unicorn';
  readonly library: UnicornLibrary;
  /** Instructions in modes that Unicorn has not. */
  delegated = 0;
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
    core.i32[DR + 6] |= DR6_BS;
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
    core.i32[DR + 6] |= DR6_BS;
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

  /** The reference runs the instruction at EIP. */
  private assist(): EngineExit | null {
    const { unicorn, core, assistant } = this;
    unicorn.store(core);
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
      core.i32[DR + 6] |= DR6_BS;
      core.i32[EXIT_VECTOR] = VECTOR_DB;
      core.i32[EXIT_ERROR_CODE] = 0;
      return EXIT_EXCEPTION;
    }
    if (isRepresentable(core)) unicorn.load(core);
    else unicorn.general.values.set(core.i32.subarray(0, unicorn.general.values.length));
    return null;
  }

  /** Unicorn has met an exception or a software interrupt. */
  private interrupted(): EngineExit | null {
    const { unicorn } = this;
    const { values } = unicorn.general;
    const { current, begun, vector } = unicorn;
    const eip = values[EIP] >>> 0;
    const last = begun >= 0 ? begun : current.interrupts ? current.addresses[current.count - 1]! : -1;
    const insn = last >= 0 ? unicorn.stepOf(last).insn : null;
    if (insn !== null && softwareVector(insn) === vector && insn.next >>> 0 === eip) {
      if (begun >= 0) unicorn.left--;
      return this.softwareInterrupt(vector, last);
    }
    // The instruction at EIP has not retired, nor has what follows it in its block.
    const index = current.addresses.indexOf(eip);
    const inBlock = index >= 0 && index < current.count;
    if (inBlock) unicorn.left += current.count - index;
    // MOV SS, which ends without a trap.
    else if (begun >= 0 && begun !== eip) unicorn.left--;
    if (!unicorn.reusable) return this.exceptionByReference();
    const errorCode = unicorn.takeErrorCode();
    if (vector === VECTOR_PF) return this.pageFault(errorCode, inBlock || begun === eip);
    assert(vector !== VECTOR_DB && vector !== VECTOR_DF, `vector ${vector} of Unicorn at ${eip.toString(16)}`);
    unicorn.store(this.core);
    return this.deliver(vector, hasErrorCode(vector) ? errorCode : 0);
  }

  /** Without a way to end an exception in Unicorn: the reference says what it was, and a new instance goes on. */
  private exceptionByReference(): EngineExit | null {
    const exit = this.assist();
    this.renew();
    return exit;
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

  /** `begun`: an instruction met it; else it was met while looking for the next ones. */
  private pageFault(errorCode: number, begun: boolean): EngineExit | null {
    const { unicorn, core } = this;
    const { space, general } = unicorn;
    const address = unicorn.faultAddress();
    const page = address >>> PAGE_SHIFT;
    const { insn } = unicorn.stepOf(general.values[EIP] >>> 0);
    if (insn !== null && !begun) {
      // Translation went on into a page that is not there. The instructions before it come first.
      unicorn.step(1);
      return unicorn.stop === STOP_INTERRUPT ? this.interrupted() : null;
    }
    const write = insn !== null && ((errorCode & PF_WRITE) !== 0 || isReadModifyWrite(insn));
    const perm = space.perm[page];
    if (write && !(perm & PERM_W) && space.resolveWrite(page)) return this.afterResolve();
    // What page tables cannot say: written but not read, or the other way round.
    if (perm & (write ? PERM_W : PERM_R) || (perm !== 0 && !(perm & PERM_R))) return this.assist();
    unicorn.store(core);
    core.i32[CR2] = address | 0;
    return this.deliver(VECTOR_PF, (perm === 0 ? 0 : PF_PRESENT) | (write ? PF_WRITE : 0) | PF_USER);
  }

  /** The store may go to the page that it stands in: QEMU begins it anew then, and a step notices. */
  private afterResolve(): EngineExit | null {
    const { unicorn, core } = this;
    if (!unicorn.codeChanged) return null;
    const traced = (unicorn.general.values[EFLAGS] & FLAG_TF) !== 0;
    unicorn.step(1);
    if (unicorn.stop === STOP_INTERRUPT) return this.interrupted();
    if (!traced || unicorn.stop === STOP_BEFORE) return null;
    core.i32[DR + 6] |= DR6_BS;
    return this.trap(VECTOR_DB);
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

function hasErrorCode(vector: number): boolean {
  return vector === VECTOR_AC || (vector >= VECTOR_TS && vector <= VECTOR_PF);
}
