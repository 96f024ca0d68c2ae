import { EAX, FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF, FLAG_SF, FLAG_ZF } from '../core/core-state.ts';
import { VECTOR_DE } from '../core/engine.ts';
import type { Insn } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import { resultFlags } from './flags.ts';

// Decimal adjustment. Source: Intel SDM Vol. 2, AAA, AAD, AAM, AAS, DAA, DAS. Undefined flags stay or follow the result.

export function daa(cpu: Cpu): void {
  const old = cpu.register(EAX, 1);
  let al = old;
  let flags = 0;
  if ((old & 15) > 9 || cpu.flag(FLAG_AF)) {
    al += 6;
    flags |= FLAG_AF;
  }
  if (old > 0x99 || cpu.flag(FLAG_CF)) {
    al += 0x60;
    flags |= FLAG_CF;
  }
  al &= 0xff;
  cpu.setRegister(EAX, 1, al);
  cpu.setArithmeticFlags(flags | resultFlags(al, 1));
}

export function das(cpu: Cpu): void {
  const old = cpu.register(EAX, 1);
  const carry = cpu.flag(FLAG_CF);
  let al = old;
  let flags = 0;
  if ((old & 15) > 9 || cpu.flag(FLAG_AF)) {
    flags |= FLAG_AF;
    if (carry || old < 6) flags |= FLAG_CF;
    al -= 6;
  }
  if (old > 0x99 || carry) {
    al -= 0x60;
    flags |= FLAG_CF;
  }
  al &= 0xff;
  cpu.setRegister(EAX, 1, al);
  cpu.setArithmeticFlags(flags | resultFlags(al, 1));
}

export function aaa(cpu: Cpu): void {
  asciiAdjust(cpu, 0x106);
}

export function aas(cpu: Cpu): void {
  asciiAdjust(cpu, -0x106);
}

function asciiAdjust(cpu: Cpu, adjustment: number): void {
  const ax = cpu.register(EAX, 2);
  const adjust = (ax & 15) > 9 || cpu.flag(FLAG_AF) === 1;
  const adjusted = adjust ? ax + adjustment : ax;
  cpu.setRegister(EAX, 2, adjusted & 0xff0f);
  cpu.setFlags(FLAG_AF | FLAG_CF, adjust ? FLAG_AF | FLAG_CF : 0);
}

const RESULT_FLAGS = FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF;

export function aam(cpu: Cpu, insn: Insn): void {
  const base = insn.operands[0].value & 0xff;
  if (base === 0) cpu.raise(VECTOR_DE, 0);
  const al = cpu.register(EAX, 1);
  const low = al % base;
  cpu.setRegister(EAX, 2, (Math.floor(al / base) << 8) | low);
  cpu.setFlags(RESULT_FLAGS, resultFlags(low, 1));
}

export function aad(cpu: Cpu, insn: Insn): void {
  const base = insn.operands[0].value & 0xff;
  const ax = cpu.register(EAX, 2);
  const low = ((ax & 0xff) + (ax >> 8) * base) & 0xff;
  cpu.setRegister(EAX, 2, low);
  cpu.setFlags(RESULT_FLAGS, resultFlags(low, 1));
}
