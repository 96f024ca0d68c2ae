// biome-ignore-all lint/suspicious/noConfusingLabels: where a case ends when it does not go on to the next record
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
} from '../core/core-state.ts';
import { EXIT_BUDGET } from '../core/engine.ts';
import type { Insn } from '../isa/insn.ts';
import type { CodePages } from './code-cache.ts';
import { type Cpu, CpuFault } from './cpu.ts';
import { productFits } from './exec-muldiv.ts';
import { fetchAnywhere } from './fetch.ts';
import { addFlags, subFlags } from './flags.ts';
import { ADD, KNOWN, LOGIC, lazyCarry, lazyCondition, RESULT, SUB, SUB8, settle } from './lazy-flags.ts';
import { GOTO, JO } from './micro-ops.ts';
import { R_DISP, R_EIP, R_IMM, R_OP, RECORD_SIZE } from './record.ts';
import { repMovs, repStos } from './rep-strings.ts';
import { uncommonOp } from './uncommon-ops.ts';
import { vectorOps } from './vector-ops.ts';

const CF_AF_OF = CF | AF | OF;
const MIN_INT = -0x80000000;
const MAX_INT = 0x7fffffff;

/**
 * The common instructions, predecoded, under flat segments and without single-stepping or alignment checks.
 * An instruction that meets anything unusual (a page that refuses, an access across pages) has not changed anything
 * yet and is done over by its row's exec, which knows all rules.
 */
