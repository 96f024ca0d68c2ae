import { assert, InvariantError } from '../base/errors.ts';
import { type CoreState, EFLAGS, EIP, FLAG_RF, FLAG_TF } from '../core/core-state.ts';
import { VECTOR_DB, VECTOR_PF, VECTOR_UD } from '../core/engine.ts';
import { type AddressSpace, type CodeCache, PAGE_SHIFT, PERM_R, PERM_W, PERM_X } from '../memory/address-space.ts';
import {
  type RegisterSet,
  UC_CR2,
  UC_EAX,
  UC_EBP,
  UC_EBX,
  UC_ECX,
  UC_EDI,
  UC_EDX,
  UC_EFLAGS,
  UC_EIP,
  UC_ERR_INSN_INVALID,
  UC_ERR_OK,
  UC_ESI,
  UC_ESP,
  type UnicornEvents,
  type UnicornInstance,
  type UnicornLibrary,
} from './binding.ts';
import { ASSISTED, type Block, blockAt, LOADS_SEGMENT, PLAIN, type Step, stepAt } from './blocks.ts';
import { FpuRegisters } from './fpu-registers.ts';
import { CodeGuard, enableExecuteDisable } from './guard.ts';
import { PageTables } from './kernel-half.ts';
import { limitedSegments } from './representable.ts';
import { UserMode } from './user-mode.ts';

/** General registers in the order of core-state.ts, then EIP and EFLAGS: the state block's first ten doublewords. */
const GENERAL_IDS = [UC_EAX, UC_ECX, UC_EDX, UC_EBX, UC_ESP, UC_EBP, UC_ESI, UC_EDI, UC_EIP, UC_EFLAGS];

/** Why Unicorn came back: before the block or instruction at `stopAddress`, which has not begun. */
export const STOP_BEFORE = 1;
/** After an instruction that was stepped. */
export const STOP_AFTER = 2;
/** An exception or a software interrupt: `vector`. */
export const STOP_INTERRUPT = 3;
const STOP_NONE = 0;

const NO_BLOCK: Block = {
  address: -1,
  sizeBytes: 0,
  count: 0,
  addresses: [],
  special: 0,
  segments: 0,
  repeats: false,
  countMask: 0,
  floatingPoint: false,
  interrupts: false,
};

/**
 * One Unicorn instance and the address space that it runs in. Instructions are counted by the blocks that Unicorn translates; the
 * rest of a budget is stepped with the trap flag, for which Unicorn translates apart. (Its own `count` hooks each instruction, and
 * flushes all translations when it is no longer given.)
 */
export class UnicornSpace implements CodeCache, UnicornEvents {
  space: AddressSpace;
  /** Registers as of the last stop; what is changed here must be written before the next start. */
  readonly general: RegisterSet;
  /** Instructions of the budget that are neither done nor begun. */
  left = 0;
  stop = STOP_NONE;
  stopAddress = 0;
  vector = -1;
  /** The block that ran last, and the one that a STOP_BEFORE kept from running. */
  current: Block = NO_BLOCK;
  refused: Block = NO_BLOCK;
  /** While stepping: the instruction that has begun, or -1. */
  begun = -1;
  /** FS and GS that are not all 4 GiB behind their base, which Unicorn would not check. */
  limited = 0;
  /** False when an exception has left something in this instance that cannot be taken back. */
  readonly reusable: boolean;

  /** Null where a build lacks what it takes. */
  private readonly guard: CodeGuard | null;
  private readonly instance: UnicornInstance;
  private readonly tables: PageTables;
  private readonly userMode: UserMode;
  private readonly fpu: FpuRegisters;
  private readonly ecx: RegisterSet;
  private readonly cr2: RegisterSet;
  private readonly eflags: RegisterSet;
  private readonly context: Uint8Array | null;
  /** Where a uc_context says which exception is in flight; -1: not known yet. */
  private inFlight = -1;
  private readonly blocks = new Map<number, Block>();
  private readonly steps = new Map<number, Step>();
  /** By page, the addresses of blocks and steps that touch it. */
  private readonly derived = new Map<number, Set<number>>();
  /** Pages that Unicorn may have translated code of, and those of them whose bytes have changed since. */
  private readonly translated = new Set<number>();
  private readonly stalePages = new Set<number>();
  private pageTablesStale = false;
  private preparing = false;
  private stepping = false;
  private stepsLeft = 0;
  private segmentLoadAllowed = false;
  private fpuUsed = false;
  private hostError: unknown = null;
  /** RF when registers were loaded, and the budget then. */
  private resumeFlag = 0;
  private leftAtLoad = 0;

