import type { Prng } from '../../emu/base/prng.ts';
import { SEG_FS, SEG_GS } from '../../emu/core/core-state.ts';
import { Decoder } from '../../emu/isa/decode.ts';
import { IN_MEMORY, IN_STRING, type Insn, NONE } from '../../emu/isa/insn.ts';
import { sseWriters } from '../../emu/jit/sse-ops.ts';
import { asDoubles, fastX87Rows } from '../emu/jit/fast-x87.ts';
import { CaseGenerator } from '../silicon/generate.ts';
import { baseOfSelector } from '../silicon/machine.ts';
import { type Case, CODE_BASE, CODE_SIZE, type Patch } from '../silicon/protocol.ts';
import { refusedRows, sequenceRows, type TestedRow, testedRows, vectorSequenceRows } from '../silicon/rows.ts';

/* Random programs: 1 to 30 instructions of the silicon tests' rows, in all their forms, with branches between them. */

export interface RandomProgram {
  /** Linear address of the first instruction. */
  readonly address: number;
  readonly code: Uint8Array;
  /** Addresses of instructions. */
  readonly places: readonly number[];
  /** Doublewords of the data pages. */
  readonly patches: readonly Patch[];
  /** x87 and SSE state to start from. */
  readonly fx: Uint8Array;
}

/** Bytes, and a relative jump in them that is yet to be told where it leads. */
interface Item {
  readonly bytes: number[];
  /** Where the displacement stands, its size, and the number of the item that it leads to. */
  readonly jump?: { readonly at: number; readonly size: 1 | 4; readonly to: number };
}

/** Selectors of ES CS SS DS FS GS with which programs start. */
export const SELECTORS_AT_START = Uint16Array.of(0x2b, 0x23, 0x2b, 0x2b, 0x63, 0x63);

const ECX = 1;
const ESP = 4;
const ESI = 6;
const EDI = 7;
const INSTRUCTIONS_MAX = 30;
const JUMP_RANGE = 127;

/** Which instructions a program is made of. One of all rows soon ends in a fault or a segment that is not flat; one of tame rows goes on. */
const allRows = testedRows.filter((row) => !refusedRows.includes(row));
const POOLS: readonly (readonly TestedRow[])[] = [
  sequenceRows,
  [
    ...sequenceRows,
    ...allRows.filter(({ mnemonic }) => /^(I?DIV|BOUND|LEAVE|ENTER|XLATB|POPF|PUSHA|POPA)$/.test(mnemonic)),
  ],
  vectorSequenceRows,
  // Of the many vector instructions, those that have a translation of their own; and the x87 ones that have.
  vectorSequenceRows.filter(({ mnemonic }) => mnemonic in sseWriters),
  fastX87Rows,
  fastX87Rows,
  [...sequenceRows, ...vectorSequenceRows, ...fastX87Rows],
  allRows,
];

/** ADD, OR, SUB, XOR EAX with an immediate, and MOV to registers: one opcode byte and four more, so that any part can be written over. */
const FIVE_BYTES = [0x05, 0x0d, 0x2d, 0x35, 0xb8, 0xb9, 0xba, 0xbb, 0xbd, 0xbe, 0xbf];

const decoder = new Decoder();

export class ProgramDrawer {
  private readonly prng: Prng;
  private readonly generator: CaseGenerator;
  private readonly writesItself: boolean;
  private patches: Patch[] = [];
  private count = 0;
  /** Where the program will stand: what it writes of itself lies in the `length` bytes from there on. */
  private address = 0;
  private length = 0;

  /** `writesItself`: many memory operands lie in the program, and some instructions do nothing but change it. */
  constructor(prng: Prng, writesItself: boolean) {
    this.prng = prng;
    this.generator = new CaseGenerator(prng);
    this.writesItself = writesItself;
  }

