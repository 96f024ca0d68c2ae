import { cpuId } from '../../emu/base/brand.ts';
import { CoreState, EIP, ESP, EXIT_ERROR_CODE, EXIT_VECTOR } from '../../emu/core/core-state.ts';
import { type EngineExit, EXIT_EXCEPTION, EXIT_SYSCALL } from '../../emu/core/engine.ts';
import { freebsdDescriptorTables, resetCore } from '../../emu/core/reset.ts';
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
  readonly engine: Interpreter;

  constructor(code: string | Uint8Array, options: { gsBase?: number; engine?: Interpreter } = {}) {
    this.engine = options.engine ?? new Interpreter();
    this.core = new CoreState(cpuId(0), freebsdDescriptorTables({ gsBase: options.gsBase ?? 0 }));
    resetCore(this.core);
    this.space.mapPage(CODE >>> 12, PERM_R | PERM_X);
    this.space.mapPage(DATA >>> 12, PERM_R | PERM_W);
    this.space.mapPage((DATA >>> 12) + 1, PERM_R | PERM_W);
    this.space.mapPage((STACK_TOP >>> 12) - 1, PERM_R | PERM_W);
    this.space.mapPage((STACK_TOP >>> 12) - 2, PERM_R | PERM_W);
    this.space.poke(CODE, typeof code === 'string' ? hex(code) : code);
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
    return new DataView(this.space.peek(address, 4).buffer).getInt32(0, true);
  }

  write32(address: number, value: number): void {
    this.space.poke(address, new Uint8Array(new Int32Array([value]).buffer));
  }
}
