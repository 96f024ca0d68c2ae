import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../../emu/base/prng.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { Decoder } from '../../../emu/isa/decode.ts';
import { threadSegmentOf, writerOf } from '../../../emu/jit/instructions.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { describeCase } from '../../silicon/compare.ts';
import { CaseGenerator, LOOP_COUNTER } from '../../silicon/generate.ts';
import { EmulatedMachine } from '../../silicon/machine.ts';
import { type Case, CODE_BASE, DATA_BASE, DATA_RW_SIZE, MODE_RUN } from '../../silicon/protocol.ts';
import { refusedRows, type TestedRow, testedRows } from '../../silicon/rows.ts';
import { asDoubles } from './fast-x87.ts';

// Every encoding that may have a translation, in loops of a few instructions of its own kind: flags and all as on the interpreter.

const CASES = Number(process.env.JIT_ROW_CASES ?? 2);
/** Cases at most until one has left nothing to the interpreter: with numbers or flags that translated code does not take it leaves much. */
const TRIES_MAX = 150;
const SEED = Number(process.env.JIT_SEED ?? 1);
/** A busy machine may take its time. */
const TIMEOUT_MS = 240_000;
const ROWS_PER_MACHINE = 40;
const DEC_MEMORY = [0xff, 0x0d];
const JNE = 0x75;
const LOOP_END_BYTES = 8;
const PUSHF = 0x9c;
const PUSH = 0x68;
const CDQ = 0x99;
const USUAL_FLAGS = 0xcd5;
const [ECX, EDX, ESI, EDI] = [1, 2, 6, 7];

const decoder = new Decoder();

/** Whether all instructions of the code, jumps apart, have a translation here, where FS and GS are not flat; and one of them is what it is about. */
function isTranslatedCode(code: Uint8Array, mnemonic: string): boolean {
  const padded = new Uint8Array(code.length + 16).fill(0xcc);
  padded.set(code);
  let found = false;
  for (let at = 0; at < code.length; ) {
    const insn = decoder.decode(padded, at, padded.length - at, 0, true);
    if (insn === null || writerOf(insn) === null || threadSegmentOf(insn) !== 0) return false;
    found ||= insn.row.mnemonic === mnemonic;
    at += insn.length;
  }
  return found;
}

const littleEndian = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** The code some times over, counted down in memory. */
function inLoop(code: readonly number[]): Uint8Array {
  const end = [...DEC_MEMORY, ...littleEndian(LOOP_COUNTER), JNE];
  return Uint8Array.from([...code, ...end, -(code.length + end.length + 1) & 0xff]);
}

function drawCase(generator: CaseGenerator, prng: Prng, row: TestedRow): Case {
  const isVector = row.extension !== undefined;
  // One instruction in any form, or some in the more usual ones.
  const c =
    prng.below(2) === 0 ? generator.caseFor(row) : generator.sequence([row], prng.between(1, 3), false, isVector);
  const before: number[] = [];
  const place = (): number => DATA_BASE + prng.below(DATA_RW_SIZE - 64);
  if (row.operands.some((operand) => /^[XY]/.test(operand))) {
    const count = prng.below(6) === 0 ? -1 : prng.below(60);
    before.push(0xb8 + ECX, ...littleEndian(count), 0xb8 + ESI, ...littleEndian(place()));
    before.push(0xb8 + EDI, ...littleEndian(place()));
  }
  // A quotient fits more often with a small upper half.
  if (row.mnemonic === 'DIV') before.push(0xb8 + EDX, ...littleEndian(prng.below(3)));
  if (row.mnemonic === 'IDIV') before.push(CDQ);
  if (row.mnemonic === 'POPF')
    before.push(PUSH, ...littleEndian(prng.next() & (prng.below(4) === 0 ? -1 : USUAL_FLAGS)));
  if (c.fx !== null && row.isX87 && prng.below(4) !== 0) asDoubles(c.fx, prng);
  if (c.fx !== null && isVector && prng.below(2) === 0) asOrdinary(c.fx, prng);
  const patches = [...c.patches.filter(({ address }) => address !== LOOP_COUNTER)];
  patches.push({ address: LOOP_COUNTER, value: prng.between(1, 60) });
  const code = inLoop([...before, ...c.code, ...(prng.below(2) === 0 ? [PUSHF] : [])]);
  const eip = CODE_BASE + prng.between(0x100, 0xe00);
  return { ...c, patches, code, eip, mode: MODE_RUN, steps: 1 };
}

/** XMM registers whose parts are ordinary numbers as singles and as doubles, and a control word as programs have it. */
function asOrdinary(fx: Uint8Array, prng: Prng): void {
  const view = new DataView(fx.buffer, fx.byteOffset);
  view.setUint32(24, 0x1fa0, true);
  for (let i = 0; i < 32; i++) view.setUint32(160 + 4 * i, 0x3f800000 | (prng.next() & 0x807fffff), true);
}

describe('every encoding that has a translation', { timeout: TIMEOUT_MS }, () => {
  it('does in a loop what it does on the interpreter', () => {
    const prng = Prng.seeded(SEED, 0xeb0);
    const generator = new CaseGenerator(prng);
    const rows = testedRows.filter((row) => !refusedRows.includes(row) && row.operands[0] !== 'Jb');
    const jit = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
    const { statistics } = jit;
    const machines = () => [new EmulatedMachine(new Interpreter()), new EmulatedMachine(jit)] as const;
    let [reference, translated] = machines();
    const never: string[] = [];
    const wrong: string[] = [];
    for (const [i, row] of rows.entries()) {
      if (i % ROWS_PER_MACHINE === 0) [reference, translated] = machines();
      // The x87's stack is often not such that there is a translation.
      const wanted = row.isX87 ? 3 * CASES : CASES;
      let tried = 0;
      let done = 0;
      for (let n = 0; n < TRIES_MAX && (tried < wanted || done === 0); n++) {
        const c = drawCase(generator, prng, row);
        if (!isTranslatedCode(c.code.subarray(0, -LOOP_END_BYTES), row.mnemonic)) continue;
        tried++;
        const { translated: before } = statistics;
        const leftBefore = statistics.assistedBy.get(row.mnemonic) ?? 0;
        if (!isDeepStrictEqual(translated.run(c, false), reference.run(c, false)))
          wrong.push(`${row.name}: ${describeCase(c)}`);
        if (statistics.translated > before && (statistics.assistedBy.get(row.mnemonic) ?? 0) === leftBefore) done++;
      }
      if (tried > 0 && done === 0) never.push(row.name);
    }
    expect(wrong, `seed ${SEED}`).toEqual([]);
    expect(never, 'never translated').toEqual([]);
  });
});