  draw(): RandomProgram {
    const { prng } = this;
    const rows = this.pick(POOLS);
    this.patches = [];
    this.count = prng.between(1, INSTRUCTIONS_MAX);
    // Some eight bytes an item: only a guess, by which the program aims at itself.
    this.length = 8 * this.count;
    const half = CODE_SIZE / 2;
    this.address =
      CODE_BASE +
      (prng.below(2) === 0 ? prng.between(0x100, 0x800) : half - prng.between(0, Math.min(half, this.length)));
    const items: Item[] = [];
    for (let n = 0; n < this.count; n++) items.push(...this.items(rows));
    items.push(
      prng.below(5) === 0
        ? { bytes: [0xcc] }
        : { bytes: withImmediate([0xe9], 0), jump: { at: 1, size: 4, to: prng.below(3) } },
    );
    const { code, offsets } = assemble(items);
    return {
      address: this.address,
      code,
      places: offsets.map((offset) => this.address + offset),
      patches: this.patches,
      fx: this.drawFx(rows),
    };
  }

  /** An instruction and what has to stand before it. */
  private items(rows: readonly TestedRow[]): Item[] {
    const kind = this.prng.below(100);
    if (kind < 14) return [this.branch()];
    if (kind < 18) return this.indirectBranch();
    if (this.writesItself && kind < 40) return [this.patchable()];
    if (this.writesItself && kind < 58) return [this.patcher()];
    const drawn = this.drawCase(rows);
    const insn = decoder.decode(drawn.code, 0, drawn.code.length, drawn.eip, true);
    this.patches.push(...drawn.patches);
    return [...(insn === null ? [] : this.setup(drawn, insn)), { bytes: [...drawn.code] }];
  }

  /** Segments have to be those of the program, or its operands would not lie where they were meant to. */
  private drawCase(rows: readonly TestedRow[]): Case {
    for (;;) {
      const drawn = this.generator.caseFor(this.pick(rows));
      if (drawn.selectors.every((selector, i) => i >= SEG_FS || selector === SELECTORS_AT_START[i])) return drawn;
    }
  }

  /** Loads the registers that an instruction addresses memory with. Not always: then it finds what is in them. */
  private setup(drawn: Case, insn: Insn): Item[] {
    const { prng } = this;
    const regs = Int32Array.from(drawn.regs);
    const used = new Set<number>();
    if (insn.operands.some(({ kind }) => kind === IN_MEMORY)) {
      if (insn.base !== NONE) used.add(insn.base);
      if (insn.index !== NONE) used.add(insn.index);
      if (insn.base !== NONE && insn.addressSize === 4) {
        const ea = regs[insn.base]! + (insn.index === NONE ? 0 : regs[insn.index]! << insn.scale) + insn.disp;
        let move = 0;
        if (insn.override === SEG_FS || insn.override === SEG_GS)
          move = baseOfSelector(drawn.selectors[insn.override]!) - baseOfSelector(SELECTORS_AT_START[insn.override]!);
        if (this.writesItself && prng.below(3) === 0) move = this.inProgram() - ea;
        if (insn.base !== insn.index) regs[insn.base] = regs[insn.base]! + move;
      }
    }
    if (insn.operands.some(({ kind }) => kind === IN_STRING)) {
      for (const reg of [ECX, ESI, EDI]) used.add(reg);
      if (this.writesItself && prng.below(2) === 0) {
        regs[ESI] = this.inProgram();
        regs[EDI] = this.inProgram();
        regs[ECX] = prng.below(12);
      }
    }
    if (prng.below(8) === 0) return [];
    // A stack in the middle of nowhere ends the program.
    const loads = [...used].filter((reg) => reg !== ESP || prng.below(4) === 0);
    return loads.map((reg) => ({ bytes: withImmediate([0xb8 + reg], regs[reg]!) }));
  }

  /** Jcc short and near, LOOP, LOOPE, LOOPNE, JECXZ, CALL, JMP, RET: backward or forward. */
  private branch(): Item {
    const { prng } = this;
    // An instruction is one item, or two with what it needs. How many there will be is not known yet.
    const to = prng.below(2 * this.count);
    const opcode = this.pick([
      0x70, 0x70, 0x70, 0x70, 0x0f, 0x0f, 0x0f, 0xe0, 0xe1, 0xe2, 0xe2, 0xe3, 0xe8, 0xe8, 0xe9, 0xeb, 0xc3,
    ]);
    switch (opcode) {
      case 0x70:
        return { bytes: [0x70 + prng.below(16), 0], jump: { at: 1, size: 1, to } };
      case 0x0f:
        return { bytes: [0x0f, 0x80 + prng.below(16), 0, 0, 0, 0], jump: { at: 2, size: 4, to } };
      case 0xe8:
      case 0xe9:
        return { bytes: [opcode, 0, 0, 0, 0], jump: { at: 1, size: 4, to } };
      case 0xc3:
        return { bytes: [opcode] };
      default:
        return { bytes: [opcode, 0], jump: { at: 1, size: 1, to } };
    }
  }

