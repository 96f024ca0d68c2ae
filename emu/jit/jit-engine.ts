import { type CoreState, EBP, ECX, EFLAGS, EIP, ESP, FLAG_RF } from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../core/engine.ts';
import { fetchable } from '../interp/fetch.ts';
import { fullSegments, Interpreter, isPlain } from '../interp/interpreter.ts';
import { MASK_SHIFT, MXCSR, PE, ROUND_SHIFT } from '../interp/simd.ts';
import type { Insn } from '../isa/insn.ts';
import { type AddressSpace, PAGE_SHIFT } from '../memory/address-space.ts';
import { CoreCarrier } from './core-carrier.ts';
import { type Exit, Reason } from './exits.ts';
import { DYNAMIC } from './flag-code.ts';
import { isTranslated, isX87 } from './instructions.ts';
import { S_EIP, S_KIND, S_LEFT, S_X87_SHAPE } from './layout.ts';
import { findRegion, isRepeated, type Region } from './region.ts';
import { withReturns } from './returns.ts';
import type { Situation } from './situation.ts';
import { newStatistics } from './statistics.ts';
import { singleSteps } from './steps.ts';
import { isComparison } from './string-ops.ts';
import { TranslatedCode } from './translated-code.ts';
import { isTranslationOf, suits, type Translation, translateRegion } from './translation.ts';
import { SHAPE_UNLOADED } from './x87-state.ts';

/** A translated function that does not come back is never optimised by V8: so many instructions at most before it must. */
const STRETCH_MAX = 1 << 18;
const REGION_INSTRUCTIONS_MAX = 200;
const STEPS_MAX = 100;
/** A region of which more than one instruction in so many is the interpreter's is slower than the interpreter alone. */
const INTERPRETED_RATIO = 12;
const SEEK_INSTRUCTIONS = 200;
/** V8 makes about 20 bytes of machine code of one, twice: some hundreds of megabytes. */
const MODULE_BYTES_MAX = 8 << 20;
/** Budgets that end in a block before single steps of it are translated. */
const BUDGET_ENDS_MAX = 400;
/** Misses that make an EIP hot, and targets of an indirect jump that a region takes in. */
const MISSES_MAX = 60;
const JUMP_TARGETS_MAX = 64;
/** An EBP so close to ESP is a frame pointer. */
const FRAME_BYTES_MAX = 1 << 20;
/** Times that a place gets a translation for the other meaning of "inexact" before it gets one for both. */
const ROUNDING_CHANGES_MAX = 3;
const INEXACT_OLD = PE | (PE << MASK_SHIFT);

/** What a trial begins with takes the time that some dozens of turns of all cores take beyond their instructions. */
const TRIAL_MIN = 64;

export interface JitOptions {
  /** Instructions between two samples of where cold code runs. */
  readonly sampleEvery?: number;
  /** Samples in the same 64 bytes of code that make it hot. */
  readonly samples?: number;
  /** Whether regions take in code that has not run yet, and pages that change often, and trials may be short: for tests. */
  readonly eager?: boolean;
  /** Bytes of WebAssembly that are kept at most. */
  readonly moduleBytesMax?: number;
}

/**
 * Translates hot code to WebAssembly and interprets the rest. What it does is what the interpreter does, instruction by instruction:
 * which code is translated and when has no effect on results.
 */
export class JitEngine implements Engine {
  readonly name = 'jit';
  readonly trialMin: number;
  readonly statistics = newStatistics();
  private readonly plain = new Interpreter({ cacheOf: (space) => this.codeOf(space).plain });
  private readonly profiling = new Interpreter({ cacheOf: (space) => this.codeOf(space).profiled });
  private readonly sampleEvery: number;
  private readonly samples: number;
  private readonly eager: boolean;
  private readonly missesMax: number;
  private readonly budgetEndsMax: number;
  private readonly exits: Exit[] = [];
  private readonly carrier = new CoreCarrier();
  private readonly byHead = new Map<number, Translation[]>();
  private readonly stepsByHead = new Map<number, Translation[]>();
  private readonly moduleBytesMax: number;
  private slots = 0;
  private liveBytes = 0;
  /** Counts the times that all translations were thrown away. */
  private generation = 0;

