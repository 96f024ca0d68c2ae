import { short, table } from './table.ts';

/** What a system call costs, in ns of CPU time. */
export interface SyscallCost {
  readonly name: string;
  readonly what: string;
  /** Why there are no numbers. */
  readonly missing?: string;
  readonly interpreterNs?: number;
  readonly jitNs?: number;
  readonly nativeNs?: number;
  /** Whether the program printed the same natively and in the guest. */
  readonly sameOutput?: boolean;
}

export function syscallTable(rows: readonly SyscallCost[]): string {
  const ratio = (ns: number | undefined, native: number | undefined): string =>
    ns && native ? `${short(ns / native)}x` : 'not here';
  const lines = rows.map(({ name, what, missing, interpreterNs, jitNs, nativeNs, sameOutput }) =>
    missing
      ? [name, missing]
      : [
          `${name}: ${what}`,
          ...[short(nativeNs), short(interpreterNs), short(jitNs)],
          ...[ratio(interpreterNs, nativeNs), ratio(jitNs, nativeNs)],
          sameOutput ? 'same' : 'DIFFERENT',
        ],
  );
  const heads = ['', 'native int 0x80', 'interpreter', 'jit', 'interpreter:native', 'jit:native', 'output'];
  return `System calls: ns of CPU time, and how often slower than native\n${table([heads, ...lines])}\n`;
}
