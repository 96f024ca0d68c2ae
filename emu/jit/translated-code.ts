import { type CoreState, EIP } from '../core/core-state.ts';
import { CodePages } from '../interp/code-cache.ts';
import type { AddressSpace, CodeCache } from '../memory/address-space.ts';
import { CodeMap } from './code-map.ts';
import { type FlagHelpers, makeFlagHelpers } from './flag-helpers.ts';
import { type FloatHelpers, makeFloatHelpers } from './float-helpers.ts';
import { REGION_MAP, S_EIP, S_RESUME, STATE, STEP_MAP } from './layout.ts';
import type { Translation } from './translation.ts';
import { AccessWindows } from './windows.ts';

/** A page that has taken translations with it so often has none for a while: code and data in the same page. */
const DROPS_MAX = 20;
/** Instructions of the space that make up for one of these times. Spaces that are restored for run after run live long. */
const INSTRUCTIONS_PER_DROP = 5_000_000;

type RegionFunction = (entry: number) => number;

/** What the translating engine derived from one space's code. */
export class TranslatedCode implements CodeCache {
  readonly space: AddressSpace;
  /** The engine whose exits these translations have. */
  readonly owner: object;
  /** For the interpreter: where it runs on until a translation begins, and where it does what is asked of it. */
  readonly profiled: CodePages;
  readonly plain: CodePages;
  readonly state: Int32Array;
  readonly stateDoubles: Float64Array;
  readonly windows: AccessWindows;
  /** The core whose registers are in the state block (core-carrier.ts). */
  core: CoreState | null = null;
  /** Some translation here has XMM registers in the state block. */
  usesVectors = false;
  /** FS (bit 4) and GS (bit 5) when some translation takes them for 4 GiB data segments. */
  reliesOn = 0;
  /** Counts of samples by 64-byte line of code. */
  readonly heat = new Map<number, number>();
  /** Instructions until the next sample. */
  untilSample = 0;
  /** A line is hot; the next jump's target is where its region begins. Counts down the instructions that may pass. */
  seeking = 0;
  /** How often translated code left for an EIP that has no translation, or by an indirect jump. */
  readonly misses = new Map<number, number>();
  /** By EIP of an entry: how often its translation was for the other case of whether "inexact" is masked and set already. */
  readonly roundingChanges = new Map<number, number>();
  /** EIPs at which no region begins. */
  readonly refused = new Set<number>();
  /** Blocks in which budgets have ended, and how often: those of them that have no single steps. */
  readonly budgetEnds = new Map<number, number>();
  /** By EIP, where regions can be entered, and single steps. */
  readonly regions: CodeMap;
  readonly steps: CodeMap;
  generation: number;
  /** Instructions that ran in the space. */
  retired = 0;
  /** Of each page that took translations with it: how often, less what has been made up for by `at`, in instructions of the space. */
  private readonly drops = new Map<number, { readonly count: number; readonly at: number }>();
  /** By EIP of an indirect jump: where it has led, and which of these places its region was asked to take in. */
  private readonly jumpTargets = new Map<number, Set<number>>();
  private readonly takenTargets = new Map<number, Set<number>>();
  private madeHelpers: FlagHelpers | null = null;
  private readonly floats: FloatHelpers;
  private readonly table: WebAssembly.Table;
  /** By slot. */
  private readonly functions: (RegionFunction | undefined)[] = [];
  private readonly translations = new Map<number, Translation>();
  private readonly slotsByPage = new Map<number, Set<number>>();

