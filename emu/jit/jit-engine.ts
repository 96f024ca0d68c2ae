import { type CoreState, EBP, ECX, EFLAGS, EIP, ESP, FLAG_RF, SEG_BASE, SEG_FS, SEG_GS } from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../core/engine.ts';
import { fetchable } from '../interp/fetch.ts';
import { fullSegments, Interpreter, isPlain } from '../interp/interpreter.ts';
import { MASK_SHIFT, MXCSR, PE, ROUND_SHIFT, XMM } from '../interp/simd.ts';
import type { Insn } from '../isa/insn.ts';
import { type AddressSpace, PAGE_SHIFT } from '../memory/address-space.ts';
import { type Exit, Reason } from './exits.ts';
import { DYNAMIC, KNOWN } from './flag-code.ts';
import { isTranslated, isX87 } from './instructions.ts';
import {
  S_CARRY_A,
  S_CARRY_B,
  S_CARRY_KIND,
  S_EFLAGS,
  S_EIP,
  S_FLAG_A,
  S_FLAG_B,
  S_FS_BASE,
  S_GS_BASE,
  S_KIND,
  S_LEFT,
  S_MXCSR,
  S_X87_SHAPE,
  S_XMM_BYTES,
} from './layout.ts';
import { findRegion, isRepeated, type Region } from './region.ts';
import type { Situation } from './situation.ts';
import { newStatistics } from './statistics.ts';
import { singleSteps, stepsLeft } from './steps.ts';
import { type Step, TranslatedCode } from './translated-code.ts';
import { isTranslationOf, suits, type Translation, translateRegion } from './translation.ts';
import { SHAPE_UNLOADED, X87Carrier, type X87Note } from './x87-state.ts';

/** A translated function that does not come back is never optimised by V8: so many instructions at most before it must. */
const STRETCH_MAX = 1 << 18;
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

