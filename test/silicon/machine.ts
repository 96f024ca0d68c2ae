import { cpuId } from '../../emu/base/brand.ts';
import { assert } from '../../emu/base/errors.ts';
import {
  CoreState,
  CR0,
  CR2,
  EFLAGS,
  EIP,
  EXIT_ERROR_CODE,
  EXIT_VECTOR,
  FLAG_TF,
  FXSAVE_BYTE_OFFSET,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
} from '../../emu/core/core-state.ts';
import {
  type Engine,
  type EngineExit,
  EXIT_BUDGET,
  EXIT_EXCEPTION,
  EXIT_SYSCALL,
  VECTOR_DB,
  VECTOR_PF,
  VECTOR_SYSCALL,
} from '../../emu/core/engine.ts';
import { AddressSpace, PAGE_SHIFT, PERM_R, PERM_W, PERM_X } from '../../emu/memory/address-space.ts';
import { basePages } from './base-pages.ts';
import {
  type Case,
  CODE_BASE,
  CODE_SIZE,
  DATA_BASE,
  DATA_RW_SIZE,
  DATA_SIZE,
  INT3,
  MODE_STEP,
  OUTCOME_HANG,
  type Outcome,
  type Patch,
} from './protocol.ts';

/** More than any case that ends takes: a loop whose pushes run over its own counter goes round until the stack leaves its page. */
const RUN_BUDGET = 300_000;
/** What Linux runs user mode with: PE MP ET NE WP AM PG. */
export const CR0_LINUX = 0x80050033;

/** A segment descriptor as two doublewords. `limit` is the raw 20-bit field. Source: SDM Vol. 3, Segment Descriptors. */
function descriptor(base: number, limit: number, access: number, flags: number): [number, number] {
  return [
    ((base & 0xffff) << 16) | (limit & 0xffff),
    (base & 0xff000000) | (flags << 20) | (limit & 0xf0000) | (access << 8) | ((base >>> 16) & 0xff),
  ];
}

const PAGES_32BIT = 0xc;
const BYTES_32BIT = 0x4;
/** The AVL bit, which set_thread_area sets for "useable". */
const AVAILABLE = 0x1;
const PAGES_64BIT_CODE = 0xa;

/** Linux' GDT as a 32-bit program sees it (arch/x86/include/asm/segment.h), with the TLS entries that runner.c sets. */
export const GDT = Int32Array.from(
  [
    [0, 0] as const,
    descriptor(0, 0xfffff, 0x9b, PAGES_32BIT), // 0x08 kernel, 32-bit code
    descriptor(0, 0xfffff, 0x9b, PAGES_64BIT_CODE), // 0x10 kernel code
    descriptor(0, 0xfffff, 0x93, PAGES_32BIT), // 0x18 kernel data
    descriptor(0, 0xfffff, 0xfb, PAGES_32BIT), // 0x23 user, 32-bit code
    descriptor(0, 0xfffff, 0xf3, PAGES_32BIT), // 0x2b user data
    descriptor(0, 0xfffff, 0xfb, PAGES_64BIT_CODE), // 0x33 user, 64-bit code
    [0, 0] as const,
    descriptor(0x1000, 0x4087, 0x8b, 0), // 0x40 busy TSS
    [0, 0] as const,
    descriptor(0x1000, 0xffff, 0x82, 0), // 0x50 LDT
    [0, 0] as const,
    descriptor(DATA_BASE, 0x17ff, 0xf3, BYTES_32BIT | AVAILABLE), // 0x63
    descriptor(DATA_BASE, 0x7ff, 0xf7, BYTES_32BIT | AVAILABLE), // 0x6b expand-down
    descriptor(DATA_BASE, 1, 0xf1, PAGES_32BIT | AVAILABLE), // 0x73 read-only
    descriptor(0, 0, 0xf5, BYTES_32BIT), // 0x7b the number of the CPU: never tested
  ].flat(),
);

