import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Campaign, Finding } from './campaign.ts';
import { describeCase, describeOutcome } from './compare.ts';
import { caseToHex } from './protocol.ts';

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