  constructor(options: JitOptions = {}) {
    this.sampleEvery = options.sampleEvery ?? 2000;
    this.samples = options.samples ?? 8;
    this.eager = options.eager ?? false;
    this.trialMin = this.eager ? 1 : TRIAL_MIN;
    this.moduleBytesMax = options.moduleBytesMax ?? MODULE_BYTES_MAX;
    this.missesMax = this.eager ? 2 : MISSES_MAX;
    this.budgetEndsMax = this.eager ? 2 : BUDGET_ENDS_MAX;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const exit = this.takeTurn(core, space, budget);
    const code = this.codeOf(space);
    if (code.core !== null) this.carrier.store(code);
    return exit;
  }

  takeTurn(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const code = this.codeOf(space);
    if (code.core !== core || code.resume === 0 || budget > STRETCH_MAX) return this.runAll(core, code, budget, null);
    // Nearly always the turn ends where the next one can begin, and there is nothing else to do.
    code.state[S_LEFT] = budget;
    const number = code.enter(code.resume);
    if (code.resume === 0) return this.runAll(core, code, budget, this.exits[number]!);
    code.windows.afterRun();
    this.statistics.translated += budget;
    code.retired += budget;
    core.retired = budget;
    return EXIT_BUDGET;
  }

  /** Runs a budget; `first`: of which translated code has done a part, and come back with this. */
  private runAll(core: CoreState, code: TranslatedCode, budget: number, first: Exit | null): EngineExit {
    const { carrier, statistics } = this;
    if (code.core !== null && code.core !== core) carrier.store(code);
    if (code.generation !== this.generation) code.dropAll(this.generation);
    const base = core.tscBase;
    let left = budget;
    let exit: EngineExit = EXIT_BUDGET;
    if (first !== null) {
      const next = this.complete(code, first);
      left = code.state[S_LEFT]!;
      statistics.translated += budget - left;
      if (next < 0) {
        core.tscBase = base + budget - left;
        exit = this.afterTranslated(core, code, left, first);
        left -= core.retired;
      }
    }
    while (left > 0 && exit === EXIT_BUDGET) {
      const isPlainCode = code.core !== null || (isPlain(core) && (code.reliesOn & ~fullSegments(core)) === 0);
      const target = isPlainCode ? code.nextFor(core) : -1;
      if (target >= 0) {
        if (code.core === null) carrier.load(core, code);
        const stretch = Math.min(left, STRETCH_MAX);
        const found = this.runTranslated(code, target, stretch);
        const retired = stretch - code.state[S_LEFT]!;
        statistics.translated += retired;
        left -= retired;
        if (found === null) continue;
        core.tscBase = base + budget - left;
        exit = this.afterTranslated(core, code, left, found);
      } else {
        if (code.core !== null) carrier.store(code);
        core.tscBase = base + budget - left;
        exit = isPlainCode ? this.runCold(core, code, left) : this.runSpecial(core, code, left);
      }
      left -= core.retired;
    }
    core.tscBase = base;
    core.retired = budget - left;
    code.retired += core.retired;
    return exit;
  }

  settle(): void {
    this.carrier.storeAll();
  }

  private codeOf(space: AddressSpace): TranslatedCode {
    const { codeCache } = space;
    if (codeCache instanceof TranslatedCode && codeCache.owner === this) return codeCache;
    const code = new TranslatedCode(space, this, this.generation);
    code.untilSample = this.sampleEvery;
    space.codeCache = code;
    return code;
  }