  /** MOV of an address in the program to a register, then JMP or CALL there, or PUSH and RET. */
  private indirectBranch(): Item[] {
    const { prng } = this;
    const reg = this.pick([0, 1, 2, 3, 5, 6, 7]);
    const load: Item = { bytes: withImmediate([0xb8 + reg], this.inProgram()) };
    const kind = prng.below(3);
    if (kind === 0) return [load, { bytes: [0x50 + reg, 0xc3] }];
    return [load, { bytes: [0xff, (kind === 1 ? 0xd0 : 0xe0) + reg] }];
  }

  private patchable(): Item {
    return { bytes: withImmediate([this.pick(FIVE_BYTES)], this.prng.next()) };
  }

  /** Writes a byte, a doubleword or eight bytes into the program, or counts one up in it. */
  private patcher(): Item {
    const { prng } = this;
    const at = this.inProgram();
    switch (prng.below(6)) {
      case 0:
        return { bytes: [...withImmediate([0xc6, 0x05], at), this.pick(FIVE_BYTES)] };
      case 1:
        return { bytes: withImmediate(withImmediate([0xc7, 0x05], at), prng.next()) };
      case 2:
        return { bytes: withImmediate([this.pick([0xfe, 0xff]), this.pick([0x05, 0x0d])], at) };
      case 3:
        return { bytes: withImmediate([0x00 + prng.below(2), 0x05 | (prng.below(8) << 3)], at) };
      case 4:
        // XCHG with memory; MOVQ of an XMM register.
        return { bytes: withImmediate(prng.below(2) === 0 ? [0x87, 0x05] : [0x66, 0x0f, 0xd6, 0x05], at) };
      default:
        return { bytes: withImmediate([0x88 + prng.below(2), 0x05 | (prng.below(8) << 3)], at) };
    }
  }

  private inProgram(): number {
    return (this.address + this.prng.below(this.length + 1)) | 0;
  }

  private drawFx(rows: readonly TestedRow[]): Uint8Array {
    const { prng } = this;
    const row = rows.find(({ isX87 }) => isX87) ?? rows.find(({ extension }) => extension !== undefined);
    for (;;) {
      const { fx } = row === undefined ? { fx: new Uint8Array(0) } : this.generator.caseFor(this.pick(rows));
      if (fx === null) continue;
      const image = fx.length > 0 ? fx : new Uint8Array(512);
      const view = new DataView(image.buffer, image.byteOffset);
      // Control word and MXCSR mostly as FreeBSD sets them.
      if (fx.length === 0 || prng.below(3) !== 0) asDoubles(image, prng);
      if (fx.length === 0 || prng.below(3) !== 0) view.setUint32(24, 0x1f80 | (prng.below(2) * 0x20), true);
      return image;
    }
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.prng.below(values.length)]!;
  }
}

function withImmediate(bytes: readonly number[], value: number): number[] {
  return [...bytes, value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}

/** Puts items one after the other. A short jump that does not reach its item goes to what follows it. */
function assemble(items: readonly Item[]): { code: Uint8Array; offsets: number[] } {
  const offsets: number[] = [];
  let length = 0;
  for (const { bytes } of items) {
    offsets.push(length);
    length += bytes.length;
  }
  const code = new Uint8Array(length);
  items.forEach(({ bytes, jump }, n) => {
    const at = offsets[n]!;
    code.set(bytes, at);
    if (jump === undefined) return;
    const distance = offsets[Math.min(jump.to, items.length - 1)]! - (at + bytes.length);
    const reached = jump.size === 1 && Math.abs(distance) > JUMP_RANGE ? 0 : distance;
    for (let i = 0; i < jump.size; i++) code[at + jump.at + i] = (reached >> (8 * i)) & 0xff;
  });
  return { code, offsets };
}
