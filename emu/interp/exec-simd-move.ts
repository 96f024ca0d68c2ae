import { EDI } from '../core/core-state.ts';
import { IN_MEMORY, IN_MMX, IN_REGISTER, IN_XMM, type Insn, type Operand } from '../isa/insn.ts';
import type { Cpu } from './cpu.ts';
import {
  beginMmx,
  checkMmx,
  checkSse,
  D,
  enterMmx,
  immediate,
  type Lanes,
  loadMemory,
  loadMm,
  loadOperand,
  loadXmm,
  S,
  storeMemory,
  storeMm,
  storeXmm,
  XMM,
} from './simd.ts';

// Moves of MMX and XMM registers. Source: Intel SDM Vol. 2, the instruction pages of the same names.

function isMmx(insn: Insn): boolean {
  return insn.operands.some((operand) => operand.kind === IN_MMX);
}

/** MOVD and MOVQ: 32 or 64 bits, the rest of a register that is written becomes 0. */
function moveZeroExtended(cpu: Cpu, insn: Insn): void {
  const [to, from] = insn.operands;
  const mmx = isMmx(insn);
  if (mmx) checkMmx(cpu);
  else checkSse(cpu);
  S.i32.fill(0);
  loadOperand(cpu, insn, 1, S);
  if (to.kind === IN_MEMORY) storeMemory(cpu, insn, to.size, S);
  if (mmx) enterMmx(cpu);
  if (to.kind === IN_MMX) storeMm(cpu, to.reg, S);
  else if (to.kind === IN_XMM) {
    if (from.kind === IN_XMM) S.i32.fill(0, 2);
    storeXmm(cpu, to.reg, S);
  } else if (to.kind === IN_REGISTER) cpu.setRegister(to.reg, 4, S.i32[0]);
}
export const movd = moveZeroExtended;
export const movq = moveZeroExtended;

export function movq2dq(cpu: Cpu, insn: Insn): void {
  beginMmx(cpu, insn, 1);
  S.i32.fill(0, 2);
  storeXmm(cpu, insn.operands[0].reg, S);
}

export function movdq2q(cpu: Cpu, insn: Insn): void {
  beginMmx(cpu, insn, 1);
  storeMm(cpu, insn.operands[0].reg, S);
}

function move16(cpu: Cpu, insn: Insn, aligned: boolean): void {
  checkSse(cpu);
  const [to, from] = insn.operands;
  if (from.kind === IN_MEMORY) loadMemory(cpu, insn, 16, S, aligned);
  else loadXmm(cpu, from.reg, S);
  if (to.kind === IN_MEMORY) storeMemory(cpu, insn, 16, S, aligned);
  else storeXmm(cpu, to.reg, S);
}

export function moveAligned(cpu: Cpu, insn: Insn): void {
  move16(cpu, insn, true);
}

export function moveUnaligned(cpu: Cpu, insn: Insn): void {
  move16(cpu, insn, false);
}

/** MOVSS and MOVSD: from memory the upper part becomes 0, from a register it stays. */
export function moveScalar(cpu: Cpu, insn: Insn): void {
  checkSse(cpu);
  const [to, from] = insn.operands;
  if (to.kind === IN_MEMORY) {
    loadXmm(cpu, from.reg, S);
    storeMemory(cpu, insn, to.size, S);
    return;
  }
  if (from.kind === IN_MEMORY) {
    S.i32.fill(0);
    loadMemory(cpu, insn, from.size, S);
    storeXmm(cpu, to.reg, S);
    return;
  }
  loadXmm(cpu, from.reg, S);
  loadXmm(cpu, to.reg, D);
  D.i32[0] = S.i32[0];
  if (from.size === 8) D.i32[1] = S.i32[1];
  storeXmm(cpu, to.reg, D);
}

/** MOVLPS ..: between memory and one half of a register; the other half stays. */
function moveHalf(cpu: Cpu, insn: Insn, half: number): void {
  checkSse(cpu);
  const [to, from] = insn.operands;
  const { r } = cpu;
  if (to.kind === IN_MEMORY) {
    S.i32[0] = r[XMM + from.reg * 4 + 2 * half];
    S.i32[1] = r[XMM + from.reg * 4 + 2 * half + 1];
    storeMemory(cpu, insn, 8, S);
  } else {
    loadMemory(cpu, insn, 8, S);
    r[XMM + to.reg * 4 + 2 * half] = S.i32[0];
    r[XMM + to.reg * 4 + 2 * half + 1] = S.i32[1];
  }
}

export function moveLow(cpu: Cpu, insn: Insn): void {
  moveHalf(cpu, insn, 0);
}