  constructor(library: UnicornLibrary, space: AddressSpace) {
    const { memory } = space;
    this.space = space;
    this.tables = new PageTables(memory);
    this.instance = library.open(memory, this);
    const { instance } = this;
    this.general = instance.registers(GENERAL_IDS);
    this.ecx = instance.registers([UC_ECX]);
    this.cr2 = instance.registers([UC_CR2]);
    this.eflags = instance.registers([UC_EFLAGS]);
    this.fpu = new FpuRegisters(instance);
    this.context = instance.newContext?.() ?? null;
    this.reusable = this.context !== null;
    this.guard = this.reusable && instance.setExits !== undefined ? new CodeGuard() : null;
    if (this.guard) enableExecuteDisable(library, instance);
    this.userMode = new UserMode(instance, memory, (address) => this.prepare(address));
    this.userMode.prepare(this.tables.root);
    this.attach(space);
  }

  /** The memory belongs to another space now, or another engine has been at work in it. */
  attach(space: AddressSpace): void {
    this.space = space;
    space.codeCache = this;
    this.blocks.clear();
    this.steps.clear();
    this.derived.clear();
    this.guard?.clear();
    this.tables.clearUserPages();
    for (const page of space.residentPages()) this.permChanged(page);
    for (const page of this.translated) this.stalePages.add(page);
    this.pageTablesStale = true;
  }

  // What AddressSpace tells.

  dropPage(page: number): void {
    const addresses = this.derived.get(page) ?? [];
    for (const address of addresses) {
      this.blocks.delete(address);
      this.steps.delete(address);
    }
    this.derived.delete(page);
    if (this.translated.has(page)) this.stalePages.add(page);
    if (this.guard?.drop(page)) this.permChanged(page);
  }

  permChanged(page: number): void {
    const perm = this.space.perm[page];
    const executable = this.guard === null || (this.guard.isAdmitted(page) && (perm & PERM_X) !== 0);
    // Page tables have no page that can be written but not read: such a page faults at each access.
    const less = this.tables.setUserPage(page, (perm & PERM_R) !== 0, (perm & PERM_W) !== 0, executable);
    if (less) this.pageTablesStale = true;
  }

  /** Lets Unicorn fetch from a page, now that its code is looked at. False when it may not be fetched from, or could be before. */
  admit(page: number): boolean {
    const { guard, space } = this;
    if (guard === null || guard.isAdmitted(page) || !(space.perm[page] & PERM_X)) return false;
    for (const address of guard.admit(space, page)) this.steps.delete(address);
    this.translated.add(page);
    space.markCode(page);
    this.permChanged(page);
    return true;
  }

  // Registers.

  load(core: CoreState): void {
    if (this.userMode.segmentsDiffer(core)) this.loadSegments(core);
    this.userMode.loadTables(core);
    this.limited = limitedSegments(core);
    this.fpu.load(core.u8);
    const { values } = this.general;
    for (let i = 0; i < values.length; i++) values[i] = core.i32[i];
    // The first instruction to retire clears RF, and a fault sets it: Unicorn need not know of it.
    this.resumeFlag = values[EFLAGS] & FLAG_RF;
    this.leftAtLoad = this.left;
    values[EFLAGS] &= ~FLAG_RF;
    this.general.write();
  }

  store(core: CoreState): void {
    const { values } = this.general;
    for (let i = 0; i < values.length; i++) core.i32[i] = values[i];
    if (this.left === this.leftAtLoad) core.i32[EFLAGS] |= this.resumeFlag;
    if (this.fpuUsed) this.fpu.store(core.u8);
    this.fpuUsed = false;
  }

  /** Selectors in the order of core-state.ts, after an instruction that loads one. */
  selectors(): Int32Array {
    return this.userMode.readSelectors();
  }

  /** The core's hidden parts have been brought up to date after such an instruction. */
  segmentsLoaded(core: CoreState): void {
    for (let seg = 0; seg < 6; seg++) this.userMode.note(core, seg);
    this.limited = limitedSegments(core);
  }