  /** Runs the core in the state block from (function << 8 | entry) on. Null: the budget is used up, and the next can go on. */
  private runTranslated(code: TranslatedCode, target: number, left: number): Exit | null {
    code.state[S_LEFT] = left;
    for (let next = target; ; ) {
      const number = code.enter(next);
      code.windows.afterRun();
      if (code.resume !== 0) return null;
      const exit = this.exits[number]!;
      next = this.complete(code, exit);
      if (next < 0) return exit;
    }
  }

  /** What an exit says about the state goes to the state block; then, where control can go on at once, or -1. */
  private complete(code: TranslatedCode, { reason, eip, kind, refund }: Exit): number {
    const { state } = code;
    if (reason !== Reason.Leave) state[S_EIP] = eip;
    if (kind !== DYNAMIC) state[S_KIND] = kind;
    state[S_LEFT]! += refund;
    if (reason === Reason.Leave) return code.find(state[S_EIP]!);
    if (reason === Reason.Budget) return state[S_LEFT] === 0 ? -1 : code.steps.find(eip);
    if (reason !== Reason.Shape || state[S_X87_SHAPE] !== SHAPE_UNLOADED) return -1;
    this.carrier.loadX87(code);
    return code.find(eip);
  }

  /** Translated code has come back from where it could not go on. What the interpreter does instead is in `core.retired`. */
  private afterTranslated(core: CoreState, code: TranslatedCode, left: number, exit: Exit): EngineExit {
    this.carrier.store(code);
    core.retired = 0;
    if (exit.reason === Reason.Rounding) this.changeRounding(core, code, exit);
    else if (exit.reason === Reason.Leave) this.missed(core, code, exit, core.i32[EIP]!);
    else if (exit.reason === Reason.Budget) return this.endBudget(core, code, left, exit);
    else if (left > 0) return this.assist(core, code, left);
    return EXIT_BUDGET;
  }

  /** The interpreter does what is left of the budget. */
  private endBudget(core: CoreState, code: TranslatedCode, left: number, { eip }: Exit): EngineExit {
    // The stretch was over, not the budget.
    if (left > code.state[S_LEFT]!) return EXIT_BUDGET;
    const ends = (code.budgetEnds.get(eip) ?? 0) + 1;
    code.budgetEnds.set(eip, ends);
    if (ends === this.budgetEndsMax) this.translateSteps(core, code, eip);
    if (left === 0) return EXIT_BUDGET;
    const result = this.plain.run(core, code.space, left);
    this.statistics.cold += core.retired;
    return result;
  }

  /** The interpreter does the one instruction that translated code has left to it. */
  private assist(core: CoreState, code: TranslatedCode, left: number): EngineExit {
    const { statistics } = this;
    const record = code.plain.find(core.i32[EIP]!, fullSegments(core));
    const insn = record > 0 ? code.plain.insnAt(record) : null;
    // An instruction that repeats itself retires once for each time; how often a comparison does so nobody knows.
    const times = insn !== null && isRepeated(insn) && !isComparison(insn) ? Math.max(1, core.i32[ECX]! >>> 0) : 1;
    const result = this.plain.run(core, code.space, Math.min(left, times));
    statistics.assisted += core.retired;
    if (insn !== null) {
      const { mnemonic } = insn.row;
      statistics.assistedBy.set(mnemonic, (statistics.assistedBy.get(mnemonic) ?? 0) + core.retired);
    }
    return result;
  }

  /** Modes that translated code does not know. */
  private runSpecial(core: CoreState, code: TranslatedCode, left: number): EngineExit {
    // RF lasts for one instruction; what else there is may last for long.
    const exit = this.plain.run(core, code.space, core.i32[EFLAGS] & FLAG_RF ? 1 : left);
    this.statistics.special += core.retired;
    return exit;
  }

  private runCold(core: CoreState, code: TranslatedCode, left: number): EngineExit {
    if (code.seeking > 0) return this.seek(core, code);
    const exit = this.profiling.run(core, code.space, Math.min(left, code.untilSample));
    this.statistics.cold += core.retired;
    code.untilSample -= core.retired;
    if (code.untilSample > 0) return exit;
    code.untilSample = this.sampleEvery;
    const line = core.i32[EIP]! >>> 6;
    const count = (code.heat.get(line) ?? 0) + 1;
    code.heat.set(line, count);
    if (count < this.samples) return exit;
    code.heat.delete(line);
    code.seeking = SEEK_INSTRUCTIONS;
    return exit;
  }

