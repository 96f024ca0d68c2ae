import type { Prng } from '../../emu/base/prng.ts';
import { FLAG_CF } from '../../emu/core/core-state.ts';
import { opcodeBytes } from '../../emu/isa/row.ts';
import { INTERESTING, SELECTORS } from './base-pages.ts';
import { flagsRead, undefinedAfter } from './flag-use.ts';
import { drawFxImage, drawMxcsr, LaneValues, maskExceptions } from './fx-image.ts';
import { baseOfSelector } from './machine.ts';
import {
  type Case,
  CODE_BASE,
  CODE_SIZE,
  DATA_BASE,
  DATA_RW_SIZE,
  DATA_SIZE,
  MODE_RUN,
  MODE_STEP,
  type Patch,
} from './protocol.ts';
import type { TestedRow } from './rows.ts';
import { drawX87Operand, drawX87State } from './x87-state.ts';

const EAX = 0;
const ECX = 1;
const EBX = 3;
const ESP = 4;
const EBP = 5;
const ESI = 6;
const EDI = 7;
const ES = 0;
const SS = 2;
const DS = 3;
const NONE = -1;
/** Where a sequence that loops counts; at the end of a page, where few operands are. */
export const LOOP_COUNTER = DATA_BASE + 0x1f00;
const PREFIX_OF_SEGMENT = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
/** Segments that a case may start with in DS, ES, FS and GS: the kernel refuses others in sigreturn. */
const START_SELECTORS = [0x2b, 0x2b, 0x63, 0x6b, 0x73, 0x17, 0x1f, 0];

const MODRM_CODES = /^(E[bwdv]|G[bwdv]|M[a-z]*|R[dv]|Sw|Cd|Dd|[VWPQNU].+)$/;
const STACK = new Set('PUSH POP PUSHA POPA PUSHF POPF CALL RET RETF IRET ENTER LEAVE INT3 INT1 INTO INT'.split(' '));
const WANTS_SELECTOR = new Set(
  'MOV POP LAR LSL VERR VERW ARPL LDS LES LFS LGS LSS JMP CALL JMPF CALLF RET RETF IRET'.split(' '),
);

/** Draws cases. Equal seeds and rows give equal cases. */
export class CaseGenerator {
  private readonly prng: Prng;
  private regs = new Uint32Array(8);
  private selectors = new Uint16Array(6);
  private patches: Patch[] = [];
  private inSequence = false;
  private lanes: LaneValues | null = null;

  constructor(prng: Prng) {
    this.prng = prng;
  }

  /** One case that starts with an instruction of this row. */
  caseFor(row: TestedRow): Case {
    this.lanes = row.extension === undefined ? null : new LaneValues(this.prng, row);
    this.drawState(row);
    const code = this.instruction(row);
    const repeated = row.operands.some((o) => /^[XY]/.test(o));
    const mode = row.runOnly || this.chance(0.5) ? MODE_RUN : MODE_STEP;
    return {
      regs: this.regs,
      eip: this.drawEip(code.length),
      eflags: this.drawFlags(),
      selectors: this.selectors,
      code: Uint8Array.from(code),
      mode,
      steps: repeated && this.chance(0.5) ? this.prng.between(1, 40) : 1,
      patches: this.patches.slice(-200),
      fx: this.lanes
        ? drawFxImage(this.prng, row, this.lanes)
        : row.isX87
          ? drawX87State(this.prng, row.mnemonic, false)
          : null,
    };
  }