  private loadSegments(core: CoreState): void {
    const fresh = this.reusable && this.inFlight < 0;
    this.tables.setTrial(true);
    this.instance.dropPageTables();
    if (fresh) {
      this.userMode.enter(core);
      this.inFlight = this.userMode.locateInFlight();
      this.userMode.forget();
      if (this.guard) this.tryGuard(core);
    }
    this.userMode.loadSegments(core);
    this.fpu.forget();
    this.tables.setTrial(false);
    this.pageTablesStale = true;
  }

  /** Proves that a page can be kept from being executed. */
  private tryGuard(core: CoreState): void {
    this.userMode.enter(core);
    this.tables.setTrial(true, false);
    this.instance.dropPageTables();
    const vector = this.userMode.tryTrial();
    assert(vector === VECTOR_PF, `Unicorn runs what it must not: vector ${vector}`);
    this.userMode.forget();
    this.tables.setTrial(true);
    this.instance.dropPageTables();
  }

  /** Linear address of the last page fault. */
  faultAddress(): number {
    this.cr2.read();
    return this.cr2.values[0] >>> 0;
  }

  /** The exception that stopped the run is over. Only when `reusable`. */
  endException(): void {
    const { instance } = this;
    const context = this.context!;
    instance.saveContext!(context);
    new Int32Array(context.buffer, 0, context.length >> 2)[this.inFlight >> 2] = -1;
    instance.restoreContext!(context);
  }

  // Running.

  /** Runs from EIP until `left` cannot hold the next block, or something needs the engine. */
  run(): void {
    this.stepping = false;
    this.start();
  }

  /** Runs `count` instructions one by one, or fewer: it stops before what Unicorn must not run. */
  step(count: number, segmentLoadAllowed = false): void {
    const { values } = this.general;
    this.stepping = true;
    this.stepsLeft = count;
    this.segmentLoadAllowed = segmentLoadAllowed;
    const trapFlag = values[EFLAGS] & FLAG_TF;
    this.eflags.values[0] = values[EFLAGS] | FLAG_TF;
    this.eflags.write();
    this.start();
    values[EFLAGS] = (values[EFLAGS] & ~FLAG_TF) | trapFlag;
    this.eflags.values[0] = values[EFLAGS];
    this.eflags.write();
  }

  private start(): void {
    const { instance, general } = this;
    this.admit(general.values[EIP] >>> PAGE_SHIFT);
    if (this.stalePages.size > 0) this.dropStalePages();
    this.guard?.tell(instance);
    if (this.pageTablesStale) instance.dropPageTables();
    this.pageTablesStale = false;
    this.stop = STOP_NONE;
    this.current = this.refused = NO_BLOCK;
    this.begun = -1;
    if (instance.pushPage) for (const page of this.pagesToCopy()) instance.pushPage(page);
    const error = instance.start(general.values[EIP] >>> 0);
    if (instance.pullPage) for (const page of this.space.residentPages()) instance.pullPage(page);
    if (this.hostError !== null) throw this.hostError;
    if (error === UC_ERR_INSN_INVALID) {
      this.stop = STOP_INTERRUPT;
      this.vector = VECTOR_UD;
    } else if (error !== UC_ERR_OK) {
      throw new InvariantError(`Unicorn stopped with error ${error} near ${(general.values[EIP] >>> 0).toString(16)}`);
    }
    general.read();
    if (this.stop === STOP_NONE && this.guard?.isHazard(general.values[EIP] >>> 0)) this.stopAtHazard();
    if (this.stop === STOP_BEFORE) general.values[EIP] = this.stopAddress | 0;
    if (this.stop === STOP_NONE) {
      throw new InvariantError(`Unicorn stopped by itself at ${(general.values[EIP] >>> 0).toString(16)}`);
    }
  }

  private stopAtHazard(): void {
    const { general } = this;
    this.stop = STOP_BEFORE;
    this.stopAddress = general.values[EIP] >>> 0;
    if (this.stepping && this.begun >= 0 && this.begun !== this.stopAddress) this.countStep();
    // With exits in force Unicorn looks at the byte before each when it ends a run, and may fault unseen.
    this.endException();
  }

  /** Unicorn drops translations of pages only as long as it can fetch from them. */
  private dropStalePages(): void {
    const { tables, instance } = this;
    for (const page of this.stalePages) {
      tables.setUserPage(page, true, false, true);
      instance.dropTranslations(page);
      this.permChanged(page);
    }
    this.stalePages.clear();
    this.pageTablesStale = true;
  }