  /** One instruction of hot code; where it jumps to, a region begins. */
  private seek(core: CoreState, code: TranslatedCode): EngineExit {
    const before = core.i32[EIP]!;
    const exit = this.plain.run(core, code.space, 1);
    this.statistics.cold += core.retired;
    code.seeking--;
    const eip = core.i32[EIP]!;
    const length = (eip - before) | 0;
    if (exit === EXIT_BUDGET && (length < 0 || length > 15 || code.seeking === 0 || this.eager)) {
      code.seeking = 0;
      this.translate(core, code, eip);
    }
    return exit;
  }

  /** Translated code has left for an EIP without a translation. Often enough, and it gets one: of an indirect jump in the same region. */
  private missed(core: CoreState, code: TranslatedCode, exit: Exit, eip: number): void {
    const targets = code.targetsOf(exit.eip);
    const isExtension =
      exit.always &&
      code.has(exit.slot) &&
      !code.isOfSteps(exit.slot) &&
      targets.size < JUMP_TARGETS_MAX &&
      !code.isTaken(exit.eip, eip);
    if (isExtension) targets.add(eip);
    const place = isExtension ? exit.eip : eip;
    const count = (code.misses.get(place) ?? 0) + 1;
    code.misses.set(place, count);
    if (count < this.missesMax) return;
    code.misses.delete(place);
    if (!isExtension) {
      this.translate(core, code, eip);
      return;
    }
    const head = code.headOf(exit.slot);
    code.drop(exit.slot);
    code.takeTargets(exit.eip);
    this.translate(core, code, head, exit.slot);
  }

  /** The modules have become too many: all go, in every space, and what is still hot comes back. */
  private forgetAll(code: TranslatedCode): void {
    this.carrier.storeAll();
    this.generation++;
    this.statistics.evictions++;
    this.liveBytes = 0;
    this.slots = 0;
    this.exits.length = 0;
    this.carrier.x87Notes.length = 0;
    this.byHead.clear();
    this.stepsByHead.clear();
    code.dropAll(this.generation);
  }

  private isVolatile(code: TranslatedCode, eip: number): boolean {
    return !this.eager && code.isVolatile(eip >>> PAGE_SHIFT);
  }

  private situationOf(core: CoreState, code: TranslatedCode, eip: number): Situation {
    const { i32 } = core;
    return {
      x87Shape: this.carrier.x87.shapeOf(core),
      hasFrame: Math.abs(i32[EBP]! - i32[ESP]!) < FRAME_BYTES_MAX,
      sseInexactIsOld: (i32[MXCSR]! & (INEXACT_OLD | (3 << ROUND_SHIFT))) === INEXACT_OLD,
      x87InexactIsOld: this.carrier.x87.hasInexact(core),
      roundingChanges: (code.roundingChanges.get(eip) ?? 0) >= ROUNDING_CHANGES_MAX,
    };
  }

  /** A translation is for the other case of what "inexact" means; another takes its place. */
  private changeRounding(core: CoreState, code: TranslatedCode, exit: Exit): void {
    const { roundingChanges } = code;
    roundingChanges.set(exit.eip, (roundingChanges.get(exit.eip) ?? 0) + 1);
    code.drop(exit.slot);
    this.translate(core, code, exit.eip);
  }

