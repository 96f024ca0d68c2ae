import { cpuId } from '../../emu/base/brand.ts';
import { CoreState, EIP, ESP, EXIT_ERROR_CODE, EXIT_VECTOR, SEG_GS } from '../../emu/core/core-state.ts';
import { type Engine, type EngineExit, EXIT_EXCEPTION, EXIT_SYSCALL } from '../../emu/core/engine.ts';
import { freebsdDescriptorTables, resetCore, SELECTOR_UGS } from '../../emu/core/reset.ts';
import { loadSegment } from '../../emu/core/segments.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { AddressSpace, PERM_R, PERM_W, PERM_X } from '../../emu/memory/address-space.ts';

/** Where tests put code, data and stack: one page each unless they map more. */
export const CODE = 0x08048000;
export const DATA = 0x08100000;
export const STACK_TOP = 0xbfbff000;
export const STACK_TOP_SIGNED = STACK_TOP | 0;

/** Bytes of a string such as '89 c8 / c3'; anything but hex digits separates. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/[0-9a-fA-F]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** A core in FreeBSD's flat segments with code, data (two pages) and stack (two pages) mapped. */
export class Guest {
  readonly core: CoreState;
  readonly space = new AddressSpace();
  readonly engine: Engine;

  constructor(code: string | Uint8Array, options: { gsBase?: number; engine?: Engine; codeWritable?: boolean } = {}) {
    this.engine = options.engine ?? new Interpreter();
    this.core = new CoreState(cpuId(0), freebsdDescriptorTables({ gsBase: options.gsBase ?? 0 }));
    this.space.mapPage(CODE >>> 12, PERM_R | PERM_X | (options.codeWritable ? PERM_W : 0));
    this.space.mapPage(DATA >>> 12, PERM_R | PERM_W);
    this.space.mapPage((DATA >>> 12) + 1, PERM_R | PERM_W);
    this.space.mapPage((STACK_TOP >>> 12) - 1, PERM_R | PERM_W);
    this.space.mapPage((STACK_TOP >>> 12) - 2, PERM_R | PERM_W);
    this.space.poke(CODE, typeof code === 'string' ? hex(code) : code);
    this.reset(options.gsBase !== undefined);
  }

  /** Registers as after exec, EIP at CODE, the stack 256 bytes below its top. */
  reset(loadGs = true): void {
    resetCore(this.core);
    if (loadGs) loadSegment(this.core, SEG_GS, SELECTOR_UGS);
    this.r[EIP] = CODE;
    this.r[ESP] = STACK_TOP - 0x100;
  }

  get r(): Int32Array {
    return this.core.i32;
  }

  run(budget = 1): EngineExit {
    return this.engine.run(this.core, this.space, budget);
  }

  /** 'budget', 'syscall' or '#13(0x38)', with the number retired after a plus sign. */
  outcome(budget = 1): string {
    const exit = this.run(budget);
    const what =
      exit === EXIT_EXCEPTION
        ? `#${this.r[EXIT_VECTOR]}(0x${this.r[EXIT_ERROR_CODE].toString(16)})`
        : exit === EXIT_SYSCALL
          ? 'syscall'
          : 'budget';
    return `${what}+${this.core.retired}`;
  }

  read32(address: number): number {
    return new DataView(this.space.peek(address >>> 0, 4).buffer).getInt32(0, true);
  }

  write32(address: number, value: number): void {
    this.space.poke(address >>> 0, new Uint8Array(new Int32Array([value]).buffer));
  }
}
