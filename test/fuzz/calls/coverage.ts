import { assert } from '../../../emu/base/errors.ts';
import { errnoName } from '../../../kernel-sim/abi/errno.ts';
import type { CallEnd, CallTracer, TracedCall } from '../../../kernel-sim/kern/call-trace.ts';
import type { KernelCore } from '../../../kernel-sim/kern/kernel.ts';
import type { Thread } from '../../../kernel-sim/kern/state.ts';
import type { SyscallEntry } from '../../../kernel-sim/kern/syscall-result.ts';
import { extendedSyscalls } from '../../../kernel-sim/sys/file-extended.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';

/** What became of one kind of call. */
interface Outcomes {
  calls: number;
  succeeded: number;
  slept: number;
  signalled: number;
  /** By name. */
  readonly errors: Record<string, number>;
}

export type CoverageRecord = Record<string, Outcomes>;

const UNKNOWN = '(unknown number)';
const KNOWN: ReadonlySet<string> = new Set(SYSCALLS.map(({ name }) => name));

/** Counts how calls end, and makes sure that it is in a way that user mode can be told of. */
export class Coverage implements CallTracer {
  readonly record: CoverageRecord = {};
  private readonly current: string[] = [];

  private of(name: string): Outcomes {
    this.record[name] ??= { calls: 0, succeeded: 0, slept: 0, signalled: 0, errors: {} };
    return this.record[name];
  }

  enter({ id }: KernelCore, _td: Thread, { name }: TracedCall, args: readonly number[], entry: SyscallEntry): void {
    const known = KNOWN.has(name) ? name : UNKNOWN;
    this.current[id] = known;
    if (entry.woken === 'first') this.of(known).calls++;
    else if (entry.woken === 'signal') this.of(known).signalled++;
    assert(args.every(Number.isInteger), `${name} got ${args}`);
  }

  leave({ id }: KernelCore, end: CallEnd): void {
    const name = this.current[id]!;
    const outcomes = this.of(name);
    switch (end.kind) {
      case 'return':
        assert(Number.isInteger(end.eax) && Number.isInteger(end.edx ?? 0), `${name} returned ${end.eax}, ${end.edx}`);
        outcomes.succeeded++;
        return;
      case 'error': {
        const errno = errnoName(end.errno);
        assert(/^E[A-Z0-9]+$/.test(errno), `${name} failed with ${end.errno}`);
        outcomes.errors[errno] = (outcomes.errors[errno] ?? 0) + 1;
        return;
      }
      case 'sleep':
        outcomes.slept++;
        return;
      case 'justreturn':
      case 'gone':
        outcomes.succeeded++;
        return;
      case 'restart':
        return;
    }
  }

  signal(): void {}
}

/** Adds what another process has counted. */
export function addCoverage(sum: CoverageRecord, more: CoverageRecord): void {
  for (const [name, { calls, succeeded, slept, signalled, errors }] of Object.entries(more)) {
    sum[name] ??= { calls: 0, succeeded: 0, slept: 0, signalled: 0, errors: {} };
    const total = sum[name];
    total.calls += calls;
    total.succeeded += succeeded;
    total.slept += slept;
    total.signalled += signalled;
    for (const [errno, count] of Object.entries(errors)) total.errors[errno] = (total.errors[errno] ?? 0) + count;
  }
}

/** Calls of the table that never did what they are for, without those that cannot: no file has attributes or lists. */
export const neverSucceeded = (record: CoverageRecord): string[] =>
  SYSCALLS.filter((row) => !extendedSyscalls.includes(row))
    .map(({ name }) => name)
    .filter((name) => !record[name]?.succeeded);

/** One line for each call. */
export function coverageLines(record: CoverageRecord): string[] {
  const names = [...SYSCALLS.map(({ name }) => name), UNKNOWN];
  return names.map((name) => {
    const { calls, succeeded, slept, signalled, errors } = record[name] ?? {
      calls: 0,
      succeeded: 0,
      slept: 0,
      signalled: 0,
      errors: {},
    };
    const failed = Object.entries(errors).sort(([, a], [, b]) => b - a);
    const ends = failed.map(([errno, count]) => `${errno} ${count}`).join(', ');
    return `${name.padEnd(20)} ${String(calls).padStart(7)} ok ${String(succeeded).padStart(7)} slept ${slept}, signalled ${signalled}; ${ends}`;
  });
}
