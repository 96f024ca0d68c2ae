// Instructions of WebAssembly's binary format, by the names of its text format.
// Source: WebAssembly Core Specification 2.0, Binary Format, Instructions; the tail-call proposal for return_call_indirect.

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const VOID = 0x40;

/** Plain instructions: one opcode and no immediate. */
export const OP = {
  unreachable: 0x00,
  return: 0x0f,
  drop: 0x1a,
  select: 0x1b,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtS: 0x4a,
  i32GtU: 0x4b,
  i32LeS: 0x4c,
  i32LeU: 0x4d,
  i32GeS: 0x4e,
  i32GeU: 0x4f,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  i64Ne: 0x52,
  i64LtS: 0x53,
  i64LtU: 0x54,
  i64GtU: 0x56,
  i64GeU: 0x5a,
  f64Eq: 0x61,
  f64Ne: 0x62,
  f64Lt: 0x63,
  f64Gt: 0x64,
  f64Le: 0x65,
  f64Ge: 0x66,
  i32Clz: 0x67,
  i32Ctz: 0x68,
  i32Popcnt: 0x69,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32DivS: 0x6d,
  i32DivU: 0x6e,
  i32RemS: 0x6f,
  i32RemU: 0x70,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrS: 0x75,
  i32ShrU: 0x76,
  i32Rotl: 0x77,
  i32Rotr: 0x78,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64DivU: 0x80,
  i64RemU: 0x82,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
  f32Add: 0x92,
  f32Sub: 0x93,
  f32Mul: 0x94,
  f32Div: 0x95,
  f64Abs: 0x99,
  f64Neg: 0x9a,
  f64Trunc: 0x9d,
  f64Nearest: 0x9e,
  f64Sqrt: 0x9f,
  f64Add: 0xa0,
  f64Sub: 0xa1,
  f64Mul: 0xa2,
  f64Div: 0xa3,
  i32WrapI64: 0xa7,
  i32TruncF64S: 0xaa,
  i64TruncF64S: 0xb0,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  f64ConvertI32S: 0xb7,
  f64ConvertI64S: 0xb9,
  f32DemoteF64: 0xb6,
  f64PromoteF32: 0xbb,
  i32ReinterpretF32: 0xbc,
  i64ReinterpretF64: 0xbd,
  f32ReinterpretI32: 0xbe,
  f64ReinterpretI64: 0xbf,
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
} as const;

/** Loads and stores: one opcode, then alignment and offset. */
export const MEM = {
  i32Load: 0x28,
  i64Load: 0x29,
  f32Load: 0x2a,
  f64Load: 0x2b,
  i32Load8S: 0x2c,
  i32Load8U: 0x2d,
  i32Load16S: 0x2e,
  i32Load16U: 0x2f,
  i32Store: 0x36,
  i64Store: 0x37,
  f64Store: 0x39,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
} as const;

/** Vector instructions, behind the prefix 0xFD. */
export const SIMD = {
  v128Load: 0,
  v128Store: 11,
  v128Load32Zero: 92,
  v128Load64Zero: 93,
  i8x16Shuffle: 13,
  i32x4ExtractLane: 27,
  i32x4ReplaceLane: 28,
  i64x2ExtractLane: 29,
  i64x2ReplaceLane: 30,
  f32x4ExtractLane: 31,
  f32x4ReplaceLane: 32,
  f64x2ExtractLane: 33,
  f64x2ReplaceLane: 34,
  v128And: 78,
  v128Andnot: 79,
  v128Or: 80,
  v128Xor: 81,
  i8x16Bitmask: 100,
  i32x4Bitmask: 164,
  i64x2Bitmask: 196,
  i32x4Shl: 171,
  i32x4Sub: 177,
  i64x2Shl: 203,
  i64x2Sub: 209,
  f32x4Add: 228,
  f32x4Sub: 229,
  f32x4Mul: 230,
  f32x4Div: 231,
  f64x2Add: 240,
  f64x2Sub: 241,
  f64x2Mul: 242,
  f64x2Div: 243,
  f64x2ConvertLowI32x4S: 254,
} as const;

