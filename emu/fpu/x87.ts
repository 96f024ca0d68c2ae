import { FXSAVE_BYTE_OFFSET } from '../core/core-state.ts';
import { BUSY, C0, C1, C2, C3, ES, EXCEPTIONS, FloatEnvironment, IE, SF } from './environment.ts';
import {
  classify,
  Extended,
  fromPlainDouble,
  isPlainDouble,
  NORMAL,
  plainDouble,
  setIndefinite,
  ZERO,
} from './extended.ts';

// Doublewords of the FXSAVE image in the core's state block. Source: Intel SDM Vol. 2, FXSAVE.
const IMAGE = FXSAVE_BYTE_OFFSET / 4;
const CONTROL_STATUS = IMAGE;
const TAGS_OPCODE = IMAGE + 1;
const FIP = IMAGE + 2;
const FCS = IMAGE + 3;
const FDP = IMAGE + 4;
const FDS = IMAGE + 5;
const REGISTERS = IMAGE + 8;

const TOP_SHIFT = 11;
const TOP_MASK = 7 << TOP_SHIFT;
const CONDITIONS = C0 | C1 | C2 | C3;

/** Control word: 53-bit precision, to nearest, everything masked. Then doubles are right (see `fast`). */
export const DOUBLE_CONTROL = 0x023f;
export const DOUBLE_CONTROL_MASK = 0x0f3f;

/** Bits of the control word that can be chosen, and those that are always set. */
export const CONTROL_MASK = 0x1f3f;
export const CONTROL_ONES = 0x40;

export const CONTROL_AFTER_INIT = 0x037f;

/**
 * The x87 FPU while x87 instructions run. Its home is the FXSAVE image of the core: `load` takes it from there and `store` puts it
 * back. Registers are held by physical number (ST(i) is (top + i) & 7). A register whose value is a zero or a normal double may
 * be held as one (`plain`), since in the precision that FreeBSD gives to programs most values are: then se, hi and lo are stale.
 * Source: Intel SDM Vol. 1, Programming with the x87 FPU.
 */
export class X87 {
  readonly env = new FloatEnvironment();
  control = CONTROL_AFTER_INIT;
  /** Without TOP. */
  status = 0;
  top = 0;
  /** Bit per physical register: not empty. */
  valid = 0;
  readonly se = new Int32Array(8);
  readonly hi = new Int32Array(8);
  readonly lo = new Int32Array(8);
  readonly double = new Float64Array(8);
  /** The same in words, low before high. */
  readonly doubleWords = new Int32Array(this.double.buffer);
  readonly plain = new Uint8Array(8);
  /** Last instruction that was not a control instruction, and its memory operand. */
  opcode = 0;
  ip = 0;
  cs = 0;
  dp = 0;
  ds = 0;
  /** Results of arithmetic on plain doubles are those of the host's double arithmetic. */
  fast = false;

  load(image: Int32Array): void {
    this.setControl(image[CONTROL_STATUS] & 0xffff);
    const status = image[CONTROL_STATUS] >>> 16;
    this.top = (status & TOP_MASK) >> TOP_SHIFT;
    this.valid = image[TAGS_OPCODE] & 0xff;
    this.opcode = image[TAGS_OPCODE] >>> 16;
    this.ip = image[FIP];
    this.cs = image[FCS] & 0xffff;
    this.dp = image[FDP];
    this.ds = image[FDS] & 0xffff;
    this.setStatus(status);
    for (let i = 0; i < 8; i++) {
      const at = REGISTERS + 4 * i;
      this.put((this.top + i) & 7, image[at + 2] & 0xffff, image[at + 1], image[at]);
    }
  }

  store(image: Int32Array): void {
    image[CONTROL_STATUS] = this.control | (this.statusWord << 16);
    image[TAGS_OPCODE] = this.valid | (this.opcode << 16);
    image[FIP] = this.ip;
    image[FCS] = this.cs;
    image[FDP] = this.dp;
    image[FDS] = this.ds;
    for (let i = 0; i < 8; i++) {
      const p = (this.top + i) & 7;
      const at = REGISTERS + 4 * i;
      this.expand(p);
      image[at] = this.lo[p];
      image[at + 1] = this.hi[p];
      image[at + 2] = this.se[p];
      image[at + 3] = 0;
    }
  }

  /** Whether `store` would leave an image that has just been loaded as it is: what must be 0 there is 0. */
  keeps(image: Int32Array): boolean {
    if (image[CONTROL_STATUS] !== (this.control | (this.statusWord << 16))) return false;
    if (image[TAGS_OPCODE] !== (this.valid | (this.opcode << 16))) return false;
    let surplus = (image[FCS] | image[FDS]) & ~0xffff;
    for (let i = 0; i < 8; i++) {
      const at = REGISTERS + 4 * i;
      surplus |= (image[at + 2] & ~0xffff) | image[at + 3];
    }
    return surplus === 0;
  }

