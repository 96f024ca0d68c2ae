import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EFLAGS, EIP } from '../../../emu/core/core-state.ts';
import { decodeFlat } from '../../../emu/interp/fetch.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { disassemble } from '../../../emu/isa/disassemble.ts';
import { ACCESS_EFLAGS, registerAccess } from '../../../emu/isa/register-access.ts';
import { PAGE_SIZE } from '../../../emu/memory/address-space.ts';
import { CODE, DATA, Guest } from '../guest-code.ts';
import { load, type RandomProgram, randomProgram } from '../random-program.ts';

/** All that one instruction leaves behind. */
interface Stepped {
  readonly outcome: string;
  readonly state: Int32Array;
  readonly memory: Buffer;
}

const guest = new Guest('90', { engine: new Interpreter(), gsBase: DATA, codeWritable: true });
const blockIndex = (index: number): number => (index === ACCESS_EFLAGS ? EFLAGS : index);

/** Runs the program's first instruction, with one bit of a register flipped before. */
function step(input: RandomProgram, flip?: { index: number; bit: number }): Stepped {
  load(guest, input);
  if (flip) guest.r[blockIndex(flip.index)] ^= 1 << flip.bit;
  const outcome = guest.outcome(1);
  const pages = guest.space.residentPages().map((page) => Buffer.from(guest.space.peek(page * PAGE_SIZE, PAGE_SIZE)));
  return { outcome, state: guest.core.i32.slice(), memory: Buffer.concat(pages) };
}

describe('registerAccess', () => {
  it('is right about every bit that it does not call read: overwritten, or passed through and of no effect', () => {
    const kinds = { overwritten: 0, passed: 0 };
    fc.assert(
      fc.property(
        randomProgram,
        fc.array(fc.record({ index: fc.integer({ min: 0, max: 8 }), bit: fc.integer({ min: 0, max: 31 }) }), {
          minLength: 24,
          maxLength: 24,
        }),
        (input, flips) => {
          load(guest, input);
          const insn = decodeFlat(guest.space, guest.r[EIP]!);
          fc.pre(insn !== null);
          const plain = step(input);
          // What traps reaches the kernel, which may read everything.
          fc.pre(!plain.outcome.includes('#'));
          const { reads, writes } = registerAccess(insn!);
          for (const flip of flips) {
            const mask = 1 << flip.bit;
            if (reads[flip.index]! & mask) continue;
            const overwritten = (writes[flip.index]! & mask) !== 0;
            kinds[overwritten ? 'overwritten' : 'passed']++;
            const flipped = step(input, flip);
            if (!overwritten) flipped.state[blockIndex(flip.index)] ^= mask;
            const what = `${disassemble(insn!)}: register ${flip.index} bit ${flip.bit} ${overwritten ? 'overwritten' : 'passed'}`;
            expect(flipped.outcome, what).toBe(plain.outcome);
            expect(Buffer.from(flipped.state.buffer).equals(Buffer.from(plain.state.buffer)), what).toBe(true);
            expect(flipped.memory.equals(plain.memory), what).toBe(true);
          }
        },
      ),
      { seed: 0x1386, numRuns: Number(process.env.REGISTER_ACCESS_RUNS ?? 400) },
    );
    expect(kinds.overwritten).toBeGreaterThan(70);
    expect(kinds.passed).toBeGreaterThan(700);
  });

  it('knows parts of registers, conditions and idioms', () => {
    const of = (code: string): { reads: Int32Array; writes: Int32Array } => {
      const one = new Guest(code);
      return registerAccess(decodeFlat(one.space, CODE)!);
    };
    const [EAX, ECX, EDX, EBX] = [0, 1, 2, 3];
    // mov ah, bl
    expect([of('88 dc').writes[EAX], of('88 dc').reads[EBX], of('88 dc').reads[EAX]]).toEqual([0xff00, 0xff, 0]);
    // xor eax, eax
    expect([of('31 c0').writes[EAX], of('31 c0').reads[EAX]]).toEqual([-1, 0]);
    // jb reads CF alone; cmp reads no status flag
    expect(of('72 00').reads[ACCESS_EFLAGS]! & 0x8d5).toBe(1);
    expect(of('39 c8').writes[ACCESS_EFLAGS]! & 0x8d5).toBe(0x8d5);
    // shl eax, cl may leave the flags alone
    expect([of('d3 e0').writes[ACCESS_EFLAGS], of('d3 e0').reads[ACCESS_EFLAGS]! & 0x8d5]).toEqual([0, 0x8d5]);
    // mul ecx overwrites edx
    expect([of('f7 e1').reads[ECX], of('f7 e1').writes[EDX]]).toEqual([-1, -1]);
  });
});
