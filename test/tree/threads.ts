/** A program of ours that is linked with the thread library of a FreeBSD tree. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TreeProgram } from './run-command.ts';

const SOURCE = fileURLToPath(new URL('./programs/threads.c', import.meta.url));
const BEFORE = ['usr/lib/crt1.o', 'usr/lib/crti.o', 'usr/lib/crtbegin.o'];
const AFTER = ['lib/libthr.so.3', 'lib/libc.so.7', 'usr/lib/crtend.o', 'usr/lib/crtn.o'];

export const THREADS_OUTPUT = `worker 0: local 5
worker 1: local 6
worker 2: local 7
worker 3: local 8
count 80000 rare 80 destroyed 4 local 5
consumed 4498500 of 4498500
cancelled 1 signals 1
child exited with 5
`;

/** Builds it with the host's gcc and ld; why not, when they or the tree cannot. */
export function buildThreads(root: string): TreeProgram | { readonly missing: string } {
  const absent = [...BEFORE, ...AFTER].find((file) => !existsSync(path.join(root, file)));
  if (absent) return { missing: absent };
  const folder = mkdtempSync(path.join(tmpdir(), 'coreback-tree-'));
  try {
    const [object, program] = [path.join(folder, 'threads.o'), path.join(folder, 'threads')];
    const inTree = (file: string): string => path.join(root, file);
    const compile = [
      '-m32',
      '-O1',
      '-fno-pic',
      '-fno-builtin',
      '-fno-stack-protector',
      '-fcf-protection=none',
      '-c',
      SOURCE,
    ];
    const link = ['-m', 'elf_i386', '-z', 'noexecstack', '-dynamic-linker', '/libexec/ld-elf.so.1'];
    const steps: [string, string[]][] = [
      ['gcc', [...compile, '-o', object]],
      ['ld', [...link, '-o', program, ...BEFORE.map(inTree), object, ...AFTER.map(inTree)]],
    ];
    for (const [tool, args] of steps) {
      const { status, stderr, error } = spawnSync(tool, args, { encoding: 'utf8' });
      if (error || status !== 0) return { missing: `${tool} for i386: ${error?.message ?? stderr.split('\n')[0]}` };
    }
    const bytes = new Uint8Array(readFileSync(program));
    return { args: ['/opt/threads'], files: [{ path: '/opt/threads', bytes }] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
