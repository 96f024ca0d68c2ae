import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runTool } from '../support/tools.ts';

const tree = (path: string): string => fileURLToPath(new URL(`../../guest/tree${path}`, import.meta.url));
const relocations = (path: string): Set<string> =>
  new Set(runTool('readelf', ['-rW', tree(path)]).match(/R_386_[A-Z0-9_]+/g));

describe('the dynamic programs that we ship', () => {
  it('have the relocations that they are to prove, by readelf', () => {
    expect([...relocations('/usr/bin/tally')].sort()).toEqual(['R_386_COPY', 'R_386_JUMP_SLOT']);
    expect([...relocations('/usr/bin/tally-pie')].sort()).toEqual([
      'R_386_GLOB_DAT',
      'R_386_JUMP_SLOT',
      'R_386_RELATIVE',
    ]);
    expect(relocations('/usr/lib/libtally.so.1')).toEqual(
      new Set(['R_386_32', 'R_386_PC32', 'R_386_GLOB_DAT', 'R_386_RELATIVE']),
    );
    expect(relocations('/libexec/ld-elf.so.1')).toEqual(new Set());
    expect(runTool('readelf', ['-hlW', tree('/usr/bin/tally-pie')])).toMatch(
      /DYN[\s\S]*program interpreter: \/libexec\/ld-elf\.so\.1/,
    );
  });
});
