import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What would make a run depend on more than what is given to it. */
const FORBIDDEN =
  /\b(Date\b|Math\.random|performance\b|setTimeout|setInterval|queueMicrotask|Promise\b|async |await |process\.(env|argv|hrtime|nextTick)|toLocale|Intl\.|crypto\b)|'node:/;

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => `${folder}/${name}`);
}

describe('emu and kernel-sim', () => {
  it('use neither the host nor its clock', () => {
    const found = [...sources('emu'), ...sources('kernel-sim')].flatMap((path) => {
      // Comments and strings may speak of anything.
      const code = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'/g, (text) =>
        text.startsWith("'node:") ? text : '',
      );
      const match = FORBIDDEN.exec(code);
      return match ? [`${path}: ${match[0]}`] : [];
    });
    expect(found).toEqual([]);
  });
});
