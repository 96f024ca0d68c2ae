import { PAGE_SHIFT, PERM_OFFSET, PERM_R, PERM_W } from '../memory/address-space.ts';
import { S_WINDOWS_MISSED, STATE } from './layout.ts';
import { WINDOW } from './locals.ts';
import { type Label, MEM, OP, UNLIKELY, type WasmCode } from './wasm-code.ts';
import { READ_WINDOW, STACK_WINDOW, type Window, WRITE_WINDOW } from './windows.ts';

export const READ = PERM_R;
export const WRITE = PERM_W;

/** Bytes that are accessed: so many from the address in a local. */
export interface AccessRange {
  readonly start: number;
  readonly size: number;
  /** READ, WRITE or both. */
  readonly need: number;
  /** Whether the address is likely to be in the stack. */
  readonly inStack: boolean;
}

/** The windows in which an access may be found, the likely one first. */
export function windowsOf({ need, inStack }: Pick<AccessRange, 'need' | 'inStack'>): readonly [Window, Window] {
  const other = need === READ ? READ_WINDOW : WRITE_WINDOW;
  return inStack ? [STACK_WINDOW, other] : [other, STACK_WINDOW];
}

/**
 * Writes the check of an access of at most WINDOW_REACH bytes: nothing more if it is inside a window; else the permission bytes
 * of its pages decide, and what they refuse leaves by `exit` after `setExit`.
 */
export function writeAccessCheck(code: WasmCode, range: AccessRange, setExit: () => void, exit: Label): void {
  const { start, size, need } = range;
  const [likely, other] = windowsOf(range);
  const ifOutside = (window: Window): void => {
    code.get(start);
    code.get(WINDOW + 2 * window);
    code.op(OP.i32Sub);
    code.get(WINDOW + 2 * window + 1);
    code.op(OP.i32GeU);
    code.if(UNLIKELY);
  };
  ifOutside(likely);
  ifOutside(other);
  setExit();
  pushRefused(code, start, size, need);
  code.brIf(exit, UNLIKELY);
  code.i32(STATE);
  code.get(start);
  code.mem(MEM.i32Store, (S_WINDOWS_MISSED + likely) * 4);
  code.end();
  code.end();
}

/** Leaves on the stack whether `size` bytes, which lie in two pages at most, may not be accessed. */
function pushRefused(code: WasmCode, address: number, size: number, need: number): void {
  pushPermission(code, address, 0);
  if (size > 1) {
    pushPermission(code, address, size - 1);
    code.op(OP.i32And);
  }
  code.i32(need);
  code.op(OP.i32And);
  if (need === (READ | WRITE)) {
    code.i32(need);
    code.op(OP.i32Ne);
  } else code.op(OP.i32Eqz);
}

function pushPermission(code: WasmCode, address: number, plus: number): void {
  pushSum(code, address, plus);
  code.i32(PAGE_SHIFT);
  code.op(OP.i32ShrU);
  code.i32(PERM_OFFSET);
  code.op(OP.i32Or);
  code.mem(MEM.i32Load8U);
}

function pushSum(code: WasmCode, local: number, plus: number): void {
  code.get(local);
  if (plus === 0) return;
  code.i32(plus);
  code.op(OP.i32Add);
}
