import type { Insn } from '../isa/insn.ts';
import { type AddressSpace, type CodeCache, PAGE_SHIFT, PAGE_SIZE } from '../memory/address-space.ts';
import { decodeFlat } from './fetch.ts';
import { endsBlock, FETCH, GOTO, STOP, translate } from './micro-ops.ts';
import { R_DISP, R_EIP, R_IMM, R_INSN, R_OP, RECORD_SIZE } from './record.ts';

const JUMP_CACHE_SIZE = 1 << 12;
const BLOCK_INSTRUCTIONS_MAX = 48;
/** Records kept before everything is dropped and decoding begins anew. */
const RECORDS_MAX = 1 << 19;

/**
 * Predecoded instructions of one space under a flat 32-bit code segment: records of RECORD_SIZE doublewords.
 * Records of instructions that follow each other in memory follow each other here; a block ends with a GOTO or FETCH record,
 * so every record has a successor. A dropped record becomes FETCH and keeps its EIP, hence links to it stay good.
 * Record 0 is FETCH for EIP 0, where user mode has no page.
 */
export class CodePages implements CodeCache {
  code = new Int32Array(RECORD_SIZE * 1024);
  /** Counts the times that everything was dropped: record numbers from before mean nothing. */
  generation = 0;
  /** FS (bit 4) and GS (bit 5) when records take them for 4 GiB data segments. */
  reliesOn = 0;
  private readonly space: AddressSpace;
  private readonly insns: Insn[] = [];
  private top = RECORD_SIZE;
  /** Per page, the record of each byte that begins a decoded instruction; 0 = none. */
  private readonly pages = new Map<number, Int32Array>();
  private readonly jumpCache = new Int32Array(JUMP_CACHE_SIZE);
  private readonly stops = new Set<number>();

  constructor(space: AddressSpace) {
    this.space = space;
    this.code[R_OP] = FETCH;
  }

  /** The record for an EIP, decoded now if need be; -1 when the instruction there cannot be fetched. */
  find(eip: number, fullSegments: number): number {
    const slot = (eip ^ (eip >>> 12)) & (JUMP_CACHE_SIZE - 1);
    const cached = this.jumpCache[slot];
    // A dropped record is FETCH, and its place must be taken by a new one.
    if (this.code[cached + R_EIP] === eip && this.code[cached + R_OP] !== FETCH) return cached;
    const record = this.existing(eip) || this.decodeBlock(eip, fullSegments);
    if (record > 0) this.jumpCache[slot] = record;
    return record;
  }

  /** As `find` for a direct branch, but an EIP that cannot be fetched gets a FETCH record, which will raise the fault. */
  findOrStub(eip: number, fullSegments: number): number {
    const record = this.find(eip, fullSegments);
    if (record > 0) return record;
    this.reserve(1);
    this.put(this.top, FETCH, eip, 0);
    this.top += RECORD_SIZE;
    return this.top - RECORD_SIZE;
  }

  /** Whether the instruction at an EIP has been decoded: it has run, or one before it in the same stretch of code has. */
  knows(eip: number): boolean {
    return this.existing(eip) > 0;
  }

  /** From now on a run ends before the instruction at this EIP. */
  stopAt(eip: number): void {
    this.stops.add(eip);
    const record = this.existing(eip);
    if (record > 0) this.code[record + R_OP] = STOP;
  }

  /** Takes `stopAt` back. */
  goOnAt(eip: number): void {
    this.stops.delete(eip);
    const record = this.existing(eip);
    if (record === 0) return;
    this.drop(record);
    this.pages.get(eip >>> PAGE_SHIFT)![eip & (PAGE_SIZE - 1)] = 0;
  }

  insnAt(record: number): Insn {
    return this.insns[this.code[record + R_INSN]];
  }

  /** An instruction that reaches into the page from the one before goes too. */
  dropPage(page: number): void {
    const records = this.pages.get(page);
    if (records !== undefined) {
      for (const record of records) if (record !== 0) this.drop(record);
      this.pages.delete(page);
    }
    const before = this.pages.get(page - 1);
    if (before === undefined) return;
    for (let offset = PAGE_SIZE - 14; offset < PAGE_SIZE; offset++) {
      const record = before[offset];
      if (record === 0 || offset + this.insnAt(record).length <= PAGE_SIZE) continue;
      this.drop(record);
      before[offset] = 0;
    }
  }

  private drop(record: number): void {
    this.code[record + R_OP] = FETCH;
  }

  private existing(eip: number): number {
    return this.pages.get(eip >>> PAGE_SHIFT)?.[eip & (PAGE_SIZE - 1)] ?? 0;
  }

  private decodeBlock(eip: number, fullSegments: number): number {
    if (this.top > RECORDS_MAX * RECORD_SIZE) this.dropAll();
    this.reserve(BLOCK_INSTRUCTIONS_MAX + 1);
    const first = this.top;
    let next = eip;
    for (let i = 0; i < BLOCK_INSTRUCTIONS_MAX; i++) {
      const known = i > 0 ? this.existing(next) : 0;
      if (known > 0) {
        this.put(this.top, GOTO, next, known);
        this.top += RECORD_SIZE;
        return first;
      }
      const insn = decodeFlat(this.space, next);
      if (insn === null) break;
      this.add(insn, fullSegments);
      next = insn.next;
      if (endsBlock(insn)) break;
    }
    if (this.top === first) return -1;
    this.put(this.top, FETCH, next, 0);
    this.top += RECORD_SIZE;
    return first;
  }

  private add(insn: Insn, fullSegments: number): void {
    const { code, top } = this;
    this.reliesOn |= translate(insn, code, top, fullSegments);
    code[top + R_INSN] = this.insns.push(insn) - 1;
    if (this.stops.has(insn.eip)) code[top + R_OP] = STOP;
    const page = insn.eip >>> PAGE_SHIFT;
    let records = this.pages.get(page);
    if (records === undefined) {
      records = new Int32Array(PAGE_SIZE);
      this.pages.set(page, records);
      this.space.markCode(page);
    }
    records[insn.eip & (PAGE_SIZE - 1)] = top;
    const lastPage = (insn.eip + insn.length - 1) >>> PAGE_SHIFT;
    if (lastPage !== page) this.space.markCode(lastPage);
    this.top += RECORD_SIZE;
  }

  private put(record: number, op: number, eip: number, link: number): void {
    this.code[record + R_OP] = op;
    this.code[record + R_DISP] = 0;
    this.code[record + R_IMM] = link;
    this.code[record + R_EIP] = eip;
    this.code[record + R_INSN] = 0;
  }

  private reserve(records: number): void {
    if (this.top + records * RECORD_SIZE <= this.code.length) return;
    const larger = new Int32Array(this.code.length * 2);
    larger.set(this.code);
    this.code = larger;
  }

  private dropAll(): void {
    this.generation++;
    this.top = RECORD_SIZE;
    this.insns.length = 0;
    this.pages.clear();
    this.jumpCache.fill(0);
    this.reliesOn = 0;
  }
}