export const LDT = Int32Array.from(
  [
    descriptor(0, 0xfffff, 0x73, PAGES_32BIT), // 0x07 not present
    descriptor(0, 0xfffff, 0xf9, PAGES_32BIT), // 0x0f code that cannot be read
    descriptor(0, 0xfffff, 0xfb, PAGES_32BIT), // 0x17 code
    descriptor(DATA_BASE, 0x7ff, 0xf7, 0), // 0x1f expand-down, 16-bit
  ].flat(),
);

function descriptorWords(selector: number): [number, number] {
  const table = selector & 4 ? LDT : GDT;
  return [table[(selector >>> 3) * 2] ?? 0, table[(selector >>> 3) * 2 + 1] ?? 0];
}

/** The base address that a valid selector gives. */
export function baseOfSelector(selector: number): number {
  const [low, high] = descriptorWords(selector);
  return ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0;
}

/** Puts a valid selector and its hidden part in place, as the definition in core-state.ts has it. */
export function loadSegmentOf(i32: Int32Array, segment: number, selector: number): void {
  i32[SEG_SELECTOR + segment] = selector;
  i32[SEG_BASE + segment] = i32[SEG_LIMIT + segment] = i32[SEG_ACCESS + segment] = 0;
  if ((selector & 0xfffc) === 0) return;
  const [low, high] = descriptorWords(selector);
  const limit = (low & 0xffff) | (high & 0xf0000);
  i32[SEG_BASE + segment] = baseOfSelector(selector);
  i32[SEG_LIMIT + segment] = high & 0x800000 ? (limit << 12) | 0xfff : limit;
  i32[SEG_ACCESS + segment] = ((high >>> 8) & 0xff) | ((high >>> 22) & 1 ? 0x100 : 0);
}

/** One emulated core and its memory, set up like the runner's process. */
export class EmulatedMachine {
  readonly core = new CoreState(cpuId(0), { gdt: GDT, ldt: LDT });
  private readonly space = new AddressSpace();
  private readonly live: Buffer;
  private readonly shadow: Buffer;
  private readonly base: Uint32Array;
  private readonly liveWords: Int32Array;
  private readonly shadowWords: Int32Array;
  private readonly engine: Engine;
  private readonly sliceLength: number;
  private placed: Case | null = null;

  /** `sliceLength`: cases that run to a trap do so in budgets of this many instructions. */
  constructor(engine: Engine, sliceLength = RUN_BUDGET) {
    this.engine = engine;
    this.sliceLength = sliceLength;
    const map = (from: number, sizeBytes: number, perm: number): void => {
      for (let at = from; at < from + sizeBytes; at += 1 << PAGE_SHIFT) this.space.mapPage(at >>> PAGE_SHIFT, perm);
    };
    map(CODE_BASE, CODE_SIZE, PERM_R | PERM_X);
    map(DATA_BASE, DATA_RW_SIZE, PERM_R | PERM_W);
    map(DATA_BASE + DATA_RW_SIZE, DATA_SIZE - DATA_RW_SIZE, PERM_R);
    this.space.poke(CODE_BASE, new Uint8Array(CODE_SIZE).fill(INT3));
    this.space.poke(DATA_BASE, basePages());
    const { buffer } = this.space.u8;
    this.live = Buffer.from(buffer as ArrayBuffer, DATA_BASE, DATA_RW_SIZE);
    this.liveWords = new Int32Array(buffer, DATA_BASE, DATA_RW_SIZE / 4);
    this.shadow = Buffer.from(basePages().slice(0, DATA_RW_SIZE).buffer);
    this.shadowWords = new Int32Array(this.shadow.buffer, this.shadow.byteOffset, DATA_RW_SIZE / 4);
    this.base = new Uint32Array(basePages().slice().buffer);
  }

