import {
  type CoreState,
  EAX,
  EDX,
  EIP,
  FLAG_CF,
  FLAG_OF,
  FLAG_PF,
  FLAG_SF,
  FLAG_ZF,
  SEG_BASE,
} from '../core/core-state.ts';
import { Cpu, CpuFault } from '../interp/cpu.ts';
import { fetchAnywhere } from '../interp/fetch.ts';
import { resultFlags, signExtend, truncate } from '../interp/flags.ts';
import { IN_MEMORY, type Insn } from '../isa/insn.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { AluUnit } from './plan.ts';

/*
 * A stuck output bit of one unit of one core. The instruction runs as it should; then its result is replaced by what the unit would have
 * given out. Carry, overflow and adjust come from the carries, the bits shifted out, and stay right; sign, zero and parity, and of a
 * product carry and overflow, are made from the wrong result.
 */

export interface WrongUnit {
  readonly unit: AluUnit;
  readonly bit: number;
  readonly value: 0 | 1;
}

/** Addresses have an adder of their own, and so have LEA, the stack pointer and string instructions; CMPXCHG compares elsewhere too. */
const UNIT_OF: ReadonlyMap<string, AluUnit> = new Map([
  ...['ADD', 'ADC', 'SUB', 'SBB', 'INC', 'DEC', 'NEG', 'CMP', 'XADD'].map((name) => [name, 'add'] as const),
  ...['MUL', 'IMUL'].map((name) => [name, 'mul'] as const),
  ...['SHL', 'SAL', 'SHR', 'SAR', 'ROL', 'ROR', 'RCL', 'RCR', 'SHLD', 'SHRD'].map((name) => [name, 'shift'] as const),
]);
const ROTATES: ReadonlySet<string> = new Set(['ROL', 'ROR', 'RCL', 'RCR']);
/** SF, ZF and PF. */
const RESULT_FLAGS = FLAG_SF | FLAG_ZF | FLAG_PF;

/** What is left to do once the instruction has retired. */
type Correction = () => void;

/** Sees each instruction of a core before it runs. */
export class WrongAlu {
  private readonly cpu = new Cpu();

  /** What the wrong units will make of the instruction at EIP; null when it uses none of them, or is going to fault. */
  before(core: CoreState, space: AddressSpace, units: readonly WrongUnit[]): Correction | null {
    const { cpu } = this;
    cpu.attach(core, space);
    try {
      const insn = fetchAnywhere(cpu, core.i32[EIP]!);
      const unit = UNIT_OF.get(insn.row.mnemonic);
      const wrong = units.filter((candidate) => candidate.unit === unit);
      if (wrong.length === 0) return null;
      if (unit === 'mul') return this.product(insn, wrong);
      return unit === 'add' ? this.sum(insn, wrong) : this.shifted(insn, wrong);
    } catch (fault) {
      if (fault instanceof CpuFault) return null;
      throw fault;
    }
  }

  private sum(insn: Insn, wrong: readonly WrongUnit[]): Correction {
    const { cpu } = this;
    const { size } = insn.operands[0]!;
    if (insn.row.mnemonic === 'CMP') {
      const result = stuck(truncate(cpu.read(insn, 0) - cpu.read(insn, 1), size), wrong);
      return () => cpu.setFlags(RESULT_FLAGS, resultFlags(result, size));
    }
    return this.replace(insn, wrong, RESULT_FLAGS);
  }

  /** A count of 0 changes nothing, flags included: the operand does not go through the shifter. */
  private shifted(insn: Insn, wrong: readonly WrongUnit[]): Correction | null {
    const count = this.cpu.read(insn, insn.operands.length - 1) & 31;
    if (count === 0) return null;
    return this.replace(insn, wrong, ROTATES.has(insn.row.mnemonic) ? 0 : RESULT_FLAGS);
  }

  /** The first operand becomes what the unit gives out, wherever it is, and the flags in `flags` go with it. */
  private replace(insn: Insn, wrong: readonly WrongUnit[], flags: number): Correction {
    const { cpu } = this;
    const { kind, size, reg } = insn.operands[0]!;
    const address = kind === IN_MEMORY ? (cpu.r[SEG_BASE + insn.segment]! + cpu.offset(insn)) >>> 0 : 0;
    return () => {
      const right = kind === IN_MEMORY ? cpu.load(address, size) : cpu.register(reg, size);
      const result = truncate(stuck(right, wrong), size);
      // The instruction has just written there: the page is there, and settled what a write brings with it.
      if (kind === IN_MEMORY) cpu.store(address, size, result);
      else cpu.setRegister(reg, size, result);
      cpu.setFlags(flags, resultFlags(result, size));
    };
  }

  private product(insn: Insn, wrong: readonly WrongUnit[]): Correction {
    const { cpu } = this;
    const { size } = insn.operands[0]!;
    const bits = size * 8;
    const signed = insn.row.mnemonic === 'IMUL';
    const widened = (value: number): bigint =>
      signed ? BigInt(signExtend(value, size)) : BigInt.asUintN(bits, BigInt(value));
    const last = insn.operands.length - 1;
    const first = last === 0 ? cpu.accumulator(size) : cpu.read(insn, last - 1);
    const right = widened(first) * widened(cpu.read(insn, last));
    const result = wrong.reduce(
      (value, { bit, value: level }) => {
        const mask = 1n << BigInt(bit);
        return level === 1 ? value | mask : value & ~mask;
      },
      BigInt.asUintN(2 * bits, right),
    );
    const low = Number(BigInt.asIntN(bits, result));
    const high = Number(BigInt.asIntN(bits, result >> BigInt(bits)));
    const overflow = signed ? high !== (low < 0 ? -1 : 0) : high !== 0;
    return () => {
      if (last > 0) cpu.setRegister(insn.operands[0]!.reg, size, low);
      else if (size === 1) cpu.setRegister(EAX, 2, (low & 0xff) | (high << 8));
      else {
        cpu.setRegister(EAX, size, low);
        cpu.setRegister(EDX, size, high);
      }
      cpu.setFlags(FLAG_CF | FLAG_OF | RESULT_FLAGS, (overflow ? FLAG_CF | FLAG_OF : 0) | resultFlags(low, size));
    };
  }
}

function stuck(right: number, wrong: readonly WrongUnit[]): number {
  return wrong.reduce(
    (value, { bit, value: level }) => (level === 1 ? value | (1 << bit) : value & ~(1 << bit)),
    right,
  );
}
