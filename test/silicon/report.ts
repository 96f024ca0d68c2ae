import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { opcodeRows } from '../../emu/isa/opcode-table.ts';
import type { Campaign, Finding } from './campaign.ts';
import { describeCase, describeOutcome } from './compare.ts';
import { caseToHex } from './protocol.ts';
import { refusedRows, type TestedRow, testedRows } from './rows.ts';

/** Findings for people, each shrunk to the smallest case, most frequent first. */
export function formatFindings(campaign: Campaign, findings: readonly Finding[]): string {
  return findings
    .map(({ signature, count, first }) => {
      const small = campaign.shrink(first);
      return [
        `## ${count} x ${signature}   [${small.contender}]`,
        `  ${disassemble(small.case.code)}`,
        describeCase(small.case),
        `  real: ${describeOutcome(small.native)}`,
        `  ours: ${small.emulated ? describeOutcome(small.emulated) : 'gave up'}`,
        ...small.differences.map(({ what, expected, got }) => `  ${what}: real ${expected}, ours ${got}`),
        ...(small.invariant ? [`  ${small.invariant.split('\n').slice(0, 5).join('\n  ')}`] : []),
        `  SILICON_CASE=${caseToHex(small.case)} npx vitest run test/silicon`,
      ].join('\n');
    })
    .join('\n\n');
}

/** How much of the table a campaign went through, and the names of rows that it left out. */
export function coverage({ tried, completed }: Campaign): {
  readonly text: string;
  readonly missing: readonly string[];
} {
  const count = (rows: readonly TestedRow[], counts: ReadonlyMap<string, number>): number =>
    rows.filter(({ name }) => counts.has(name)).length;
  const refused = new Set(refusedRows);
  const missing = testedRows.filter((row) => !(refused.has(row) ? tried : completed).has(row.name));
  const least = Math.min(...testedRows.map(({ name }) => tried.get(name) ?? 0));
  return {
    text:
      `rows covered: ${count(testedRows, tried)} of the ${opcodeRows.length} in the table, each in ${least} cases or more; ` +
      `${count(testedRows, completed)} carried out by the CPU, ${refused.size} not to be carried out in user mode`,
    missing: missing.map(({ name }) => name),
  };
}

/** What binutils make of the bytes; empty where there are none. */
function disassemble(code: Uint8Array): string {
  const dir = mkdtempSync(join(tmpdir(), 'silicon-'));
  try {
    const file = join(dir, 'code');
    writeFileSync(file, code);
    const text = execFileSync('objdump', ['-D', '-b', 'binary', '-m', 'i386', '-M', 'intel', file], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return text
      .split('\n')
      .filter((line) => /^ +[0-9a-f]+:/.test(line))
      .map((line) => line.split('\t').slice(2).join(' ').trim())
      .filter(Boolean)
      .join(' ; ');
  } catch {
    return '';
  } finally {
    rmSync(dir, { recursive: true });
  }
}
