import { unreachable } from '../base/errors.ts';
import { type CoreState, EFLAGS, EIP, FXSAVE_BYTE_OFFSET, SEG_BASE, SEG_CS, SEG_SELECTOR } from '../core/core-state.ts';
import { hex } from './describe.ts';
import { type FaultTarget, REGISTERS, type Register, SEGMENTS, type Segment } from './plan.ts';

/** The bits of EFLAGS that are there: CF PF AF ZF SF TF IF DF OF IOPL NT RF VM AC VIF VIP ID (SDM Vol. 1, EFLAGS Register). */
const EFLAGS_BITS = 0x3f7fd5;
export const FLAG_VM = 0x20000;

/** FXSAVE image (SDM Vol. 2, FXSAVE): the status word with TOP in bits 11 to 13, ST(0) and XMM0, each register 16 bytes. */
const FSW_AT = 2;
const ST0_AT = 32;
const XMM0_AT = 160;

/** Place of each register in the state block: the first eight in the order of their numbers, then EIP and EFLAGS. */
export const registerIndex = (register: Register): number => REGISTERS.indexOf(register);

type CoreTarget = Exclude<FaultTarget, { in: 'memory' } | { in: 'code-cache' }>;

/** Flips a bit of a core's state. Returns what it was and is, in words. */
export function flipInCore(core: CoreState, target: CoreTarget, bit: number): string {
  switch (target.in) {
    case 'register':
      return flipRegister(core, target.register, bit);
    case 'segment-base':
      return flipWord(core, SEG_BASE + SEGMENTS.indexOf(target.segment), 1 << bit);
    case 'x87': {
      const top = (core.u8[FXSAVE_BYTE_OFFSET + FSW_AT + 1]! >> 3) & 7;
      return flipByte(core, ST0_AT + 16 * ((target.register - top) & 7), bit);
    }
    case 'xmm':
      return flipByte(core, XMM0_AT + 16 * target.register, bit);
    default:
      return unreachable(target);
  }
}

function flipRegister(core: CoreState, register: Register, bit: number): string {
  const mask = 1 << bit;
  if (register === 'eflags' && (mask & EFLAGS_BITS) === 0) return 'no effect, there is no such bit';
  return flipWord(core, registerIndex(register), mask);
}

function flipWord(core: CoreState, index: number, mask: number): string {
  const before = core.i32[index]!;
  core.i32[index] = before ^ mask;
  return `0x${hex(before)} -> 0x${hex(before ^ mask)}`;
}

/** `at` counts from the start of the FXSAVE image; bit 8 is bit 0 of the next byte. */
function flipByte(core: CoreState, at: number, bit: number): string {
  const index = FXSAVE_BYTE_OFFSET + at + (bit >> 3);
  const before = core.u8[index]!;
  core.u8[index] = before ^ (1 << (bit & 7));
  return `byte ${bit >> 3} 0x${hex(before, 2)} -> 0x${hex(core.u8[index]!, 2)}`;
}

/** A register whose bit always reads as `value`. */
export interface StuckBit {
  readonly register: Exclude<Register, 'eip'>;
  readonly bit: number;
  readonly value: 0 | 1;
}

/** Bits of EFLAGS that can be stuck: those that are there, but for VM, which no mode of the emulated core goes with. */
const STUCK_EFLAGS = EFLAGS_BITS & ~FLAG_VM;

export function applyStuckBits({ i32 }: CoreState, bits: readonly StuckBit[]): void {
  for (const { register, bit, value } of bits) {
    const index = registerIndex(register);
    const mask = index === EFLAGS ? (1 << bit) & STUCK_EFLAGS : 1 << bit;
    i32[index] = value === 1 ? i32[index]! | mask : i32[index]! & ~mask;
  }
}

/** The base of a segment register went wrong; a load of the register puts it right. */
export interface WrongBase {
  readonly segment: Segment;
  readonly selector: number;
  readonly wrong: number;
  readonly right: number;
}

export function noteWrongBase({ i32 }: CoreState, segment: Segment, bit: number): WrongBase {
  const seg = SEGMENTS.indexOf(segment);
  const wrong = i32[SEG_BASE + seg]!;
  return { segment, selector: i32[SEG_SELECTOR + seg]!, wrong, right: wrong ^ (1 << bit) };
}

/** The kernel's way back to user mode loads every segment register from its descriptor. */
export function reloadBases({ i32 }: CoreState, bases: readonly WrongBase[]): void {
  for (const { segment, selector, wrong, right } of bases.toReversed()) {
    const seg = SEGMENTS.indexOf(segment);
    if (i32[SEG_SELECTOR + seg] === selector && i32[SEG_BASE + seg] === wrong) i32[SEG_BASE + seg] = right;
  }
}

/** Linear address of the instruction that comes next. */
export const linearEip = ({ i32 }: CoreState): number => (i32[SEG_BASE + SEG_CS]! + i32[EIP]!) >>> 0;
