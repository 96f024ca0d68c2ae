import { PE as X87_PE } from '../fpu/environment.ts';
import { MASK_SHIFT, PE, ROUND_SHIFT } from '../interp/simd.ts';
import type { BlockNotes } from './block-notes.ts';
import {
  S_CARRY_A,
  S_CARRY_B,
  S_CARRY_KIND,
  S_EFLAGS,
  S_FLAG_A,
  S_FLAG_B,
  S_FS_BASE,
  S_GS_BASE,
  S_KIND,
  S_LEFT,
  S_MXCSR,
  S_WINDOWS,
  S_X87_A,
  S_X87_B,
  S_X87_DP,
  S_X87_LAST,
  S_X87_NOTE,
  S_X87_OPERAND_NOTE,
  S_X87_REGISTERS,
  S_X87_SHAPE,
  S_X87_STATUS,
  S_XMM_BYTES,
  STATE,
} from './layout.ts';
import {
  FLAGS,
  FS_BASE,
  GS_BASE,
  INEXACT,
  LEFT,
  REGISTER,
  STACK,
  WINDOW,
  X87_A,
  X87_B,
  X87_DP,
  X87_INEXACT,
  X87_LAST,
  X87_NOTE,
  X87_OPERAND_NOTE,
  X87_SHAPE,
  X87_STATUS,
  XMM_LOCAL,
} from './locals.ts';
import { MEM, OP, SIMD, type WasmCode } from './wasm-code.ts';
import { WINDOWS } from './windows.ts';

// The state block and the locals of a translated function: what a region uses goes from the one to the other and back.

/** Locals of the x87 and their places in the state block: doublewords, and doubles. */
const X87_WORDS = [
  [X87_SHAPE, S_X87_SHAPE],
  [X87_STATUS, S_X87_STATUS],
  [X87_LAST, S_X87_LAST],
  [X87_NOTE, S_X87_NOTE],
  [X87_OPERAND_NOTE, S_X87_OPERAND_NOTE],
  [X87_DP, S_X87_DP],
] as const;
const X87_DOUBLES = [
  ...Array.from({ length: 8 }, (_, p) => [STACK + p, S_X87_REGISTERS + p] as const),
  [X87_A, S_X87_A],
  [X87_B, S_X87_B],
] as const;

const CARRY_WORDS = [
  [FLAGS.carryKind, S_CARRY_KIND],
  [FLAGS.carryA, S_CARRY_A],
  [FLAGS.carryB, S_CARRY_B],
] as const;

/** From the state block to the locals that a region uses. */
export function writeLoad(code: WasmCode, all: BlockNotes): void {
  const load = (local: number, doubleword: number): void => {
    code.i32(STATE);
    code.mem(MEM.i32Load, doubleword * 4);
    code.set(local);
  };
  for (let reg = 0; reg < 8; reg++) if ((all.registersUsed >> reg) & 1) load(REGISTER + reg, reg);
  load(LEFT, S_LEFT);
  load(FLAGS.eflags, S_EFLAGS);
  load(FLAGS.kind, S_KIND);
  load(FLAGS.a, S_FLAG_A);
  load(FLAGS.b, S_FLAG_B);
  if (all.usesCarryState) for (const [local, doubleword] of CARRY_WORDS) load(local, doubleword);
  load(FS_BASE, S_FS_BASE);
  load(GS_BASE, S_GS_BASE);
  for (const window of WINDOWS) {
    if (!((all.windowsUsed >> window) & 1)) continue;
    load(WINDOW + 2 * window, S_WINDOWS + 2 * window);
    load(WINDOW + 2 * window + 1, S_WINDOWS + 2 * window + 1);
  }
  if (all.usesMxcsr) loadRounding(code);
  if (all.usesX87) loadX87(code);
  for (let reg = 0; reg < 8; reg++) {
    if (!((all.vectorsUsed >> reg) & 1)) continue;
    code.i32(STATE);
    code.simdMem(SIMD.v128Load, S_XMM_BYTES + 16 * reg);
    code.set(XMM_LOCAL + reg);
  }
}

function loadX87(code: WasmCode): void {
  for (const [local, doubleword] of X87_WORDS) {
    code.i32(STATE);
    code.mem(MEM.i32Load, doubleword * 4);
    code.set(local);
  }
  for (const [local, index] of X87_DOUBLES) {
    code.i32(STATE);
    code.mem(MEM.f64Load, index * 8);
    code.set(local);
  }
  code.get(X87_STATUS);
  code.i32(X87_PE);
  code.op(OP.i32And, OP.i32Eqz);
  code.set(X87_INEXACT);
}

function storeX87(code: WasmCode): void {
  for (const [local, doubleword] of X87_WORDS) {
    code.i32(STATE);
    code.get(local);
    code.mem(MEM.i32Store, doubleword * 4);
  }
  for (const [local, index] of X87_DOUBLES) {
    code.i32(STATE);
    code.get(local);
    code.mem(MEM.f64Store, index * 8);
  }
}

/** INEXACT: PE and its mask are set, rounding control is 0. */
function loadRounding(code: WasmCode): void {
  code.i32(STATE);
  code.mem(MEM.i32Load, S_MXCSR * 4);
  code.i32(PE | (PE << MASK_SHIFT) | (3 << ROUND_SHIFT));
  code.op(OP.i32And);
  code.i32(PE | (PE << MASK_SHIFT));
  code.op(OP.i32Ne);
  code.set(INEXACT);
}

/** Back again. */
export function writeStore(code: WasmCode, all: BlockNotes): void {
  const store = (local: number, doubleword: number): void => {
    code.i32(STATE);
    code.get(local);
    code.mem(MEM.i32Store, doubleword * 4);
  };
  for (let reg = 0; reg < 8; reg++) if ((all.registersWritten >> reg) & 1) store(REGISTER + reg, reg);
  store(LEFT, S_LEFT);
  store(FLAGS.eflags, S_EFLAGS);
  store(FLAGS.kind, S_KIND);
  store(FLAGS.a, S_FLAG_A);
  store(FLAGS.b, S_FLAG_B);
  if (all.usesCarryState) for (const [local, doubleword] of CARRY_WORDS) store(local, doubleword);
  if (all.usesX87) storeX87(code);
  for (let reg = 0; reg < 8; reg++) {
    if (!((all.vectorsWritten >> reg) & 1)) continue;
    code.i32(STATE);
    code.get(XMM_LOCAL + reg);
    code.simdMem(SIMD.v128Store, S_XMM_BYTES + 16 * reg);
  }
}
