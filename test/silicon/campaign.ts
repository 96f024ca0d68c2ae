import { InvariantError } from '../../emu/base/errors.ts';
import { Prng } from '../../emu/base/prng.ts';
import { VECTOR_UD } from '../../emu/core/engine.ts';
import { type Difference, differences } from './compare.ts';
import { beginnings, goOnWith } from './cut.ts';
import { flagsRead, undefinedAfter } from './flag-use.ts';
import { CaseGenerator } from './generate.ts';
import type { EmulatedMachine } from './machine.ts';
import type { SiliconOracle } from './oracle.ts';
import { type Case, isTrap, MODE_RUN, MODE_STEP, OUTCOME_HANG, type Outcome } from './protocol.ts';
import { isSequence, lengthsOfCode, maySweep, opcodeOfCode, rowOfCode, rowsOfCode, type TestedRow } from './rows.ts';
import { simplerX87 } from './x87-state.ts';

/** One of our machines that the real CPU judges. */
export interface Contender {
  readonly name: string;
  readonly machine: EmulatedMachine;
}

export interface Mismatch {
  readonly case: Case;
  readonly rowName: string;
  readonly contender: string;
  readonly differences: readonly Difference[];
  readonly native: Outcome;
  /** Absent when our machine gave up. */
  readonly emulated: Outcome | null;
  /** A stack trace, when our machine gave up. */
  readonly invariant: string | null;
}

/** Mismatches that look alike, and the first of them. */
export interface Finding {
  readonly signature: string;
  count: number;
  readonly first: Mismatch;
}

export class Campaign {
  cases = 0;
  readonly findings = new Map<string, Finding>();
  /** Cases per row that it was alone in. */
  readonly tried = new Map<string, number>();
  /** Cases per row whose instruction was completed by the real CPU. */
  readonly completed = new Map<string, number>();
  /** Opcodes that the real CPU has and our machine has no row for, with the number of cases. */
  readonly missing = new Map<number, number>();
  private readonly oracle: SiliconOracle;
  private readonly contenders: readonly Contender[];

  constructor(oracle: SiliconOracle, contenders: readonly Contender[]) {
    this.oracle = oracle;
    this.contenders = contenders;
  }

  /** Tries `count` cases of each row, and those besides that a prefix made another's. */
  tryRows(rows: readonly TestedRow[], count: number, seed: number): void {
    const batch: Case[] = [];
    for (const row of rows) {
      // A stream of its own for each row: what is drawn does not depend on the rows before.
      const generator = new CaseGenerator(Prng.seeded(seed, streamOf(row)));
      for (let own = 0; own < count; ) {
        const c = generator.caseFor(row);
        batch.push(c);
        if (nameOf(c, rowOfCode(c.code)) === row.name) own++;
      }
      if (batch.length < 20_000) continue;
      this.tryCases(batch);
      batch.length = 0;
    }
    this.tryCases(batch);
  }

  /** Tries every opcode, existing or not, with random bytes behind. */
  tryOpcodes(opcodes: readonly number[], count: number, seed: number): void {
    const generator = new CaseGenerator(Prng.seeded(seed, 0xffff));
    const batch: Case[] = [];
    for (const opcode of opcodes) for (let i = 0; i < count; i++) batch.push(generator.caseForOpcode(opcode));
    this.tryCases(batch.filter((c) => maySweep(c.code)));
  }

  /** Tries runs of instructions. */
  trySequences(rows: readonly TestedRow[], count: number, seed: number, vectors = false): void {
    const prng = Prng.seeded(seed, vectors ? 0xfffd : 0xfffe);
    const generator = new CaseGenerator(prng);
    for (let left = count; left > 0; left -= 10_000)
      this.tryCases(
        Array.from({ length: Math.min(left, 10_000) }, () =>
          generator.sequence(rows, prng.between(2, 16), prng.below(4) === 0, vectors),
        ),
      );
  }

  tryCases(cases: readonly Case[]): void {
    const outcomes = this.oracle.run(cases);
    cases.forEach((c, i) => {
      const native = outcomes[i]!;
      const row = rowOfCode(c.code);
      const rowName = nameOf(c, row);
      this.cases++;
      this.tried.set(rowName, (this.tried.get(rowName) ?? 0) + 1);
      if (isTrap(native.vector)) this.completed.set(rowName, (this.completed.get(rowName) ?? 0) + 1);
      for (const mismatch of this.judge(c, row, rowName, native)) this.record(mismatch);
    });
  }