  /** Begins a region at an EIP. `after`: a translation with a lower number will not do. */
  private translate(core: CoreState, code: TranslatedCode, eip: number, after = -1): void {
    if (code.refused.has(eip) || code.regions.has(eip) || !this.isTranslatable(code, eip)) return;
    const situation = this.situationOf(core, code, eip);
    if (this.takeOver(this.byHead, situation, code, eip, after)) return;
    const region = (withX87: boolean): Region | null => {
      const found = findRegion(eip, {
        space: code.space,
        translates: (insn) => isTranslated(insn) && (withX87 || !isX87(insn)),
        targetsOf: (at) => code.targetsOf(at),
        wanted: (at) => this.isWanted(code, at),
        stopsAt: () => false,
        instructionsMax: REGION_INSTRUCTIONS_MAX,
      });
      return found && withReturns(found);
    };
    const attempt = (found: Region | null): Translation | null =>
      found === null || (!this.eager && found.interpreted * INTERPRETED_RATIO > found.instructions)
        ? null
        : this.compile(found, situation, code);
    const translation = attempt(region(true)) ?? attempt(region(false));
    if (translation === null) code.refused.add(eip);
    else this.putToUse(translation, this.byHead, code, () => this.translate(core, code, eip));
  }

  /** Translates the instructions from the start of a block on once more, one by one, as far as no region can be entered. */
  private translateSteps(core: CoreState, code: TranslatedCode, eip: number): void {
    const situation = { ...this.situationOf(core, code, eip), roundingChanges: true };
    if (!this.isTranslatable(code, eip) || this.takeOver(this.stepsByHead, situation, code, eip)) return;
    const attempt = (withX87: boolean): Translation | null => {
      const translates = (insn: Insn): boolean => isTranslated(insn) && (withX87 || !isX87(insn));
      const region = findRegion(eip, {
        space: code.space,
        translates,
        targetsOf: () => [],
        wanted: (at) => !code.regions.has(at) && this.isWanted(code, at),
        stopsAt: (at) => code.regions.has(at),
        instructionsMax: STEPS_MAX,
      });
      return region && this.compile(singleSteps(region), situation, code);
    };
    const translation = attempt(true) ?? attempt(false);
    if (translation !== null) this.putToUse(translation, this.stepsByHead, code, () => {});
  }

  /** Whether a translation takes in the code at an EIP when it comes there. */
  private isWanted(code: TranslatedCode, eip: number): boolean {
    return !this.isVolatile(code, eip) && (this.eager || code.plain.knows(eip) || code.profiled.knows(eip));
  }

  private isTranslatable(code: TranslatedCode, eip: number): boolean {
    return fetchable(code.space, eip >>> 0) !== 0 && !this.isVolatile(code, eip);
  }

  /** Another space may have the same code there. */
  private takeOver(
    known: ReadonlyMap<number, readonly Translation[]>,
    situation: Situation,
    code: TranslatedCode,
    eip: number,
    after = -1,
  ): boolean {
    const found = known
      .get(eip)
      ?.findLast(
        (translation) =>
          translation.slot > after &&
          !code.has(translation.slot) &&
          suits(translation, situation) &&
          translation.pages.every((page) => fetchable(code.space, (page << 12) >>> 0) > 0) &&
          isTranslationOf(translation, code.space),
      );
    if (found === undefined) return false;
    this.statistics.reused++;
    code.add(found);
    return true;
  }

  private compile(region: Region, situation: Situation, code: TranslatedCode): Translation | null {
    return translateRegion(
      region,
      code.space,
      this.slots,
      situation,
      (exit) => this.exits.push(exit) - 1,
      (note) => this.carrier.x87Notes.push(note) - 1,
    );
  }

  /** When there is no room for it, everything goes, and `again` may begin anew. */
  private putToUse(
    translation: Translation,
    known: Map<number, Translation[]>,
    code: TranslatedCode,
    again: () => void,
  ): void {
    const { statistics } = this;
    if (this.liveBytes + translation.size > this.moduleBytesMax && this.liveBytes > 0) {
      this.forgetAll(code);
      again();
      return;
    }
    this.liveBytes += translation.size;
    this.slots++;
    statistics.regions++;
    statistics.moduleBytes += translation.size;
    known.set(translation.head, [...(known.get(translation.head) ?? []), translation]);
    code.add(translation);
  }
}