export interface JitOptions {
  /** Instructions between two samples of where cold code runs. */
  readonly sampleEvery?: number;
  /** Samples in the same 64 bytes of code that make it hot. */
  readonly samples?: number;
  /** Whether regions take in code that has not run yet, and pages that change often: for tests. */
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
  readonly statistics = newStatistics();
  private readonly plain = new Interpreter({ cacheOf: (space) => this.codeOf(space).plain });
  private readonly profiling = new Interpreter({ cacheOf: (space) => this.codeOf(space).profiled });
  private readonly sampleEvery: number;
  private readonly samples: number;
  private readonly eager: boolean;
  private readonly missesMax: number;
  private readonly budgetEndsMax: number;
  private readonly exits: Exit[] = [];
  private readonly x87 = new X87Carrier();
  private readonly x87Notes: X87Note[] = [];
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
    this.moduleBytesMax = options.moduleBytesMax ?? MODULE_BYTES_MAX;
    this.missesMax = this.eager ? 2 : MISSES_MAX;
    this.budgetEndsMax = this.eager ? 2 : BUDGET_ENDS_MAX;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const { statistics } = this;
    const code = this.codeOf(space);
    if (code.generation !== this.generation) code.dropAll(this.generation);
    const base = core.tscBase;
    let left = budget;
    let exit: EngineExit = EXIT_BUDGET;
    while (left > 0 && exit === EXIT_BUDGET) {
      core.tscBase = base + budget - left;
      if (!isPlain(core) || (code.reliesOn & ~fullSegments(core)) !== 0) {
        // RF lasts for one instruction; what else there is may last for long.
        exit = this.plain.run(core, space, core.i32[EFLAGS] & FLAG_RF ? 1 : left);
        left -= core.retired;
        statistics.special += core.retired;
        continue;
      }
      const eip = core.i32[EIP];
      const target = code.find(eip);
      const step = target < 0 ? code.steps.get(eip) : undefined;
      if (target >= 0 || step !== undefined) {
        const found = this.runTranslated(core, code, target, step, Math.min(left, STRETCH_MAX));
        const retired = Math.min(left, STRETCH_MAX) - code.state[S_LEFT];
        statistics.translated += retired;
        left -= retired;
        if (found.reason === Reason.Rounding) {
          this.changeRounding(core, code, found);
          continue;
        }
        if (found.reason === Reason.Leave) this.missed(core, code, found, core.i32[EIP]!);
        if (left === 0 || found.reason === Reason.Leave) continue;
        // The stretch was over, not the budget.
        if (found.reason === Reason.Budget && left >= found.refund) continue;
        core.tscBase = base + budget - left;
        exit = this.assist(core, space, left, found);
        left -= core.retired;
        continue;
      }
      exit = code.seeking > 0 ? this.seek(core, code) : this.runCold(core, code, left);
      left -= core.retired;
    }
    core.tscBase = base;
    core.retired = budget - left;
    code.retired += core.retired;
    return exit;
  }

  private codeOf(space: AddressSpace): TranslatedCode {
    const { codeCache } = space;
    if (codeCache instanceof TranslatedCode && codeCache.owner === this) return codeCache;
    const code = new TranslatedCode(space, this, this.generation);
    code.untilSample = this.sampleEvery;
    space.codeCache = code;
    return code;
  }

  /** From the core's block to the state block, through translated code, and back. It begins at `target`, or with a single step. */
  private runTranslated(
    core: CoreState,
    code: TranslatedCode,
    target: number,
    first: Step | undefined,
    left: number,
  ): Exit {
    const { i32 } = core;
    const { state } = code;
    for (let reg = 0; reg < 8; reg++) state[reg] = i32[reg]!;
    state[S_EFLAGS] = i32[EFLAGS]!;
    state[S_KIND] = KNOWN;
    state[S_LEFT] = left;
    state[S_FS_BASE] = i32[SEG_BASE + SEG_FS]!;
    state[S_GS_BASE] = i32[SEG_BASE + SEG_GS]!;
    if (code.usesVectors) {
      state[S_MXCSR] = i32[MXCSR]!;
      for (let i = 0; i < 32; i++) state[S_XMM_BYTES / 4 + i] = i32[XMM + i]!;
    }
    let next = target;
    let step = first;
    let exit: Exit;
    state[S_X87_SHAPE] = SHAPE_UNLOADED;
    for (;;) {
      // What comes behind the steps has a faster translation.
      let kept = 0;
      if (step !== undefined) {
        kept = Math.max(0, state[S_LEFT]! - step.left);
        state[S_LEFT]! -= kept;
        next = step.target;
      }
      exit = this.exits[code.enter(next)]!;
      state[S_LEFT]! += kept;
      let eip = exit.eip;
      if (exit.reason === Reason.Shape && state[S_X87_SHAPE] === SHAPE_UNLOADED) {
        // The flags stay as they are: only the way in was tried.
        this.x87.load(core, state, code.stateDoubles);
      } else if (exit.reason === Reason.Leave) {
        eip = state[S_EIP]!;
      } else if (exit.reason !== Reason.Budget || state[S_LEFT]! + exit.refund === 0) break;
      next = exit.reason === Reason.Budget && kept === 0 ? -1 : code.find(eip);
      step = next < 0 ? code.steps.get(eip) : undefined;
      if (next < 0 && step === undefined) break;
      if (exit.kind !== DYNAMIC) state[S_KIND] = exit.kind;
      if (exit.reason === Reason.Budget) state[S_LEFT]! += exit.refund;
    }
    code.windows.afterRun();
    if (state[S_X87_SHAPE]! >= 0) this.x87.store(core, state, code.stateDoubles, this.x87Notes);
    const kind = exit.kind === DYNAMIC ? state[S_KIND]! : exit.kind;
    for (let reg = 0; reg < 8; reg++) i32[reg] = state[reg]!;
    i32[EFLAGS] = code.helpers.settle(
      kind,
      state[S_FLAG_A]!,
      state[S_FLAG_B]!,
      state[S_EFLAGS]!,
      state[S_CARRY_KIND]!,
      state[S_CARRY_A]!,
      state[S_CARRY_B]!,
    );
    i32[EIP] = exit.reason === Reason.Leave ? state[S_EIP]! : exit.eip;
    state[S_LEFT]! += exit.refund;
    if (code.usesVectors) {
      i32[MXCSR] = state[S_MXCSR]!;
      for (let i = 0; i < 32; i++) i32[XMM + i] = state[S_XMM_BYTES / 4 + i]!;
    }
    return exit;
  }

  /** The interpreter does what is left of the budget, or the one instruction that the region has left to it. */
  private assist(core: CoreState, space: AddressSpace, left: number, exit: Exit): EngineExit {
    const { statistics } = this;
    const code = this.codeOf(space);
    if (exit.reason === Reason.Budget) {
      const ends = (code.budgetEnds.get(exit.eip) ?? 0) + 1;
      code.budgetEnds.set(exit.eip, ends);
      if (ends === this.budgetEndsMax) this.translateSteps(core, code, exit.eip);
      const result = this.plain.run(core, space, left);
      statistics.cold += core.retired;
      return result;
    }
    const record = code.plain.find(core.i32[EIP]!, fullSegments(core));
    const insn = record > 0 ? code.plain.insnAt(record) : null;
    // An instruction that repeats itself retires once for each time.
    const times = insn !== null && exit.always && isRepeated(insn) ? Math.max(1, core.i32[ECX]! >>> 0) : 1;
    const result = this.plain.run(core, space, Math.min(left, times));
    statistics.assisted += core.retired;
    if (insn !== null) {
      const { mnemonic } = insn.row;
      statistics.assistedBy.set(mnemonic, (statistics.assistedBy.get(mnemonic) ?? 0) + core.retired);
    }
    return result;
  }

  private runCold(core: CoreState, code: TranslatedCode, left: number): EngineExit {
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
    this.generation++;
    this.statistics.evictions++;
    this.liveBytes = 0;
    this.slots = 0;
    this.exits.length = 0;
    this.x87Notes.length = 0;
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
      x87Shape: this.x87.shapeOf(core),
      hasFrame: Math.abs(i32[EBP]! - i32[ESP]!) < FRAME_BYTES_MAX,
      sseInexactIsOld: (i32[MXCSR]! & (INEXACT_OLD | (3 << ROUND_SHIFT))) === INEXACT_OLD,
      x87InexactIsOld: this.x87.hasInexact(core),
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
    if (code.refused.has(eip) || code.find(eip) >= 0 || !this.isTranslatable(code, eip)) return;
    const situation = this.situationOf(core, code, eip);
    if (this.takeOver(this.byHead, situation, code, eip, after)) return;
    const region = (withX87: boolean): Region | null =>
      findRegion(eip, {
        space: code.space,
        translates: (insn) => isTranslated(insn) && (withX87 || !isX87(insn)),
        targetsOf: (at) => code.targetsOf(at),
        wanted: (at) => !this.isVolatile(code, at) && (this.eager || code.plain.knows(at) || code.profiled.knows(at)),
      });
    const attempt = (found: Region | null): Translation | null =>
      found === null || (!this.eager && found.interpreted * INTERPRETED_RATIO > found.instructions)
        ? null
        : this.compile(found, situation, code);
    const translation = attempt(region(true)) ?? attempt(region(false));
    if (translation === null) code.refused.add(eip);
    else this.putToUse(translation, this.byHead, code, () => this.translate(core, code, eip));
  }

  /** Translates the instructions from the start of a block on once more, one by one. */
  private translateSteps(core: CoreState, code: TranslatedCode, eip: number): void {
    const situation = { ...this.situationOf(core, code, eip), roundingChanges: true };
    if (!this.isTranslatable(code, eip) || this.takeOver(this.stepsByHead, situation, code, eip)) return;
    const attempt = (withX87: boolean): Translation | null => {
      const translates = (insn: Insn): boolean => isTranslated(insn) && (withX87 || !isX87(insn));
      const region = findRegion(eip, { space: code.space, translates, targetsOf: () => [], wanted: () => false });
      const translation = region && this.compile(singleSteps(region), situation, code);
      return translation && { ...translation, stepsLeft: stepsLeft(region) };
    };
    const translation = attempt(true) ?? attempt(false);
    if (translation !== null) this.putToUse(translation, this.stepsByHead, code, () => {});
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
      (note) => this.x87Notes.push(note) - 1,
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
