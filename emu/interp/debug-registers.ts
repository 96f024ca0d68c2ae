import { type CoreState, DR, EIP, SEG_BASE, SEG_CS } from '../core/core-state.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { Cpu } from './cpu.ts';

// Debug registers. Source: Intel SDM Vol. 3, Debug, Branch Profile ... Features: Debug Registers, Debug Exceptions.

/** DR6: the exception comes from single-stepping. */
export const DR6_BS = 0x4000;
/** DR6: which of the four conditions held, whatever else the exception comes from. */
const DR6_B = 0xf;
/** DR7: any of the eight enable bits; whether a breakpoint is local or global makes no difference here. */
const DR7_ENABLED = 0xff;
/** DR7, R/W fields. Breakpoints on ports (2) cannot come: user mode has none. */
const EXECUTE = 0;
const WRITE = 1;
const READ_OR_WRITE = 3;
/** DR7, LEN fields. */
const LENGTHS = [1, 2, 8, 4] as const;

export function anyBreakpoint(i32: Int32Array): boolean {
  return (i32[DR + 7] & DR7_ENABLED) !== 0;
}

/** Notes in DR6 why a debug exception comes: breakpoints (bits 0 to 3) and the reasons of `others`. Only software clears those. */
export function reportDebugException(i32: Int32Array, breakpoints: number, others: number): void {
  i32[DR + 6] = (i32[DR + 6] & ~DR6_B) | breakpoints | others;
}

/** The set of breakpoints (bits 0 to 3) of a kind whose bytes and the `size` bytes at `linear` have one in common. */
function touched(i32: Int32Array, isKind: (readWrite: number) => boolean, linear: number, size: number): number {
  const control = i32[DR + 7];
  let set = 0;
  for (let i = 0; i < 4; i++) {
    const field = (control >>> (16 + i * 4)) & 0xf;
    if (((control >>> (2 * i)) & 3) === 0 || !isKind(field & 3)) continue;
    const length = LENGTHS[field >>> 2];
    // The processor ignores the address bits below the length.
    const address = i32[DR + i] & -length;
    if ((address - linear) >>> 0 < size || (linear - address) >>> 0 < length) set |= 1 << i;
  }
  return set;
}

const onExecution = (readWrite: number): boolean => readWrite === EXECUTE;
const onRead = (readWrite: number): boolean => readWrite === READ_OR_WRITE;
const onWrite = (readWrite: number): boolean => readWrite === WRITE || readWrite === READ_OR_WRITE;

/** The Cpu of a core with breakpoints: it sees each access to memory. Any other core has the plain one. */
export class WatchedCpu extends Cpu {
  /** Data breakpoints that the instruction met so far. */
  met = 0;

  override attach(core: CoreState, space: AddressSpace): void {
    super.attach(core, space);
    this.met = 0;
  }

  override checkRead(...access: Parameters<Cpu['checkRead']>): number {
    const linear = super.checkRead(...access);
    this.met |= touched(this.r, onRead, linear, access[2]);
    return linear;
  }

  override checkWrite(...access: Parameters<Cpu['checkWrite']>): number {
    const linear = super.checkWrite(...access);
    this.met |= touched(this.r, onWrite, linear, access[2]);
    return linear;
  }

  override probeWrite(...access: Parameters<Cpu['probeWrite']>): void {
    super.checkWrite(...access);
  }

  /** Breakpoints on the instruction at EIP. */
  onInstruction(): number {
    return touched(this.r, onExecution, (this.r[SEG_BASE + SEG_CS] + this.r[EIP]) >>> 0, 1);
  }
}
