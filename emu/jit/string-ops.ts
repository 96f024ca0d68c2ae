import { EAX, ECX, EDI, ESI, FLAG_DF } from '../core/core-state.ts';
import { type Insn, NONE } from '../isa/insn.ts';
import { PAGE_MASK, PAGE_SIZE } from '../memory/address-space.ts';
import { READ, WRITE } from './access-check.ts';
import type { BlockCode } from './block-code.ts';
import { FLAGS, LEFT, T0, T1, T2, T3, T4 } from './locals.ts';
import { keepOperands, SUB_KINDS } from './operand-code.ts';
import { OP } from './wasm-code.ts';
import type { Row, Rows, Writer } from './writer.ts';

// Strings.

const REPE = 0xf3;

/** Moves ESI or EDI by the size of an element, down when DF is set. */
function stepIndex(b: BlockCode, reg: number, size: number): void {
  const { code } = b;
  b.pushRegister(reg, 4);
  code.i32(-size);
  code.i32(size);
  code.get(FLAGS.eflags);
  code.i32(FLAG_DF);
  code.op(OP.i32And, OP.select, OP.i32Add);
  b.popRegister(reg, 4);
}

const movsOne: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  b.pushChecked(b.addressIn(ESI), size, READ);
  b.load(size);
  code.set(T1);
  b.pushChecked(b.addressIn(EDI), size, WRITE);
  code.get(T1);
  b.store(size);
  stepIndex(b, ESI, size);
  stepIndex(b, EDI, size);
};

const stosOne: Writer = (b, insn) => {
  const { size } = insn.operands[0]!;
  b.pushChecked(b.addressIn(EDI), size, WRITE);
  b.pushRegister(EAX, size);
  b.store(size);
  stepIndex(b, EDI, size);
};

const lodsOne: Writer = (b, insn) => {
  const { size } = insn.operands[0]!;
  b.pushChecked(b.addressIn(ESI), size, READ);
  b.load(size);
  b.popRegister(EAX, size);
  stepIndex(b, ESI, size);
};

/** CMPS: [ESI] - [EDI]; SCAS: the accumulator - [EDI]. */
function compareOne(isScan: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    if (isScan) b.pushRegister(EAX, size);
    else {
      b.pushChecked(b.addressIn(ESI), size, READ);
      b.load(size);
    }
    code.set(T1);
    b.pushChecked(b.addressIn(EDI), size, READ);
    b.load(size);
    code.set(T2);
    if (!isScan) stepIndex(b, ESI, size);
    stepIndex(b, EDI, size);
    if (b.writesFlags()) keepOperands(b, SUB_KINDS[size]!, size);
  };
}

// Repeated, upwards and up to the end of a page; what goes on after that is another turn of the block, which is the one instruction.
// The block has counted one iteration already. A count of 0 does nothing.

/** T4 = the smaller of T4 and what `push` leaves on the stack. */
function limit(b: BlockCode, push: () => void): void {
  const { code } = b;
  push();
  code.tee(T3);
  code.get(T4);
  code.get(T3);
  code.get(T4);
  code.op(OP.i32LtU, OP.select);
  code.set(T4);
}

/** T4 = at most the number of elements of `size` bytes from a register's address on that lie within its page. */
function limitToPage(b: BlockCode, reg: number, size: number): void {
  const { code } = b;
  limit(b, () => {
    code.i32(PAGE_SIZE);
    b.pushRegister(reg, 4);
    code.i32(PAGE_MASK);
    code.op(OP.i32And, OP.i32Sub);
    code.i32(Math.log2(size));
    code.op(OP.i32ShrU);
  });
}

/** T4 = at most the number of elements that a destination above the source is away from it: what lies beyond is read after it was written. */
function limitToDistance(b: BlockCode, size: number): void {
  const { code } = b;
  limit(b, () => {
    // Without a distance, all ones.
    b.pushRegister(EDI, 4);
    b.pushRegister(ESI, 4);
    code.op(OP.i32Sub);
    code.tee(T2);
    code.i32(-1);
    code.get(T2);
    code.op(OP.select);
    code.i32(Math.log2(size));
    code.op(OP.i32ShrU);
  });
}

/** What is accessed at ESI and EDI: READ, WRITE, or 0 for nothing. */
interface Use {
  readonly esi: number;
  readonly edi: number;
}

/**
 * Begins the iterations that one turn may do, if there are any: T4 elements, at least one, from ESI and EDI on. `furtherLimits` lowers T4.
 */
function beginTurn(b: BlockCode, { esi, edi }: Use, size: number, furtherLimits: () => void = () => {}): void {
  const { code } = b;
  b.exitIf(() => {
    code.get(FLAGS.eflags);
    code.i32(FLAG_DF);
    code.op(OP.i32And);
  });
  b.pushRegister(ECX, 4);
  code.if();
  for (const [reg, need] of [
    [EDI, edi],
    [ESI, esi],
  ] as const) {
    if (need === 0) continue;
    b.pushChecked(b.addressIn(reg), size, need);
    code.op(OP.drop);
  }
  b.pushRegister(ECX, 4);
  code.set(T4);
  limit(b, () => {
    code.get(LEFT);
    code.i32(1);
    code.op(OP.i32Add);
  });
  if (edi !== 0) limitToPage(b, EDI, size);
  if (esi !== 0) limitToPage(b, ESI, size);
  furtherLimits();
  // The element that was looked at goes always, across pages too.
  code.get(T4);
  code.get(T4);
  code.op(OP.i32Eqz, OP.i32Or);
  code.set(T4);
}

