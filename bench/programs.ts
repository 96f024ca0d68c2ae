/** The compute kernels in programs/, and how each is built twice: for the guest and for the host. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface BenchProgram {
  readonly name: string;
  readonly what: string;
  /** Source file without its ending, when that is not the name. */
  readonly source?: string;
  /** Compiler flags beside those of all, which leave x87 and SSE out. */
  readonly flags?: readonly string[];
}

export const COMPUTE_PROGRAMS: readonly BenchProgram[] = [
  { name: 'sieve', what: 'stores with a stride' },
  { name: 'matrix', what: 'loads and multiplications' },
  { name: 'crc32', what: 'dependent table look-ups' },
  { name: 'sort', what: 'calls and branches' },
];

/** The workloads of `npm run bench:cpu`. */
export const CPU_PROGRAMS: readonly BenchProgram[] = [
  { name: 'sieve', what: 'stores with a stride' },
  { name: 'sha256', what: 'rotates, many live values' },
  { name: 'crc32', what: 'dependent table look-ups' },
  { name: 'quicksort', source: 'sort', what: 'calls and branches' },
  { name: 'matrix x87', source: 'doubles', flags: ['-m80387'], what: 'x87 at 53 bits' },
  { name: 'matrix SSE2', source: 'doubles', flags: ['-msse2', '-mfpmath=sse'], what: 'doubles in XMM registers' },
  { name: 'bytecode', what: 'indirect jumps' },
  { name: 'fib', what: 'recursion' },
  { name: 'rep', source: 'strings', what: 'REP MOVS and REP STOS' },
  { name: 'chase', what: 'dependent loads' },
];

/** What `npx tsx bench/syscalls.ts` measures; a round does it so many times. */
export const SYSCALL_PROGRAMS: readonly (BenchProgram & { readonly perRound: number })[] = [
  { name: 'getpid', what: 'getpid(2)', perRound: 1000 },
  { name: 'pipe', what: 'write and read of a byte through a pipe', perRound: 100 },
  { name: 'fork', what: 'fork, exit and wait4', perRound: 10 },
  { name: 'switch', what: 'switch between two threads (umtx, futex)', perRound: 200 },
];

export interface Built {
  readonly guest: string;
  /** A 32-bit Linux program of the same instructions, but for its system calls. */
  readonly linux: string;
}

const SOURCES = fileURLToPath(new URL('./programs/', import.meta.url));

/** The same for both worlds; i486 is FreeBSD 9.0's own default. */
const CC_FLAGS = [
  '-O2',
  '-march=i486',
  '-mno-80387',
  '-mno-sse',
  '-std=c11',
  '-ffreestanding',
  '-fno-builtin',
  '-fno-pic',
];
const CC_MORE = [
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-nostdlib',
  '-static',
  '-Wl,--build-id=none',
];
const CLANG_GUEST = ['--target=i386-unknown-freebsd9.0', '-fuse-ld=lld'];
const CLANG_LINUX = ['--target=i386-unknown-linux-gnu', '-fuse-ld=lld'];

/** The version line of a program; undefined when it is not here. */
export function versionOf(program: string): string | undefined {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0] : undefined;
}

/** Builds a program into `dir`. A string says why it cannot be built here. */
export function build({ name, source, flags }: BenchProgram, dir: string): Built | string {
  if (versionOf('clang') === undefined) return 'clang is not here (apt-get install clang lld)';
  const sources = ['shim.c', `${source ?? name}.c`].map((file) => path.join(SOURCES, file));
  const file = name.replaceAll(' ', '-');
  const built: Built = { guest: path.join(dir, `${file}.freebsd`), linux: path.join(dir, `${file}.linux`) };
  for (const [target, out] of [
    [CLANG_GUEST, built.guest],
    [CLANG_LINUX, built.linux],
  ] as const) {
    const result = spawnSync('clang', [...target, ...CC_FLAGS, ...(flags ?? []), ...CC_MORE, ...sources, '-o', out], {
      encoding: 'utf8',
    });
    if (result.status !== 0) return `clang: ${result.stderr.trim().split('\n', 1)[0]}`;
  }
  return built;
}