  /** Runs code of the engine's own, to get ready; gives the vector of the interrupt that ends it. */
  private prepare(address: number): number {
    const { instance } = this;
    this.preparing = true;
    this.vector = -1;
    if (instance.pushPage) for (const page of this.pagesToCopy()) instance.pushPage(page);
    const error = instance.start(address);
    this.preparing = false;
    if (error !== UC_ERR_OK) throw new InvariantError(`Unicorn does not get ready: error ${error}`);
    return this.vector;
  }

  private *pagesToCopy(): Generator<number> {
    yield* this.tables.ownPages();
    yield* this.space.residentPages();
  }

  // What Unicorn tells while it runs. It must not see a host error fly past.

  block(address: number, sizeBytes: number): void {
    if (this.preparing) return;
    try {
      if (this.stepping) this.beginStep(address);
      else this.beginBlock(address, sizeBytes);
    } catch (error) {
      this.hostError = error;
      this.instance.stop();
    }
  }

  interrupt(vector: number): void {
    if (!this.preparing && this.stepping && vector === VECTOR_DB && this.begun >= 0) {
      this.countStep();
      if (this.stepsLeft > 0) return;
      this.stop = STOP_AFTER;
    } else {
      this.stop = STOP_INTERRUPT;
      this.vector = vector;
    }
    this.instance.stop();
  }

  private beginBlock(address: number, sizeBytes: number): void {
    let block = this.blocks.get(address);
    if (block === undefined || block.sizeBytes !== sizeBytes) block = this.decodeBlock(address, sizeBytes);
    // QEMU comes back to a repeated instruction once more after its last iteration, to find the count zero.
    if (block.repeats && this.isRoundTooMany(block)) {
      this.current = NO_BLOCK;
      return;
    }
    if (
      block.count > this.left ||
      block.special < block.count ||
      (block.segments & this.limited) !== 0 ||
      this.pageTablesStale
    ) {
      this.refused = block;
      this.refuse(address);
      return;
    }
    this.left -= block.count;
    this.current = block;
    if (block.floatingPoint) this.fpuUsed = true;
  }

  private isRoundTooMany(block: Block): boolean {
    const { current } = this;
    if (!current.repeats || current.addresses[current.count - 1] !== block.address) return false;
    this.ecx.read();
    return (this.ecx.values[0] & block.countMask) === 0;
  }

  private beginStep(address: number): void {
    // A store into its own page makes QEMU begin an instruction anew.
    if (address === this.begun) return;
    if (this.begun >= 0) this.countStep();
    const step = this.stepOf(address);
    const runs = step.kind === PLAIN || (step.kind === LOADS_SEGMENT && this.segmentLoadAllowed);
    if (this.stepsLeft === 0 || !runs || (step.segments & this.limited) !== 0 || this.pageTablesStale) {
      this.refuse(address);
      return;
    }
    this.begun = address;
    if (step.floatingPoint) this.fpuUsed = true;
  }

  private countStep(): void {
    this.begun = -1;
    this.stepsLeft--;
    this.left--;
  }

  private refuse(address: number): void {
    this.current = NO_BLOCK;
    this.stop = STOP_BEFORE;
    this.stopAddress = address;
    this.instance.stop();
  }

  stepOf(address: number): Step {
    let step = this.steps.get(address);
    if (step === undefined) {
      step = stepAt(this.space, address);
      if (this.guard?.isHazard(address)) step = { ...step, kind: ASSISTED };
      // What cannot be fetched now may be there later, and nobody tells of a page that comes.
      if (step.insn === null) return step;
      this.steps.set(address, step);
      this.derive(address, address + (step.insn?.length ?? 1));
    }
    return step;
  }

  private decodeBlock(address: number, sizeBytes: number): Block {
    const block = blockAt(this.space, address, sizeBytes);
    this.blocks.set(address, block);
    this.derive(address, block.addresses[block.count]! + 1);
    return block;
  }

  /** Notes that something was derived from the bytes of a range: a write to them goes through the space. */
  private derive(address: number, end: number): void {
    for (let page = address >>> PAGE_SHIFT; page <= (end - 1) >>> PAGE_SHIFT; page++) {
      if (!this.space.isResident(page)) continue;
      let addresses = this.derived.get(page);
      if (addresses === undefined) {
        addresses = new Set();
        this.derived.set(page, addresses);
        this.space.markCode(page);
      }
      addresses.add(address);
      this.translated.add(page);
    }
  }
}
