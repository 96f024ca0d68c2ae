/* A bytecode interpreter: a switch through a jump table in a loop. Its program counts the steps of Collatz sequences. */
#include "shim.h"

enum { PUSH, LOAD, STORE, ADD, MUL, AND, SHR, SUB, JZ, JMP, HALT };

/* x is local 0, steps local 1: while (x - 1) { x = x & 1 ? x * 3 + 1 : x >> 1; steps++; } */
static const u8 program[] = {
    /*  0 */ LOAD, 0, PUSH, 1, SUB, JZ, 38,
    /*  7 */ LOAD, 0, PUSH, 1, AND, JZ, 24,
    /* 14 */ LOAD, 0, PUSH, 3, MUL, PUSH, 1, ADD, JMP, 29,
    /* 24 */ LOAD, 0, PUSH, 1, SHR,
    /* 29 */ STORE, 0, LOAD, 1, PUSH, 1, ADD, JMP, 39,
    /* 38 */ HALT,
    /* 39 */ STORE, 1, JMP, 0,
};

u32 work(u32 rounds) {
  u32 total = 0;
  for (u32 round = 0; round < rounds; round++) {
    for (u32 n = 1; n < 200; n++) {
      u32 stack[8], locals[2] = {n, 0};
      u32 *top = stack;
      const u8 *pc = program;
      for (int running = 1; running;) {
        switch (*pc++) {
          case PUSH: *top++ = *pc++; break;
          case LOAD: *top++ = locals[*pc++]; break;
          case STORE: locals[*pc++] = *--top; break;
          case ADD: top--; top[-1] += top[0]; break;
          case SUB: top--; top[-1] -= top[0]; break;
          case MUL: top--; top[-1] *= top[0]; break;
          case AND: top--; top[-1] &= top[0]; break;
          case SHR: top--; top[-1] >>= top[0]; break;
          case JZ: pc = *--top ? pc + 1 : program + *pc; break;
          case JMP: pc = program + *pc; break;
          default: running = 0; break;
        }
      }
      total += locals[1];
    }
  }
  return total;
}
