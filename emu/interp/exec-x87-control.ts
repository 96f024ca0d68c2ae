import { EAX } from '../core/core-state.ts';
import { BUSY, ES, EXCEPTIONS, SF } from '../fpu/environment.ts';
import { Extended } from '../fpu/extended.ts';
import type { X87 } from '../fpu/x87.ts';
import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { destination, source, waiting, withoutWait } from './exec-x87-access.ts';

// Control instructions: they leave the pointers to the last instruction and operand alone. Source: Intel SDM Vol. 2, the
// instruction pages of the same names; Vol. 1, figures of the protected-mode x87 FPU state images in memory.

const x = new Extended();

export function fwait(cpu: Cpu): void {
  waiting(cpu);
}

/** FNENI, FNDISI, FNSETPM: of the 8087 and 80287, without effect since. */
export function fnothing(cpu: Cpu): void {
  withoutWait(cpu);
}

export function fninit(cpu: Cpu): void {
  withoutWait(cpu).initialize();
}

export function fnclex(cpu: Cpu): void {
  const fpu = withoutWait(cpu);
  fpu.status &= ~(EXCEPTIONS | SF | ES | BUSY);
}

export function fldcw(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  fpu.setControl(cpu.load(source(cpu, insn, 2), 2));
}

export function fnstcw(cpu: Cpu, insn: Insn): void {
  const fpu = withoutWait(cpu);
  cpu.store(destination(cpu, insn, 2), 2, fpu.control);
}

export function fnstsw(cpu: Cpu, insn: Insn): void {
  const fpu = withoutWait(cpu);
  if (insn.operands[0].kind === IN_MEMORY) cpu.store(destination(cpu, insn, 2), 2, fpu.statusWord);
  else cpu.setRegister(EAX, 2, fpu.statusWord);
}

/** Seven fields of two or four bytes; unused upper halves are ones. */
function storeEnvironment(cpu: Cpu, fpu: X87, at: number, fieldSize: number): void {
  const put = (index: number, value: number): void => cpu.store(at + index * fieldSize, fieldSize, value);
  const upper = 0xffff0000 | 0;
  put(0, fpu.control | upper);
  put(1, fpu.statusWord | upper);
  put(2, fpu.tagWord | upper);
  put(3, fpu.ip);
  put(4, fpu.cs | (fpu.opcode << 16));
  put(5, fpu.dp);
  put(6, fpu.ds | upper);
}

function loadEnvironment(cpu: Cpu, fpu: X87, at: number, fieldSize: number): void {
  const field = (index: number): number => cpu.load(at + index * fieldSize, fieldSize);
  const control = field(0);
  const status = field(1);
  const tags = field(2);
  fpu.setControl(control & 0xffff);
  fpu.setStatus(status & 0xffff);
  fpu.top = (status >> 11) & 7;
  fpu.valid = 0;
  for (let p = 0; p < 8; p++) if (((tags >> (2 * p)) & 3) !== 3) fpu.valid |= 1 << p;
  fpu.ip = field(3);
  fpu.cs = field(4) & 0xffff;
  fpu.opcode = fieldSize === 4 ? (field(4) >>> 16) & 0x7ff : 0;
  fpu.dp = field(5);
  fpu.ds = field(6) & 0xffff;
}

export function fldenv(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  const fieldSize = insn.operandSize;
  loadEnvironment(cpu, fpu, source(cpu, insn, 7 * fieldSize), fieldSize);
}

/** Afterwards all exceptions are masked. */
export function fnstenv(cpu: Cpu, insn: Insn): void {
  const fpu = withoutWait(cpu);
  const fieldSize = insn.operandSize;
  storeEnvironment(cpu, fpu, destination(cpu, insn, 7 * fieldSize), fieldSize);
  fpu.setControl(fpu.control | EXCEPTIONS);
}

export function fnsave(cpu: Cpu, insn: Insn): void {
  const fpu = withoutWait(cpu);
  const fieldSize = insn.operandSize;
  const at = destination(cpu, insn, 7 * fieldSize + 80);
  storeEnvironment(cpu, fpu, at, fieldSize);
  for (let i = 0; i < 8; i++) {
    const to = at + 7 * fieldSize + 10 * i;
    fpu.get(i, x);
    cpu.store(to, 4, x.lo);
    cpu.store(to + 4, 4, x.hi);
    cpu.store(to + 8, 2, x.se);
  }
  fpu.initialize();
}

export function frstor(cpu: Cpu, insn: Insn): void {
  const fpu = waiting(cpu);
  const fieldSize = insn.operandSize;
  const at = source(cpu, insn, 7 * fieldSize + 80);
  loadEnvironment(cpu, fpu, at, fieldSize);
  const { valid } = fpu;
  for (let i = 0; i < 8; i++) {
    const from = at + 7 * fieldSize + 10 * i;
    fpu.set(i, x.set(cpu.load(from + 8, 2), cpu.load(from + 4, 4), cpu.load(from, 4)));
  }
  fpu.valid = valid;
}