  constructor(space: AddressSpace, owner: object, generation: number) {
    this.space = space;
    this.owner = owner;
    this.generation = generation;
    this.profiled = new CodePages(space);
    this.plain = new CodePages(space);
    const { buffer } = space.memory;
    this.state = new Int32Array(buffer as ArrayBuffer, STATE, 256);
    this.stateDoubles = new Float64Array(buffer as ArrayBuffer, STATE, 128);
    this.regions = new CodeMap(space.memory, REGION_MAP);
    this.steps = new CodeMap(space.memory, STEP_MAP);
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: 64 });
    this.floats = makeFloatHelpers(this.state);
    this.windows = new AccessWindows(this.state, space.perm);
  }

  /** Made when the first translation needs them: many spaces never have one. */
  get helpers(): FlagHelpers {
    const { memory } = this.space;
    this.madeHelpers ??= makeFlagHelpers(this.space, !(memory.buffer instanceof ArrayBuffer));
    return this.madeHelpers;
  }

  /** (function << 8 | entry) of the fastest way to go on at an EIP; -1 when there is none. */
  find(eip: number): number {
    const region = this.regions.find(eip);
    return region >= 0 ? region : this.steps.find(eip);
  }

  /** Runs translated code from (function << 8 | entry) on; returns the number of the exit. */
  enter(target: number): number {
    this.state[S_RESUME] = 0;
    return this.functions[target >> 8]!(target & 0xff);
  }

  /** Where the next budget goes on when the last has ended in front of a single step; else 0. */
  get resume(): number {
    return this.state[S_RESUME]!;
  }

  /** Where a core goes on, which is in the state block or has no other in its way; -1 when there is no translation. */
  nextFor({ i32 }: CoreState): number {
    if (this.core === null) return this.find(i32[EIP]!);
    return this.resume === 0 ? this.find(this.state[S_EIP]!) : this.resume;
  }

  has(slot: number): boolean {
    return this.translations.has(slot);
  }

  /** Whether a page changes so often that translating it is a waste. */
  isVolatile(page: number): boolean {
    return this.dropsOf(page) >= DROPS_MAX;
  }

  private dropsOf(page: number): number {
    const last = this.drops.get(page);
    return last === undefined ? 0 : Math.max(0, last.count - (this.retired - last.at) / INSTRUCTIONS_PER_DROP);
  }

  /** Where the indirect jump at an EIP has led. */
  targetsOf(jump: number): Set<number> {
    let targets = this.jumpTargets.get(jump);
    if (targets === undefined) {
      targets = new Set();
      this.jumpTargets.set(jump, targets);
    }
    return targets;
  }

  /** The region of an indirect jump is about to be translated with all targets that are known. */
  takeTargets(jump: number): void {
    this.takenTargets.set(jump, new Set(this.targetsOf(jump)));
  }

  isTaken(jump: number, target: number): boolean {
    return this.takenTargets.get(jump)?.has(target) ?? false;
  }

  /** Whether a function does single steps. */
  isOfSteps(slot: number): boolean {
    return this.translations.get(slot)?.isOfSteps ?? false;
  }

  /** The EIP at which a function's region begins. */
  headOf(slot: number): number {
    return this.translations.get(slot)!.head;
  }

  /** Puts a translation to use. Its pages are marked, so that whatever changes them drops it. */
  add(translation: Translation): void {
    const { slot, module, pages, entries } = translation;
    const { settle, carry } = this.helpers;
    const instance = new WebAssembly.Instance(module, {
      e: { m: this.space.memory, t: this.table, settle, carry, ...this.floats },
    });
    const region = instance.exports.r as RegionFunction;
    while (this.table.length <= slot) this.table.grow(this.table.length);
    this.table.set(slot, region);
    this.functions[slot] = region;
    this.translations.set(slot, translation);
    this.usesVectors ||= translation.usesVectors;
    this.reliesOn |= translation.reliesOn;
    for (const page of pages) {
      const slots = this.slotsByPage.get(page) ?? new Set();
      this.slotsByPage.set(page, slots.add(slot));
      this.space.markCode(page);
    }
    const map = translation.isOfSteps ? this.steps : this.regions;
    for (const [eip, entry] of entries) {
      // The first translation with an entry keeps it, but a region's own head is better than the middle of another.
      if (map.has(eip) && eip !== translation.head) continue;
      map.set(eip, (slot << 8) | entry);
      if (!translation.isOfSteps) this.profiled.stopAt(eip);
    }
  }

  dropPage(page: number): void {
    this.plain.dropPage(page);
    this.profiled.dropPage(page);
    const slots = [...(this.slotsByPage.get(page) ?? [])];
    if (slots.length > 0) this.drops.set(page, { count: this.dropsOf(page) + 1, at: this.retired });
    for (const slot of slots) this.drop(slot);
    this.refused.clear();
  }

  permChanged(page: number): void {
    this.windows.permChanged(page);
  }

  drop(slot: number): void {
    const { head, pages, entries, isOfSteps } = this.translations.get(slot)!;
    if (isOfSteps) this.budgetEnds.delete(head);
    if (this.resume >> 8 === slot) this.state[S_RESUME] = 0;
    for (const page of pages) this.slotsByPage.get(page)?.delete(slot);
    for (const [eip, entry] of entries) {
      const value = (slot << 8) | entry;
      if (isOfSteps) this.steps.remove(eip, value);
      else if (this.regions.remove(eip, value)) this.profiled.goOnAt(eip);
    }
    this.translations.delete(slot);
    this.functions[slot] = undefined;
    this.table.set(slot, null);
  }

  /** Forgets every translation. */
  dropAll(generation: number): void {
    for (const slot of [...this.translations.keys()]) this.drop(slot);
    this.misses.clear();
    this.budgetEnds.clear();
    this.takenTargets.clear();
    this.generation = generation;
  }
}