  /** What is wrong with one case, by contender. */
  judge(c: Case, row: TestedRow | null, rowName: string, native: Outcome): Mismatch[] {
    const mismatches: Mismatch[] = [];
    // How many instructions a run took only our machines can tell: the first is the measure of the others.
    let retired: number | null = null;
    for (const { name, machine } of this.contenders) {
      for (const trapFlag of trapFlagChoices(c, row)) {
        const contender = trapFlag ? `${name}, TF` : name;
        let invariant: string | null = null;
        let emulated: Outcome | null = null;
        let found: Difference[] = [];
        try {
          emulated = machine.run(c, trapFlag);
          found = differences(c, row, native, emulated, trapFlag);
          if (c.mode === MODE_RUN && emulated.vector !== OUTCOME_HANG) {
            retired ??= emulated.retired;
            if (emulated.retired !== retired)
              found.push({ what: 'retired', expected: String(retired), got: String(emulated.retired) });
          }
        } catch (error) {
          if (!(error instanceof Error)) throw error;
          invariant = error.stack ?? String(error);
          found = [
            { what: error instanceof InvariantError ? 'invariant' : 'exception', expected: 'none', got: error.message },
          ];
        }
        if (found.length > 0)
          mismatches.push({ case: c, rowName, contender, differences: found, native, emulated, invariant });
      }
    }
    return mismatches;
  }

  /** The smallest case that has the same kind of mismatch; of a sequence the one instruction that goes wrong, if it does so alone. */
  shrink(found: Mismatch): Mismatch {
    const mismatch = isSequence(found.case) ? this.isolate(found) : found;
    let best = mismatch;
    for (let round = 0; round < 30; round++) {
      const candidates = simpler(best.case);
      const outcomes = this.oracle.run(candidates);
      let better: Mismatch | undefined;
      for (let i = 0; i < candidates.length && !better; i++) {
        const row = rowOfCode(candidates[i]!.code);
        better = this.judge(candidates[i]!, row, nameOf(candidates[i]!, row), outcomes[i]!).find(
          (m) =>
            m.contender === mismatch.contender &&
            kindOf(m) === kindOf(mismatch) &&
            (m.rowName === mismatch.rowName || mismatch.rowName === SEQUENCE_NAME),
        );
      }
      if (!better) return best;
      best = better;
    }
    return best;
  }

  /**
   * Tries each instruction of a sequence alone, from the state that the real CPU was in before it. A loop is then started one
   * round later, as long as it still goes wrong.
   */
  private isolate(mismatch: Mismatch): Mismatch {
    let best = mismatch;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const { code } = best.case;
      const parts = beginnings(best.case);
      const outcomes = this.oracle.run(parts);
      const rest = (i: number): Uint8Array => (parts[i]?.code ?? code).slice(parts[i - 1]?.code.length ?? 0);
      const singles = [parts[0]!, ...parts.map((part, i) => goOnWith(rest(i + 1), part, outcomes[i]!))];
      for (const single of singles) {
        const alone = this.tryAgain(single, mismatch.contender);
        if (alone) return alone;
      }
      const later = this.tryAgain(goOnWith(code, parts.at(-1)!, outcomes.at(-1)!), mismatch.contender);
      if (later === null) return best;
      best = later;
    }
    return best;
  }

  private tryAgain(c: Case | null, contender: string): Mismatch | null {
    return c && this.mismatchOf(c, this.oracle.run([c])[0]!, contender);
  }

  private mismatchOf(c: Case, native: Outcome, contender: string): Mismatch | null {
    const row = rowOfCode(c.code);
    return this.judge(c, row, nameOf(c, row), native).find((m) => m.contender === contender) ?? null;
  }

  private record(mismatch: Mismatch): void {
    if (mismatch.emulated?.vector === VECTOR_UD && rowOfCode(mismatch.case.code) === null) {
      const opcode = opcodeOfCode(mismatch.case.code);
      this.missing.set(opcode, (this.missing.get(opcode) ?? 0) + 1);
      return;
    }
    const signature = `${mismatch.rowName}: ${kindOf(mismatch)}`;
    const finding = this.findings.get(signature);
    if (finding) finding.count++;
    else this.findings.set(signature, { signature, count: 1, first: mismatch });
  }
}

const SEQUENCE_NAME = 'sequence';
/** More than a loop of a generated case goes round. */
const ROUNDS_MAX = 70;

function nameOf(c: Case, row: TestedRow | null): string {
  if (isSequence(c)) return SEQUENCE_NAME;
  return row?.name ?? `opcode ${opcodeOfCode(c.code).toString(16).padStart(2, '0')}`;
}