  /**
   * Several instructions that end in INT3: what one leaves behind (flags above all) meets what the next wants. No instruction reads
   * a flag that is undefined by then. `loop`: they run some times over, counted down in memory.
   */
  sequence(rows: readonly TestedRow[], count: number, loop: boolean, vectors = false): Case {
    const kind = this.pick(rows);
    this.lanes = vectors ? new LaneValues(this.prng, kind) : null;
    this.drawState(null);
    this.inSequence = true;
    const code: number[] = [];
    // The second time round everything that the end left undefined is, except what the counting defines.
    let undefinedNow = loop ? FLAG_CF : 0;
    for (let i = 0; i < count; i++) {
      const row = this.pick(rows);
      if (flagsRead(row) & undefinedNow) continue;
      const bytes = this.instruction(row);
      if (code.length + bytes.length > 90) break;
      if (row.operands[0] === 'Jb') {
        // Over exactly one instruction, which may or may not run.
        const skipped = this.pick(rows.filter((r) => r.operands[0] !== 'Jb' && (flagsRead(r) & undefinedNow) === 0));
        const skippedBytes = this.instruction(skipped);
        bytes[bytes.length - 1] = skippedBytes.length;
        undefinedNow |= undefinedAfter(skipped, undefinedNow);
        code.push(...bytes, ...skippedBytes);
        continue;
      }
      undefinedNow = undefinedAfter(row, undefinedNow);
      code.push(...bytes);
    }
    this.inSequence = false;
    if (loop) {
      code.push(0xff, 0x0d);
      pushLittleEndian(code, LOOP_COUNTER, 4);
      code.push(0x75, -(code.length + 2) & 0xff);
      this.patches = this.patches.filter(({ address }) => address !== LOOP_COUNTER);
      this.patch(LOOP_COUNTER, this.prng.between(1, 60));
    }
    return {
      regs: this.regs,
      eip: CODE_BASE + this.prng.between(0x100, 0xe00),
      eflags: this.drawFlags(),
      selectors: this.selectors,
      code: Uint8Array.from(code),
      mode: MODE_RUN,
      steps: 1,
      patches: this.patches.slice(-200),
      fx: this.lanes
        ? maskExceptions(drawFxImage(this.prng, kind, this.lanes))
        : rows.some((row) => row.isX87)
          ? drawX87State(this.prng, 'sequence', true)
          : null,
    };
  }

  /** A case made of an opcode that need not exist, and random bytes behind it. */
  caseForOpcode(opcode: number): Case {
    this.drawState(null);
    const code: number[] = [];
    if (this.chance(0.3)) code.push(this.pick([0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64]));
    code.push(...opcodeBytes(opcode));
    for (let i = 0; i < 9; i++) code.push(this.chance(0.3) ? this.prng.below(256) : this.prng.below(64));
    return {
      regs: this.regs,
      eip: CODE_BASE + 0x800,
      eflags: this.drawFlags(),
      selectors: this.selectors,
      code: Uint8Array.from(code),
      mode: MODE_STEP,
      steps: 1,
      patches: this.patches,
      fx: null,
    };
  }

  private drawState(row: TestedRow | null): void {
    const { prng } = this;
    this.patches = [];
    this.regs = new Uint32Array(8);
    const selectorish = row !== null && WANTS_SELECTOR.has(row.mnemonic) && this.chance(0.5);
    for (let i = 0; i < 8; i++) this.regs[i] = this.drawValue(selectorish);
    if (row?.operands.some((o) => /^[XY]/.test(o)) && this.chance(0.95)) {
      if (this.chance(0.9))
        this.regs[ECX] = this.pick([0, 1, 2, 3, 5, 9, 16, 30, 100]) + (this.chance(0.1) ? 0x10000 : 0);
      if (this.chance(0.9)) this.regs[ESI] = this.drawTarget();
      if (this.chance(0.9)) this.regs[EDI] = this.drawTarget();
    }
    if (this.chance(0.9))
      this.regs[ESP] = this.chance(0.8) ? DATA_BASE + 4 * prng.between(0x40, 0x700) : this.drawTarget();
    if (row?.mnemonic === 'CPUID' && this.chance(0.8)) this.regs[EAX] = this.pick([0, 1, 2, 0x80000000]);
    if (row && /^(ENTER|LEAVE)$/.test(row.mnemonic) && this.chance(0.9)) this.regs[EBP] = this.drawTarget();
    this.selectors = Uint16Array.of(0x2b, 0x23, 0x2b, 0x2b, 0x63, 0x6b);
    if (this.chance(0.1)) this.selectors[DS] = this.pick(START_SELECTORS);
    if (this.chance(0.1)) this.selectors[ES] = this.pick(START_SELECTORS);
    if (this.chance(0.3)) this.selectors[4] = this.pick(START_SELECTORS);
    if (this.chance(0.3)) this.selectors[5] = this.pick(START_SELECTORS);
    if (row?.mnemonic === 'XLATB' && this.chance(0.9)) this.regs[EBX] = DATA_BASE + prng.below(DATA_RW_SIZE);
    if (row && /^(JMP|CALL)$/.test(row.mnemonic) && this.chance(0.6))
      for (const i of [0, 1, 2, 3, 5, 6, 7]) this.regs[i] = this.drawCodeAddress();
    if (row && STACK.has(row.mnemonic)) this.drawStack(row, selectorish);
  }

