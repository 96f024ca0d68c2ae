import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { type JunitSuite, junitXml } from '../../../src/report/junit.ts';

const SCHEMA = readFileSync(fileURLToPath(new URL('../../support/junit.xsd', import.meta.url)), 'utf8');

const SUITES: readonly JunitSuite[] = [
  {
    name: 'core-fault',
    file: 'scenarios/core-fault.json',
    cases: [
      { name: 'as written', seconds: 1.25 },
      { name: '1: seed 7', seconds: 0.5, problem: { kind: 'failure', type: 'SDC', lines: ['first', 'second'] } },
      { name: '2: seed 8', seconds: 0.5, problem: { kind: 'error', type: 'emulator-bug', lines: [] } },
      { name: '3', seconds: 0, skipped: 'the budget was over' },
    ],
  },
  { name: 'other', file: 'other.yaml', cases: [{ name: 'as written', seconds: 0 }] },
];

async function problemsOf(xml: string): Promise<readonly unknown[]> {
  const { errors } = await validateXML({ xml: [{ fileName: 'report.xml', contents: xml }], schema: [SCHEMA] });
  return errors;
}

describe('the JUnit report', () => {
  it('is valid, and counts what it holds', async () => {
    const xml = junitXml('coreback check', SUITES);
    expect(await problemsOf(xml)).toEqual([]);
    expect(xml).toContain('<testsuites name="coreback check" tests="5" failures="1" errors="1" time="2.250">');
    expect(xml).toContain('<failure message="first" type="SDC">scenarios/core-fault.json\nfirst\nsecond</failure>');
  });

  it('is valid whatever a guest has written into it', async () => {
    const lines = ['a <b> & "c" \u0000\u001b[31m \ud800 ]]>', 'x'];
    const cases = [{ name: "it's \u0007", seconds: 0, problem: { kind: 'failure' as const, type: '<&>', lines } }];
    const xml = junitXml('n', [{ name: 's', file: 'f', cases }]);
    expect(await problemsOf(xml)).toEqual([]);
    expect(xml).not.toContain('\u001b');
  });

  it('would be refused with a mistake in it', async () => {
    const xml = junitXml('n', SUITES).replace('<skipped ', '<skiped ');
    expect(await problemsOf(xml)).not.toEqual([]);
  });
});
