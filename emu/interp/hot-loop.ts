import {
  FLAG_AF as AF,
  FLAG_CF as CF,
  EAX,
  EBP,
  ECX,
  EDX,
  EFLAGS,
  EIP,
  ESP,
  FLAG_OF as OF,
  FLAG_ZF as ZF,
} from '../core/core-state.ts';
import { EXIT_BUDGET } from '../core/engine.ts';
import type { Insn } from '../isa/insn.ts';
import type { CodePages } from './code-cache.ts';
import { type Cpu, CpuFault } from './cpu.ts';
import { mulHighUnsigned } from './exec-muldiv.ts';
import { fetchAnywhere } from './fetch.ts';
import { addFlags, subFlags } from './flags.ts';
import { ADD, KNOWN, LOGIC, lazyCarry, lazyCondition, RESULT, SUB, SUB8, SUB16, settle } from './lazy-flags.ts';
import { GOTO, R_DISP, R_EIP, R_IMM, R_OP, RECORD_SIZE } from './micro-ops.ts';
import { repMovs, repStos } from './rep-strings.ts';

const CF_AF_OF = CF | AF | OF;
const MIN_INT = -0x80000000;
const MAX_INT = 0x7fffffff;

/** Reads an unaligned doubleword within one page. */
function load32(mem8: Uint8Array, at: number): number {
  return mem8[at] | (mem8[at + 1] << 8) | (mem8[at + 2] << 16) | (mem8[at + 3] << 24);
}

function store32(mem8: Uint8Array, at: number, value: number): void {
  mem8[at] = value;
  mem8[at + 1] = value >> 8;
  mem8[at + 2] = value >> 16;
  mem8[at + 3] = value >> 24;
}

/**
 * The common instructions, predecoded, under flat segments and without single-stepping or alignment checks.
 * An instruction that meets anything unusual (a page that refuses, an access across pages) has not changed anything
 * yet and is done over by its row's exec, which knows all rules.
 */
