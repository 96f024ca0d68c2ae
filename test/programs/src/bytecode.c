#include "shim.h"
/* A bytecode interpreter: a switch in a loop, its program computing Collatz lengths and Fibonacci numbers. */
enum { PUSH, ADD, SUB, MUL, DUP, SWAP, JZ, JMP, AND, SHR, LT, LOAD, STORE, PRINT, HALT };

static const i32 code[] = {PUSH, ADD, SUB, MUL, DUP, SWAP, JZ, JMP, AND, SHR, LT, LOAD, STORE, PRINT, HALT};

static i32 run_collatz(i32 limit) {
  /* The same as a table-driven loop, to exercise indirect jumps without hand-made offsets. */
  static const u8 steps[] = {LOAD, PUSH, AND, JZ, MUL, ADD, JMP, SHR, HALT};
  i32 best = 0;
  for (i32 n = 1; n < limit; n++) {
    u32 x = (u32)n;
    i32 length = 0;
    while (x != 1) {
      i32 stack[4];
      int top = 0;
      for (const u8 *pc = steps;; pc++) {
        switch (*pc) {
          case LOAD: stack[top++] = (i32)x; continue;
          case PUSH: stack[top++] = 1; continue;
          case AND: top--; stack[top - 1] &= stack[top]; continue;
          case JZ: if (stack[--top] == 0) pc += 3; continue;
          case MUL: x = x * 3; continue;
          case ADD: x = x + 1; continue;
          case JMP: pc += 1; continue;
          case SHR: x >>= 1; continue;
          default: break;
        }
        break;
      }
      length++;
    }
    if (length > best) best = length;
  }
  return best;
}

static u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

void program(void) {
  u32 sum = 0;
  for (u32 i = 0; i < sizeof code / sizeof *code; i++) sum = sum * 31 + (u32)code[i];
  put_number(sum);
  put_text(" ");
  put_number((u32)run_collatz(3000));
  put_text(" ");
  put_number(fib(20));
  end_line();
}
