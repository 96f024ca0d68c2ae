import { describe, expect, it } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import { EAX, ECX, EDI, EFLAGS, ESI, FLAG_DF } from '../../../emu/core/core-state.ts';
import type { Engine } from '../../../emu/core/engine.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { CODE, DATA, Guest } from '../guest-code.ts';
import { TurnByTurn } from './turn-by-turn.ts';

// Repeated string instructions over two pages of data between pages that are not there, with long runs of equal bytes.

const CASES = Number(process.env.JIT_CASES ?? 150);
const SEED = Number(process.env.JIT_SEED ?? 1);
const DATA_BYTES = 0x2000;
/** A busy machine may take its time. */
const TIMEOUT_MS = 240_000;

/** MOVS CMPS STOS LODS SCAS, by bytes. */
const OPCODES = [0xa4, 0xa6, 0xaa, 0xac, 0xae];

/** MOV EBP, count; then, so often: MOV EDI and ESI, MOV ECX, the instruction, PUSHF, POP EDX, ADD EBX, EDX. INT3. */
function drawLoop(prng: Prng): Uint8Array {
  const place = (): number => {
    const kind = prng.below(8);
    if (kind === 0) return DATA + DATA_BYTES - prng.below(40);
    if (kind === 1) return DATA + 0x1000 - prng.below(40);
    return DATA + prng.below(DATA_BYTES);
  };
  const far = prng.below(2) === 0;
  const count = [prng.below(4), prng.below(300), prng.below(9000), -1][prng.below(4)]!;
  const immediate = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  const edi = place();
  const opcode = OPCODES[prng.below(OPCODES.length)]! + prng.below(2);
  const body = [
    ...[0xbf, ...immediate(edi)],
    ...[0xbe, ...immediate(far ? place() : edi + prng.between(-20, 20))],
    ...[0xb9, ...immediate(count)],
    ...(prng.below(8) === 0 ? [] : [prng.below(2) === 0 ? 0xf2 : 0xf3]),
    ...(prng.below(3) === 0 && opcode & 1 ? [0x66] : []),
    opcode,
    ...[0x9c, 0x5a, 0x01, 0xd3],
  ];
  return Uint8Array.from([0xbd, ...immediate(4), ...body, 0x4d, 0x75, -(body.length + 3) & 0xff, 0xcc]);
}

/** Nearly everything is the same. */
function drawData(prng: Prng, accumulator: number): Uint8Array {
  const words = new Int32Array(DATA_BYTES / 4).fill(prng.below(2) === 0 ? accumulator : 0);
  const bytes = new Uint8Array(words.buffer);
  for (let n = prng.below(2 ** prng.below(10)); n > 0; n--) bytes[prng.below(DATA_BYTES)] = prng.below(3);
  return bytes;
}

describe('translated loops of string instructions', { timeout: TIMEOUT_MS }, () => {
  it('leave exactly what the interpreter leaves, however budgets cut them', () => {
    const prng = Prng.seeded(SEED, 0x57a1);
    const jit = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
    const turns = new TurnByTurn();
    const engines: readonly Engine[] = [new Interpreter(), jit, turns];
    let guests: Guest[] = [];
    for (let i = 0; i < CASES; i++) {
      if (i % 50 === 0) guests = engines.map((engine) => new Guest('90', { engine }));
      const code = drawLoop(prng);
      const accumulator = prng.below(2) === 0 ? 0x01010101 * prng.below(3) : prng.next() | 0;
      const data = drawData(prng, accumulator);
      const flags = 0x202 | (prng.next() & 0x8d5) | (prng.below(10) === 0 ? FLAG_DF : 0);
      const slice = prng.below(2) === 0 ? prng.between(1, 2 ** prng.between(1, 12)) : 100_000;
      const ends = guests.map((guest) => {
        guest.space.poke(CODE, new Uint8Array(128).fill(0xcc));
        guest.space.poke(CODE, code);
        guest.space.poke(DATA, data);
        guest.reset();
        guest.r[EAX] = accumulator;
        guest.r[EFLAGS] = flags;
        const outcomes: string[] = [];
        do outcomes.push(guest.outcome(slice));
        while (outcomes.at(-1)!.startsWith('budget'));
        const ended = guest.space.peek(DATA, DATA_BYTES);
        return { outcomes, state: Array.from(guest.core.i32), data: Buffer.from(ended).toString('latin1') };
      });
      const [reference, ...others] = ends;
      const text = Buffer.from(code).toString('hex');
      const start = `edi ${guests[0]!.r[EDI]! >>> 0}, esi ${guests[0]!.r[ESI]! >>> 0}, ecx ${guests[0]!.r[ECX]}`;
      for (const end of others)
        expect(end, `case ${i} of seed ${SEED}: ${text}, ends with ${start}`).toEqual(reference);
    }
    for (const { statistics } of [jit, turns])
      expect(statistics.translated).toBeGreaterThan(4 * (statistics.cold + statistics.assisted));
  });
});
