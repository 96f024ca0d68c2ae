import { EAX, EBX, ECX, EDX, FLAG_ZF } from '../core/core-state.ts';
import { IN_MEMORY, IN_REGISTER } from '../isa/insn.ts';
import { READ, WRITE } from './access-check.ts';
import { FLAGS, T0, T1, T2, T3, T4 } from './locals.ts';
import { ADD_KINDS, keepOperands, putResult, SUB_KINDS, twoOperands } from './operand-code.ts';
import { MEM, OP } from './wasm-code.ts';
import { any, type Rows, type Writer } from './writer.ts';

// Exchanges.

const xchg: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  const { size } = to!;
  if (to!.kind === IN_MEMORY) {
    b.pushChecked(b.addressOf(insn), size, READ | WRITE);
    code.tee(T0);
    b.load(size);
    code.set(T1);
    code.get(T0);
    b.pushRegister(from!.reg, size);
    b.store(size);
  } else {
    b.pushRegister(to!.reg, size);
    code.set(T1);
    b.pushRegister(from!.reg, size);
    b.popRegister(to!.reg, size);
  }
  code.get(T1);
  b.popRegister(from!.reg, size);
};

const xadd: Writer = (b, insn) => {
  const { code } = b;
  const [to, from] = insn.operands;
  twoOperands(b, insn, true);
  code.get(T1);
  code.get(T2);
  code.op(OP.i32Add);
  code.set(T3);
  if (to!.kind === IN_REGISTER) {
    code.get(T1);
    b.popRegister(from!.reg, from!.size);
  }
  putResult(b, insn, T3);
  if (to!.kind === IN_MEMORY) {
    code.get(T1);
    b.popRegister(from!.reg, from!.size);
  }
  if (b.writesFlags()) keepOperands(b, ADD_KINDS[to!.size]!, to!.size);
};

/** Compares the accumulator with operand 0, which is written in either case. */
const cmpxchg: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  twoOperands(b, insn, true);
  // T1 = old value, T2 = new one, T3 = expected, T4 = equal.
  b.pushRegister(EAX, size);
  code.tee(T3);
  code.get(T1);
  code.op(OP.i32Eq);
  code.set(T4);
  code.get(T2);
  code.get(T1);
  code.get(T4);
  code.op(OP.select);
  code.set(T2);
  // The destination may be the accumulator itself, which is written last when they differ.
  putResult(b, insn, T2);
  b.pushRegister(EAX, size);
  code.get(T1);
  code.get(T4);
  code.op(OP.select);
  b.popRegister(EAX, size);
  if (!b.writesFlags()) return;
  code.get(T1);
  code.set(T2);
  code.get(T3);
  code.set(T1);
  keepOperands(b, SUB_KINDS[size]!, size);
};

/** Compares EDX:EAX with eight bytes of memory. ZF alone changes. */
const cmpxchg8b: Writer = (b, insn) => {
  const { code } = b;
  const live = b.changesFlags();
  b.pushChecked(b.addressOf(insn), 8, READ | WRITE);
  code.tee(T0);
  b.load(4);
  code.set(T1);
  code.get(T0);
  code.mem(MEM.i32Load, 4);
  code.set(T2);
  code.get(T1);
  b.pushRegister(EAX, 4);
  code.op(OP.i32Eq);
  code.get(T2);
  b.pushRegister(EDX, 4);
  code.op(OP.i32Eq, OP.i32And);
  code.tee(T4);
  code.if();
  code.get(T0);
  b.pushRegister(EBX, 4);
  b.store(4);
  code.get(T0);
  b.pushRegister(ECX, 4);
  code.mem(MEM.i32Store, 4);
  code.else();
  code.get(T1);
  b.popRegister(EAX, 4);
  code.get(T2);
  b.popRegister(EDX, 4);
  code.end();
  if (!live) return;
  b.settle();
  code.get(FLAGS.eflags);
  code.i32(~FLAG_ZF);
  code.op(OP.i32And);
  code.get(T4);
  code.i32(Math.log2(FLAG_ZF));
  code.op(OP.i32Shl, OP.i32Or);
  code.set(FLAGS.eflags);
};

export const exchangeWriters: Rows = {
  XCHG: [xchg, any],
  XADD: [xadd, any],
  CMPXCHG: [cmpxchg, any],
  CMPXCHG8B: [cmpxchg8b, any],
};
