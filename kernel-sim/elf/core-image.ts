/** What a FreeBSD/i386 core file says, as a value. `core-file.ts` writes and reads it. */
import type { Reg } from '../abi/reg.ts';
import type { Prpsinfo, Segbases } from './core-notes.ts';
import type { CorebackProc, CorebackSignals } from './coreback-note.ts';
import type { Note } from './notes.ts';
import type { ProcstatNotes } from './procstat-notes.ts';

/** '9.0': only note types 3, 1, 2, 7, PT_NOTE with flags and alignment 0. 'extended': later notes and ours too, 4 and 4. */
export type CoreLayout = '9.0' | 'extended';

/** Who writes: the kernel on a fatal signal, or gcore from user level. */
export type CoreFlavor = 'kernel' | 'gcore';

export interface CoreThread {
  /** Thread id, from 100001. */
  readonly tid: number;
  /** pr_cursig: the fatal signal, the same in every thread; 0 if none. */
  readonly cursig: number;
  /** r_isp, r_trapno and r_err are written as 0: FreeBSD does not fill them. */
  readonly reg: Reg;
  /** struct fpreg, 176 bytes. */
  readonly fpreg: Uint8Array;
  /** At most 19 bytes are kept. */
  readonly name: string;
  /** Bases of %fs and %gs. Only in the extended layout. */
  readonly segbases?: Segbases;
  /** The XSAVE image, 576 bytes or more: FXSAVE image and header. Only in the extended layout. */
  readonly xstate?: Uint8Array;
}

export interface CoreSegment {
  /** Page-aligned linear address. */
  readonly vaddr: number;
  /** PF_R, PF_W, PF_X. */
  readonly flags: number;
  /** The contents, whole pages. A view when read; may be a view of guest memory when written. */
  readonly data: Uint8Array;
}

export interface CoreImage {
  readonly layout: CoreLayout;
  readonly flavor: CoreFlavor;
  /** __FreeBSD_version of the kernel, 900044. */
  readonly osreldate: number;
  readonly psinfo: Prpsinfo;
  /** Kernel: the faulting thread first. At least one. */
  readonly threads: readonly CoreThread[];
  /** By ascending address, not overlapping. */
  readonly segments: readonly CoreSegment[];
  readonly procstat?: ProcstatNotes;
  readonly coreback?: CorebackProc;
  readonly signals?: CorebackSignals;
  /** Notes of a vendor or type that this code does not know, in file order. Written last. */
  readonly extraNotes?: readonly Note[];
}
