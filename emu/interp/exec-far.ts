import { EIP, FLAG_NT, FLAG_RF, SEG_CS, SEG_SELECTOR } from '../core/core-state.ts';
import { VECTOR_GP, VECTOR_TS } from '../core/engine.ts';
import {
  ACCESS_PRESENT,
  CPL,
  checkCodeSelector,
  type Descriptor,
  dplOf,
  findDescriptor,
  selectorError,
} from '../core/segments.ts';
import { FAR_TARGET, type Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { loadUserFlags } from './exec-flag.ts';

// Far control transfer that stays in user mode. Source: Intel SDM Vol. 2, CALL, JMP, RET, IRET; Vol. 3, Control Transfers.

/** Selector and offset of a far operand, in the instruction or in memory. */
function farPointer(cpu: Cpu, insn: Insn): { selector: number; target: number } {
  if (insn.operands[0].kind === FAR_TARGET) return { selector: insn.selector, target: insn.operands[0].value };
  const size = insn.operandSize;
  const offset = cpu.offset(insn);
  // Two accesses, each with its own limit and alignment.
  const target = cpu.readMemory(insn.segment, offset, size);
  return { selector: cpu.readMemory(insn.segment, (offset + size) | 0, 2), target };
}

/** The code segment of a selector, with the target inside its limit; or the fault. */
function codeSegment(cpu: Cpu, selector: number, target: number): Descriptor {
  const found = checkCodeSelector(cpu.core, selector);
  if ('vector' in found) return cpu.raise(found.vector, found.errorCode);
  cpu.checkTarget(target, found.limit);
  return found;
}

export function jmpFar(cpu: Cpu, insn: Insn): void {
  const { selector, target } = farPointer(cpu, insn);
  const segment = codeSegment(cpu, selector, target);
  cpu.loadCodeSegment(selector, segment);
  cpu.r[EIP] = target;
}

/** `lcall $7,$0`: LDT slot 0 is the system-call gate of every process that has not changed its LDT. */
const SYSCALL_GATE_SELECTOR = 7;
const TYPE_CALL_GATE_286 = 0x4;
const TYPE_CALL_GATE_386 = 0xc;

function isSystemCallGate(cpu: Cpu, selector: number): boolean {
  if ((selector | 3) !== SYSCALL_GATE_SELECTOR) return false;
  const gate = findDescriptor(cpu.core.tables, selector);
  if (gate === null) return true;
  const { access } = gate;
  const type = access & 0x1f;
  return (
    (type === TYPE_CALL_GATE_386 || type === TYPE_CALL_GATE_286) &&
    dplOf(access) === CPL &&
    (access & ACCESS_PRESENT) !== 0
  );
}

export function callFar(cpu: Cpu, insn: Insn): void {
  const { selector, target } = farPointer(cpu, insn);
  if (isSystemCallGate(cpu, selector)) {
    cpu.systemCall();
    return;
  }
  const segment = codeSegment(cpu, selector, target);
  const size = insn.operandSize;
  cpu.checkWriteStack(size, 2);
  cpu.push(size, cpu.r[SEG_SELECTOR + SEG_CS]);
  cpu.push(size, insn.next);
  cpu.loadCodeSegment(selector, segment);
  cpu.r[EIP] = target;
}

/** A return to a more privileged level is #GP; to the same one, nothing but CS:EIP and ESP changes. */
function returnSelector(cpu: Cpu, value: number): number {
  const selector = value & 0xffff;
  if ((selector & 0xfffc) !== 0 && (selector & 3) !== CPL) cpu.raise(VECTOR_GP, selectorError(selector));
  return selector;
}

export function retFar(cpu: Cpu, insn: Insn): void {
  const size = insn.operandSize;
  const extra = insn.operands.length > 0 ? insn.operands[0].value & 0xffff : 0;
  const target = cpu.peek(size);
  const selector = returnSelector(cpu, cpu.peek(size, size));
  const segment = codeSegment(cpu, selector, target);
  cpu.loadCodeSegment(selector, segment);
  cpu.r[EIP] = target;
  cpu.drop(2 * size + extra);
}

/** With NT set IRET would return to another task; FreeBSD has none to return to, so the TSS selector 0 is invalid. */
export function iret(cpu: Cpu, insn: Insn): void {
  if (cpu.flag(FLAG_NT)) cpu.raise(VECTOR_TS, 0);
  const size = insn.operandSize;
  const target = cpu.peek(size);
  const selectorValue = cpu.peek(size, size);
  const flags = cpu.peek(size, 2 * size);
  const selector = returnSelector(cpu, selectorValue);
  const segment = codeSegment(cpu, selector, target);
  cpu.loadCodeSegment(selector, segment);
  cpu.r[EIP] = target;
  cpu.drop(3 * size);
  loadUserFlags(cpu, flags, size, FLAG_RF);
}