/** Ends a turn in which what `pushCount` leaves on the stack, not 0, iterations were done. */
function endTurn(b: BlockCode, { esi, edi }: Use, size: number, pushCount: () => void): void {
  const { code } = b;
  const add = (reg: number, push: () => void, op: number): void => {
    b.pushRegister(reg, 4);
    push();
    code.op(op);
    b.popRegister(reg, 4);
  };
  const pushBytes = (): void => {
    pushCount();
    code.i32(Math.log2(size));
    code.op(OP.i32Shl);
  };
  if (edi !== 0) add(EDI, pushBytes, OP.i32Add);
  if (esi !== 0) add(ESI, pushBytes, OP.i32Add);
  add(ECX, pushCount, OP.i32Sub);
  code.get(LEFT);
  pushCount();
  code.i32(1);
  code.op(OP.i32Sub, OP.i32Sub);
  code.set(LEFT);
  code.end();
}

/** T4 elements in bytes. */
function pushLength(b: BlockCode, size: number): void {
  b.code.get(T4);
  b.code.i32(Math.log2(size));
  b.code.op(OP.i32Shl);
}

const repMovs: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  const use = { esi: READ, edi: WRITE };
  beginTurn(b, use, size, () => limitToDistance(b, size));
  b.pushRegister(EDI, 4);
  b.pushRegister(ESI, 4);
  pushLength(b, size);
  code.memoryCopy();
  endTurn(b, use, size, () => code.get(T4));
};

const repStos: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  const use = { esi: 0, edi: WRITE };
  beginTurn(b, use, size);
  const fill = (): void => {
    b.pushRegister(EDI, 4);
    b.pushRegister(EAX, size);
    pushLength(b, size);
    code.memoryFill();
  };
  if (size === 1) fill();
  else {
    // memory.fill knows bytes only.
    b.pushRegister(EAX, size);
    b.pushRegister(EAX, 1);
    code.i32(size === 4 ? 0x01010101 : 0x0101);
    code.op(OP.i32Mul, OP.i32Eq);
    code.if();
    fill();
    code.else();
    storeElements(b, size);
    code.end();
  }
  endTurn(b, use, size, () => code.get(T4));
};

/** T4 elements from EDI on become the accumulator. */
function storeElements(b: BlockCode, size: number): void {
  const { code } = b;
  pushLength(b, size);
  code.set(T2);
  const loop = code.loop();
  code.get(T2);
  code.i32(size);
  code.op(OP.i32Sub);
  code.tee(T2);
  b.pushRegister(EDI, 4);
  code.op(OP.i32Add);
  b.pushRegister(EAX, size);
  b.store(size);
  code.get(T2);
  code.brIf(loop);
  code.end();
}

/** Of all that is loaded the last stays. */
const repLods: Writer = (b, insn) => {
  const { code } = b;
  const { size } = insn.operands[0]!;
  const use = { esi: READ, edi: 0 };
  beginTurn(b, use, size);
  b.pushRegister(ESI, 4);
  pushLength(b, size);
  code.op(OP.i32Add);
  code.i32(size);
  code.op(OP.i32Sub);
  b.load(size);
  b.popRegister(EAX, size);
  endTurn(b, use, size, () => code.get(T4));
};

/** Leaves in T4 whether another iteration follows as far as the operands are concerned. */
function repeatedComparison(isScan: boolean): Writer {
  return (b, insn) => {
    const { code } = b;
    const { size } = insn.operands[0]!;
    const use = { esi: isScan ? 0 : READ, edi: READ };
    const goesOn = insn.rep === REPE ? OP.i32Eq : OP.i32Ne;
    // With a count of 0 the flags stay.
    b.makeDynamic();
    beginTurn(b, use, size);
    pushLength(b, size);
    code.set(T3);
    code.i32(0);
    code.set(T0);
    if (isScan) {
      b.pushRegister(EAX, size);
      code.set(T1);
    }
    const load = (reg: number, local: number): void => {
      b.pushRegister(reg, 4);
      code.get(T0);
      code.op(OP.i32Add);
      b.load(size);
      code.set(local);
    };
    const loop = code.loop();
    if (!isScan) load(ESI, T1);
    load(EDI, T2);
    code.get(T0);
    code.i32(size);
    code.op(OP.i32Add);
    code.tee(T0);
    code.get(T3);
    code.op(OP.i32Ne);
    code.get(T1);
    code.get(T2);
    code.op(goesOn);
    code.tee(T4);
    code.op(OP.i32And);
    code.brIf(loop);
    code.end();
    keepOperands(b, SUB_KINDS[size]!, size);
    b.makeDynamic();
    endTurn(b, use, size, () => {
      code.get(T0);
      code.i32(Math.log2(size));
      code.op(OP.i32ShrU);
    });
  };
}

/** CMPS and SCAS, whose repetition depends on what they find. */
export const isComparison = ({ row }: Insn): boolean => row.mnemonic === 'CMPS' || row.mnemonic === 'SCAS';

/** Leaves on the stack whether a repeated instruction goes on. */
export function pushGoesOn(b: BlockCode, insn: Insn): void {
  const { code } = b;
  b.pushRegister(ECX, 4);
  if (!isComparison(insn)) return;
  code.i32(0);
  code.get(T4);
  code.op(OP.select);
}

/** Only ES:EDI and DS:ESI, which are flat. */
const plainString = (insn: Insn): boolean => insn.addressSize === 4 && insn.override === NONE;

/** A repeated one is a block by itself. */
const string = (one: Writer, repeated: Writer): Row => [
  (b, insn) => (insn.rep === 0 ? one : repeated)(b, insn),
  plainString,
];

export const stringWriters: Rows = {
  MOVS: string(movsOne, repMovs),
  STOS: string(stosOne, repStos),
  LODS: string(lodsOne, repLods),
  CMPS: string(compareOne(false), repeatedComparison(false)),
  SCAS: string(compareOne(true), repeatedComparison(true)),
};
