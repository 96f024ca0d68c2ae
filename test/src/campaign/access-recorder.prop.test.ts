import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EFLAGS, EIP, FXSAVE_BYTE_OFFSET } from '../../../emu/core/core-state.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { ACCESS_COUNT, ACCESS_EFLAGS } from '../../../emu/isa/register-access.ts';
import { PAGE_SIZE } from '../../../emu/memory/address-space.ts';
import { AccessRecorder, fateAt, OVERWRITTEN, UNTOUCHED, USED } from '../../../src/campaign/access-recorder.ts';
import { DATA, Guest } from '../../emu/guest-code.ts';
import { load, type RandomProgram, randomProgram } from '../../emu/random-program.ts';

const options = { gsBase: DATA, codeWritable: true };
const plainGuest = new Guest('90', { ...options, engine: new Interpreter() });
const recorder = new AccessRecorder();
const recordedGuest = new Guest('90', { ...options, engine: recorder });

/** All that a few instructions leave behind. */
interface Left {
  readonly outcome: string;
  readonly block: Int32Array;
  readonly memory: Map<number, Uint8Array>;
}

/** `count`: instructions. `change`: what is done before the first one. */
function runOn(guest: Guest, input: RandomProgram, count: number, change: (guest: Guest) => void = () => {}): Left {
  load(guest, input);
  change(guest);
  const outcome = guest.outcome(count);
  const { space } = guest;
  const memory = new Map(space.residentPages().map((page) => [page, space.peek(page * PAGE_SIZE, PAGE_SIZE)]));
  return { outcome, block: guest.r.slice(), memory };
}

function expectSame(what: string, found: Left, expected: Left): void {
  expect(found.outcome, what).toBe(expected.outcome);
  expect(Buffer.from(found.block.buffer).equals(Buffer.from(expected.block.buffer)), what).toBe(true);
  for (const [page, bytes] of expected.memory)
    expect(Buffer.compare(found.memory.get(page)!, bytes), `${what}, page ${page.toString(16)}`).toBe(0);
}

const blockIndex = (register: number): number => (register === ACCESS_EFLAGS ? EFLAGS : register);

describe('an access recorder', () => {
  it('does what the interpreter does, and is right about every bit and byte that it does not call used', () => {
    const seen = { traps: 0, registers: 0, overwritten: 0, untouched: 0, floats: 0 };
    fc.assert(
      fc.property(randomProgram, fc.infiniteStream(fc.nat()), (input, stream) => {
        const draw = (below: number): number => stream.next().value % below;
        recorder.begin();
        const count = 1 + draw(3);
        const recorded = runOn(recordedGuest, input, count);
        const plain = runOn(plainGuest, input, count);
        expectSame('recorded', recorded, plain);
        if (recorder.isOpaque) {
          seen.traps++;
          return;
        }
        const check = (what: string, change: (guest: Guest) => void, expected: Left): void =>
          expectSame(what, runOn(plainGuest, input, count, change), expected);

        const { used, overwritten } = recorder.registersOf(recordedGuest.core.id);
        for (let n = 0; n < 8; n++) {
          const [register, bit] = [draw(ACCESS_COUNT), draw(32)];
          if ((used[register]! >>> bit) & 1) continue;
          seen.registers++;
          const block = plain.block.slice();
          if (((overwritten[register]! >>> bit) & 1) === 0) block[blockIndex(register)]! ^= 1 << bit;
          const flip = (guest: Guest): void => {
            guest.r[blockIndex(register)]! ^= 1 << bit;
          };
          check(`register ${register} bit ${bit}`, flip, { ...plain, block });
        }
        if (!recorder.floats) {
          seen.floats++;
          // XMM0: what of the image a flip may change without being undefined.
          const word = FXSAVE_BYTE_OFFSET / 4 + 40 + draw(4);
          const block = plain.block.slice();
          block[word]! ^= 1;
          const flip = (guest: Guest): void => {
            guest.r[word]! ^= 1;
          };
          check('xmm0', flip, { ...plain, block });
        }

        const fates = recorder.fatesIn(recordedGuest.space);
        const pages = [...plain.memory.keys()];
        const bytes = [...Array(6)].map(() => pages[draw(pages.length)]! * PAGE_SIZE + draw(PAGE_SIZE));
        for (const [page, packed] of fates) {
          const touched = [...Array(PAGE_SIZE).keys()].filter((offset) => fateAt(packed, offset) === OVERWRITTEN);
          bytes.push(...touched.slice(0, 8).map((offset) => page * PAGE_SIZE + offset));
        }
        for (const address of bytes) {
          const [page, offset] = [Math.floor(address / PAGE_SIZE), address % PAGE_SIZE];
          const packed = fates.get(page);
          const fate = packed ? fateAt(packed, offset) : UNTOUCHED;
          if (fate === USED) continue;
          seen[fate === OVERWRITTEN ? 'overwritten' : 'untouched']++;
          const mask = 1 + draw(255);
          const memory = new Map(plain.memory);
          if (fate === UNTOUCHED) {
            const left = plain.memory.get(page)!.slice();
            left[offset]! ^= mask;
            memory.set(page, left);
          }
          const flip = ({ space }: Guest): void => {
            space.poke(address, Uint8Array.of(space.u8[address]! ^ mask));
          };
          check(`byte ${address.toString(16)}, fate ${fate}`, flip, { ...plain, memory });
        }
      }),
      { seed: 0x1386, numRuns: Number(process.env.ACCESS_RECORDER_RUNS ?? 1000) },
    );
    expect(seen.traps).toBeGreaterThan(50);
    expect(Math.min(seen.overwritten, seen.floats)).toBeGreaterThan(50);
    expect(Math.min(seen.registers, seen.untouched)).toBeGreaterThan(500);
  });

  it('tells what is read first from what is overwritten first', () => {
    // mov eax, [DATA]; mov [DATA], ecx; mov [DATA + 4], ecx; mov edx, [DATA + 4]; inc byte [DATA + 8]; mov byte [DATA + 9], 1
    const guest = new Guest('a100001008 890d00001008 890d04001008 8b1504001008 fe0508001008 c6050900100801', {
      engine: recorder,
    });
    recorder.begin();
    guest.run(6);
    expect(recorder.isOpaque).toBe(false);
    const page = recorder.fatesIn(guest.space).get(DATA >>> 12)!;
    const fates = [...Array(11)].map((_, offset) => fateAt(page, offset));
    const [U, O, N] = [USED, OVERWRITTEN, UNTOUCHED];
    expect(fates).toEqual([U, U, U, U, O, O, O, O, U, O, N]);
    const { used, overwritten } = recorder.registersOf(0);
    const [EAX, ECX, EDX, EBX] = [0, 1, 2, 3];
    expect([EAX, ECX, EDX, EBX].map((n) => [used[n], overwritten[n]])).toEqual([
      [0, -1],
      [-1, 0],
      [0, -1],
      [0, 0],
    ]);
    expect(guest.r[EIP]).toBe(0x08048000 + 36);
  });
});
