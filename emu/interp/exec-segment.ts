import { ESP, FLAG_ZF, SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SELECTOR, SEG_SS } from '../core/core-state.ts';
import {
  ACCESS_CODE,
  ACCESS_CONFORMING,
  ACCESS_READABLE,
  ACCESS_S,
  ACCESS_WRITABLE,
  CPL,
  type Descriptor,
  dplOf,
  findDescriptor,
  loadSegment,
} from '../core/segments.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';

// Segment registers and selectors. Source: Intel SDM Vol. 2, MOV, POP, LDS and friends, ARPL, LAR, LSL, VERR.

function loadOrRaise(cpu: Cpu, seg: number, selector: number): void {
  const fault = loadSegment(cpu.core, seg, selector);
  if (fault !== null) cpu.raise(fault.vector, fault.errorCode);
  cpu.modeChanged = true;
  if (seg === SEG_SS) cpu.inhibitTrap = true;
}

export function movFromSegment(cpu: Cpu, insn: Insn): void {
  cpu.write(insn, 0, cpu.r[SEG_SELECTOR + insn.operands[1].reg]);
}

export function movToSegment(cpu: Cpu, insn: Insn): void {
  loadOrRaise(cpu, insn.operands[0].reg, cpu.read(insn, 1));
}

/** The stack pointer moves by the operand size as the stack was before, which matters for POP SS. */
export function popSegment(cpu: Cpu, insn: Insn): void {
  const selector = cpu.peek(insn.operandSize);
  const after = cpu.stackOffset(insn.operandSize);
  const mask = cpu.stackMask;
  loadOrRaise(cpu, insn.operands[0].reg, selector);
  cpu.r[ESP] = (cpu.r[ESP] & ~mask) | after;
}

/** Two accesses, each checked by itself: the offset, then the selector. */
function loadFarPointer(cpu: Cpu, insn: Insn, seg: number): void {
  const size = insn.operandSize;
  const offset = cpu.offset(insn);
  const value = cpu.readMemory(insn.segment, offset, size);
  const selector = cpu.readMemory(insn.segment, offset + size, 2);
  loadOrRaise(cpu, seg, selector);
  cpu.inhibitTrap = false;
  cpu.write(insn, 0, value);
}

export function les(cpu: Cpu, insn: Insn): void {
  loadFarPointer(cpu, insn, SEG_ES);
}

export function lds(cpu: Cpu, insn: Insn): void {
  loadFarPointer(cpu, insn, SEG_DS);
}

export function lss(cpu: Cpu, insn: Insn): void {
  loadFarPointer(cpu, insn, SEG_SS);
}

export function lfs(cpu: Cpu, insn: Insn): void {
  loadFarPointer(cpu, insn, SEG_FS);
}

export function lgs(cpu: Cpu, insn: Insn): void {
  loadFarPointer(cpu, insn, SEG_GS);
}

/** Writes only when it raises the RPL. */
export function arpl(cpu: Cpu, insn: Insn): void {
  const selector = cpu.read(insn, 0);
  const rpl = cpu.read(insn, 1) & 3;
  const raise = (selector & 3) < rpl;
  if (raise) cpu.write(insn, 0, (selector & ~3) | rpl);
  cpu.setFlags(FLAG_ZF, raise ? FLAG_ZF : 0);
}

/** The descriptor of a selector as far as user mode may look at it; null otherwise. */
function visible(cpu: Cpu, selector: number, systemTypes: number): Descriptor | null {
  if ((selector & 0xfffc) === 0) return null;
  const descriptor = findDescriptor(cpu.core.tables, selector);
  if (descriptor === null) return null;
  const { access } = descriptor;
  if (!(access & ACCESS_S) && !((systemTypes >> (access & 15)) & 1)) return null;
  const conforming = access & ACCESS_S && access & ACCESS_CODE && access & ACCESS_CONFORMING;
  if (!conforming && (dplOf(access) < CPL || dplOf(access) < (selector & 3))) return null;
  return descriptor;
}

/** System descriptor types that LAR accepts: 1, 2, 3, 4, 5, 9, B, C. LSL: 1, 2, 3, 9, B. */
const LAR_TYPES = 0b1_1010_0011_1110;
const LSL_TYPES = 0b0_1010_0000_1110;

export function lar(cpu: Cpu, insn: Insn): void {
  const descriptor = visible(cpu, cpu.read(insn, 1) & 0xffff, LAR_TYPES);
  if (descriptor !== null) cpu.write(insn, 0, descriptor.high & 0x00ffff00);
  cpu.setFlags(FLAG_ZF, descriptor !== null ? FLAG_ZF : 0);
}

export function lsl(cpu: Cpu, insn: Insn): void {
  const descriptor = visible(cpu, cpu.read(insn, 1) & 0xffff, LSL_TYPES);
  if (descriptor !== null) cpu.write(insn, 0, descriptor.limit);
  cpu.setFlags(FLAG_ZF, descriptor !== null ? FLAG_ZF : 0);
}

export function verr(cpu: Cpu, insn: Insn): void {
  const descriptor = visible(cpu, cpu.read(insn, 0) & 0xffff, 0);
  const readable =
    descriptor !== null && (!(descriptor.access & ACCESS_CODE) || (descriptor.access & ACCESS_READABLE) !== 0);
  cpu.setFlags(FLAG_ZF, readable ? FLAG_ZF : 0);
}

export function verw(cpu: Cpu, insn: Insn): void {
  const descriptor = visible(cpu, cpu.read(insn, 0) & 0xffff, 0);
  const writable =
    descriptor !== null && !(descriptor.access & ACCESS_CODE) && (descriptor.access & ACCESS_WRITABLE) !== 0;
  cpu.setFlags(FLAG_ZF, writable ? FLAG_ZF : 0);
}