/**
 * Native single-stepping sets TF. Most instructions do not see it, and the engine's budget does the stepping; then the machine's own
 * single-step exception is tried as well. Those that load or store EFLAGS are only alike when TF is set on both.
 */
function trapFlagChoices(c: Case, row: TestedRow | null): readonly boolean[] {
  if (c.mode !== MODE_STEP) return [false];
  if (row && /^(POPF|IRET|INT.?|PUSHF)$/.test(row.mnemonic)) return c.steps === 1 ? [true] : [];
  return c.steps === 1 ? [false, true] : [false];
}

function kindOf(mismatch: Mismatch): string {
  return mismatch.differences
    .map(({ what, expected, got }) =>
      what === 'vector'
        ? `vector ${Number(expected)}, ours ${Number(got)}`
        : what === 'exception' || what === 'invariant'
          ? `${what} ${got}`
          : what,
    )
    .join(' ');
}

function streamOf(row: TestedRow): number {
  return row.opcode * 8 + (row.digit ?? 0) + (row.modrm ?? 0) * 0x100_0000 + (row.prefix ?? 0) * 0x1_0000_0000;
}

/** Whether some instruction reads a flag that one before it left undefined: then nothing follows from a difference. */
function readsUndefined(code: Uint8Array): boolean {
  let mask = 0;
  for (const row of rowsOfCode(code)) {
    if (!row) continue;
    if (flagsRead(row) & mask) return true;
    mask = undefinedAfter(row, mask);
  }
  return false;
}

/** Cases with one thing less, the largest step first. */
function simpler(c: Case): Case[] {
  const found: Case[] = [];
  if (c.steps > 1) found.push({ ...c, steps: 1 });
  if (c.patches.length > 1) found.push({ ...c, patches: [] });
  found.push(...simplerFx(c));
  if (c.eflags !== 0x202) found.push({ ...c, eflags: 0x202 });
  const plain = Uint16Array.of(0x2b, 0x23, 0x2b, 0x2b, 0x63, 0x6b);
  if (Buffer.compare(Buffer.from(c.selectors.buffer), Buffer.from(plain.buffer)) !== 0)
    found.push({ ...c, selectors: plain });
  found.push(...simplerX87(c));
  if (c.eip !== 0x10000100) found.push({ ...c, eip: 0x10000100 });
  for (let i = 0; i < 8; i++) {
    for (const value of [0, i === 4 ? 0x20001000 : 1]) {
      if (c.regs[i] === value || (value === 1 && c.regs[i] === 0)) continue;
      const regs = c.regs.slice();
      regs[i] = value;
      found.push({ ...c, regs });
    }
  }
  for (let bit = 0; bit < 32; bit++)
    if (c.eflags & (1 << bit) && ((1 << bit) & ~0x202) !== 0)
      found.push({ ...c, eflags: (c.eflags & ~(1 << bit)) >>> 0 });
  for (let i = 0; i < c.patches.length; i++) found.push({ ...c, patches: c.patches.filter((_, j) => j !== i) });
  if (isSequence(c)) {
    // An instruction less.
    let at = 0;
    for (const length of lengthsOfCode(c.code)) {
      const code = Uint8Array.from([...c.code.subarray(0, at), ...c.code.subarray(at + length)]);
      if (!readsUndefined(code)) found.push({ ...c, code });
      at += length;
    }
    return found;
  }
  // A prefix less.
  for (let i = 0; i < c.code.length - 1; i++) {
    if (![0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(c.code[i]!)) break;
    found.push({ ...c, code: Uint8Array.from([...c.code.subarray(0, i), ...c.code.subarray(i + 1)]) });
  }
  return found;
}

/** One register or MXCSR less. */
function simplerFx(c: Case): Case[] {
  if (!c.fx) return [];
  const found: Case[] = [];
  const clear = (at: number, length: number, bytes: readonly number[] = []): void => {
    const fx = c.fx!.slice();
    fx.fill(0, at, at + length);
    fx.set(bytes, at);
    if (Buffer.compare(fx, c.fx!) !== 0) found.push({ ...c, fx });
  };
  clear(32, 128);
  clear(0, 5, [0x7f, 3]);
  clear(24, 4, [0x80, 0x1f]);
  for (let i = 0; i < 8; i++) clear(32 + 16 * i, 16);
  for (let i = 0; i < 8; i++) clear(160 + 16 * i, 16);
  for (let i = 0; i < 32; i++) clear(160 + 4 * i, 4);
  return found;
}