export class HotLoop {
  private readonly cpu: Cpu;
  /** The arithmetic flags on their way to and from `uncommonOp`: kind, a, b, result. */
  private readonly lazy = new Int32Array(4);
  /** The fault that ended the last run, if one did. */
  fault: CpuFault | null = null;
  /** Whether a STOP record ended it. */
  stopped = false;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
  }

  /**
   * Runs at most `budget` instructions and returns how many are left. Ends earlier on `fault`, on `cpu.exit`, when `stopped`, or after an
   * instruction that set `cpu.modeChanged`. `tscEnd` is what the time-stamp counter will be when none are left.
   * What is here is what compilers emit most, and only aligned: until TurboFan has compiled this function all runs at a thirtieth
   * of the speed, and the time that takes grows faster than the function (29 KB of bytecode 330 ms, 12 KB 60 ms). The ends that
   * several cases share stand after the switch for the same reason. The rest is in uncommon-ops.ts.
   */
  run(cache: CodePages, budget: number, tscEnd: number, fullSegments: number): number {
    const { cpu } = this;
    const { r, space } = cpu;
    const r8 = cpu.core.u8;
    const { perm, u8: mem8, i32: mem32 } = space;
    const { lazy } = this;
    let n = budget;
    // The arithmetic flags: kind, a, b, result (lazy-flags.ts).
    let fk = KNOWN;
    let fa = 0;
    let fb = 0;
    let fr = 0;
    // Operands on their way to a shared end; `target` is the operation or the EIP to go to.
    let x = 0;
    let y = 0;
    let target = 0;
    this.fault = null;
    this.stopped = false;
    let p = cache.find(r[EIP], fullSegments);
    if (p < 0) return this.fetchFault(r[EIP], n);
    let code = cache.code;

    for (;;) {
      if (n === 0) break;
      transfer: {
        link: {
          fetch: {
            taken: {
              next: {
                condition: {
                  product: {
                    byteOperation: {
                      sumWithCarry: {
                        differenceWithBorrow: {
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
                              break next;
                            }
                            // MOV_RR
                            case 4: {
                              r[code[p + 1]] = r[code[p + 2]];
                              break next;
                            }
                            // MOV_RI
                            case 5: {
                              r[code[p + 1]] = code[p + 5];
                              break next;
                            }
                            // LOAD
                            case 6: {
                              const at = (r[code[p + 2]] + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              r[code[p + 1]] = v;
                              break next;
                            }
                            // LOAD_X
                            case 7: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              r[code[p + 1]] = v;
                              break next;
                            }
                            // STORE
                            case 8: {
                              const at = (r[code[p + 2]] + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 2) === 0 || (at & 3) !== 0) break;
                              mem32[at >>> 2] = r[code[p + 1]];
                              break next;
                            }
                            // STORE_X
                            case 9: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 2) === 0 || (at & 3) !== 0) break;
                              mem32[at >>> 2] = r[code[p + 1]];
                              break next;
                            }
                            // STORE_I
                            case 10: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 2) === 0 || (at & 3) !== 0) break;
                              mem32[at >>> 2] = code[p + 5];
                              break next;
                            }
                            // LEA
                            case 11: {
                              r[code[p + 1]] = (r[code[p + 2]] + code[p + 4]) | 0;
                              break next;
                            }
                            // LEA_X
                            case 12: {
                              r[code[p + 1]] =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              break next;
                            }
                            // LOAD8
                            case 14: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0) break;
                              r8[code[p + 1]] = mem8[at >>> 0];
                              break next;
                            }
                            // STORE8
                            case 15: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 2) === 0) break;
                              mem8[at >>> 0] = r8[code[p + 1]];
                              break next;
                            }
                            // STORE8_I
                            case 16: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 2) === 0) break;
                              mem8[at >>> 0] = code[p + 5];
                              break next;
                            }
                            // MOVZX8_M
                            case 22: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0) break;
                              r[code[p + 1]] = mem8[at >>> 0];
                              break next;
                            }
                            // MOVZX8_R
                            case 23: {
                              r[code[p + 1]] = r8[code[p + 2]];
                              break next;
                            }
                            // ADD_RR
                            case 30: {
                              fa = r[code[p + 1]];
                              fb = r[code[p + 2]];
                              fr = (fa + fb) | 0;
                              fk = ADD;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // OR_RR
                            case 31: {
                              fr = r[code[p + 1]] | r[code[p + 2]];
                              fk = LOGIC;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // AND_RR
                            case 34: {
                              fr = r[code[p + 1]] & r[code[p + 2]];
                              fk = LOGIC;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // SUB_RR
                            case 35: {
                              fa = r[code[p + 1]];
                              fb = r[code[p + 2]];
                              fr = (fa - fb) | 0;
                              fk = SUB;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // XOR_RR
                            case 36: {
                              fr = r[code[p + 1]] ^ r[code[p + 2]];
                              fk = LOGIC;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // CMP_RR
                            case 37: {
                              fa = r[code[p + 1]];
                              fb = r[code[p + 2]];
                              fr = (fa - fb) | 0;
                              fk = SUB;
                              break next;
                            }
                            // ADD_RI
                            case 38: {
                              fa = r[code[p + 1]];
                              fb = code[p + 5];
                              fr = (fa + fb) | 0;
                              fk = ADD;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // OR_RI
                            case 39: {
                              fr = r[code[p + 1]] | code[p + 5];
                              fk = LOGIC;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // AND_RI
                            case 42: {
                              fr = r[code[p + 1]] & code[p + 5];
                              fk = LOGIC;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // SUB_RI
                            case 43: {
                              fa = r[code[p + 1]];
                              fb = code[p + 5];
                              fr = (fa - fb) | 0;
                              fk = SUB;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // XOR_RI
                            case 44: {
                              fr = r[code[p + 1]] ^ code[p + 5];
                              fk = LOGIC;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // CMP_RI
                            case 45: {
                              fa = r[code[p + 1]];
                              fb = code[p + 5];
                              fr = (fa - fb) | 0;
                              fk = SUB;
                              break next;
                            }
                            // ADC_RR
                            case 32: {
                              x = r[code[p + 1]];
                              y = r[code[p + 2]];
                              break sumWithCarry;
                            }
                            // SBB_RR
                            case 33: {
                              x = r[code[p + 1]];
                              y = r[code[p + 2]];
                              break differenceWithBorrow;
                            }
                            // ADC_RI
                            case 40: {
                              x = r[code[p + 1]];
                              y = code[p + 5];
                              break sumWithCarry;
                            }
                            // SBB_RI
                            case 41: {
                              x = r[code[p + 1]];
                              y = code[p + 5];
                              break differenceWithBorrow;
                            }
                            // XCHG_RR
                            case 13: {
                              const v = r[code[p + 1]];
                              r[code[p + 1]] = r[code[p + 2]];
                              r[code[p + 2]] = v;
                              break next;
                            }
                            // TEST_RR
                            case 46: {
                              fr = r[code[p + 1]] & r[code[p + 2]];
                              fk = LOGIC;
                              break next;
                            }
                            // TEST_RI
                            case 47: {
                              fr = r[code[p + 1]] & code[p + 5];
                              fk = LOGIC;
                              break next;
                            }
                            // CMP_MI
                            case 48: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              fa = v;
                              fb = code[p + 5];
                              fr = (fa - fb) | 0;
                              fk = SUB;
                              break next;
                            }
                            // CMP_MR
                            case 49: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              fa = v;
                              fb = r[code[p + 1]];
                              fr = (fa - fb) | 0;
                              fk = SUB;
                              break next;
                            }
                            // ALU_RM
                            case 51: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              if ((code[p + 5] & 6) === 2) break;
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
                              break next;
                            }
                            // ALU_MR
                            case 52: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 3) !== 3 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              if ((code[p + 5] & 6) === 2) break;
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
                              mem32[at >>> 2] = fr;
                              break next;
                            }
                            // ALU_MI
                            case 53: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 3) !== 3 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              if ((code[p + 1] & 6) === 2) break;
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
                              mem32[at >>> 2] = fr;
                              break next;
                            }
                            // CMP8_RI
                            case 55: {
                              fa = r8[code[p + 1]] << 24;
                              fb = code[p + 5] << 24;
                              fr = (fa - fb) | 0;
                              fk = SUB8;
                              break next;
                            }
                            // CMP8_MI
                            case 58: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0) break;
                              fa = mem8[at >>> 0] << 24;
                              fb = code[p + 5] << 24;
                              fr = (fa - fb) | 0;
                              fk = SUB8;
                              break next;
                            }
                            // TEST8_RR
                            case 59: {
                              fr = ((r8[code[p + 1]] & r8[code[p + 2]]) << 24) >> 24;
                              fk = LOGIC;
                              break next;
                            }
                            // TEST8_RI
                            case 60: {
                              fr = ((r8[code[p + 1]] & code[p + 5]) << 24) >> 24;
                              fk = LOGIC;
                              break next;
                            }
                            // MOV8_RR
                            case 17: {
                              r8[code[p + 1]] = r8[code[p + 2]];
                              break next;
                            }
                            // MOV8_RI
                            case 18: {
                              r8[code[p + 1]] = code[p + 5];
                              break next;
                            }
                            // CMP8_RR
                            case 54: {
                              fa = r8[code[p + 1]] << 24;
                              fb = r8[code[p + 2]] << 24;
                              fr = (fa - fb) | 0;
                              fk = SUB8;
                              break next;
                            }
                            // CMP8_RM
                            case 56: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0) break;
                              fa = r8[code[p + 1]] << 24;
                              fb = mem8[at >>> 0] << 24;
                              fr = (fa - fb) | 0;
                              fk = SUB8;
                              break next;
                            }
                            // MOVSX8_M
                            case 26: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0) break;
                              r[code[p + 1]] = (mem8[at >>> 0] << 24) >> 24;
                              break next;
                            }
                            // MOVSX8_R
                            case 27: {
                              r[code[p + 1]] = (r8[code[p + 2]] << 24) >> 24;
                              break next;
                            }
                            // NEG_R
                            case 71: {
                              fa = 0;
                              fb = r[code[p + 1]];
                              fr = -fb | 0;
                              fk = SUB;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // NOT_R
                            case 72: {
                              r[code[p + 1]] = ~r[code[p + 1]];
                              break next;
                            }
                            // CDQ
                            case 89: {
                              r[EDX] = r[EAX] >> 31;
                              break next;
                            }
                            // DIV_R
                            case 87: {
                              const x = r[EAX] >>> 0;
                              const y = r[code[p + 1]] >>> 0;
                              if (r[EDX] !== 0 || y === 0) break;
                              r[EAX] = (x / y) >>> 0;
                              r[EDX] = x % y;
                              break next;
                            }
                            // IDIV_R
                            case 88: {
                              const x = r[EAX];
                              const y = r[code[p + 1]];
                              if (r[EDX] !== x >> 31 || y === 0 || y === -1) break;
                              r[EAX] = (x / y) | 0;
                              r[EDX] = (x % y) | 0;
                              break next;
                            }
                            // PUSH_M
                            case 93: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              const to = (r[ESP] - 4) | 0;
                              if ((perm[to >>> 12] & 2) === 0 || (to & 3) !== 0) break;
                              mem32[to >>> 2] = v;
                              r[ESP] = to;
                              break next;
                            }
                            // ALU8_RR
                            case 62: {
                              x = r8[code[p + 1]];
                              y = r8[code[p + 2]];
                              target = code[p + 5];
                              break byteOperation;
                            }
                            // ALU8_RI
                            case 63: {
                              x = r8[code[p + 1]];
                              y = code[p + 5] & 255;
                              target = code[p + 2];
                              break byteOperation;
                            }
                            // INC_R
                            case 67: {
                              const carry = lazyCarry(fk, fa, fb, fr, r[EFLAGS]);
                              fr = (r[code[p + 1]] + 1) | 0;
                              r[code[p + 1]] = fr;
                              fa = carry | (fr === MIN_INT ? OF : 0) | ((fr & 15) === 0 ? AF : 0);
                              fk = RESULT;
                              break next;
                            }
                            // DEC_R
                            case 68: {
                              const carry = lazyCarry(fk, fa, fb, fr, r[EFLAGS]);
                              fr = (r[code[p + 1]] - 1) | 0;
                              r[code[p + 1]] = fr;
                              fa = carry | (fr === MAX_INT ? OF : 0) | ((fr & 15) === 15 ? AF : 0);
                              fk = RESULT;
                              break next;
                            }
                            // SHL_RI
                            case 73: {
                              const v = r[code[p + 1]];
                              const c = code[p + 5];
                              fr = v << c;
                              fa = ((v >>> (32 - c)) & 1) | (((v >>> (32 - c)) ^ (fr >>> 31)) & 1 ? OF : 0);
                              fk = RESULT;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // SHR_RI
                            case 74: {
                              const v = r[code[p + 1]];
                              const c = code[p + 5];
                              fr = (v >>> c) | 0;
                              fa = ((v >>> (c - 1)) & 1) | (((fr >>> 31) ^ (fr >>> 30)) & 1 ? OF : 0);
                              fk = RESULT;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // SAR_RI
                            case 75: {
                              const v = r[code[p + 1]];
                              const c = code[p + 5];
                              fr = v >> c;
                              fa = (v >> (c - 1)) & 1;
                              fk = RESULT;
                              r[code[p + 1]] = fr;
                              break next;
                            }
                            // IMUL_RR
                            case 83: {
                              x = r[code[p + 1]];
                              y = r[code[p + 2]];
                              break product;
                            }
                            // IMUL_RM
                            case 84: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              y = mem32[at >>> 2];
                              x = r[code[p + 1]];
                              break product;
                            }
                            // IMUL_RRI
                            case 85: {
                              x = r[code[p + 2]];
                              y = code[p + 5];
                              break product;
                            }
                            // PUSH_R
                            case 91: {
                              const at = (r[ESP] - 4) | 0;
                              if ((perm[at >>> 12] & 2) === 0 || (at & 3) !== 0) break;
                              mem32[at >>> 2] = r[code[p + 1]];
                              r[ESP] = at;
                              break next;
                            }
                            // PUSH_I
                            case 92: {
                              const at = (r[ESP] - 4) | 0;
                              if ((perm[at >>> 12] & 2) === 0 || (at & 3) !== 0) break;
                              mem32[at >>> 2] = code[p + 5];
                              r[ESP] = at;
                              break next;
                            }
                            // POP_R
                            case 94: {
                              const at = r[ESP];
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              r[ESP] = at + 4;
                              r[code[p + 1]] = v;
                              break next;
                            }
                            // LEAVE
                            case 95: {
                              const at = r[EBP];
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              r[ESP] = at + 4;
                              r[EBP] = v;
                              break next;
                            }
                            // CALL
                            case 96: {
                              const at = (r[ESP] - 4) | 0;
                              if ((perm[at >>> 12] & 2) === 0 || (at & 3) !== 0) break;
                              mem32[at >>> 2] = code[p + 14];
                              r[ESP] = at;
                              break taken;
                            }
                            // CALL_R
                            case 97: {
                              const to = r[code[p + 1]];
                              const at = (r[ESP] - 4) | 0;
                              if ((perm[at >>> 12] & 2) === 0 || (at & 3) !== 0) break;
                              mem32[at >>> 2] = code[p + 14];
                              r[ESP] = at;
                              target = to;
                              break transfer;
                            }
                            // CALL_M
                            case 98: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
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
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              r[ESP] = at + 4;
                              target = v;
                              break transfer;
                            }
                            // RET_I
                            case 100: {
                              const at = r[ESP];
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              r[ESP] = at + 4 + code[p + 5];
                              target = v;
                              break transfer;
                            }
                            // JMP
                            case 101: {
                              break taken;
                            }
                            // JMP_R
                            case 102: {
                              target = r[code[p + 1]];
                              break transfer;
                            }
                            // JMP_M
                            case 103: {
                              const at =
                                (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
                              if ((perm[at >>> 12] & 1) === 0 || (at & 3) !== 0) break;
                              const v = mem32[at >>> 2];
                              target = v;
                              break transfer;
                            }
                            // JB
                            case 106: {
                              if (fk < SUB) break condition;
                              if (fa >>> 0 < fb >>> 0) break taken;
                              break next;
                            }
                            // JAE
                            case 107: {
                              if (fk < SUB) break condition;
                              if (fa >>> 0 >= fb >>> 0) break taken;
                              break next;
                            }
                            // JE
                            case 108: {
                              if (fk === KNOWN) break condition;
                              if (fr === 0) break taken;
                              break next;
                            }
                            // JNE
                            case 109: {
                              if (fk === KNOWN) break condition;
                              if (fr !== 0) break taken;
                              break next;
                            }
                            // JBE
                            case 110: {
                              if (fk < SUB) break condition;
                              if (fa >>> 0 <= fb >>> 0) break taken;
                              break next;
                            }
                            // JA
                            case 111: {
                              if (fk < SUB) break condition;
                              if (fa >>> 0 > fb >>> 0) break taken;
                              break next;
                            }
                            // JS
                            case 112: {
                              if (fk === KNOWN) break condition;
                              if (fr < 0) break taken;
                              break next;
                            }
                            // JNS
                            case 113: {
                              if (fk === KNOWN) break condition;
                              if (fr >= 0) break taken;
                              break next;
                            }
                            // JL
                            case 116: {
                              if (fk < SUB) break condition;
                              if (fa < fb) break taken;
                              break next;
                            }
                            // JGE
                            case 117: {
                              if (fk < SUB) break condition;
                              if (fa >= fb) break taken;
                              break next;
                            }
                            // JLE
                            case 118: {
                              if (fk < SUB) break condition;
                              if (fa <= fb) break taken;
                              break next;
                            }
                            // JG
                            case 119: {
                              if (fk < SUB) break condition;
                              if (fa > fb) break taken;
                              break next;
                            }
                            // SETCC_R
                            case 120: {
                              r8[code[p + 1]] = lazyCondition(code[p + 5], fk, fa, fb, fr, r[EFLAGS]) ? 1 : 0;
                              break next;
                            }
                            // CMOV_RR
                            case 121: {
                              if (lazyCondition(code[p + 5], fk, fa, fb, fr, r[EFLAGS]))
                                r[code[p + 1]] = r[code[p + 2]];
                              break next;
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
                            // JO
                            case 104:
                            // JNO
                            case 105:
                            // JP
                            case 114:
                            // JNP
                            case 115:
                              break condition;
                            // VECTOR
                            case 125: {
                              if (!vectorOps[code[p + 5]](cpu, code, p)) break;
                              break next;
                            }
                            // VECTOR_EXEC
                            case 126: {
                              if (!this.succeeds(cache.insnAt(p))) break;
                              break next;
                            }
                            // STOP
                            case 127: {
                              this.stopped = true;
                              r[EFLAGS] = settle(fk, fa, fb, fr, r[EFLAGS]);
                              r[EIP] = code[p + 6];
                              return n;
                            }
                            default:
                              break;
                          }

                          lazy[0] = fk;
                          lazy[1] = fa;
                          lazy[2] = fb;
                          lazy[3] = fr;
                          if (uncommonOp(cpu, code, p, lazy)) {
                            fk = lazy[0];
                            fa = lazy[1];
                            fb = lazy[2];
                            fr = lazy[3];
                            break next;
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
                        // SBB of x and y.
                        fr = (x - y - lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                        fa = subFlags(x, y, fr, 4) & CF_AF_OF;
                        fk = RESULT;
                        r[code[p + 1]] = fr;
                        break next;
                      }
                      // ADC of x and y.
                      fr = (x + y + lazyCarry(fk, fa, fb, fr, r[EFLAGS])) | 0;
                      fa = addFlags(x, y, fr, 4) & CF_AF_OF;
                      fk = RESULT;
                      r[code[p + 1]] = fr;
                      break next;
                    }
                    // ADD, OR, AND, SUB, XOR of the bytes x and y, by the SDM's numbers.
                    let v = 0;
                    fk = LOGIC;
                    switch (target) {
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
                    break next;
                  }
                  // IMUL of x and y.
                  const v = Math.imul(x, y);
                  const out = productFits(x, y, v) ? 0 : CF | OF;
                  r[code[p + 1]] = v;
                  fr = v;
                  fa = out;
                  fk = RESULT;
                  break next;
                }
                // A jump on a condition that needs more than a comparison.
                if (!lazyCondition(code[p] - JO, fk, fa, fb, fr, r[EFLAGS])) break next;
                break taken;
              }
              n--;
              p += 8;
              continue;
            }
            // A direct branch.
            n--;
            const q = code[p + 5];
            if (q === 0) break link;
            p = q;
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

  /** Carries out an instruction that has nothing to do with EIP and EFLAGS. After a fault it is done over, to be reported. */
  private succeeds(insn: Insn): boolean {
    try {
      insn.row.exec(this.cpu, insn);
      return true;
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault;
      return false;
    }
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