  /** Runs a case and leaves the memory as it was. `trapFlag`: let the machine itself end the first step by #DB. */
  run(c: Case, trapFlag: boolean): Outcome {
    const { core, space } = this;
    this.load(c, trapFlag);
    for (const { address, value } of c.patches)
      this.liveWords[(address - DATA_BASE) >> 2] = this.shadowWords[(address - DATA_BASE) >> 2] = value;
    this.place(c);
    let exit: EngineExit = EXIT_BUDGET;
    let retired = 0;
    const budget = c.mode === MODE_STEP ? c.steps : RUN_BUDGET;
    const slice = c.mode === MODE_STEP ? c.steps : this.sliceLength;
    while (exit === EXIT_BUDGET && retired < budget) {
      core.tscBase = retired;
      exit = this.engine.run(core, space, slice);
      assert(
        exit === EXIT_BUDGET ? core.retired === slice : core.retired <= slice,
        `retired ${core.retired} of ${slice}`,
      );
      retired += core.retired;
    }
    const changes = this.takeChanges();
    for (const { address } of c.patches) {
      const index = (address - DATA_BASE) >> 2;
      this.liveWords[index] = this.shadowWords[index] = this.base[index]!;
    }
    const { i32 } = core;
    const selectors = new Uint16Array(6);
    for (let i = 0; i < 6; i++) selectors[i] = i32[SEG_SELECTOR + i]!;
    let vector = VECTOR_DB;
    if (exit === EXIT_BUDGET && c.mode !== MODE_STEP) vector = OUTCOME_HANG;
    if (exit === EXIT_EXCEPTION) vector = i32[EXIT_VECTOR]!;
    if (exit === EXIT_SYSCALL) vector = VECTOR_SYSCALL;
    return {
      regs: new Uint32Array(i32.slice(0, 8).buffer),
      eip: i32[EIP]! >>> 0,
      eflags: i32[EFLAGS]! >>> 0,
      selectors,
      vector,
      errorCode: exit === EXIT_EXCEPTION ? i32[EXIT_ERROR_CODE]! : 0,
      cr2: vector === VECTOR_PF ? i32[CR2]! >>> 0 : 0,
      retired,
      changes,
      fx: c.fx ? core.u8.slice(FXSAVE_BYTE_OFFSET, FXSAVE_BYTE_OFFSET + 512) : null,
    };
  }

  /** Puts the case's code where it belongs, INT3 everywhere else. What is there already stays, and what engines derived from it. */
  private place(c: Case): void {
    if (this.placed === c) return;
    if (this.placed) this.space.poke(this.placed.eip, new Uint8Array(this.placed.code.length).fill(INT3));
    this.space.poke(c.eip, c.code);
    this.placed = c;
  }

  private load(c: Case, trapFlag: boolean): void {
    const { i32, u8 } = this.core;
    i32.set(c.regs);
    i32[EIP] = c.eip;
    i32[EFLAGS] = c.eflags | (trapFlag ? FLAG_TF : 0);
    i32[CR0] = CR0_LINUX;
    for (let i = 0; i < 6; i++) loadSegmentOf(i32, i, c.selectors[i]!);
    if (c.fx) u8.set(c.fx, FXSAVE_BYTE_OFFSET);
    else {
      u8.fill(0, FXSAVE_BYTE_OFFSET, FXSAVE_BYTE_OFFSET + 512);
      u8[FXSAVE_BYTE_OFFSET] = 0x7f;
      u8[FXSAVE_BYTE_OFFSET + 1] = 0x03;
      u8[FXSAVE_BYTE_OFFSET + 24] = 0x80;
      u8[FXSAVE_BYTE_OFFSET + 25] = 0x1f;
    }
  }

  private takeChanges(): Patch[] {
    if (this.live.compare(this.shadow) === 0) return [];
    const changes: Patch[] = [];
    for (let i = 0; i < this.liveWords.length; i++) {
      const value = this.liveWords[i]!;
      if (value === this.shadowWords[i]) continue;
      changes.push({ address: DATA_BASE + i * 4, value: value >>> 0 });
      this.liveWords[i] = this.shadowWords[i]!;
    }
    return changes;
  }
}
