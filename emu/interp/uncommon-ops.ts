import { FLAG_AF as AF, FLAG_CF as CF, EAX, ECX, EDX, EFLAGS, ESP, FLAG_OF as OF } from '../core/core-state.ts';
import type { Cpu } from './cpu.ts';
import { mulHighUnsigned } from './exec-muldiv.ts';
import { addFlags, subFlags } from './flags.ts';
import { ADD, KNOWN, LOGIC, lazyCarry, lazyCondition, RESULT, SUB, SUB8, SUB16, settle } from './lazy-flags.ts';

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
 * The micro-ops that the hot loop leaves out, and those of its own that met an unaligned address: all that need neither a jump
 * nor the row's exec. `lazy` holds the arithmetic flags (kind, a, b, result) before and after. Returns false when the
 * instruction is none of these or needs the row's exec; then nothing has changed.
 */
export function uncommonOp(cpu: Cpu, code: Int32Array, p: number, lazy: Int32Array): boolean {
  const { r, space } = cpu;
  const r8 = cpu.core.u8;
  const { perm, u8: mem8, i32: mem32 } = space;
  let fk = lazy[0];
  let fa = lazy[1];
  let fb = lazy[2];
  let fr = lazy[3];
  switch (code[p]) {
    // LOAD
    case 6:
    // LOAD_X
    case 7: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      let v = 0;
      if ((at & 3) === 0) v = mem32[at >>> 2];
      else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
      else return false;
      r[code[p + 1]] = v;
      break;
    }
    // STORE
    case 8:
    // STORE_X
    case 9: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 2) === 0) return false;
      if ((at & 3) === 0) mem32[at >>> 2] = r[code[p + 1]];
      else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, r[code[p + 1]]);
      else return false;
      break;
    }
    // STORE_I
    case 10: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 2) === 0) return false;
      if ((at & 3) === 0) mem32[at >>> 2] = code[p + 5];
      else if ((at & 4095) <= 4092) store32(mem8, at >>> 0, code[p + 5]);
      else return false;
      break;
    }
    // MOV8_RR
    case 17: {
      r8[code[p + 1]] = r8[code[p + 2]];
      break;
    }
    // MOV8_RI
    case 18: {
      r8[code[p + 1]] = code[p + 5];
      break;
    }
    // LOAD16
    case 19: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) return false;
      const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
      r[code[p + 1]] = (r[code[p + 1]] & ~0xffff) | v;
      break;
    }
    // STORE16
    case 20: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 2) === 0 || (at & 4095) === 4095) return false;
      mem8[at >>> 0] = r[code[p + 1]];
      mem8[(at + 1) >>> 0] = r[code[p + 1]] >> 8;
      break;
    }
    // STORE16_I
    case 21: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 2) === 0 || (at & 4095) === 4095) return false;
      mem8[at >>> 0] = code[p + 5];
      mem8[(at + 1) >>> 0] = code[p + 5] >> 8;
      break;
    }
    // MOVZX16_M
    case 24: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) return false;
      const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
      r[code[p + 1]] = v;
      break;
    }
    // MOVZX16_R
    case 25: {
      r[code[p + 1]] = r[code[p + 2]] & 0xffff;
      break;
    }
    // MOVSX8_M
    case 26: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      r[code[p + 1]] = (mem8[at >>> 0] << 24) >> 24;
      break;
    }
    // MOVSX8_R
    case 27: {
      r[code[p + 1]] = (r8[code[p + 2]] << 24) >> 24;
      break;
    }
    // MOVSX16_M
    case 28: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) return false;
      const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
      r[code[p + 1]] = (v << 16) >> 16;
      break;
    }
    // MOVSX16_R
    case 29: {
      r[code[p + 1]] = (r[code[p + 2]] << 16) >> 16;
      break;
    }
    // CMP_MI
    case 48: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      let v = 0;
      if ((at & 3) === 0) v = mem32[at >>> 2];
      else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
      else return false;
      fa = v;
      fb = code[p + 5];
      fr = (fa - fb) | 0;
      fk = SUB;
      break;
    }
    // CMP_MR
    case 49: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      let v = 0;
      if ((at & 3) === 0) v = mem32[at >>> 2];
      else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
      else return false;
      fa = v;
      fb = r[code[p + 1]];
      fr = (fa - fb) | 0;
      fk = SUB;
      break;
    }
    // TEST_MI
    case 50: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      let v = 0;
      if ((at & 3) === 0) v = mem32[at >>> 2];
      else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
      else return false;
      fr = v & code[p + 5];
      fk = LOGIC;
      break;
    }
    // ALU_RM
    case 51: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      let v = 0;
      if ((at & 3) === 0) v = mem32[at >>> 2];
      else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
      else return false;
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
      break;
    }
    // ALU_MR
    case 52: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 3) !== 3 || (at & 4095) > 4092) return false;
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
      break;
    }
    // ALU_MI
    case 53: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 3) !== 3 || (at & 4095) > 4092) return false;
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
      break;
    }
    // CMP8_RR
    case 54: {
      fa = r8[code[p + 1]] << 24;
      fb = r8[code[p + 2]] << 24;
      fr = (fa - fb) | 0;
      fk = SUB8;
      break;
    }
    // CMP8_RM
    case 56: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      fa = r8[code[p + 1]] << 24;
      fb = mem8[at >>> 0] << 24;
      fr = (fa - fb) | 0;
      fk = SUB8;
      break;
    }
    // CMP8_MR
    case 57: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      fa = mem8[at >>> 0] << 24;
      fb = r8[code[p + 1]] << 24;
      fr = (fa - fb) | 0;
      fk = SUB8;
      break;
    }
    // TEST8_MI
    case 61: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      fr = ((mem8[at >>> 0] & code[p + 5]) << 24) >> 24;
      fk = LOGIC;
      break;
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
      break;
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
      break;
    }
    // ALU8_RM
    case 64: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
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
      break;
    }
    // CMP16_MI
    case 65: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) return false;
      const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
      fa = v << 16;
      fb = code[p + 5] << 16;
      fr = (fa - fb) | 0;
      fk = SUB16;
      break;
    }
    // CMP16_RM
    case 66: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0 || (at & 4095) === 4095) return false;
      const v = mem8[at >>> 0] | (mem8[(at + 1) >>> 0] << 8);
      fa = r[code[p + 1]] << 16;
      fb = v << 16;
      fr = (fa - fb) | 0;
      fk = SUB16;
      break;
    }
    // INC_M
    case 69: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 3) !== 3 || (at & 4095) > 4092) return false;
      const v = (at & 3) === 0 ? mem32[at >>> 2] : load32(mem8, at >>> 0);
      const carry = lazyCarry(fk, fa, fb, fr, r[EFLAGS]);
      fr = (v + 1) | 0;
      if ((at & 3) === 0) mem32[at >>> 2] = fr;
      else store32(mem8, at >>> 0, fr);
      fa = carry | (fr === MIN_INT ? OF : 0) | ((fr & 15) === 0 ? AF : 0);
      fk = RESULT;
      break;
    }
    // DEC_M
    case 70: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 3) !== 3 || (at & 4095) > 4092) return false;
      const v = (at & 3) === 0 ? mem32[at >>> 2] : load32(mem8, at >>> 0);
      const carry = lazyCarry(fk, fa, fb, fr, r[EFLAGS]);
      fr = (v - 1) | 0;
      if ((at & 3) === 0) mem32[at >>> 2] = fr;
      else store32(mem8, at >>> 0, fr);
      fa = carry | (fr === MAX_INT ? OF : 0) | ((fr & 15) === 15 ? AF : 0);
      fk = RESULT;
      break;
    }
    // NEG_R
    case 71: {
      fa = 0;
      fb = r[code[p + 1]];
      fr = -fb | 0;
      fk = SUB;
      r[code[p + 1]] = fr;
      break;
    }
    // NOT_R
    case 72: {
      r[code[p + 1]] = ~r[code[p + 1]];
      break;
    }
    // SHL_RC
    case 76: {
      const v = r[code[p + 1]];
      const c = r[ECX] & 31;
      if (c !== 0) {
        fr = v << c;
        fa = AF | ((v >>> (32 - c)) & 1) | (((v >>> (32 - c)) ^ (fr >>> 31)) & 1 ? OF : 0);
        fk = RESULT;
        r[code[p + 1]] = fr;
      }
      break;
    }
    // SHR_RC
    case 77: {
      const v = r[code[p + 1]];
      const c = r[ECX] & 31;
      if (c !== 0) {
        fr = (v >>> c) | 0;
        fa = AF | ((v >>> (c - 1)) & 1) | (((fr >>> 31) ^ (fr >>> 30)) & 1 ? OF : 0);
        fk = RESULT;
        r[code[p + 1]] = fr;
      }
      break;
    }
    // SAR_RC
    case 78: {
      const v = r[code[p + 1]];
      const c = r[ECX] & 31;
      if (c !== 0) {
        fr = v >> c;
        fa = AF | ((v >> (c - 1)) & 1);
        fk = RESULT;
        r[code[p + 1]] = fr;
      }
      break;
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
      break;
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
      break;
    }
    // SHLD_RI
    case 81: {
      const v = r[code[p + 1]];
      const c = code[p + 5];
      fr = (v << c) | (r[code[p + 2]] >>> (32 - c));
      fa = AF | ((v >>> (32 - c)) & 1) | ((fr ^ v) < 0 ? OF : 0);
      fk = RESULT;
      r[code[p + 1]] = fr;
      break;
    }
    // SHRD_RI
    case 82: {
      const v = r[code[p + 1]];
      const c = code[p + 5];
      fr = (v >>> c) | (r[code[p + 2]] << (32 - c));
      fa = AF | ((v >>> (c - 1)) & 1) | ((fr ^ v) < 0 ? OF : 0);
      fk = RESULT;
      r[code[p + 1]] = fr;
      break;
    }
    // IMUL_RM
    case 84: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      let y = 0;
      if ((at & 3) === 0) y = mem32[at >>> 2];
      else if ((at & 4095) <= 4092) y = load32(mem8, at >>> 0);
      else return false;
      const x = r[code[p + 1]];
      const v = Math.imul(x, y);
      const out = x * y === v ? 0 : CF | OF;
      r[code[p + 1]] = v;
      if (fk === KNOWN || fk >= SUB8) {
        r[EFLAGS] = (settle(fk, fa, fb, fr, r[EFLAGS]) & ~(CF | OF)) | out;
        fk = KNOWN;
      } else {
        fa = out | ((fk === RESULT ? fa : fk === LOGIC ? 0 : fa ^ fb ^ fr) & AF);
        fk = RESULT;
      }
      break;
    }
    // MUL_R
    case 86: {
      const x = r[EAX];
      const y = r[code[p + 1]];
      const high = mulHighUnsigned(x, y);
      r[EAX] = Math.imul(x, y);
      r[EDX] = high;
      const out = high === 0 ? 0 : CF | OF;
      if (fk === KNOWN || fk >= SUB8) {
        r[EFLAGS] = (settle(fk, fa, fb, fr, r[EFLAGS]) & ~(CF | OF)) | out;
        fk = KNOWN;
      } else {
        fa = out | ((fk === RESULT ? fa : fk === LOGIC ? 0 : fa ^ fb ^ fr) & AF);
        fk = RESULT;
      }
      break;
    }
    // DIV_R
    case 87: {
      const x = r[EAX] >>> 0;
      const y = r[code[p + 1]] >>> 0;
      if (r[EDX] !== 0 || y === 0) return false;
      r[EAX] = (x / y) >>> 0;
      r[EDX] = x % y;
      break;
    }
    // IDIV_R
    case 88: {
      const x = r[EAX];
      const y = r[code[p + 1]];
      if (r[EDX] !== x >> 31 || y === 0 || y === -1) return false;
      r[EAX] = (x / y) | 0;
      r[EDX] = (x % y) | 0;
      break;
    }
    // CDQ
    case 89: {
      r[EDX] = r[EAX] >> 31;
      break;
    }
    // CWDE
    case 90: {
      r[EAX] = (r[EAX] << 16) >> 16;
      break;
    }
    // PUSH_M
    case 93: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      let v = 0;
      if ((at & 3) === 0) v = mem32[at >>> 2];
      else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
      else return false;
      const to = (r[ESP] - 4) | 0;
      if ((perm[to >>> 12] & 2) === 0 || (to & 3) !== 0) return false;
      mem32[to >>> 2] = v;
      r[ESP] = to;
      break;
    }
    // CMOV_RM
    case 122: {
      const at = (r[code[p + 2]] + (r[code[p + 3] & 31] << (code[p + 3] >> 8)) + code[p + 4]) | 0;
      if ((perm[at >>> 12] & 1) === 0) return false;
      let v = 0;
      if ((at & 3) === 0) v = mem32[at >>> 2];
      else if ((at & 4095) <= 4092) v = load32(mem8, at >>> 0);
      else return false;
      if (lazyCondition(code[p + 5], fk, fa, fb, fr, r[EFLAGS])) r[code[p + 1]] = v;
      break;
    }
    default:
      return false;
  }
  lazy[0] = fk;
  lazy[1] = fa;
  lazy[2] = fb;
  lazy[3] = fr;
  return true;
}
