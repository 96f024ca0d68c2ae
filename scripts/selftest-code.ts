import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built self-test: its machine code, and the page of results that a sound core leaves, as far as it is used. */
export interface BuiltSelfTest {
  readonly code: Uint8Array;
  readonly results: Uint8Array;
}

const SOURCE = fileURLToPath(new URL('../guest/selftest/selftest.asm', import.meta.url));
export const SELF_TEST_MODULE = fileURLToPath(new URL('../kernel-sim/kern/self-test-code.ts', import.meta.url));
export const CODE_ADDR = 0x08048000;
export const RESULTS_ADDR = 0x08060000;
const STACK_TOP = RESULTS_ADDR + 0xf00;

/** Assembles the routine with nasm; runs it as a program on this machine's own processor to learn the results. */
export function buildSelfTest(): BuiltSelfTest {
  const dir = mkdtempSync(join(tmpdir(), 'selftest-'));
  try {
    const out = (name: string): string => join(dir, name);
    const nasm = (...args: string[]): unknown => execFileSync('nasm', [...args, SOURCE]);
    nasm(
      '-f',
      'bin',
      `-DCODE=${CODE_ADDR}`,
      `-DRESULTS=${RESULTS_ADDR}`,
      `-DSTACK_TOP=${STACK_TOP}`,
      '-o',
      out('code'),
    );
    nasm('-f', 'elf32', '-DNATIVE', '-DRESULTS=results', '-DSTACK_TOP=stack_top', '-o', out('native.o'));
    execFileSync('ld.lld', ['-m', 'elf_i386', '-static', '-e', 'start', out('native.o'), '-o', out('native')]);
    return { code: new Uint8Array(readFileSync(out('code'))), results: new Uint8Array(execFileSync(out('native'))) };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const lines = (bytes: Uint8Array): string =>
  (
    Buffer.from(bytes)
      .toString('hex')
      .match(/.{1,96}/g) ?? []
  )
    .map((line) => `  '${line}'`)
    .join(' +\n');

/** The module that the kernel has it from. */
export const selfTestModule = ({
  code,
  results,
}: BuiltSelfTest): string => `// Made by scripts/build-selftest.ts from guest/selftest/selftest.asm: do not edit.

/** Where the routine and its results stand in the address space of a self-test. */
export const SELF_TEST_CODE_ADDR = 0x${CODE_ADDR.toString(16)};
export const SELF_TEST_RESULTS_ADDR = 0x${RESULTS_ADDR.toString(16)};

/** Machine code, in hexadecimal. Its last byte is INT3; a sound core is stopped by the trap flag in front of that. */
export const SELF_TEST_CODE =
${lines(code)};

/** The doublewords that a sound core leaves at the results' address. */
export const SELF_TEST_RESULTS =
${lines(results)};
`;
