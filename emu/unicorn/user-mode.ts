import { assert } from '../base/errors.ts';
import { type CoreState, SEG_ACCESS, SEG_BASE, SEG_CS, SEG_LIMIT, SEG_SELECTOR, SEG_SS } from '../core/core-state.ts';
import { VECTOR_GP, VECTOR_SYSCALL } from '../core/engine.ts';
import { encodeDescriptor } from '../core/reset.ts';
import { GDT_ADDRESS, IDT_ADDRESS, LDT_SELECTOR, TSS_SELECTOR } from '../interp/exec-system.ts';
import { PAGE_SHIFT } from '../memory/address-space.ts';
import {
  type GuestMemory,
  type RegisterSet,
  UC_CR0,
  UC_CR3,
  UC_CR4,
  UC_CS,
  UC_DS,
  UC_EAX,
  UC_ES,
  UC_ESP,
  UC_FS,
  UC_GDTR,
  UC_GS,
  UC_IDTR,
  UC_LDTR,
  UC_SS,
  UC_TR,
  type UnicornInstance,
} from './binding.ts';
import { LDT_ADDRESS, STUB_ADDRESS, TRIAL_ADDRESS } from './kernel-half.ts';

/** CR4: PAE; OSFXSR and OSXMMEXCPT, so that SSE works. */
const CR4_VALUE = 0x620;
const CR0_PE = 1;
/** Slots of our own in the GDT while there is no user mode yet. */
const KERNEL_CODE = 500 << 3;
const KERNEL_DATA = 501 << 3;
const GDT_BYTES = 4096;
const STACK = STUB_ADDRESS + 0x800;

const OPCODE_IRET = 0xcf;
/** int 0x80 */
const TRIAL_SYSCALL = [0xcd, VECTOR_SYSCALL];
/** mov ds, ax */
const TRIAL_LOAD_DS = [0x8e, 0xd8];
/** The last slot of the GDT, which is empty: #GP. */
const TRIAL_SELECTOR = 0x0ffb;

/** uc_x86_mmr: selector, base (8 bytes at 8), limit, flags. */
function systemSegment(selector: number, base: number, limit: number): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, selector, true);
  view.setUint32(8, base, true);
  view.setUint32(16, limit, true);
  return bytes;
}

/** Index in `Segments.registers` of each segment register, in the order of core-state.ts: ES CS SS DS FS GS. */
const SEGMENT_IDS = [UC_ES, UC_CS, UC_SS, UC_DS, UC_FS, UC_GS];

/**
 * Brings an instance into user mode, which is CPL 3 with paging, and loads segment registers with any hidden part: through a
 * descriptor written for the purpose, as a kernel would.
 */
export class UserMode {
  private readonly instance: UnicornInstance;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  private readonly selectors: RegisterSet;
  private readonly single: readonly RegisterSet[];
  private readonly start: (address: number) => number;
  /** State before the first IRET: a way back into CPL 0. Null where there are no contexts. */
  private privileged: Uint8Array | null = null;
  /** Selector, base, limit, access of each segment register as last loaded. */
  private readonly loaded = new Int32Array(24);

  /** `start` runs the instance and returns the vector that ended the run. */
  constructor(instance: UnicornInstance, memory: GuestMemory, start: (address: number) => number) {
    this.instance = instance;
    this.i32 = new Int32Array(memory.buffer as ArrayBuffer);
    this.u8 = new Uint8Array(memory.buffer as ArrayBuffer);
    this.selectors = instance.registers(SEGMENT_IDS);
    this.single = SEGMENT_IDS.map((id) => instance.registers([id]));
    this.start = start;
  }

  /** First thing with a new instance: everything up to the brink of user mode. */
  prepare(pageTables: number): void {
    const { instance } = this;
    instance.writeWide(UC_GDTR, systemSegment(0, GDT_ADDRESS >>> 0, GDT_BYTES - 1));
    instance.writeWide(UC_IDTR, systemSegment(0, IDT_ADDRESS >>> 0, 256 * 8 - 1));
    instance.writeWide(UC_TR, systemSegment(TSS_SELECTOR, 0, 0));
    this.putDescriptor(KERNEL_CODE, encodeDescriptor(0, 0xffffffff, 0x9b));
    this.putDescriptor(KERNEL_DATA, encodeDescriptor(0, 0xffffffff, 0x93));
    const control = instance.registers([UC_CS, UC_SS, UC_CR3, UC_CR4, UC_CR0]);
    control.values.set([KERNEL_CODE, KERNEL_DATA, pageTables | 0, CR4_VALUE, 0x80050033 | CR0_PE]);
    control.write();
    this.privileged = instance.newContext?.() ?? null;
    if (this.privileged) instance.saveContext!(this.privileged);
  }

  /** Enters user mode with the core's CS and SS, which must be usable. All other registers are lost. */
  enter(core: CoreState): void {
    const { instance, i32 } = this;
    if (this.privileged) instance.restoreContext!(this.privileged);
    this.mapTables(true);
    this.u8[STUB_ADDRESS] = OPCODE_IRET;
    this.u8.set(TRIAL_SYSCALL, TRIAL_ADDRESS);
    for (const seg of [SEG_CS, SEG_SS]) this.describe(core, seg);
    const cs = core.i32[SEG_SELECTOR + SEG_CS];
    const ss = core.i32[SEG_SELECTOR + SEG_SS];
    i32.set([TRIAL_ADDRESS | 0, cs, 0x202, STACK, ss], STACK >>> 2);
    const esp = instance.registers([UC_ESP]);
    esp.values[0] = STACK | 0;
    esp.write();
    const vector = this.start(STUB_ADDRESS);
    assert(vector === VECTOR_SYSCALL, `Unicorn did not reach user mode: vector ${vector}`);
    this.loaded.fill(-1);
    for (const seg of [SEG_CS, SEG_SS]) this.note(core, seg);
  }