export function moveHigh(cpu: Cpu, insn: Insn): void {
  moveHalf(cpu, insn, 1);
}

/** Gives each doubleword of an XMM register a doubleword of the source; negative: as it was. */
function rearrange(a: number, b: number, c: number, d: number): (cpu: Cpu, insn: Insn) => void {
  const order = [a, b, c, d];
  return (cpu, insn) => {
    checkSse(cpu);
    loadOperand(cpu, insn, 1, S);
    const at = XMM + insn.operands[0].reg * 4;
    for (let i = 0; i < 4; i++) if (order[i] >= 0) cpu.r[at + i] = S.i32[order[i]];
  };
}

export const movhlps = rearrange(2, 3, -1, -1);
export const movlhps = rearrange(-1, -1, 0, 1);
export const movsldup = rearrange(0, 0, 2, 2);
export const movshdup = rearrange(1, 1, 3, 3);
export const movddup = rearrange(0, 1, 0, 1);

// Between general and vector registers.

export function movmskps(cpu: Cpu, insn: Insn): void {
  checkSse(cpu);
  loadOperand(cpu, insn, 1, S);
  let mask = 0;
  for (let i = 0; i < 4; i++) mask |= (S.i32[i] >>> 31) << i;
  cpu.setRegister(insn.operands[0].reg, 4, mask);
}

export function movmskpd(cpu: Cpu, insn: Insn): void {
  checkSse(cpu);
  loadOperand(cpu, insn, 1, S);
  cpu.setRegister(insn.operands[0].reg, 4, (S.i32[1] >>> 31) | ((S.i32[3] >>> 31) << 1));
}

/** Loads operand 1, an MMX or XMM register, to `S`, and gives the bytes of its kind. */
function loadVector(cpu: Cpu, insn: Insn): number {
  if (insn.operands[1].kind === IN_MMX) {
    beginMmx(cpu, insn, 1);
    return 8;
  }
  checkSse(cpu);
  loadOperand(cpu, insn, 1, S);
  return 16;
}

function signMask(lanes: Lanes, size: number): number {
  let mask = 0;
  for (let i = 0; i < size; i++) mask |= (lanes.u8[i] >> 7) << i;
  return mask;
}

export function pmovmskb(cpu: Cpu, insn: Insn): void {
  const size = loadVector(cpu, insn);
  cpu.setRegister(insn.operands[0].reg, 4, signMask(S, size));
}

export function pextrw(cpu: Cpu, insn: Insn): void {
  const size = loadVector(cpu, insn);
  cpu.setRegister(insn.operands[0].reg, 4, S.u16[immediate(insn) & (size / 2 - 1)]);
}

export function pinsrw(cpu: Cpu, insn: Insn): void {
  const to: Operand = insn.operands[0];
  if (to.kind === IN_MMX) {
    checkMmx(cpu);
    const word = cpu.read(insn, 1);
    enterMmx(cpu);
    loadMm(cpu, to.reg, D);
    D.u16[immediate(insn) & 3] = word;
    storeMm(cpu, to.reg, D);
  } else {
    checkSse(cpu);
    const word = cpu.read(insn, 1);
    loadXmm(cpu, to.reg, D);
    D.u16[immediate(insn) & 7] = word;
    storeXmm(cpu, to.reg, D);
  }
}

/**
 * Stores the bytes of `D` whose byte in `S` has its top bit set, at DS:eDI. A store of quadwords as far as checks go: all bytes
 * must be writable, whatever the mask.
 */
function storeMasked(cpu: Cpu, insn: Insn, size: number): void {
  const mask = signMask(S, size);
  const offset = cpu.register(EDI, insn.addressSize);
  cpu.probeWrite(insn.segment, offset, 8);
  if (size === 16) cpu.probeWrite(insn.segment, (offset + 8) | 0, 8);
  for (let i = 0; i < size; i++) if ((mask >> i) & 1) cpu.writeMemory(insn.segment, (offset + i) | 0, 1, D.u8[i]);
}

export function maskmovq(cpu: Cpu, insn: Insn): void {
  checkMmx(cpu);
  loadOperand(cpu, insn, 1, S);
  loadOperand(cpu, insn, 0, D);
  storeMasked(cpu, insn, 8);
  enterMmx(cpu);
}

export function maskmovdqu(cpu: Cpu, insn: Insn): void {
  checkSse(cpu);
  loadOperand(cpu, insn, 1, S);
  loadXmm(cpu, insn.operands[0].reg, D);
  storeMasked(cpu, insn, 16);
}
