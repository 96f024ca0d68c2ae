import { Prng } from '../../emu/base/prng.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { UnicornEngine } from '../../emu/unicorn/unicorn-engine.ts';
import { loadUnicorn } from '../../src/host/unicorn-koffi.ts';
import { describeCase, hex } from '../silicon/compare.ts';
import { undefinedFlags, undefinedFlagsOfSequence } from '../silicon/flag-use.ts';
import { CaseGenerator } from '../silicon/generate.ts';
import { EmulatedMachine } from '../silicon/machine.ts';
import type { Case, Outcome } from '../silicon/protocol.ts';
import { isSequence, rowOfCode, rowsOfCode, sequenceRows, testedRows } from '../silicon/rows.ts';

export interface RandomResult {
  readonly rows: number;
  readonly cases: number;
  /** Instructions that Unicorn left to the reference. */
  readonly assisted: number;
  readonly delegated: number;
  /** One text for each case that differs. */
  readonly mismatches: readonly string[];
}

/** The silicon tests' random cases, on the interpreter and on Unicorn instead of the real CPU. */
export function compareOnRandomCases(casesPerRow: number, sequences: number, seed: number): RandomResult {
  const engine = new UnicornEngine(loadUnicorn());
  const reference = new EmulatedMachine(new Interpreter());
  const unicorn = new EmulatedMachine(engine);
  const mismatches: string[] = [];
  let cases = 0;
  const tryCase = (c: Case): void => {
    cases++;
    const what = differences(c, reference.run(c, false), unicorn.run(c, false));
    if (what.length > 0) mismatches.push(`${what.join(', ')}\n${describeCase(c)}`);
  };
  for (const row of testedRows) {
    const generator = new CaseGenerator(Prng.seeded(seed, row.opcode * 8 + (row.digit ?? 0)));
    for (let i = 0; i < casesPerRow; i++) tryCase(generator.caseFor(row));
  }
  const prng = Prng.seeded(seed, 0xfffd);
  const generator = new CaseGenerator(prng);
  for (let i = 0; i < sequences; i++)
    tryCase(generator.sequence(sequenceRows, prng.between(2, 16), prng.below(4) === 0));
  const assisted = [...engine.assisted.values()].reduce((sum, n) => sum + n, 0);
  return { rows: testedRows.length, cases, assisted, delegated: engine.delegated, mismatches };
}

function differences(c: Case, a: Outcome, b: Outcome): string[] {
  const found: string[] = [];
  const check = (what: string, x: number, y: number): void => {
    if (x !== y) found.push(`${what} ${hex(x)}, on Unicorn ${hex(y)}`);
  };
  check('vector', a.vector, b.vector);
  check('eip', a.eip, b.eip);
  check('error code', a.errorCode, b.errorCode);
  check('cr2', a.cr2, b.cr2);
  check('retired', a.retired, b.retired);
  for (let i = 0; i < 8; i++) check(`register ${i}`, a.regs[i]!, b.regs[i]!);
  for (let i = 0; i < 6; i++) check(`selector ${i}`, a.selectors[i]!, b.selectors[i]!);
  const ignored = isSequence(c) ? undefinedFlagsOfSequence(rowsOfCode(c.code)) : undefinedFlags(rowOfCode(c.code), c);
  check('eflags', a.eflags & ~ignored, b.eflags & ~ignored);
  if (JSON.stringify(a.changes) !== JSON.stringify(b.changes)) found.push('memory');
  if (a.fx && b.fx && Buffer.compare(a.fx, b.fx) !== 0) found.push('x87 or SSE state');
  return found;
}
