import { cpuId } from '../base/brand.ts';
import { assert } from '../base/errors.ts';
import { CoreState, EAX, EBP, EBX, ECX, EDI, EIP, ESI, ESP } from '../core/core-state.ts';
import { type Engine, EXIT_BUDGET } from '../core/engine.ts';
import { freebsdDescriptorTables, resetCore } from '../core/reset.ts';
import { AddressSpace, PERM_R, PERM_W, PERM_X } from '../memory/address-space.ts';

const CODE = 0x10000;
const DATA = 0x20000;

/** A jump to itself. */
const STAY = [0xeb, 0xfe];

/** ModR/M bytes: the operands eax, ecx; eax, [ebx]; eax, [ebx+1]; eax, [ebx+esi*1+4]. */
const REGISTERS = [0xc8];
const PLAIN = [0x03];
const UNALIGNED = [0x43, 1];
const INDEXED = [0x44, 0x33, 4];
const MEMORY = [PLAIN, UNALIGNED, INDEXED];
const digit = (modrm: readonly number[], value: number): number[] => [
  (modrm[0] & 0xc7) | (value << 3),
  ...modrm.slice(1),
];

/** One or more instructions for every micro-op, with each kind of flags before each reader of flags. */
function everyMicroOp(): number[] {
  const code: number[] = [];
  const put = (...bytes: (number | readonly number[])[]): void => {
    code.push(...bytes.flat());
  };
  const readFlagsOf = (...maker: readonly number[]): void => {
    put(maker, 0x40, maker, 0x48, maker, 0x83, 0xd0, 1, maker, 0x19, 0xc8, maker, 0xc1, 0xc0, 3, maker, 0xc1, 0xc8, 3);
    put(maker, 0x0f, 0xaf, 0xc1, maker, 0x6b, 0xc1, 3, 0xb8, 5, 0, 0, 0, maker, 0xf7, 0xe1);
    for (let condition = 0; condition < 16; condition++) {
      put(maker, 0x70 + condition, 0, 0x0f, 0x90 + condition, 0xc2, 0x0f, 0x40 + condition, 0xc1);
    }
  };
  // What every program does comes first: V8 begins to compile when it has learned nothing new for about a thousand instructions.
  readFlagsOf(0x29, 0xc8);
  put(0xb0, 1, 0x88, 0xc8, 0x84, 0xc8, 0xa8, 1, 0xa9, 1, 0, 0, 0, 0x87, 0xc2, 0x87, 0xc2, 0x90, 0x89, 0xc2);
  // Products beyond 2^53, and -0: or V8 takes them for integers until the first one that is none.
  const large = [0xb8, 0xff, 0xff, 0xff, 0x7f, 0xb9, 0xff, 0xff, 0xff, 0x7f];
  const zero = [0xb8, 0, 0, 0, 0, 0xb9, 0xff, 0xff, 0xff, 0xff];
  for (const operands of [large, zero]) {
    put(operands, 0x0f, 0xaf, 0xc1, operands, 0x6b, 0xc1, 3, operands, 0xf7, 0xe1, operands, 0xf7, 0xe9);
  }
  put(0xb9, 3, 0, 0, 0, 0xf7, 0xd8, 0xf7, 0xd0, 0x98, 0x99, 0x31, 0xd2, 0xf7, 0xf1, 0x99, 0xf7, 0xf9);
  for (const shift of [4, 5, 7]) put(0xc1, 0xc0 | (shift << 3), 3, 0xd3, 0xc0 | (shift << 3));
  put(0x0f, 0xa4, 0xc8, 3, 0x0f, 0xac, 0xc8, 3);
  // push, pop, frames; calls over the two bytes of a jump, to a ret and to a ret 0.
  put(
    0x50,
    0x58,
    0x6a,
    1,
    0x59,
    0x55,
    0x89,
    0xe5,
    0xc9,
    0xe8,
    2,
    0,
    0,
    0,
    0xeb,
    1,
    0xc3,
    0xe8,
    2,
    0,
    0,
    0,
    0xeb,
    3,
    0xc2,
    0,
    0,
  );
  // call edx and jmp edx through call/pop; call [ebx] and jmp [ebx] likewise.
  const popTarget = [0xe8, 0, 0, 0, 0, 0x5a];
  put(popTarget, 0x83, 0xc2, 9, 0xff, 0xd2, 0xeb, 1, 0xc3, popTarget, 0x83, 0xc2, 6, 0xff, 0xe2);
  put(
    popTarget,
    0x83,
    0xc2,
    11,
    0x89,
    0x13,
    0xff,
    0x13,
    0xeb,
    1,
    0xc3,
    popTarget,
    0x83,
    0xc2,
    8,
    0x89,
    0x13,
    0xff,
    0x23,
  );
  for (let alu = 0; alu < 8; alu++) {
    for (const size of [0, 1]) {
      put(alu * 8 + size, REGISTERS, size === 0 ? [0x80, 0xc0 | (alu << 3), 1] : [0x83, 0xc0 | (alu << 3), 1]);
      for (const memory of MEMORY) {
        put(alu * 8 + 2 + size, memory, alu * 8 + size, memory, 0x80 + 3 * size, digit(memory, alu), 1);
      }
    }
  }
  for (const memory of MEMORY) {
    put(
      0x8b,
      memory,
      0x89,
      memory,
      0xc7,
      digit(memory, 0),
      1,
      0,
      0,
      0,
      0x8a,
      memory,
      0x88,
      memory,
      0xc6,
      digit(memory, 0),
      1,
    );
    put(
      0x66,
      0x8b,
      memory,
      0x66,
      0x89,
      memory,
      0x66,
      0xc7,
      digit(memory, 0),
      1,
      0,
      0x66,
      0x83,
      digit(memory, 7),
      1,
      0x66,
      0x3b,
      memory,
    );
    put(0x8d, memory, 0x85, digit(REGISTERS, 1), 0xf7, digit(memory, 0), 1, 0, 0, 0, 0xf6, digit(memory, 0), 1);
    for (const extend of [0xb6, 0xb7, 0xbe, 0xbf]) put(0x0f, extend, memory, 0x0f, extend, 0xc1);
    put(
      0xff,
      digit(memory, 0),
      0xff,
      digit(memory, 1),
      0x0f,
      0xaf,
      memory,
      0xff,
      digit(memory, 6),
      0x58,
      0x0f,
      0x44,
      memory,
    );
  }
  for (const maker of [[0x01, 0xc8], [0x21, 0xc8], [0xd1, 0xe0], [0x38, 0xc8], [0x9e], [0x66, 0x3b, 0x03]])
    readFlagsOf(...maker);
  // Changes the registers that all before rely on.
  put(0x0f, 0x1f, 0xc0, 0x89, 0xde, 0xb9, 3, 0, 0, 0, 0xf3, 0xa4, 0xb9, 3, 0, 0, 0, 0xf3, 0xab, 0x0f, 0xa2);
  put(STAY);
  return code;
}