/** What is known of a branch: whether its condition holds. */
export const UNLIKELY = 0;
export const LIKELY = 1;
export type Likelihood = typeof UNLIKELY | typeof LIKELY;

/** At an offset in a function's instructions: how the branch there goes. Source: the Branch Hinting proposal. */
export interface BranchHint {
  readonly at: number;
  readonly likelihood: Likelihood;
}

/** The level of a block, loop or if: how many enclose it. `br` takes it. */
export type Label = number;

/** Writes the instructions of one function body. */
export class WasmCode {
  readonly hints: BranchHint[] = [];
  private bytes = new Uint8Array(4096);
  private length = 0;
  private level = 0;

  get size(): number {
    return this.length;
  }

  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = value;
  }

  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  signed(value: number): void {
    let rest = value | 0;
    while (rest > 63 || rest < -64) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  private signed64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest > 63n || rest < -64n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  op(...opcodes: number[]): void {
    for (const opcode of opcodes) this.byte(opcode);
  }

  i32(value: number): void {
    this.byte(0x41);
    this.signed(value);
  }

  i64(value: bigint): void {
    this.byte(0x42);
    this.signed64(value);
  }

  f64(value: number): void {
    this.byte(0x44);
    for (const byte of new Uint8Array(Float64Array.of(value).buffer)) this.byte(byte);
  }

  get(local: number): void {
    this.byte(0x20);
    this.unsigned(local);
  }

  set(local: number): void {
    this.byte(0x21);
    this.unsigned(local);
  }

  tee(local: number): void {
    this.byte(0x22);
    this.unsigned(local);
  }

  /** A load or store with no alignment promised. */
  mem(opcode: number, offset = 0): void {
    this.byte(opcode);
    this.unsigned(0);
    this.unsigned(offset);
  }

  simd(opcode: number, ...lanes: number[]): void {
    this.byte(0xfd);
    this.unsigned(opcode);
    for (const lane of lanes) this.byte(lane);
  }

  simdMem(opcode: number, offset = 0): void {
    this.simd(opcode);
    this.unsigned(0);
    this.unsigned(offset);
  }

  v128(low: bigint, high: bigint): void {
    this.simd(12);
    for (const half of [low, high]) for (let i = 0n; i < 64n; i += 8n) this.byte(Number((half >> i) & 0xffn));
  }

  /** memory.copy and memory.fill of memory 0. */
  memoryCopy(): void {
    this.op(0xfc, 10, 0, 0);
  }

  memoryFill(): void {
    this.op(0xfc, 11, 0);
  }

  block(type: number = VOID): Label {
    return this.open(0x02, type);
  }

  loop(type: number = VOID): Label {
    return this.open(0x03, type);
  }

  if(likelihood?: Likelihood): Label {
    this.hint(likelihood);
    return this.open(0x04, VOID);
  }

  else(): void {
    this.byte(0x05);
  }

  end(): void {
    this.level--;
    this.byte(0x0b);
  }

  /** Ends the function itself. */
  endFunction(): void {
    this.byte(0x0b);
  }

  br(label: Label): void {
    this.byte(0x0c);
    this.unsigned(this.level - 1 - label);
  }

  brIf(label: Label, likelihood?: Likelihood): void {
    this.hint(likelihood);
    this.byte(0x0d);
    this.unsigned(this.level - 1 - label);
  }

  brTable(labels: readonly Label[], otherwise: Label): void {
    this.byte(0x0e);
    this.unsigned(labels.length);
    for (const label of labels) this.unsigned(this.level - 1 - label);
    this.unsigned(this.level - 1 - otherwise);
  }

  call(func: number): void {
    this.byte(0x10);
    this.unsigned(func);
  }

  returnCallIndirect(type: number): void {
    this.byte(0x13);
    this.unsigned(type);
    this.unsigned(0);
  }

  private hint(likelihood: Likelihood | undefined): void {
    if (likelihood !== undefined) this.hints.push({ at: this.length, likelihood });
  }

  private open(opcode: number, type: number): Label {
    this.byte(opcode);
    this.byte(type);
    return this.level++;
  }
}
