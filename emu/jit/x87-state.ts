import { type CoreState, SEG_CS, SEG_SELECTOR } from '../core/core-state.ts';
import { addDoubles, divideDoubles, multiplyDoubles, outcome, rootOfDouble } from '../fpu/double-arithmetic.ts';
import { C1, PE } from '../fpu/environment.ts';
import { DOUBLE_CONTROL, DOUBLE_CONTROL_MASK, X87 } from '../fpu/x87.ts';
import {
  S_X87_A,
  S_X87_B,
  S_X87_CONTROL,
  S_X87_DP,
  S_X87_LAST,
  S_X87_NOTE,
  S_X87_OPERAND_NOTE,
  S_X87_REGISTERS,
  S_X87_SHAPE,
  S_X87_STATUS,
} from './layout.ts';

// The x87 state between a core's FXSAVE image and the state block.

export const X87_ADD = 0;
export const X87_MUL = 1;
export const X87_DIV = 2;
export const X87_SQRT = 3;

/** What the last result says of C1: nothing, that it is 0, or that it follows from operands that were kept. */
export const LAST_NONE = 0;
export const LAST_CLEAR = 1;
/** Plus the number of the operation. */
export const LAST_ARITHMETIC = 2;
/** A double was stored as a single. */
export const LAST_SINGLE = 6;
/** The one operand was rounded to the other. */
export const LAST_ROUNDED = 7;

/** Bits of the control word, and what they must be: 53 bits, to nearest, everything masked. */
export const NEAREST = { mask: DOUBLE_CONTROL_MASK, value: DOUBLE_CONTROL } as const;
/** Toward zero, everything masked: numbers are only moved and rounded to integers then, in whatever precision (gcc 4.2's casts choose 24 bits). */
export const TRUNCATING = { mask: 0xc3f, value: 0xc3f } as const;

const isOf = (control: number, { mask, value }: { mask: number; value: number }): boolean => (control & mask) === value;

/** Shape: TOP in the low byte, above it a bit for each physical register that is not empty, then whether rounding is toward zero. */
export const SHAPE_TRUNCATES = 0x10000;
export const SHAPE_UNLOADED = -1;
export const SHAPE_UNFIT = -2;

export interface X87Note {
  readonly eip: number;
  readonly opcode: number;
  readonly segment: number;
}

/** Computes for the sake of `outcome`; NaN when that cannot be done with doubles. */
function byDoubles(operation: number, a: number, b: number): number {
  switch (operation) {
    case X87_ADD:
      return addDoubles(a, b);
    case X87_MUL:
      return multiplyDoubles(a, b);
    case X87_DIV:
      return divideDoubles(a, b);
    default:
      return rootOfDouble(a);
  }
}

/** 0: the interpreter's; 1: exact; 2: inexact. */
export function x87Helper(operation: number, a: number, b: number): number {
  if (Number.isNaN(byDoubles(operation, a, b))) return 0;
  return outcome.raised === 0 ? 1 : 2;
}

/** Stands for what an empty register holds when that is no double: translated code never makes one of these. */
const UNTOUCHED = Number.NaN;

/** Moves the state between a core and a state block. */
export class X87Carrier {
  private readonly fpu = new X87();

  /** TOP and the filled registers of a core, as a shape. */
  shapeOf(core: CoreState): number {
    this.fpu.load(core.i32);
    return this.shape;
  }

  private get shape(): number {
    const { control, top, valid } = this.fpu;
    return top | (valid << 8) | (isOf(control, TRUNCATING) ? SHAPE_TRUNCATES : 0);
  }

  /** Whether the x87 of a core has raised "inexact" already. */
  hasInexact(core: CoreState): boolean {
    this.fpu.load(core.i32);
    return (this.fpu.status & PE) !== 0;
  }

  /** Fills the state block; its shape says whether the state is one that translated code knows. */
  load(core: CoreState, state: Int32Array, doubles: Float64Array): void {
    const { fpu } = this;
    fpu.load(core.i32);
    const fits =
      (isOf(fpu.control, NEAREST) || isOf(fpu.control, TRUNCATING)) &&
      // A region may use the x87 and not come to where it does: the image must not have changed then.
      fpu.keeps(core.i32) &&
      fpu.plain.every((plain, p) => plain !== 0 || ((fpu.valid >> p) & 1) === 0);
    state[S_X87_SHAPE] = fits ? this.shape : SHAPE_UNFIT;
    state[S_X87_CONTROL] = fpu.control;
    state[S_X87_STATUS] = fpu.status;
    state[S_X87_LAST] = LAST_NONE;
    state[S_X87_NOTE] = -1;
    state[S_X87_OPERAND_NOTE] = -1;
    if (!fits) return;
    for (let p = 0; p < 8; p++) doubles[S_X87_REGISTERS + p] = fpu.plain[p] === 0 ? UNTOUCHED : fpu.double[p]!;
  }

  /** Back after translated code has run on it. */
  store(core: CoreState, state: Int32Array, doubles: Float64Array, notes: readonly X87Note[]): void {
    const { fpu } = this;
    // What translated code leaves alone is still what it was; another core may have been loaded since.
    fpu.load(core.i32);
    const shape = state[S_X87_SHAPE]!;
    fpu.setControl(state[S_X87_CONTROL]!);
    fpu.top = shape & 7;
    fpu.valid = (shape >> 8) & 0xff;
    for (let p = 0; p < 8; p++) {
      const value = doubles[S_X87_REGISTERS + p]!;
      if (Number.isNaN(value)) continue;
      fpu.double[p] = value;
      fpu.plain[p] = 1;
    }
    fpu.setStatus(state[S_X87_STATUS]!);
    const last = state[S_X87_LAST]!;
    if (last !== LAST_NONE) fpu.setConditions(C1, roundedUp(last, doubles[S_X87_A]!, doubles[S_X87_B]!) ? C1 : 0);
    const note = notes[state[S_X87_NOTE]!];
    if (note !== undefined) {
      fpu.opcode = note.opcode;
      fpu.ip = note.eip;
      fpu.cs = core.i32[SEG_SELECTOR + SEG_CS]!;
    }
    const operand = notes[state[S_X87_OPERAND_NOTE]!];
    if (operand !== undefined) {
      fpu.dp = state[S_X87_DP]!;
      fpu.ds = core.i32[SEG_SELECTOR + operand.segment]!;
    }
    fpu.store(core.i32);
  }
}

function roundedUp(last: number, a: number, b: number): boolean {
  if (last === LAST_CLEAR) return false;
  if (last === LAST_ROUNDED) return Math.abs(b) > Math.abs(a);
  if (last === LAST_SINGLE) return Math.abs(Math.fround(a)) > Math.abs(a);
  byDoubles(last - LAST_ARITHMETIC, a, b);
  return outcome.raised === (PE | C1);
}