  /** What a return, pop or interrupt return finds. */
  private drawStack(row: TestedRow, selectorish: boolean): void {
    const top = this.regs[ESP]! & ~3;
    const words = /^(RET|RETF|IRET)$/.test(row.mnemonic)
      ? [
          this.drawCodeAddress(),
          this.chance(0.5) ? 0x23 : this.drawSelector(),
          this.drawFlags() | (this.chance(0.3) ? this.prng.next() : 0),
        ]
      : [this.drawValue(selectorish), this.drawValue(selectorish), this.drawValue(selectorish)];
    if (this.chance(0.1)) words[0] = (0x23 << 16) | 0x123;
    if (row.mnemonic === 'POPF') words[0] = this.prng.next();
    words.forEach((value, i) => {
      this.patch(top + 4 * i, value);
    });
  }

  private drawFlags(): number {
    // CF PF AF ZF SF DF OF; now and then NT AC ID.
    let flags = 0x202 | (this.prng.next() & 0x8d5);
    if (this.chance(0.3)) flags |= 0x400;
    if (this.chance(0.05)) flags |= this.prng.next() & 0x244000;
    return flags;
  }

  private drawEip(codeLength: number): number {
    if (this.chance(0.9)) return CODE_BASE + this.prng.between(0x100, 0xe00);
    // Across the border of the two pages, up to the last byte, or beyond the end.
    const edge = this.chance(0.5) ? CODE_BASE + CODE_SIZE / 2 : CODE_BASE + CODE_SIZE;
    const eip = edge - this.prng.between(0, codeLength + 2);
    return eip + codeLength > CODE_BASE + CODE_SIZE ? CODE_BASE + CODE_SIZE - codeLength : eip;
  }

  private drawCodeAddress(): number {
    return CODE_BASE + this.prng.between(0, CODE_SIZE - 1);
  }

  private drawSelector(): number {
    return this.pick(SELECTORS);
  }

  private drawValue(selectorish: boolean): number {
    if (selectorish && this.chance(0.6))
      return (this.drawSelector() | (this.chance(0.2) ? this.prng.next() & 0xffff0000 : 0)) >>> 0;
    const kind = this.prng.below(10);
    if (kind < 4) return this.pick(INTERESTING);
    if (kind < 6) return this.prng.next();
    if (kind === 6) return this.prng.next() & 0xff;
    if (kind === 7) return this.drawCodeAddress();
    return this.drawTarget();
  }

  /** A linear address in or at the edge of the data pages. */
  private drawTarget(): number {
    const kind = this.prng.below(16);
    if (kind < 9) return DATA_BASE + this.prng.below(DATA_RW_SIZE - 64);
    if (kind === 9) return DATA_BASE + DATA_RW_SIZE / 2 + this.prng.between(-12, 4);
    if (kind === 10) return DATA_BASE + DATA_RW_SIZE + this.prng.between(-12, 4);
    if (kind === 11) return DATA_BASE + DATA_SIZE + this.prng.between(-12, 4);
    if (kind === 12) return DATA_BASE + this.prng.between(-12, 4);
    if (kind === 13) return DATA_BASE + this.pick([0x800, 0x1800, 0x1000]) + this.prng.between(-12, 4);
    if (kind === 14) return DATA_BASE + DATA_RW_SIZE + this.prng.below(0x1000);
    return DATA_BASE + 4 * this.prng.below(DATA_RW_SIZE / 4);
  }

  /** Sets a doubleword of the writable pages, if the address is one. */
  private patch(address: number, value: number): void {
    if (address < DATA_BASE || address + 4 > DATA_BASE + DATA_RW_SIZE) return;
    this.patches.push({ address, value: value >>> 0 });
  }

