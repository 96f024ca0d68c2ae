/** The programs outside that interop tests run: where they are, and how they are run. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const GDB_NAME = 'i386-freebsd-gdb';

/**
 * gdb with FreeBSD support: COREBACK_GDB, then shared/tools beside the repository or one of its parents, then PATH.
 * Undefined if there is none: Debian has no package of it. See DESIGN, "Tools for the interop tests".
 */
export function findGdb(): string | undefined {
  const named = process.env.COREBACK_GDB;
  if (named) return named;
  for (let dir = path.dirname(fileURLToPath(import.meta.url)); ; dir = path.dirname(dir)) {
    const candidate = path.join(dir, 'shared', 'tools', GDB_NAME);
    if (existsSync(candidate)) return candidate;
    if (dir === path.dirname(dir)) break;
  }
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((dir) => path.join(dir, GDB_NAME))
    .find((candidate) => existsSync(candidate));
}

/** As findGdb. Errors: throws if there is none. */
export function requireGdb(): string {
  const gdb = findGdb();
  if (!gdb) throw new Error('no gdb with FreeBSD support: docs/debuggers.md says how to build one; set COREBACK_GDB');
  return gdb;
}

/**
 * Runs a program to its end and gives what it wrote to stdout and stderr, joined.
 * Errors: throws if it is not installed, takes longer than `timeoutMs`, or ends with a status other than 0.
 */
export function runTool(program: string, args: readonly string[], cwd?: string, timeoutMs = 60_000): string {
  const { stdout, stderr } = run(program, args, cwd, timeoutMs);
  return stdout + stderr;
}

/** As runTool, for a program that must have nothing to complain about. Errors: throws also if it writes to stderr. */
export function runQuietTool(program: string, args: readonly string[], cwd?: string): string {
  const { stdout, stderr } = run(program, args, cwd);
  if (stderr !== '') throw new Error(`${program} ${args.join(' ')} complains:\n${stderr}`);
  return stdout;
}

function run(
  program: string,
  args: readonly string[],
  cwd?: string,
  timeout = 60_000,
): { stdout: string; stderr: string } {
  const { stdout, stderr, status, error, signal } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout,
    env: { ...process.env, LC_ALL: 'C', HOME: cwd ?? process.env.HOME },
  });
  if (error)
    throw new Error(`${program}: ${error.message} (install: clang lld lldb binutils binutils-i686-kfreebsd-gnu file)`);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${status ?? signal}\n${stdout}${stderr}`);
  return { stdout, stderr };
}
