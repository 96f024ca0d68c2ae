/**
 * Descriptors of the notes that a FreeBSD 9.0 core has, plus the later per-thread ones; encoding and decoding side by
 * side. Source: FreeBSD 9.0 sys/procfs.h (prpsinfo_t, prstatus_t, thrmisc_t); 13.0 machine/reg.h (segbasereg).
 * Every decoder takes a PlacedNote, so that its UsageError can name the byte in the file.
 */
import { NT_FPREGSET, NT_PRPSINFO, NT_PRSTATUS, NT_THRMISC, NT_X86_SEGBASES } from '../abi/elf.ts';
import { FPREG_SIZE } from '../abi/fpreg.ts';
import { decodeReg, encodeRegInto, REG_SIZE, type Reg } from '../abi/reg.ts';
import { ByteView, byteString, putByteString } from './byte-view.ts';
import type { PlacedNote } from './notes.ts';

export const PRPSINFO_SIZE = 108;
/** From 10.4 on the structure ends with pr_pid; pr_version is still 1. Read, never written. */
export const PRPSINFO_SIZE_LATER = 112;
export const PRSTATUS_SIZE = 104;
export const THRMISC_SIZE = 24;
export const SEGBASES_SIZE = 8;
/** pr_fname[17], pr_psargs[81], pr_tname[20]: sizes with the NUL. */
export const FNAME_SIZE = 17;
export const PSARGS_SIZE = 81;
export const TNAME_SIZE = 20;

const STRUCT_VERSION = 1;
const FNAME_AT = 8;
const PSARGS_AT = FNAME_AT + FNAME_SIZE;
const PR_REG_AT = 28;

/** prpsinfo_t. The kernel stores the command name in both; real arguments are not kept. */
export interface Prpsinfo {
  /** At most 16 bytes. */
  readonly fname: string;
  /** At most 80 bytes. */
  readonly psargs: string;
}

/** prstatus_t of one thread. */
export interface Prstatus {
  /** __FreeBSD_version of the writer. */
  readonly osreldate: number;
  /** The fatal signal, the same in all threads; 0 if there was none. */
  readonly cursig: number;
  /** pr_pid: a thread id (from 100001), not a process id. */
  readonly tid: number;
  readonly reg: Reg;
}

/** NT_X86_SEGBASES: linear addresses at which %fs and %gs begin. */
export interface Segbases {
  readonly fsbase: number;
  readonly gsbase: number;
}

/** pr_version 1, pr_psinfosz 108, pr_fname at 8, pr_psargs at 25, 2 bytes of padding: 108 bytes. */
export function encodePrpsinfo({ fname, psargs }: Prpsinfo): Uint8Array {
  const out = new Uint8Array(PRPSINFO_SIZE);
  putWords(out, 0, [STRUCT_VERSION, PRPSINFO_SIZE]);
  putByteString(out, FNAME_AT, FNAME_SIZE, fname);
  putByteString(out, PSARGS_AT, PSARGS_SIZE, psargs);
  return out;
}

/** Errors: UsageError if version or size is unknown. Takes the 112 bytes of FreeBSD 10.4 too, leaving out its pid. */
export function decodePrpsinfo(note: PlacedNote): Prpsinfo {
  const view = descOf(note, 'NT_PRPSINFO', NT_PRPSINFO, PRPSINFO_SIZE, PRPSINFO_SIZE_LATER);
  expectWord(view, 0, 'pr_version', STRUCT_VERSION);
  expectWord(view, 4, 'pr_psinfosz', view.length);
  return {
    fname: byteString(view.bytes, FNAME_AT, FNAME_SIZE),
    psargs: byteString(view.bytes, PSARGS_AT, PSARGS_SIZE),
  };
}

/** pr_version 1, sizes 104, 76, 176, pr_osreldate, pr_cursig, pr_pid, pr_reg at 28: 104 bytes. */
export function encodePrstatus({ osreldate, cursig, tid, reg }: Prstatus): Uint8Array {
  const out = new Uint8Array(PRSTATUS_SIZE);
  putWords(out, 0, [STRUCT_VERSION, PRSTATUS_SIZE, REG_SIZE, FPREG_SIZE, osreldate, cursig, tid]);
  encodeRegInto(out, PR_REG_AT, reg);
  return out;
}

/** Errors: UsageError if the version or one of the three sizes is not i386's. */
export function decodePrstatus(note: PlacedNote): Prstatus {
  const view = descOf(note, 'NT_PRSTATUS', NT_PRSTATUS, PRSTATUS_SIZE);
  expectWord(view, 0, 'pr_version', STRUCT_VERSION);
  expectWord(view, 4, 'pr_statussz', PRSTATUS_SIZE);
  expectWord(view, 8, 'pr_gregsetsz', REG_SIZE);
  expectWord(view, 12, 'pr_fpregsetsz', FPREG_SIZE);
  return {
    osreldate: view.u32(16, 'pr_osreldate'),
    cursig: view.u32(20, 'pr_cursig'),
    tid: view.u32(24, 'pr_pid'),
    reg: decodeReg(view.bytes, PR_REG_AT),
  };
}

/** NT_FPREGSET holds `struct fpreg` as it is; see abi/fpreg.ts. Errors: UsageError unless 176 bytes. */
export function decodeFpregset(note: PlacedNote): Uint8Array {
  return descOf(note, 'NT_FPREGSET', NT_FPREGSET, FPREG_SIZE).bytes;
}

/** pr_tname, 20 bytes with its NUL, then a word of padding: 24 bytes. */
export function encodeThrmisc(name: string): Uint8Array {
  const out = new Uint8Array(THRMISC_SIZE);
  putByteString(out, 0, TNAME_SIZE, name);
  return out;
}

/** The thread's name. Errors: UsageError unless 24 bytes. */
export function decodeThrmisc(note: PlacedNote): string {
  return byteString(descOf(note, 'NT_THRMISC', NT_THRMISC, THRMISC_SIZE).bytes, 0, TNAME_SIZE);
}

/** fsbase, gsbase: two doublewords. */
export function encodeSegbases({ fsbase, gsbase }: Segbases): Uint8Array {
  const out = new Uint8Array(SEGBASES_SIZE);
  putWords(out, 0, [fsbase, gsbase]);
  return out;
}

export function decodeSegbases(note: PlacedNote): Segbases {
  const view = descOf(note, 'NT_X86_SEGBASES', NT_X86_SEGBASES, SEGBASES_SIZE);
  return { fsbase: view.u32(0, 'r_fsbase'), gsbase: view.u32(4, 'r_gsbase') };
}

/** A checked window on a note's descriptor: type and size are what the caller knows how to read. */
function descOf(note: PlacedNote, what: string, type: number, ...sizes: number[]): ByteView {
  const view = new ByteView(note.desc, note.descOffset);
  if (note.type !== type) view.fail(0, `a note of type ${note.type} where ${what} (${type}) belongs`);
  if (!sizes.includes(view.length)) {
    view.fail(
      0,
      `${what} of ${view.length} bytes`,
      `FreeBSD/i386 has ${sizes.join(' or ')}; is the core from another machine?`,
    );
  }
  return view;
}

function expectWord(view: ByteView, at: number, field: string, expected: number): void {
  const found = view.u32(at, field);
  if (found !== expected) view.fail(at, `${field} is ${found}`, `FreeBSD/i386 has ${expected}`);
}

function putWords(out: Uint8Array, at: number, words: readonly number[]): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  for (let i = 0; i < words.length; i++) view.setUint32(at + i * 4, words[i], true);
}