  private instruction(row: TestedRow): number[] {
    const isString = row.operands.some((o) => /^[XY]/.test(o));
    const prefixes: number[] = [];
    const prefix66 =
      this.inSequence && /^(BSWAP|SHLD|SHRD)$/.test(row.mnemonic)
        ? false
        : row.prefix !== undefined
          ? row.prefix === 0x66 || (row.prefix !== 0 && this.chance(0.03))
          : this.chance(row.operands.some((o) => /[vzpa]$|byte$/.test(o)) ? 0.3 : 0.08);
    const prefix67 = !this.inSequence && this.chance(isString ? 0.15 : 0.1);
    let override = !this.inSequence && this.chance(0.1) ? this.prng.below(6) : NONE;
    // Without a segment that has a base, 16-bit addresses lead nowhere.
    if (prefix67 && this.chance(0.8)) override = this.chance(0.5) ? 4 : 5;
    if (prefix66) prefixes.push(0x66);
    if (prefix67) prefixes.push(0x67);
    if (override !== NONE) prefixes.push(PREFIX_OF_SEGMENT[override]!);
    if (row.prefix === 0xf2 || row.prefix === 0xf3) prefixes.push(row.prefix);
    else if (this.chance(isString ? 0.7 : row.plainOnly || this.inSequence ? 0 : 0.03))
      prefixes.push(this.pick([0xf2, 0xf3]));
    if (!this.inSequence && this.chance(row.lockable ? 0.15 : 0.02)) prefixes.push(0xf0);
    if (!this.inSequence && this.chance(0.002))
      while (prefixes.length < 14)
        prefixes.push(this.pick([0x66, 0x67, 0x2e, 0x3e].filter((p) => p !== 0x66 || row.prefix === undefined)));
    this.shuffle(prefixes);
    const code = [...prefixes];
    code.push(...opcodeBytes(row.opcode));
    if (row.opEn === 'O' || row.opEn === 'OI') code.push(code.pop()! | this.prng.below(8));
    if (row.operands.some((o) => MODRM_CODES.test(o)) || row.digit !== undefined || row.modrm !== undefined)
      this.modrm(code, row, prefix66, prefix67, override);
    for (const operand of row.operands) this.immediate(code, operand, prefix66, prefix67, override);
    return code.slice(0, 32);
  }

  private modrm(code: number[], row: TestedRow, prefix66: boolean, prefix67: boolean, override: number): void {
    const memory = row.operands.some((o) => o.startsWith('M'));
    const register = row.mod === 3 || row.operands.some((o) => /^([RNU].+|Cd|Dd)$/.test(o));
    const isMemory =
      row.memoryOnly ||
      (row.mod !== 3 && this.chance(memory ? (register ? 0.6 : 0.95) : register ? 0.1 : this.inSequence ? 0.3 : 0.6));
    if (row.modrm !== undefined) {
      code.push(row.modrm + (row.opEn === 'STi' ? this.prng.below(8) : 0));
      return;
    }
    const reg = row.digit ?? this.prng.below(row.operands.includes('Sw') && this.chance(0.95) ? 6 : 8);
    if (!isMemory) {
      code.push(0xc0 | (reg << 3) | this.prng.below(8));
      return;
    }
    const aim = this.chance(0.92);
    const aligned = row.operands.includes('Mp') || (row.isX87 && this.chance(0.9));
    let target = aligned ? (this.drawTarget() & ~3) >>> 0 : this.drawTarget();
    const is16 = row.operands.some((o) => /^[WM](dq|ps|pd)$/.test(o)) || /^FX/.test(row.mnemonic);
    if (is16 && this.chance(0.85)) target = (target & ~15) >>> 0;
    if (prefix67) this.memory16(code, reg, target, override, aim);
    else this.memory32(code, reg, target, override, aim);
    if (row.operands.includes('Mp')) {
      const offset = this.drawCodeAddress();
      const selector = this.chance(0.3) ? 0x23 : this.drawSelector();
      this.patch(target, prefix66 ? (selector << 16) | (offset & 0xffff) : offset);
      this.patch(target + 4, selector);
    } else if (this.lanes && this.chance(0.9)) {
      this.patchLanes(row, target);
    } else if (row.isX87) {
      drawX87Operand(this.prng, row.operands[0]!, prefix66).forEach((value, i) => {
        this.patch((target & ~3) + 4 * i, value);
      });
    } else if (this.chance(0.6)) {
      const wanted = WANTS_SELECTOR.has(row.mnemonic) && this.chance(0.5);
      this.patch(target & ~3, this.drawValue(wanted));
      this.patch((target & ~3) + 4, this.drawValue(wanted));
      if (/^(JMP|CALL)$/.test(row.mnemonic) && this.chance(0.8)) this.patch(target & ~3, this.drawCodeAddress());
    }
  }

  /** What a memory operand of an MMX or SSE instruction holds. */
  private patchLanes(row: TestedRow, target: number): void {
    const { lanes, prng } = this;
    if (row.mnemonic === 'FXRSTOR') {
      const image = new Uint32Array(drawFxImage(prng, row, lanes!).buffer);
      if (this.chance(0.1)) image[6]! |= 1 << prng.between(16, 31);
      for (let i = 0; i < 72; i++) this.patch((target & ~3) + 4 * i, image[i]!);
    } else if (row.mnemonic === 'LDMXCSR')
      this.patch(target & ~3, drawMxcsr(prng) | (this.chance(0.2) ? prng.next() & 0xffff0000 : 0));
    else
      for (const [i, word] of lanes!.words().entries()) {
        this.patch((target & ~3) + 4 * i, word);
      }
  }