  // Words.

  setControl(control: number): void {
    this.control = (control & CONTROL_MASK) | CONTROL_ONES;
    this.env.setControl(control);
    this.fast = (control & DOUBLE_CONTROL_MASK) === DOUBLE_CONTROL;
    this.summarize();
  }

  get statusWord(): number {
    return this.status | (this.top << TOP_SHIFT);
  }

  /** Everything but TOP; ES and B follow from the exceptions and the masks. */
  setStatus(status: number): void {
    this.status = status & (EXCEPTIONS | SF | CONDITIONS);
    this.summarize();
  }

  private summarize(): void {
    if (this.status & this.env.unmasked) this.status |= ES | BUSY;
    else this.status &= ~(ES | BUSY);
  }

  setConditions(mask: number, values: number): void {
    this.status = (this.status & ~mask) | values;
  }

  /** What the environment was told becomes part of the status word. */
  commit(): void {
    const { raised, unmasked } = this.env;
    this.status = (this.status & ~C1) | raised;
    if (raised & unmasked) this.status |= ES | BUSY;
  }

  /** The same for a result that raises at most a masked PE. */
  setExactness(raised: number): void {
    this.status = (this.status & ~C1) | raised;
  }

  /** Two bits per physical register: valid, zero, special, empty. */
  get tagWord(): number {
    let tags = 0;
    for (let p = 0; p < 8; p++) {
      let tag = 3;
      if ((this.valid >> p) & 1) {
        this.expand(p);
        const kind = classify(scratch.set(this.se[p], this.hi[p], this.lo[p]));
        tag = kind === NORMAL ? 0 : kind === ZERO ? 1 : 2;
      }
      tags |= tag << (2 * p);
    }
    return tags;
  }

  /** FNINIT leaves the contents of the registers. */
  initialize(): void {
    this.status = 0;
    this.setControl(CONTROL_AFTER_INIT);
    this.top = 0;
    this.valid = 0;
    this.opcode = this.ip = this.cs = this.dp = this.ds = 0;
  }

  // Registers: `i` counts from the top of the stack, `p` is a physical number.

  isEmpty(i: number): boolean {
    return ((this.valid >> ((this.top + i) & 7)) & 1) === 0;
  }

  get(i: number, out: Extended): Extended {
    const p = (this.top + i) & 7;
    if (this.plain[p]) fromPlainDouble(this.double[p], out);
    else out.set(this.se[p], this.hi[p], this.lo[p]);
    return out;
  }

  set(i: number, x: Extended): void {
    const p = (this.top + i) & 7;
    this.put(p, x.se, x.hi, x.lo);
    this.valid |= 1 << p;
  }

  setPlain(i: number, value: number): void {
    const p = (this.top + i) & 7;
    this.double[p] = value;
    this.plain[p] = 1;
    this.valid |= 1 << p;
  }

  setIndefinite(i: number): void {
    setIndefinite(scratch);
    this.set(i, scratch);
  }

  private put(p: number, se: number, hi: number, lo: number): void {
    if (isPlainDouble(se, hi, lo)) {
      this.double[p] = plainDouble(se, hi, lo);
      this.plain[p] = 1;
    } else {
      this.plain[p] = 0;
      this.se[p] = se;
      this.hi[p] = hi;
      this.lo[p] = lo;
    }
  }

  private expand(p: number): void {
    if (!this.plain[p]) return;
    fromPlainDouble(this.double[p], scratch);
    this.se[p] = scratch.se;
    this.hi[p] = scratch.hi;
    this.lo[p] = scratch.lo;
  }

  /** Copies ST(from) to ST(to), which may be empty. */
  move(to: number, from: number): void {
    const p = (this.top + from) & 7;
    const q = (this.top + to) & 7;
    this.plain[q] = this.plain[p];
    this.double[q] = this.double[p];
    this.se[q] = this.se[p];
    this.hi[q] = this.hi[p];
    this.lo[q] = this.lo[p];
    this.valid |= 1 << q;
  }

  /** Makes room: the new ST(0) is to be set. */
  push(): void {
    this.top = (this.top - 1) & 7;
  }

  pop(): void {
    this.valid &= ~(1 << this.top);
    this.top = (this.top + 1) & 7;
  }

  free(i: number): void {
    this.valid &= ~(1 << ((this.top + i) & 7));
  }

  // Stack faults. Both return whether the instruction goes on with its masked response.

  /** An operand is empty. */
  underflow(): boolean {
    return this.stackFault(0);
  }

  /** There is no room for the result. */
  overflow(): boolean {
    return this.stackFault(C1);
  }

  private stackFault(c1: number): boolean {
    this.env.raised = IE | SF | c1;
    this.commit();
    return !this.env.stopped;
  }
}

const scratch = new Extended();
