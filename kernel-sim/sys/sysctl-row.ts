import { assert } from '../../emu/base/errors.ts';
import { EISDIR, ENOENT, ENOTDIR } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { Thread } from '../kern/state.ts';

/** What is asked of a row. */
export interface SysctlRequest {
  readonly td: Thread;
  /** Numbers behind the row's own: only a `node` has any. */
  readonly args: readonly number[];
  /** Room for the answer in bytes; null: only its length is wanted. */
  readonly room: number | null;
  /** What came as a new value, for a row with `inputSize`; null: nothing. */
  readonly input: Uint8Array | null;
}

/**
 * One OID of FreeBSD 9.0: `mib` and the parts of `name` go together. A `node` is a handler that takes further numbers (a pid).
 * Without `write` it is read-only; root alone writes.
 */
export type SysctlRow = {
  readonly mib: readonly number[];
  readonly name: string;
  readonly description: string;
} & (
  | {
      readonly kind: 'int' | 'uint' | 'long' | 'ulong';
      readonly read: (k: Kernel) => number;
      readonly write?: (k: Kernel, value: number) => Errno | 0;
    }
  | {
      readonly kind: 'string';
      readonly read: (k: Kernel) => string;
      readonly write?: (k: Kernel, value: string) => void;
      /** Bytes with the NUL. */
      readonly sizeMax?: number;
    }
  | {
      readonly kind: 'opaque' | 'node';
      /** As sysctl(8) takes it: `S,name` of the structure. */
      readonly format: string;
      readonly read: (k: Kernel, request: SysctlRequest) => Uint8Array | Errno;
      /** Everybody may hand over a value of so many bytes, which says what is asked for and changes nothing (CTLFLAG_ANYBODY). */
      readonly inputSize?: number;
    }
);

/** sys/sys/sysctl.h: names are at most so many numbers long. */
export const CTL_MAXNAME = 24;

/** Look-up of rows by number and by name; inner nodes are the prefixes of rows. */
export class SysctlTree {
  /** In order of numbers, as sysctl -a walks them. */
  private readonly rows: readonly SysctlRow[];
  private readonly rowAt = new Map<string, SysctlRow>();
  private readonly names = new Map<string, string>();
  private readonly mibs = new Map<string, readonly number[]>();

  constructor(rows: readonly SysctlRow[]) {
    this.rows = [...rows].sort((a, b) => compareMibs(a.mib, b.mib));
    for (const row of this.rows) {
      const parts = row.name.split('.');
      assert(parts.length === row.mib.length, `sysctl ${row.name}: as many numbers as names`);
      assert(!this.rowAt.has(key(row.mib)), `sysctl ${row.name}: its number is taken`);
      this.rowAt.set(key(row.mib), row);
      for (let depth = 1; depth <= parts.length; depth++) {
        const mib = row.mib.slice(0, depth);
        const name = parts.slice(0, depth).join('.');
        assert((this.names.get(key(mib)) ?? name) === name, `sysctl ${name}: its number is that of another`);
        assert(key(this.mibs.get(name) ?? mib) === key(mib), `sysctl ${name}: its name is that of another`);
        this.names.set(key(mib), name);
        this.mibs.set(name, mib);
      }
    }
  }

  /** FreeBSD sysctl_find_oid: ENOENT, EISDIR for an inner node, ENOTDIR for numbers behind a leaf. */
  find(mib: readonly number[]): { readonly row: SysctlRow; readonly args: readonly number[] } | Errno {
    for (let depth = 1; depth <= mib.length; depth++) {
      const prefix = key(mib.slice(0, depth));
      const row = this.rowAt.get(prefix);
      if (row?.kind === 'node' || (row && depth === mib.length)) return { row, args: mib.slice(depth) };
      if (row) return ENOTDIR;
      if (!this.names.has(prefix)) return ENOENT;
    }
    return EISDIR;
  }

  /** The numbers of a name; a dot at its end does not count. */
  mibOf(name: string): readonly number[] | undefined {
    return this.mibs.get(name.endsWith('.') ? name.slice(0, -1) : name);
  }

  /** The name of numbers, as far as they have one; the others as numbers. */
  nameOf(mib: readonly number[]): string {
    let depth = mib.length;
    while (depth > 0 && !this.names.has(key(mib.slice(0, depth)))) depth--;
    const known = depth > 0 ? [this.names.get(key(mib.slice(0, depth)))!] : [];
    return [...known, ...mib.slice(depth)].join('.');
  }

  isInnerNode(mib: readonly number[]): boolean {
    return this.names.has(key(mib)) && !this.rowAt.has(key(mib));
  }

  /** The first row behind a name, in order; undefined at the end. */
  after(mib: readonly number[]): SysctlRow | undefined {
    return this.rows.find((row) => compareMibs(row.mib, mib) > 0);
  }
}

const key = (mib: readonly number[]): string => mib.join('.');

/** Number by number; a prefix comes before what it is a prefix of. */
function compareMibs(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
