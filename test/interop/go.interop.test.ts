import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, expectedExit, expectedOutput, programNames, runGo } from '../go/toolchain.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'coreback-go-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('programs that Go builds for FreeBSD/i386', () => {
  it.each(programNames())(
    '%s prints what it should on four cores',
    (name) => {
      const run = runGo(buildProgram(name, 'softfloat', dir), [], { cores: 4 });
      expect(run.output).toBe(expectedOutput(name));
      expect({ code: run.code, signal: run.signal }).toEqual(expectedExit(name));
    },
    300_000,
  );

  it('files: by the calls of FreeBSD 12, when the kernel says that it is that', () => {
    const run = runGo(buildProgram('files', 'softfloat', dir), [], { release: '12.4' });
    expect(run.output).toBe(expectedOutput('files'));
  }, 300_000);

  it('goroutines: the same instructions twice, and the same output in another interleaving', () => {
    const binary = buildProgram('hello', 'softfloat', dir);
    const seeded = (seed: number) =>
      runGo(binary, [], { seed, schedule: { kind: 'seeded', seed, minInstructions: 10, maxInstructions: 5000 } });
    expect(seeded(7)).toEqual(seeded(7));
    for (const seed of [8, 9, 10]) expect(seeded(seed).output).toBe(expectedOutput('hello'));
  }, 300_000);
});
