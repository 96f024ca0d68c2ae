import { ENTRY, T0, T1, TARGET_EIP } from './locals.ts';
import { type Label, MEM, OP, UNLIKELY, type WasmCode } from './wasm-code.ts';

// Code maps: hash tables in a space's memory that say where control goes from an EIP. Two doublewords each, the EIP and (function << 8 | entry).

/** Where a table stands, and its number of places, a power of two. */
export interface CodeMapPlace {
  readonly at: number;
  readonly size: number;
}

/** An EIP of 0 marks a free place; in the first place, which is that EIP's own, another that does not belong there. */
const FREE_FIRST = 1;

/** The host's side of a code map. The table forgets what others displace, the host does not. */
export class CodeMap {
  private readonly places: Int32Array;
  private readonly mask: number;
  private readonly all = new Map<number, number>();

  constructor(memory: WebAssembly.Memory, { at, size }: CodeMapPlace) {
    this.places = new Int32Array(memory.buffer as ArrayBuffer, at, size * 2);
    this.mask = size - 1;
    this.places.fill(0);
    this.places[0] = FREE_FIRST;
  }

  has(eip: number): boolean {
    return this.all.has(eip);
  }

  /** (function << 8 | entry) for an EIP; -1 when there is none. */
  find(eip: number): number {
    const at = this.placeOf(eip);
    if (this.places[at] === eip) return this.places[at + 1]!;
    const found = this.all.get(eip);
    if (found === undefined) return -1;
    this.places[at] = eip;
    this.places[at + 1] = found;
    return found;
  }

  set(eip: number, value: number): void {
    const at = this.placeOf(eip);
    this.all.set(eip, value);
    this.places[at] = eip;
    this.places[at + 1] = value;
  }

  /** Forgets an EIP if it leads to `value`; whether it did. */
  remove(eip: number, value: number): boolean {
    if (this.all.get(eip) !== value) return false;
    this.all.delete(eip);
    const at = this.placeOf(eip);
    if (this.places[at] === eip) this.places[at] = at === 0 ? FREE_FIRST : 0;
    return true;
  }

  private placeOf(eip: number): number {
    return ((eip ^ (eip >>> 12)) & this.mask) * 2;
  }
}

/** Writes the look-up of TARGET_EIP: its entry goes into ENTRY and its function into T1, or control to `miss`. */
export function writeLookUp(code: WasmCode, { at, size }: CodeMapPlace, miss: Label): void {
  code.get(TARGET_EIP);
  code.get(TARGET_EIP);
  code.i32(12);
  code.op(OP.i32ShrU, OP.i32Xor);
  code.i32(size - 1);
  code.op(OP.i32And);
  code.i32(3);
  code.op(OP.i32Shl);
  code.i32(at);
  code.op(OP.i32Or);
  code.tee(T0);
  code.mem(MEM.i32Load);
  code.get(TARGET_EIP);
  code.op(OP.i32Ne);
  code.brIf(miss, UNLIKELY);
  code.get(T0);
  code.mem(MEM.i32Load, 4);
  code.tee(T1);
  code.i32(0xff);
  code.op(OP.i32And);
  code.set(ENTRY);
  code.get(T1);
  code.i32(8);
  code.op(OP.i32ShrU);
  code.set(T1);
}
