#include "shim.h"
/* A bytecode interpreter as of a scripting language: a stack, variables, calls. Its programs count primes and recurse. */
enum op { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, JUMP, JUMP_ZERO, CALL, RETURN, PRINT, HALT };

static struct instruction {
  u8 op;
  i32 operand;
} code[64];
static int length;

static int emit(enum op op, i32 operand) {
  code[length].op = (u8)op;
  code[length].operand = operand;
  return length++;
}

static void land(int jump) { code[jump].operand = length; }

/* count = 0; for (n = 2; n < limit; n++) { for (d = 2; d * d <= n; d++) if (n % d == 0) goto next; count++; next: } print count */
static int compile_primes(i32 limit) {
  enum { N, D, COUNT };
  const int start = length;
  emit(PUSH, 0), emit(STORE, COUNT), emit(PUSH, 2), emit(STORE, N);
  const int outer = length;
  emit(LOAD, N), emit(PUSH, limit), emit(LESS, 0);
  const int done = emit(JUMP_ZERO, 0);
  emit(PUSH, 2), emit(STORE, D);
  const int inner = length;
  emit(LOAD, N), emit(LOAD, D), emit(LOAD, D), emit(MUL, 0), emit(LESS, 0);
  const int go_on = emit(JUMP_ZERO, 0);
  emit(LOAD, COUNT), emit(PUSH, 1), emit(ADD, 0), emit(STORE, COUNT);
  const int prime = emit(JUMP, 0);
  land(go_on);
  emit(LOAD, N), emit(LOAD, D), emit(MOD, 0);
  const int composite = emit(JUMP_ZERO, 0);
  emit(LOAD, D), emit(PUSH, 1), emit(ADD, 0), emit(STORE, D), emit(JUMP, inner);
  land(prime), land(composite);
  emit(LOAD, N), emit(PUSH, 1), emit(ADD, 0), emit(STORE, N), emit(JUMP, outer);
  land(done);
  emit(LOAD, COUNT), emit(PRINT, 0), emit(HALT, 0);
  return start;
}

/* fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2); the argument is variable 0 of the call, the result is on the stack. */
static int compile_fibonacci(i32 n) {
  const int function = length;
  emit(LOAD, 0), emit(PUSH, 2), emit(LESS, 0);
  const int recurse = emit(JUMP_ZERO, 0);
  emit(LOAD, 0), emit(RETURN, 0);
  land(recurse);
  emit(LOAD, 0), emit(PUSH, 1), emit(SUB, 0), emit(CALL, function);
  emit(LOAD, 0), emit(PUSH, 2), emit(SUB, 0), emit(CALL, function);
  emit(ADD, 0), emit(RETURN, 0);
  const int start = length;
  emit(PUSH, n), emit(CALL, function), emit(PRINT, 0), emit(HALT, 0);
  return start;
}

/* Returns how many instructions it took. */
static u32 interpret(int at) {
  static i32 stack[256], variables[64][4];
  static int back[64];
  i32 *top = stack;
  int depth = 0;
  for (u32 steps = 1;; steps++) {
    const i32 operand = code[at].operand;
    switch (code[at++].op) {
      case PUSH: *top++ = operand; break;
      case LOAD: *top++ = variables[depth][operand]; break;
      case STORE: variables[depth][operand] = *--top; break;
      case ADD: top--, top[-1] += *top; break;
      case SUB: top--, top[-1] -= *top; break;
      case MUL: top--, top[-1] *= *top; break;
      case MOD: top--, top[-1] %= *top; break;
      case LESS: top--, top[-1] = top[-1] < *top; break;
      case JUMP: at = operand; break;
      case JUMP_ZERO: if (*--top == 0) at = operand; break;
      case CALL: back[depth++] = at, variables[depth][0] = *--top, at = operand; break;
      case RETURN: at = back[--depth]; break;
      case PRINT: put_number((u32)*--top), put_text(" "); break;
      default: return steps;
    }
  }
}

void program(void) {
  put_number(interpret(compile_primes(1500)));
  end_line();
  put_number(interpret(compile_fibonacci(16)));
  end_line();
}