  /**
   * Finds out where a uc_context of this library says which exception is in flight, as a byte offset. Unicorn never ends one, and
   * would make the next page fault a double fault. In user mode, before anything has faulted.
   */
  locateInFlight(): number {
    const { instance } = this;
    const before = instance.newContext!();
    const after = before.slice();
    this.u8.set(TRIAL_LOAD_DS, TRIAL_ADDRESS);
    const eax = instance.registers([UC_EAX]);
    eax.values[0] = TRIAL_SELECTOR;
    eax.write();
    instance.dropTranslations(TRIAL_ADDRESS >>> PAGE_SHIFT);
    instance.saveContext!(before);
    const vector = this.start(TRIAL_ADDRESS);
    instance.saveContext!(after);
    this.u8.set(TRIAL_SYSCALL, TRIAL_ADDRESS);
    instance.dropTranslations(TRIAL_ADDRESS >>> PAGE_SHIFT);
    const was = new Int32Array(before.buffer, 0, before.length >> 2);
    const is = new Int32Array(after.buffer, 0, after.length >> 2);
    const found: number[] = [];
    was.forEach((word, i) => {
      if (word === -1 && is[i] === VECTOR_GP) found.push(i * 4);
    });
    assert(
      vector === VECTOR_GP && found.length === 1,
      `this build of Unicorn keeps exceptions in an unknown way: vector ${vector}, offsets ${found}`,
    );
    return found[0]!;
  }

  /** The vector that ends a run of the trial page in user mode. */
  tryTrial(): number {
    return this.start(TRIAL_ADDRESS);
  }

  /** Nothing is known of the segment registers any more. */
  forget(): void {
    this.loaded.fill(-1);
  }

  /** Puts the core's descriptor tables in place. */
  loadTables(core: CoreState): void {
    const { gdt, ldt } = core.tables;
    assert(gdt.length * 4 <= GDT_BYTES, 'the GDT is larger than a page');
    this.i32.set(gdt, GDT_ADDRESS >>> 2);
    this.i32.set(ldt, LDT_ADDRESS >>> 2);
  }

  /** Loads the segment registers that are not as the core has them. The code and stack segments must be flat ones. */
  loadSegments(core: CoreState): void {
    if (this.differs(core, SEG_CS) || this.differs(core, SEG_SS)) this.enter(core);
    this.mapTables(true);
    for (let seg = 0; seg < 6; seg++) {
      if (!this.differs(core, seg)) continue;
      this.describe(core, seg);
      this.single[seg]!.values[0] = core.i32[SEG_SELECTOR + seg];
      this.single[seg]!.write();
      this.note(core, seg);
    }
    this.loadTables(core);
    this.mapTables(false, core);
  }

  segmentsDiffer(core: CoreState): boolean {
    for (let seg = 0; seg < 6; seg++) if (this.differs(core, seg)) return true;
    return false;
  }

  /** The selectors as Unicorn has them now. */
  readSelectors(): Int32Array {
    this.selectors.values.fill(0);
    this.selectors.read();
    return this.selectors.values;
  }

  /** Unicorn's segment register is known to be as the core has it. */
  note(core: CoreState, seg: number): void {
    for (let i = 0; i < 4; i++) this.loaded[seg * 4 + i] = core.i32[SEGMENT_PARTS[i]! + seg];
  }

  private differs(core: CoreState, seg: number): boolean {
    for (let i = 0; i < 4; i++) if (this.loaded[seg * 4 + i] !== core.i32[SEGMENT_PARTS[i]! + seg]) return true;
    return false;
  }

  /** Writes a descriptor that gives the core's hidden part under the core's selector. A null selector needs none. */
  private describe(core: CoreState, seg: number): void {
    const { i32 } = core;
    const selector = i32[SEG_SELECTOR + seg];
    if ((selector & 0xfffc) === 0) return;
    this.putDescriptor(selector, encodeDescriptor(i32[SEG_BASE + seg], i32[SEG_LIMIT + seg], i32[SEG_ACCESS + seg]));
  }

  private putDescriptor(selector: number, [low, high]: readonly [number, number]): void {
    const table = selector & 4 ? LDT_ADDRESS : GDT_ADDRESS >>> 0;
    const at = (table >>> 2) + (selector >> 3) * 2;
    this.i32[at] = low;
    this.i32[at + 1] = high;
  }

  /** While segments are being loaded the tables reach as far as there is room; for user mode, as far as the core's own. */
  private mapTables(whole: boolean, core?: CoreState): void {
    const gdtLimit = whole ? GDT_BYTES - 1 : core!.tables.gdt.length * 4 - 1;
    const ldtLimit = whole ? 0xffff : Math.max(0, core!.tables.ldt.length * 4 - 1);
    this.instance.writeWide(UC_GDTR, systemSegment(0, GDT_ADDRESS >>> 0, gdtLimit));
    this.instance.writeWide(UC_LDTR, systemSegment(LDT_SELECTOR, LDT_ADDRESS, ldtLimit));
  }
}

const SEGMENT_PARTS = [SEG_SELECTOR, SEG_BASE, SEG_LIMIT, SEG_ACCESS];
