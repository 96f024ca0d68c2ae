import { type CoreState, EFLAGS, EIP, SEG_BASE, SEG_FS, SEG_GS } from '../core/core-state.ts';
import { MXCSR, XMM } from '../interp/simd.ts';
import { KNOWN } from './flag-code.ts';
import {
  S_CARRY_A,
  S_CARRY_B,
  S_CARRY_KIND,
  S_EFLAGS,
  S_EIP,
  S_FLAG_A,
  S_FLAG_B,
  S_FS_BASE,
  S_GS_BASE,
  S_KIND,
  S_MXCSR,
  S_RESUME,
  S_X87_SHAPE,
  S_XMM_BYTES,
} from './layout.ts';
import type { TranslatedCode } from './translated-code.ts';
import { SHAPE_UNLOADED, X87Carrier, type X87Note } from './x87-state.ts';

/**
 * Moves registers between cores and the state blocks of spaces. As long as a core is in a state block, its own is out of date; translated code
 * comes and goes without anything being moved.
 */
export class CoreCarrier {
  readonly x87 = new X87Carrier();
  /** What translated code has the x87 remember of its last instruction, by number. */
  readonly x87Notes: X87Note[] = [];
  /** Spaces with a core in their state block. */
  private readonly taken: TranslatedCode[] = [];

  /** Puts a core into the state block of the space that it runs in, which must be free. */
  load(core: CoreState, code: TranslatedCode): void {
    const { i32 } = core;
    const { state } = code;
    for (let reg = 0; reg < 8; reg++) state[reg] = i32[reg]!;
    state[S_EIP] = i32[EIP]!;
    state[S_EFLAGS] = i32[EFLAGS]!;
    state[S_KIND] = KNOWN;
    state[S_FS_BASE] = i32[SEG_BASE + SEG_FS]!;
    state[S_GS_BASE] = i32[SEG_BASE + SEG_GS]!;
    if (code.usesVectors) {
      state[S_MXCSR] = i32[MXCSR]!;
      for (let i = 0; i < 32; i++) state[S_XMM_BYTES / 4 + i] = i32[XMM + i]!;
    }
    state[S_X87_SHAPE] = SHAPE_UNLOADED;
    state[S_RESUME] = 0;
    code.core = core;
    this.taken.push(code);
  }

  /** The x87 follows when translated code asks for it. */
  loadX87({ core, state, stateDoubles }: TranslatedCode): void {
    this.x87.load(core!, state, stateDoubles);
  }

  /** The core of a state block gets its registers back. The block must be complete: EIP, and the kind of the flags. */
  store(code: TranslatedCode): void {
    const { state } = code;
    const core = code.core!;
    const { i32 } = core;
    if (state[S_X87_SHAPE]! >= 0) this.x87.store(core, state, code.stateDoubles, this.x87Notes);
    for (let reg = 0; reg < 8; reg++) i32[reg] = state[reg]!;
    i32[EFLAGS] = code.helpers.settle(
      state[S_KIND]!,
      state[S_FLAG_A]!,
      state[S_FLAG_B]!,
      state[S_EFLAGS]!,
      state[S_CARRY_KIND]!,
      state[S_CARRY_A]!,
      state[S_CARRY_B]!,
    );
    i32[EIP] = state[S_EIP]!;
    if (code.usesVectors) {
      i32[MXCSR] = state[S_MXCSR]!;
      for (let i = 0; i < 32; i++) i32[XMM + i] = state[S_XMM_BYTES / 4 + i]!;
    }
    code.core = null;
    this.taken.splice(this.taken.lastIndexOf(code), 1);
  }

  storeAll(): void {
    while (this.taken.length > 0) this.store(this.taken.at(-1)!);
  }
}
