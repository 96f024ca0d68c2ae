import { escapeMarkup, escapeMarkupLines } from './escape.ts';

/* JUnit XML as Jenkins, GitLab, GitHub reporters and Azure read it: the elements and attributes that all of them know. */

export interface JunitCase {
  readonly name: string;
  readonly seconds: number;
  /** `failure`: what was checked does not hold. `error`: it could not be checked. */
  readonly problem?: { readonly kind: 'failure' | 'error'; readonly type: string; readonly lines: readonly string[] };
  /** Why it was not run. */
  readonly skipped?: string;
}

export interface JunitSuite {
  readonly name: string;
  /** File that the suite stands in. */
  readonly file: string;
  readonly cases: readonly JunitCase[];
}

/** The whole report. Seconds are written with three decimals. */
export function junitXml(name: string, suites: readonly JunitSuite[]): string {
  const all = suites.flatMap(({ cases }) => cases);
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites name="${escapeMarkup(name)}"${counts(all)}>`];
  for (const suite of suites) {
    lines.push(`  <testsuite name="${escapeMarkup(suite.name)}"${counts(suite.cases)}${skippedCount(suite.cases)}>`);
    for (const each of suite.cases) lines.push(...caseLines(suite, each));
    lines.push('  </testsuite>');
  }
  lines.push('</testsuites>');
  return `${lines.join('\n')}\n`;
}

function counts(cases: readonly JunitCase[]): string {
  const of = (kind: string): number => cases.filter(({ problem }) => problem?.kind === kind).length;
  const seconds = cases.reduce((sum, each) => sum + each.seconds, 0);
  return ` tests="${cases.length}" failures="${of('failure')}" errors="${of('error')}" time="${seconds.toFixed(3)}"`;
}

const skippedCount = (cases: readonly JunitCase[]): string =>
  ` skipped="${cases.filter(({ skipped }) => skipped !== undefined).length}"`;

function caseLines(suite: JunitSuite, { name, seconds, problem, skipped }: JunitCase): string[] {
  const head = `    <testcase name="${escapeMarkup(name)}" classname="${escapeMarkup(suite.name)}" time="${seconds.toFixed(3)}"`;
  if (skipped !== undefined)
    return [`${head}>`, `      <skipped message="${escapeMarkup(skipped)}"/>`, '    </testcase>'];
  if (!problem) return [`${head}/>`];
  const { kind, type, lines } = problem;
  const open = `<${kind} message="${escapeMarkup(lines[0] ?? type)}" type="${escapeMarkup(type)}">`;
  return [
    `${head}>`,
    `      ${open}${escapeMarkupLines([suite.file, ...lines].join('\n'))}</${kind}>`,
    '    </testcase>',
  ];
}