/**
 * Runs every micro-op a few times in a space of its own. V8 throws away optimised code that meets an operation it has no
 * type feedback for; after this the hot loop is compiled once instead of some twenty times in the first second.
 */
export function warmUp(engine: Engine): void {
  const space = new AddressSpace();
  const core = new CoreState(cpuId(0), freebsdDescriptorTables());
  const code = everyMicroOp();
  resetCore(core);
  for (let page = CODE >>> 12; page <= (CODE + code.length) >>> 12; page++) space.mapPage(page, PERM_R | PERM_X);
  space.mapPage(DATA >>> 12, PERM_R | PERM_W);
  space.poke(CODE, Uint8Array.from(code));
  for (let round = 0; round < 3; round++) {
    core.i32[EIP] = CODE;
    core.i32[EAX] = 0x12345678;
    core.i32[EBX] = DATA + 0x100;
    core.i32[ECX] = 3;
    core.i32[ESP] = core.i32[EBP] = DATA + 0xf00;
    core.i32[ESI] = 0x40;
    core.i32[EDI] = DATA + 0x800;
    while (core.i32[EIP] !== CODE + code.length - STAY.length) {
      assert(engine.run(core, space, 64) === EXIT_BUDGET, 'an instruction of the warm-up stopped it');
    }
  }
  space.dispose();
}