  private segmentBase(override: number, stack: boolean): number {
    return baseOfSelector(this.selectors[override === NONE ? (stack ? SS : DS) : override]!);
  }

  private memory32(code: number[], reg: number, target: number, override: number, aim: boolean): void {
    const { prng, regs } = this;
    // In a sequence registers change; an address in the instruction does not.
    const absolute = this.inSequence && this.chance(0.85);
    const mod = absolute ? 0 : prng.below(3);
    const rm = absolute ? 5 : prng.below(8);
    let base = rm;
    let index = NONE;
    let scale = 0;
    code.push((mod << 6) | (reg << 3) | rm);
    if (rm === 4) {
      base = prng.below(8);
      index = prng.below(8);
      scale = prng.below(4);
      code.push((scale << 6) | (index << 3) | base);
      if (index === 4) index = NONE;
    }
    if (mod === 0 && base === 5) base = NONE;
    const offset = target - this.segmentBase(override, base === ESP || base === EBP);
    const indexPart = index === NONE ? 0 : regs[index]! << scale;
    if (mod === 2 || base === NONE) {
      const disp = offset - indexPart - (base === NONE ? 0 : regs[base]!);
      pushLittleEndian(code, aim ? disp : prng.next(), 4);
      return;
    }
    const disp = mod === 1 ? (prng.below(256) << 24) >> 24 : 0;
    if (mod === 1) code.push(disp & 0xff);
    if (aim && base !== index) regs[base] = offset - disp - indexPart;
  }

  private memory16(code: number[], reg: number, target: number, override: number, aim: boolean): void {
    const { prng, regs } = this;
    const mod = prng.below(3);
    const rm = prng.below(8);
    const [first, second] = (
      [
        [3, 6],
        [3, 7],
        [5, 6],
        [5, 7],
        [6, NONE],
        [7, NONE],
        [5, NONE],
        [3, NONE],
      ] as const
    )[rm]!;
    code.push((mod << 6) | (reg << 3) | rm);
    const noRegister = mod === 0 && rm === 6;
    const stack = first === 5 && !noRegister;
    const offset = target - this.segmentBase(override, stack);
    const rest = second === NONE ? 0 : regs[second]!;
    if (mod === 2 || noRegister) {
      pushLittleEndian(code, aim ? offset - (noRegister ? 0 : regs[first]! + rest) : prng.next(), 2);
      return;
    }
    const disp = mod === 1 ? (prng.below(256) << 24) >> 24 : 0;
    if (mod === 1) code.push(disp & 0xff);
    if (aim) regs[first] = (regs[first]! & 0xffff0000) | ((offset - disp - rest) & 0xffff);
  }

  private immediate(code: number[], operand: string, prefix66: boolean, prefix67: boolean, override: number): void {
    const wordBytes = prefix66 ? 2 : 4;
    switch (operand) {
      case 'Ib':
        code.push(this.chance(0.5) ? this.pick(INTERESTING) & 0xff : this.prng.below(256));
        break;
      case 'Iw':
        pushLittleEndian(code, this.chance(0.7) ? this.pick([0, 1, 4, 8, 16, 100]) : this.prng.next(), 2);
        break;
      case 'Iz':
        pushLittleEndian(code, this.drawValue(false), wordBytes);
        break;
      case 'Jb':
        // Forward only, so that a case that runs comes to its end.
        code.push(this.chance(0.8) ? this.prng.below(128) : 0x80 + this.prng.below(64));
        break;
      case 'Jz':
        pushLittleEndian(code, this.chance(0.7) ? this.prng.below(0x100) : this.drawValue(false), wordBytes);
        break;
      case 'Ob':
      case 'Ov':
        pushLittleEndian(code, this.drawTarget() - this.segmentBase(override, false), prefix67 ? 2 : 4);
        break;
      case 'Ap':
        pushLittleEndian(code, this.drawCodeAddress(), wordBytes);
        pushLittleEndian(code, this.chance(0.3) ? 0x23 : this.drawSelector(), 2);
        break;
      default:
        break;
    }
  }

  private chance(probability: number): boolean {
    return this.prng.next() < probability * 0x100000000;
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.prng.below(values.length)]!;
  }

  private shuffle(values: number[]): void {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.prng.below(i + 1);
      [values[i], values[j]] = [values[j]!, values[i]!];
    }
  }
}

function pushLittleEndian(code: number[], value: number, sizeBytes: number): void {
  for (let i = 0; i < sizeBytes; i++) code.push((value >>> (8 * i)) & 0xff);
}
