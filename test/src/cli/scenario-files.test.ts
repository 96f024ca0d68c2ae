import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreback, ROOT } from '../../support/cli.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'coreback-scenarios-'));
const write = (name: string, text: string): string => {
  const path = join(FOLDER, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(() => {
  // As if coreback were installed there.
  mkdirSync(join(FOLDER, 'node_modules'));
  symlinkSync(ROOT, join(FOLDER, 'node_modules', 'coreback'));
}, 180_000);

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

describe('scenarios in TypeScript', () => {
  it('are loaded without a compiler, helpers of their own included, and may be several', () => {
    write('lengths.ts', 'export const lengths: readonly number[] = [2, 3];\n');
    const path = write(
      'several.ts',
      `import { scenario, type Program } from 'coreback/scenario';
import { lengths } from './lengths.ts';

enum Unit { ms = 1 }

export default lengths.map((n) =>
  scenario(\`count-\${n}\`, 'counts', (s) => {
    const count: Program = s.at('0s').run(\`count \${n} \${Unit.ms}\`);
    s.expect(count).exits(0).counts(0, n - 1);
  }),
);
`,
    );
    const { status, stdout, stderr } = coreback(['scenario', path]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^ok {3}count-2 .*\nok {3}count-3 /);
  });

  it.each([
    ['syntax.ts', 'export default {', 'cannot be loaded'],
    ['throws.ts', "throw new Error('no luck');", 'cannot be loaded: no luck'],
    ['missing.ts', "import './not-there.ts';", 'cannot be loaded'],
    ['empty.ts', 'export const x = 1;', 'has no default export'],
    ['wrong.mjs', "export default { name: 'x' };", 'about: Invalid input'],
    [
      'core.mjs',
      "import { scenario } from 'coreback/scenario'; export default scenario('x', 'y', (s) => { s.at('1s').fail({ core: 9 }); s.expectRun().finishes(); });",
      'script[0]: there is no core 9',
    ],
  ])('that are wrong are refused with one line: %s', (name, text, message) => {
    const { status, stdout, stderr } = coreback(['scenario', write(name, text)]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`${name}: `);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
}, 120_000);