export class HotLoop {
  private readonly cpu: Cpu;
  /** The fault that ended the last run, if one did. */
  fault: CpuFault | null = null;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
  }

  /**
   * Runs at most `budget` instructions and returns how many are left. Ends earlier on `fault`, on `cpu.exit`, or after an
   * instruction that set `cpu.modeChanged`. `tscEnd` is what the time-stamp counter will be when none are left.
   * One function, and not a small one: TurboFan must see all of it, and refuses functions beyond 60 KB of bytecode.
   */
  run(cache: CodePages, budget: number, tscEnd: number, fullSegments: number): number {
    const { cpu } = this;
    const { r, space } = cpu;
    const r8 = cpu.core.u8;
    const { perm, u8: mem8, i32: mem32 } = space;
    let n = budget;
    // The arithmetic flags: kind, a, b, result (lazy-flags.ts).
    let fk = KNOWN;
    let fa = 0;
    let fb = 0;
    let fr = 0;
    let target = 0;
    this.fault = null;
    let p = cache.find(r[EIP], fullSegments);
    if (p < 0) return this.fetchFault(r[EIP], n);
    let code = cache.code;

    for (;;) {
      if (n === 0) break;
      // biome-ignore lint/suspicious/noConfusingLabels: where a case ends when it does not go on to the next record
      transfer: {
        // biome-ignore lint/suspicious/noConfusingLabels: where a case ends when it does not go on to the next record
        link: {
          // biome-ignore lint/suspicious/noConfusingLabels: where a case ends when it does not go on to the next record
          fetch: {
            // A case that cannot do its instruction breaks out of the switch.
            switch (code[p]) {
              // FETCH
              case 1: {
                break fetch;
              }
              // GOTO
              case 2: {
                p = code[p + 5];
                continue;
              }
              // NOP
              case 3: {
                n--;
                p += 8;
                continue;
              }
              // MOV_RR
              case 4: {
                r[code[p + 1]] = r[code[p + 2]];
                n--;
                p += 8;
                continue;
              }
              // MOV_RI
              case 5: {
                r[code[p + 1]] = code[p + 5];
                n--;
                p += 8;
                continue;
              }
              // LOAD
              case 6: {
                const at = (r[code[p + 2]] + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // LOAD_X
              case 7: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // STORE
              case 8: {
                const at = (r[code[p + 2]] + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                if ((at & 3) === 0) mem32[at >>> 2] = r[code[p + 1]];
                else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, r[code[p + 1]]);
                else break;
                n--;
                p += 8;
                continue;
              }
              // STORE_X
              case 9: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                if ((at & 3) === 0) mem32[at >>> 2] = r[code[p + 1]];
                else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, r[code[p + 1]]);
                else break;
                n--;
                p += 8;
                continue;
              }
              // STORE_I
              case 10: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                if ((at & 3) === 0) mem32[at >>> 2] = code[p + 5];
                else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, code[p + 5]);
                else break;
                n--;
                p += 8;
                continue;
              }
              // LEA
              case 11: {
                r[code[p + 1]] = (r[code[p + 2]] + code[p + 4]) | 0;
                n--;
                p += 8;
                continue;
              }
              // LEA_X
              case 12: {
                r[code[p + 1]] = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                n--;
                p += 8;
                continue;
              }
              // XCHG_RR
              case 13: {
                const v = r[code[p + 1]];
                r[code[p + 1]] = r[code[p + 2]];
                r[code[p + 2]] = v;
                n--;
                p += 8;
                continue;
              }
              // LOAD8
              case 14: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                r8[code[p + 1]] = mem8[at >>> 0];
                n--;
                p += 8;
                continue;
              }
              // STORE8
              case 15: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                mem8[at >>> 0] = r8[code[p + 1]];
                n--;
                p += 8;
                continue;
              }
              // STORE8_I
              case 16: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                mem8[at >>> 0] = code[p + 5];
                n--;
                p += 8;
                continue;
              }
              // MOV8_RR
              case 17: {
                r8[code[p + 1]] = r8[code[p + 2]];
                n--;
                p += 8;
                continue;
              }
              // MOV8_RI
              case 18: {
                r8[code[p + 1]] = code[p + 5];
                n--;
                p += 8;
                continue;
              }
              // LOAD16
              case 19: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) break;
                const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
                r[code[p + 1]] = (r[code[p + 1]] & ~0xffff) | v;
                n--;
                p += 8;
                continue;
              }
              // STORE16
              case 20: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 2) === 0 || (at & 4095) === 4095) break;
                mem8[at >>> 0] = r[code[p + 1]];
                mem8[(at + 1) >>> 0] = r[code[p + 1]] >> 8;
                n--;
                p += 8;
                continue;
              }
              // STORE16_I
              case 21: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 2) === 0 || (at & 4095) === 4095) break;
                mem8[at >>> 0] = code[p + 5];
                mem8[(at + 1) >>> 0] = code[p + 5] >> 8;
                n--;
                p += 8;
                continue;
              }
              // MOVZX8_M
              case 22: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                r[code[p + 1]] = mem8[at >>> 0];
                n--;
                p += 8;
                continue;
              }
              // MOVZX8_R
              case 23: {
                r[code[p + 1]] = r8[code[p + 2]];
                n--;
                p += 8;
                continue;
              }
              // MOVZX16_M
              case 24: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) break;
                const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
                r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // MOVZX16_R
              case 25: {
                r[code[p + 1]] = r[code[p + 2]] & 0xffff;
                n--;
                p += 8;
                continue;
              }
              // MOVSX8_M
              case 26: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                r[code[p + 1]] = (mem8[at >>> 0] << 24) >> 24;
                n--;
                p += 8;
                continue;
              }
              // MOVSX8_R
              case 27: {
                r[code[p + 1]] = (r8[code[p + 2]] << 24) >> 24;
                n--;
                p += 8;
                continue;
              }
              // MOVSX16_M
              case 28: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) break;
                const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
                r[code[p + 1]] = (v << 16) >> 16;
                n--;
                p += 8;
                continue;
              }
              // MOVSX16_R
              case 29: {
                r[code[p + 1]] = (r[code[p + 2]] << 16) >> 16;
                n--;
                p += 8;
                continue;
              }
              // ADD_RR
              case 30: {
                fa = r[code[p + 1]];
                fb = r[code[p + 2]];
                fr = (fa + fb) | 0;
                fk = ADD;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // OR_RR
              case 31: {
                fr = r[code[p + 1]] | r[code[p + 2]];
                fk = LOGIC;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // ADC_RR
              case 32: {
                const a = r[code[p + 1]];
                const b = r[code[p + 2]];
                const v = (a + b + lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                fa = addFlags(a, b, v, 4) & CF_AF_OF;
                fr = v;
                fk = RESULT;
                r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // SBB_RR
              case 33: {
                const a = r[code[p + 1]];
                const b = r[code[p + 2]];
                const v = (a - b - lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                fa = subFlags(a, b, v, 4) & CF_AF_OF;
                fr = v;
                fk = RESULT;
                r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // AND_RR
              case 34: {
                fr = r[code[p + 1]] & r[code[p + 2]];
                fk = LOGIC;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // SUB_RR
              case 35: {
                fa = r[code[p + 1]];
                fb = r[code[p + 2]];
                fr = (fa - fb) | 0;
                fk = SUB;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // XOR_RR
              case 36: {
                fr = r[code[p + 1]] ^ r[code[p + 2]];
                fk = LOGIC;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // CMP_RR
              case 37: {
                fa = r[code[p + 1]];
                fb = r[code[p + 2]];
                fr = (fa - fb) | 0;
                fk = SUB;
                n--;
                p += 8;
                continue;
              }
              // ADD_RI
              case 38: {
                fa = r[code[p + 1]];
                fb = code[p + 5];
                fr = (fa + fb) | 0;
                fk = ADD;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // OR_RI
              case 39: {
                fr = r[code[p + 1]] | code[p + 5];
                fk = LOGIC;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // ADC_RI
              case 40: {
                const a = r[code[p + 1]];
                const b = code[p + 5];
                const v = (a + b + lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                fa = addFlags(a, b, v, 4) & CF_AF_OF;
                fr = v;
                fk = RESULT;
                r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // SBB_RI
              case 41: {
                const a = r[code[p + 1]];
                const b = code[p + 5];
                const v = (a - b - lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                fa = subFlags(a, b, v, 4) & CF_AF_OF;
                fr = v;
                fk = RESULT;
                r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // AND_RI
              case 42: {
                fr = r[code[p + 1]] & code[p + 5];
                fk = LOGIC;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // SUB_RI
              case 43: {
                fa = r[code[p + 1]];
                fb = code[p + 5];
                fr = (fa - fb) | 0;
                fk = SUB;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // XOR_RI
              case 44: {
                fr = r[code[p + 1]] ^ code[p + 5];
                fk = LOGIC;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // CMP_RI
              case 45: {
                fa = r[code[p + 1]];
                fb = code[p + 5];
                fr = (fa - fb) | 0;
                fk = SUB;
                n--;
                p += 8;
                continue;
              }
              // TEST_RR
              case 46: {
                fr = r[code[p + 1]] & r[code[p + 2]];
                fk = LOGIC;
                n--;
                p += 8;
                continue;
              }
              // TEST_RI
              case 47: {
                fr = r[code[p + 1]] & code[p + 5];
                fk = LOGIC;
                n--;
                p += 8;
                continue;
              }
              // CMP_MI
              case 48: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                fa = v;
                fb = code[p + 5];
                fr = (fa - fb) | 0;
                fk = SUB;
                n--;
                p += 8;
                continue;
              }
              // CMP_MR
              case 49: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                fa = v;
                fb = r[code[p + 1]];
                fr = (fa - fb) | 0;
                fk = SUB;
                n--;
                p += 8;
                continue;
              }
              // TEST_MI
              case 50: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                fr = v & code[p + 5];
                fk = LOGIC;
                n--;
                p += 8;
                continue;
              }
              // ALU_RM
              case 51: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                switch (code[p + 5]) {
                  case 0:
                    fa = r[code[p + 1]];
                    fb = v;
                    fr = (fa + fb) | 0;
                    fk = ADD;
                    break;
                  case 1:
                    fr = r[code[p + 1]] | v;
                    fk = LOGIC;
                    break;
                  case 2: {
                    const x = r[code[p + 1]];
                    const y = v;
                    fr = (x + y + lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                    fa = addFlags(x, y, fr, 4) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  }
                  case 3: {
                    const x = r[code[p + 1]];
                    const y = v;
                    fr = (x - y - lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                    fa = subFlags(x, y, fr, 4) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  }
                  case 4:
                    fr = r[code[p + 1]] & v;
                    fk = LOGIC;
                    break;
                  case 5:
                    fa = r[code[p + 1]];
                    fb = v;
                    fr = (fa - fb) | 0;
                    fk = SUB;
                    break;
                  case 6:
                    fr = r[code[p + 1]] ^ v;
                    fk = LOGIC;
                    break;
                  case 7:
                    fa = r[code[p + 1]];
                    fb = v;
                    fr = (fa - fb) | 0;
                    fk = SUB;
                    break;
                  default:
                    break;
                }
                if (code[p + 5] !== 7) r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // ALU_MR
              case 52: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 3) !== 3 || (at & 4095) > 4092) break;
                const v = (at & 3) === 0 ? mem32[at >>> 2] : load32(mem8, at >>> 0);
                switch (code[p + 5]) {
                  case 0:
                    fa = v;
                    fb = r[code[p + 1]];
                    fr = (fa + fb) | 0;
                    fk = ADD;
                    break;
                  case 1:
                    fr = v | r[code[p + 1]];
                    fk = LOGIC;
                    break;
                  case 2: {
                    const x = v;
                    const y = r[code[p + 1]];
                    fr = (x + y + lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                    fa = addFlags(x, y, fr, 4) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  }
                  case 3: {
                    const x = v;
                    const y = r[code[p + 1]];
                    fr = (x - y - lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                    fa = subFlags(x, y, fr, 4) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  }
                  case 4:
                    fr = v & r[code[p + 1]];
                    fk = LOGIC;
                    break;
                  case 5:
                    fa = v;
                    fb = r[code[p + 1]];
                    fr = (fa - fb) | 0;
                    fk = SUB;
                    break;
                  case 6:
                    fr = v ^ r[code[p + 1]];
                    fk = LOGIC;
                    break;
                  default:
                    break;
                }
                if ((at & 3) === 0) mem32[at >>> 2] = fr;
                else store32(mem8, at >>> 0, fr);
                n--;
                p += 8;
                continue;
              }
              // ALU_MI
              case 53: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 3) !== 3 || (at & 4095) > 4092) break;
                const v = (at & 3) === 0 ? mem32[at >>> 2] : load32(mem8, at >>> 0);
                switch (code[p + 1]) {
                  case 0:
                    fa = v;
                    fb = code[p + 5];
                    fr = (fa + fb) | 0;
                    fk = ADD;
                    break;
                  case 1:
                    fr = v | code[p + 5];
                    fk = LOGIC;
                    break;
                  case 2: {
                    const x = v;
                    const y = code[p + 5];
                    fr = (x + y + lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                    fa = addFlags(x, y, fr, 4) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  }
                  case 3: {
                    const x = v;
                    const y = code[p + 5];
                    fr = (x - y - lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                    fa = subFlags(x, y, fr, 4) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  }
                  case 4:
                    fr = v & code[p + 5];
                    fk = LOGIC;
                    break;
                  case 5:
                    fa = v;
                    fb = code[p + 5];
                    fr = (fa - fb) | 0;
                    fk = SUB;
                    break;
                  case 6:
                    fr = v ^ code[p + 5];
                    fk = LOGIC;
                    break;
                  default:
                    break;
                }
                if ((at & 3) === 0) mem32[at >>> 2] = fr;
                else store32(mem8, at >>> 0, fr);
                n--;
                p += 8;
                continue;
              }
              // CMP8_RR
              case 54: {
                fa = r8[code[p + 1]] << 24;
                fb = r8[code[p + 2]] << 24;
                fr = (fa - fb) | 0;
                fk = SUB8;
                n--;
                p += 8;
                continue;
              }
              // CMP8_RI
              case 55: {
                fa = r8[code[p + 1]] << 24;
                fb = code[p + 5] << 24;
                fr = (fa - fb) | 0;
                fk = SUB8;
                n--;
                p += 8;
                continue;
              }
              // CMP8_RM
              case 56: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                fa = r8[code[p + 1]] << 24;
                fb = mem8[at >>> 0] << 24;
                fr = (fa - fb) | 0;
                fk = SUB8;
                n--;
                p += 8;
                continue;
              }
              // CMP8_MR
              case 57: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                fa = mem8[at >>> 0] << 24;
                fb = r8[code[p + 1]] << 24;
                fr = (fa - fb) | 0;
                fk = SUB8;
                n--;
                p += 8;
                continue;
              }
              // CMP8_MI
              case 58: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                fa = mem8[at >>> 0] << 24;
                fb = code[p + 5] << 24;
                fr = (fa - fb) | 0;
                fk = SUB8;
                n--;
                p += 8;
                continue;
              }
              // TEST8_RR
              case 59: {
                fr = ((r8[code[p + 1]] & r8[code[p + 2]]) << 24) >> 24;
                fk = LOGIC;
                n--;
                p += 8;
                continue;
              }
              // TEST8_RI
              case 60: {
                fr = ((r8[code[p + 1]] & code[p + 5]) << 24) >> 24;
                fk = LOGIC;
                n--;
                p += 8;
                continue;
              }
              // TEST8_MI
              case 61: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                fr = ((mem8[at >>> 0] & code[p + 5]) << 24) >> 24;
                fk = LOGIC;
                n--;
                p += 8;
                continue;
              }
              // ALU8_RR
              case 62: {
                const x = r8[code[p + 1]];
                const y = r8[code[p + 2]];
                let v = 0;
                fk = LOGIC;
                switch (code[p + 5]) {
                  case 0:
                    v = (x + y) & 255;
                    fa = addFlags(x, y, v, 1) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  case 1:
                    v = x | y;
                    break;
                  case 4:
                    v = x & y;
                    break;
                  case 5:
                    v = (x - y) & 255;
                    fa = subFlags(x, y, v, 1) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  default:
                    v = x ^ y;
                    break;
                }
                r8[code[p + 1]] = v;
                fr = (v << 24) >> 24;
                n--;
                p += 8;
                continue;
              }
              // ALU8_RI
              case 63: {
                const x = r8[code[p + 1]];
                const y = code[p + 5] & 255;
                let v = 0;
                fk = LOGIC;
                switch (code[p + 2]) {
                  case 0:
                    v = (x + y) & 255;
                    fa = addFlags(x, y, v, 1) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  case 1:
                    v = x | y;
                    break;
                  case 4:
                    v = x & y;
                    break;
                  case 5:
                    v = (x - y) & 255;
                    fa = subFlags(x, y, v, 1) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  default:
                    v = x ^ y;
                    break;
                }
                r8[code[p + 1]] = v;
                fr = (v << 24) >> 24;
                n--;
                p += 8;
                continue;
              }
              // ALU8_RM
              case 64: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                const x = r8[code[p + 1]];
                const y = mem8[at >>> 0];
                let v = 0;
                fk = LOGIC;
                switch (code[p + 5]) {
                  case 0:
                    v = (x + y) & 255;
                    fa = addFlags(x, y, v, 1) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  case 1:
                    v = x | y;
                    break;
                  case 4:
                    v = x & y;
                    break;
                  case 5:
                    v = (x - y) & 255;
                    fa = subFlags(x, y, v, 1) & CF_AF_OF;
                    fk = RESULT;
                    break;
                  default:
                    v = x ^ y;
                    break;
                }
                r8[code[p + 1]] = v;
                fr = (v << 24) >> 24;
                n--;
                p += 8;
                continue;
              }
              // CMP16_MI
              case 65: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) break;
                const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
                fa = v << 16;
                fb = code[p + 5] << 16;
                fr = (fa - fb) | 0;
                fk = SUB16;
                n--;
                p += 8;
                continue;
              }
              // CMP16_RM
              case 66: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) break;
                const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
                fa = r[code[p + 1]] << 16;
                fb = v << 16;
                fr = (fa - fb) | 0;
                fk = SUB16;
                n--;
                p += 8;
                continue;
              }
              // INC_R
              case 67: {
                const carry = lazyCarry(fk, fa, fb, fr, r[EFLAGS]);
                fr = (r[code[p + 1]] + 1) | 0;
                r[code[p + 1]] = fr;
                fa = carry | (fr === MIN_INT ? OF : 0) | ((fr & 15) === 0 ? AF : 0);
                fk = RESULT;
                n--;
                p += 8;
                continue;
              }
              // DEC_R
              case 68: {
                const carry = lazyCarry(fk, fa, fb, fr, r[EFLAGS]);
                fr = (r[code[p + 1]] - 1) | 0;
                r[code[p + 1]] = fr;
                fa = carry | (fr === MAX_INT ? OF : 0) | ((fr & 15) === 15 ? AF : 0);
                fk = RESULT;
                n--;
                p += 8;
                continue;
              }
              // INC_M
              case 69: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 3) !== 3 || (at & 4095) > 4092) break;
                const v = (at & 3) === 0 ? mem32[at >>> 2] : load32(mem8, at >>> 0);
                const carry = lazyCarry(fk, fa, fb, fr, r[EFLAGS]);
                fr = (v + 1) | 0;
                if ((at & 3) === 0) mem32[at >>> 2] = fr;
                else store32(mem8, at >>> 0, fr);
                fa = carry | (fr === MIN_INT ? OF : 0) | ((fr & 15) === 0 ? AF : 0);
                fk = RESULT;
                n--;
                p += 8;
                continue;
              }
              // DEC_M
              case 70: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 3) !== 3 || (at & 4095) > 4092) break;
                const v = (at & 3) === 0 ? mem32[at >>> 2] : load32(mem8, at >>> 0);
                const carry = lazyCarry(fk, fa, fb, fr, r[EFLAGS]);
                fr = (v - 1) | 0;
                if ((at & 3) === 0) mem32[at >>> 2] = fr;
                else store32(mem8, at >>> 0, fr);
                fa = carry | (fr === MAX_INT ? OF : 0) | ((fr & 15) === 15 ? AF : 0);
                fk = RESULT;
                n--;
                p += 8;
                continue;
              }
              // NEG_R
              case 71: {
                fa = 0;
                fb = r[code[p + 1]];
                fr = -fb | 0;
                fk = SUB;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // NOT_R
              case 72: {
                r[code[p + 1]] = ~r[code[p + 1]];
                n--;
                p += 8;
                continue;
              }
              // SHL_RI
              case 73: {
                const v = r[code[p + 1]];
                const c = code[p + 5];
                fr = v << c;
                fa = ((v >>> (32 - c)) & 1) | (((v >>> (32 - c)) ^ (fr >>> 31)) & 1 ? OF : 0);
                fk = RESULT;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // SHR_RI
              case 74: {
                const v = r[code[p + 1]];
                const c = code[p + 5];
                fr = (v >>> c) | 0;
                fa = ((v >>> (c - 1)) & 1) | (((fr >>> 31) ^ (fr >>> 30)) & 1 ? OF : 0);
                fk = RESULT;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // SAR_RI
              case 75: {
                const v = r[code[p + 1]];
                const c = code[p + 5];
                fr = v >> c;
                fa = ((v >> (c - 1)) & 1);
                fk = RESULT;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // SHL_RC
              case 76: {
                const v = r[code[p + 1]];
                const c = r[ECX] & 31;
                if (c !== 0) {
                  fr = v << c;
                  fa = ((v >>> (32 - c)) & 1) | (((v >>> (32 - c)) ^ (fr >>> 31)) & 1 ? OF : 0);
                  fk = RESULT;
                  r[code[p + 1]] = fr;
                }
                n--;
                p += 8;
                continue;
              }
              // SHR_RC
              case 77: {
                const v = r[code[p + 1]];
                const c = r[ECX] & 31;
                if (c !== 0) {
                  fr = (v >>> c) | 0;
                  fa = ((v >>> (c - 1)) & 1) | (((fr >>> 31) ^ (fr >>> 30)) & 1 ? OF : 0);
                  fk = RESULT;
                  r[code[p + 1]] = fr;
                }
                n--;
                p += 8;
                continue;
              }
              // SAR_RC
              case 78: {
                const v = r[code[p + 1]];
                const c = r[ECX] & 31;
                if (c !== 0) {
                  fr = v >> c;
                  fa = ((v >> (c - 1)) & 1);
                  fk = RESULT;
                  r[code[p + 1]] = fr;
                }
                n--;
                p += 8;
                continue;
              }
              // ROL_RI
              case 79: {
                const c = code[p + 5];
                const v = (r[code[p + 1]] << c) | (r[code[p + 1]] >>> (32 - c));
                r[code[p + 1]] = v;
                const out = (v & 1) | ((v ^ (v >>> 31)) & 1 ? OF : 0);
                if (fk === KNOWN || fk >= SUB8) {
                  r[EFLAGS] = (settle(fk, fa, fb, fr, r[EFLAGS]) & ~(CF | OF)) | out;
                  fk = KNOWN;
                } else {
                  fa = out | ((fk === RESULT ? fa : fk === LOGIC ? 0 : fa ^ fb ^ fr) & AF);
                  fk = RESULT;
                }
                n--;
                p += 8;
                continue;
              }
              // ROR_RI
              case 80: {
                const c = code[p + 5];
                const v = (r[code[p + 1]] >>> c) | (r[code[p + 1]] << (32 - c));
                r[code[p + 1]] = v;
                const out = (v >>> 31) | (((v >>> 31) ^ (v >>> 30)) & 1 ? OF : 0);
                if (fk === KNOWN || fk >= SUB8) {
                  r[EFLAGS] = (settle(fk, fa, fb, fr, r[EFLAGS]) & ~(CF | OF)) | out;
                  fk = KNOWN;
                } else {
                  fa = out | ((fk === RESULT ? fa : fk === LOGIC ? 0 : fa ^ fb ^ fr) & AF);
                  fk = RESULT;
                }
                n--;
                p += 8;
                continue;
              }
              // SHLD_RI
              case 81: {
                const v = r[code[p + 1]];
                const c = code[p + 5];
                fr = (v << c) | (r[code[p + 2]] >>> (32 - c));
                const out = (v >>> (32 - c)) & 1;
                fa = out | (out ^ (fr >>> 31) ? OF : 0);
                fk = RESULT;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // SHRD_RI
              case 82: {
                const v = r[code[p + 1]];
                const c = code[p + 5];
                fr = (v >>> c) | (r[code[p + 2]] << (32 - c));
                fa = ((v >>> (c - 1)) & 1) | (((v >>> (c - 1)) ^ fr) < 0 ? OF : 0);
                fk = RESULT;
                r[code[p + 1]] = fr;
                n--;
                p += 8;
                continue;
              }
              // IMUL_RR
              case 83: {
                const x = r[code[p + 1]];
                const y = r[code[p + 2]];
                const v = Math.imul(x, y);
                const out = x * y === v ? 0 : CF | OF;
                r[code[p + 1]] = v;
                fr = v;
                fa = out;
                fk = RESULT;
                n--;
                p += 8;
                continue;
              }
              // IMUL_RM
              case 84: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let y = 0;
                if ((at & 3) === 0) y = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) y = load32(mem8, at >>> 0);
                else break;
                const x = r[code[p + 1]];
                const v = Math.imul(x, y);
                const out = x * y === v ? 0 : CF | OF;
                r[code[p + 1]] = v;
                fr = v;
                fa = out;
                fk = RESULT;
                n--;
                p += 8;
                continue;
              }
              // IMUL_RRI
              case 85: {
                const x = r[code[p + 2]];
                const y = code[p + 5];
                const v = Math.imul(x, y);
                const out = x * y === v ? 0 : CF | OF;
                r[code[p + 1]] = v;
                fr = v;
                fa = out;
                fk = RESULT;
                n--;
                p += 8;
                continue;
              }
              // MUL_R
              case 86: {
                const x = r[EAX];
                const y = r[code[p + 1]];
                const high = mulHighUnsigned(x, y);
                r[EAX] = Math.imul(x, y);
                r[EDX] = high;
                const out = high === 0 ? 0 : CF | OF;
                fr = r[EAX];
                fa = out;
                fk = RESULT;
                n--;
                p += 8;
                continue;
              }
              // DIV_R
              case 87: {
                const x = r[EAX] >>> 0;
                const y = r[code[p + 1]] >>> 0;
                if (r[EDX] !== 0 || y === 0) break;
                r[EAX] = (x / y) >>> 0;
                r[EDX] = x % y;
                n--;
                p += 8;
                continue;
              }
              // IDIV_R
              case 88: {
                const x = r[EAX];
                const y = r[code[p + 1]];
                if (r[EDX] !== x >> 31 || y === 0 || y === -1) break;
                r[EAX] = (x / y) | 0;
                r[EDX] = (x % y) | 0;
                n--;
                p += 8;
                continue;
              }
              // CDQ
              case 89: {
                r[EDX] = r[EAX] >> 31;
                n--;
                p += 8;
                continue;
              }
              // CWDE
              case 90: {
                r[EAX] = (r[EAX] << 16) >> 16;
                n--;
                p += 8;
                continue;
              }
              // PUSH_R
              case 91: {
                const at = (r[ESP] - 4) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                if ((at & 3) === 0) mem32[at >>> 2] = r[code[p + 1]];
                else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, r[code[p + 1]]);
                else break;
                r[ESP] = at;
                n--;
                p += 8;
                continue;
              }
              // PUSH_I
              case 92: {
                const at = (r[ESP] - 4) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                if ((at & 3) === 0) mem32[at >>> 2] = code[p + 5];
                else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, code[p + 5]);
                else break;
                r[ESP] = at;
                n--;
                p += 8;
                continue;
              }
              // PUSH_M
              case 93: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                const to = (r[ESP] - 4) | 0;
                if ((perm[to >>> 12] & 2) === 0 || (to & 3) !== 0) break;
                mem32[to >>> 2] = v;
                r[ESP] = to;
                n--;
                p += 8;
                continue;
              }
              // POP_R
              case 94: {
                const at = r[ESP];
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                r[ESP] = at + 4;
                r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // LEAVE
              case 95: {
                const at = r[EBP];
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                r[ESP] = at + 4;
                r[EBP] = v;
                n--;
                p += 8;
                continue;
              }
              // CALL
              case 96: {
                const at = (r[ESP] - 4) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                if ((at & 3) === 0) mem32[at >>> 2] = code[p + 14];
                else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, code[p + 14]);
                else break;
                r[ESP] = at;
                n--;
                const q = code[p + 5];
                if (q === 0) break link;
                p = q;
                continue;
              }
              // CALL_R
              case 97: {
                const to = r[code[p + 1]];
                const at = (r[ESP] - 4) | 0;
                if ((perm[at >>> 12] & 2) === 0) break;
                if ((at & 3) === 0) mem32[at >>> 2] = code[p + 14];
                else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, code[p + 14]);
                else break;
                r[ESP] = at;
                target = to;
                break transfer;
              }
              // CALL_M
              case 98: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                const to = (r[ESP] - 4) | 0;
                if ((perm[to >>> 12] & 2) === 0 || (to & 3) !== 0) break;
                mem32[to >>> 2] = code[p + 14];
                r[ESP] = to;
                target = v;
                break transfer;
              }
              // RET
              case 99: {
                const at = r[ESP];
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                r[ESP] = at + 4;
                target = v;
                break transfer;
              }
              // RET_I
              case 100: {
                const at = r[ESP];
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                r[ESP] = at + 4 + code[p + 5];
                target = v;
                break transfer;
              }
              // JMP
              case 101: {
                n--;
                const q = code[p + 5];
                if (q === 0) break link;
                p = q;
                continue;
              }
              // JMP_R
              case 102: {
                target = r[code[p + 1]];
                break transfer;
              }
              // JMP_M
              case 103: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                target = v;
                break transfer;
              }
              // JO
              case 104: {
                n--;
                if (lazyCondition(0, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JNO
              case 105: {
                n--;
                if (lazyCondition(1, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JB
              case 106: {
                n--;
                if (fk >= SUB ? fa >>> 0 < fb >>> 0 : lazyCondition(2, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JAE
              case 107: {
                n--;
                if (fk >= SUB ? fa >>> 0 >= fb >>> 0 : lazyCondition(3, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JE
              case 108: {
                n--;
                if (fk !== KNOWN ? fr === 0 : (r[EFLAGS] & ZF) !== 0) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JNE
              case 109: {
                n--;
                if (fk !== KNOWN ? fr !== 0 : (r[EFLAGS] & ZF) === 0) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JBE
              case 110: {
                n--;
                if (fk >= SUB ? fa >>> 0 <= fb >>> 0 : lazyCondition(6, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JA
              case 111: {
                n--;
                if (fk >= SUB ? fa >>> 0 > fb >>> 0 : lazyCondition(7, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JS
              case 112: {
                n--;
                if (fk !== KNOWN ? fr < 0 : lazyCondition(8, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JNS
              case 113: {
                n--;
                if (fk !== KNOWN ? fr >= 0 : lazyCondition(9, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JP
              case 114: {
                n--;
                if (lazyCondition(10, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JNP
              case 115: {
                n--;
                if (lazyCondition(11, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JL
              case 116: {
                n--;
                if (fk >= SUB ? fa < fb : lazyCondition(12, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JGE
              case 117: {
                n--;
                if (fk >= SUB ? fa >= fb : lazyCondition(13, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JLE
              case 118: {
                n--;
                if (fk >= SUB ? fa <= fb : lazyCondition(14, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // JG
              case 119: {
                n--;
                if (fk >= SUB ? fa > fb : lazyCondition(15, fk, fa, fb, fr, r[EFLAGS])) {
                  const q = code[p + 5];
                  if (q === 0) break link;
                  p = q;
                } else p += 8;
                continue;
              }
              // SETCC_R
              case 120: {
                r8[code[p + 1]] = lazyCondition(code[p + 5], fk, fa, fb, fr, r[EFLAGS]) ? 1 : 0;
                n--;
                p += 8;
                continue;
              }
              // CMOV_RR
              case 121: {
                if (lazyCondition(code[p + 5], fk, fa, fb, fr, r[EFLAGS])) r[code[p + 1]] = r[code[p + 2]];
                n--;
                p += 8;
                continue;
              }
              // CMOV_RM
              case 122: {
                const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                if ((perm[at >>> 12] & 1) === 0) break;
                let v = 0;
                if ((at & 3) === 0) v = mem32[at >>> 2];
                else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
                else break;
                if (lazyCondition(code[p + 5], fk, fa, fb, fr, r[EFLAGS])) r[code[p + 1]] = v;
                n--;
                p += 8;
                continue;
              }
              // REP_MOVS
              case 123: {
                const done = repMovs(r, space, code[p + 5], n);
                if (done === 0) break;
                n -= done;
                if (r[ECX] === 0) p += 8;
                continue;
              }
              // REP_STOS
              case 124: {
                const done = repStos(r, space, code[p + 5], n);
                if (done === 0) break;
                n -= done;
                if (r[ECX] === 0) p += 8;
                continue;
              }

              default:
                break;
            }

            // SLOW: the row's exec.
            r[EFLAGS] = settle(fk, fa, fb, fr, r[EFLAGS]);
            fk = KNOWN;
            const insn = cache.insnAt(p);
            cpu.tsc = tscEnd - n;
            if (!this.execute(insn)) return n;
            n--;
            if (cpu.exit !== EXIT_BUDGET || cpu.modeChanged) return n;
            const eip = r[EIP];
            if (eip === insn.next) p += RECORD_SIZE;
            else if (eip !== insn.eip) {
              target = eip;
              n++;
              break transfer;
            }
            continue;
          }
          // FETCH: from now on a GOTO to the instruction's record.
          const eip = code[p + R_EIP];
          const { generation } = cache;
          const q = cache.find(eip, fullSegments);
          if (q < 0) {
            r[EFLAGS] = settle(fk, fa, fb, fr, r[EFLAGS]);
            return this.fetchFault(eip, n);
          }
          code = cache.code;
          if (generation === cache.generation) {
            code[p + R_OP] = GOTO;
            code[p + R_IMM] = q;
          }
          p = q;
          continue;
        }
        // A direct branch is taken for the first time.
        const { generation } = cache;
        const q = cache.findOrStub(code[p + R_DISP], fullSegments);
        code = cache.code;
        if (generation === cache.generation) code[p + R_IMM] = q;
        p = q;
        continue;
      }
      // Indirect transfer to `target`.
      n--;
      p = cache.find(target, fullSegments);
      if (p < 0) {
        r[EFLAGS] = settle(fk, fa, fb, fr, r[EFLAGS]);
        return this.fetchFault(target, n);
      }
      code = cache.code;
    }
    r[EFLAGS] = settle(fk, fa, fb, fr, r[EFLAGS]);
    r[EIP] = code[p + R_EIP];
    return 0;
  }

  /** Returns whether the instruction was retired; if not, `fault` says why and EIP is at it. */
  private execute(insn: Insn): boolean {
    const { cpu } = this;
    cpu.r[EIP] = insn.next;
    try {
      insn.row.exec(cpu, insn);
      return true;
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault;
      cpu.r[EIP] = insn.eip;
      this.fault = fault;
      return false;
    }
  }

  /** The instruction at `eip` cannot be fetched: a fault when the budget reaches that far. */
  private fetchFault(eip: number, left: number): number {
    this.cpu.r[EIP] = eip;
    if (left === 0) return 0;
    try {
      fetchAnywhere(this.cpu, eip);
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault;
      this.fault = fault;
    }
    return left;
  }
}
