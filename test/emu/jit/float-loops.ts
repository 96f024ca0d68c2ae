import { expect } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import { EBX, ECX, FXSAVE_BYTE_OFFSET } from '../../../emu/core/core-state.ts';
import type { Engine } from '../../../emu/core/engine.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { CODE, DATA, Guest } from '../guest-code.ts';
import { TurnByTurn } from './turn-by-turn.ts';

// Random loops of floating-point instructions, on the translating engine and on the interpreter: every byte of the state and of the data
// afterwards. Most numbers are ordinary; some are not.

const CASES = Number(process.env.JIT_CASES ?? 150);
const SEED = Number(process.env.JIT_SEED ?? 1);
const ITERATIONS = 12;
export const DATA_WORDS = 64;

function drawNumbers(prng: Prng): Uint8Array {
  const view = new DataView(new ArrayBuffer(DATA_WORDS * 8));
  // One case in three has many numbers at the ends of the range.
  const kinds = prng.below(3) === 0 ? 44 : 24;
  for (let i = 0; i < DATA_WORDS; i++) {
    const kind = prng.below(kinds);
    const small = prng.between(-9, 9);
    const value = (prng.next() + prng.next() * 2 ** -32) * 2 ** prng.between(-50, 20) * (prng.below(2) ? 1 : -1);
    if (kind < 8) view.setFloat64(8 * i, value, true);
    else if (kind < 14) view.setFloat64(8 * i, small, true);
    else if (kind < 20) {
      view.setFloat32(8 * i, value, true);
      view.setFloat32(8 * i + 4, small, true);
    } else if (kind === 20) view.setFloat64(8 * i, value * 2 ** (prng.below(2) ? 1000 : -1030), true);
    else if (kind === 21) view.setFloat64(8 * i, prng.below(2) ? Number.POSITIVE_INFINITY : Number.NaN, true);
    else if (kind < 24) view.setFloat64(8 * i, 0, true);
    else if (kind < 34)
      view.setFloat64(8 * i, (value % 1) * 2 ** [-1022, -1040, -540, -500, 480, 540, 1023][prng.below(7)]!, true);
    else {
      view.setFloat32(8 * i, (value % 1) * 2 ** [-126, -135, -70, -60, 60, 70, 127][prng.below(7)]!, true);
      view.setFloat32(8 * i + 4, value, true);
    }
  }
  return new Uint8Array(view.buffer);
}

/** DEC ECX; JNZ to `top`; INT3. */
export function endLoop(code: number[], top: number): Uint8Array {
  code.push(0x49, 0x0f, 0x85);
  const back = top - (code.length + 4);
  code.push(back & 0xff, (back >> 8) & 0xff, (back >> 16) & 0xff, (back >> 24) & 0xff, 0xcc);
  return Uint8Array.from(code);
}

/** `draw` makes a loop around ECX over data at EBX; `prepare` draws what else a guest is to begin with. */
export function compareLoops(
  stream: number,
  draw: (prng: Prng) => Uint8Array,
  prepare: (prng: Prng) => (guest: Guest) => void,
): void {
  const prng = Prng.seeded(SEED, stream);
  const jit = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
  const turns = new TurnByTurn();
  const engines: readonly Engine[] = [new Interpreter(), jit, turns];
  const makeGuests = (): Guest[] => engines.map((engine) => new Guest('90', { engine }));
  let guests = makeGuests();
  for (let i = 0; i < CASES; i++) {
    if (i % 50 === 0) guests = makeGuests();
    const code = draw(prng);
    const numbers = drawNumbers(prng);
    const begin = prepare(prng);
    const slice = prng.below(3) === 0 ? prng.between(1, 40) : 100_000;
    const ends = guests.map((guest) => {
      guest.space.poke(CODE, new Uint8Array(4096).fill(0xcc));
      guest.space.poke(CODE, code);
      guest.space.poke(DATA, numbers);
      guest.reset();
      guest.r[EBX] = DATA;
      guest.r[ECX] = ITERATIONS;
      begin(guest);
      const outcomes: string[] = [];
      // With the x87's status, as C1 does not last.
      do outcomes.push(`${guest.outcome(slice)}, ${guest.r[FXSAVE_BYTE_OFFSET / 4]}`);
      while (outcomes.at(-1)!.startsWith('budget'));
      return {
        outcomes,
        state: Array.from(guest.core.i32),
        data: Array.from(guest.space.peek(DATA, numbers.length)),
      };
    });
    const text = Array.from(code, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const [reference, ...others] = ends;
    for (const end of others) expect(end, `case ${i} of seed ${SEED}: ${text}`).toEqual(reference);
  }
  for (const { statistics } of [jit, turns])
    expect(statistics.translated).toBeGreaterThan(statistics.cold + statistics.assisted);
}
