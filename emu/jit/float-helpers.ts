import { fastDouble, fastSingle, isNearest } from '../interp/exec-sse-arith.ts';
import { MASK_SHIFT, PE } from '../interp/simd.ts';
import { unit } from '../interp/soft-float.ts';
import { S_MXCSR } from './layout.ts';
import { x87Helper } from './x87-state.ts';

// SSE and x87 arithmetic that translated code is not sure of, by the interpreter's own rules.

export interface FloatHelpers {
  /** Whether a op b, rounded to nearest, is what the machine's arithmetic gives and raises at most PE, which is then noted. */
  readonly double: (op: number, a: number, b: number) => number;
  readonly single: (op: number, a: number, b: number) => number;
  /** For the x87: 0 when doubles do not do, 1 when a op b is exact, 2 when it is not. */
  readonly x87: (op: number, a: number, b: number) => number;
}

/** `state` is the state block of a space. */
export function makeFloatHelpers(state: Int32Array): FloatHelpers {
  const using = (arithmetic: (op: number, a: number, b: number) => number) => {
    return (op: number, a: number, b: number): number => {
      unit.mxcsr = state[S_MXCSR]!;
      unit.raised = 0;
      if (!isNearest() || Number.isNaN(arithmetic(op, a, b))) return 0;
      if (unit.raised === 0) return 1;
      if ((unit.mxcsr & (PE << MASK_SHIFT)) === 0) return 0;
      state[S_MXCSR] = unit.mxcsr | PE;
      return 1;
    };
  };
  return { double: using(fastDouble), single: using(fastSingle), x87: x87Helper };
}
