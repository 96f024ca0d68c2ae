/** The sequence of notes in a core: which stand there and in which order, writing and reading. */
import { UsageError } from '../../emu/base/errors.ts';
import {
  EHDR_SIZE,
  NOTE_VENDOR_FREEBSD,
  NT_FPREGSET,
  NT_PRPSINFO,
  NT_PRSTATUS,
  NT_THRMISC,
  NT_X86_SEGBASES,
  NT_X86_XSTATE,
} from '../abi/elf.ts';
import type { ByteView } from './byte-view.ts';
import { UNSEALED_CHECK } from './check-note.ts';
import type { CoreImage, CoreThread } from './core-image.ts';
import {
  decodeFpregset,
  decodePrpsinfo,
  decodePrstatus,
  decodeSegbases,
  decodeThrmisc,
  encodePrpsinfo,
  encodePrstatus,
  encodeSegbases,
  encodeThrmisc,
  type Prpsinfo,
} from './core-notes.ts';
import {
  type CorebackProc,
  type CorebackSignals,
  decodeCorebackProc,
  decodeCorebackSignals,
  encodeCorebackProc,
  encodeCorebackSignals,
  NOTE_VENDOR_COREBACK,
  NT_COREBACK_CHECK,
  NT_COREBACK_PROC,
  NT_COREBACK_SIGNALS,
} from './coreback-note.ts';
import type { Note, PlacedNote } from './notes.ts';
import { decodeProcstat, encodeProcstat, type ProcstatNotes } from './procstat-notes.ts';

const ONE_CORE = 'all threads of a core were stopped by one signal of one system; the notes are damaged';

/** The notes of a core, in the kernel's order. */
export function coreNotes(core: CoreImage): Note[] {
  const extended = core.layout === 'extended';
  const freebsd = (type: number, desc: Uint8Array): Note => ({ name: NOTE_VENDOR_FREEBSD, type, desc });
  const notes = [freebsd(NT_PRPSINFO, encodePrpsinfo(core.psinfo))];
  for (const { tid, cursig, reg, fpreg, name, segbases, xstate } of core.threads) {
    const pr_reg = { ...reg, r_isp: 0, r_trapno: 0, r_err: 0 };
    notes.push(freebsd(NT_PRSTATUS, encodePrstatus({ osreldate: core.osreldate, cursig, tid, reg: pr_reg })));
    notes.push(freebsd(NT_FPREGSET, fpreg));
    notes.push(freebsd(NT_THRMISC, encodeThrmisc(name)));
    if (extended && xstate) notes.push(freebsd(NT_X86_XSTATE, xstate));
    if (extended && segbases) notes.push(freebsd(NT_X86_SEGBASES, encodeSegbases(segbases)));
  }
  if (!extended) return notes;
  for (const { type, desc } of encodeProcstat(core.procstat ?? {})) notes.push(freebsd(type, desc));
  const ours = (type: number, desc: Uint8Array): Note => ({ name: NOTE_VENDOR_COREBACK, type, desc });
  if (core.coreback) notes.push(ours(NT_COREBACK_PROC, encodeCorebackProc(core.coreback)));
  if (core.signals) notes.push(ours(NT_COREBACK_SIGNALS, encodeCorebackSignals(core.signals)));
  return [...notes, ...(core.extraNotes ?? []), ...(core.coreback ? [UNSEALED_CHECK] : [])];
}

/** What the notes of a core say. */
export type FoundNotes = Omit<CoreImage, 'flavor' | 'segments'>;

/** Takes notes in file order. FPREGSET and what follows belong to the PRSTATUS before them. */
export class NoteCollector {
  private readonly view: ByteView;
  private psinfo: Prpsinfo | undefined;
  private osreldate = 0;
  private readonly threads: { -readonly [K in keyof CoreThread]?: CoreThread[K] }[] = [];
  private procstat: ProcstatNotes = {};
  private coreback: CorebackProc | undefined;
  /** What the file as a whole should be. */
  check: PlacedNote | undefined;
  private signals: CorebackSignals | undefined;
  private readonly extraNotes: Note[] = [];
  private end = EHDR_SIZE;

  constructor(view: ByteView) {
    this.view = view;
  }

  add(note: PlacedNote): void {
    this.end = note.descOffset + note.desc.length;
    if (note.name === NOTE_VENDOR_COREBACK && note.type === NT_COREBACK_PROC) {
      this.once(note, 'NT_COREBACK_PROC', this.coreback);
      this.coreback = decodeCorebackProc(note);
    } else if (note.name === NOTE_VENDOR_COREBACK && note.type === NT_COREBACK_CHECK) {
      this.once(note, 'NT_COREBACK_CHECK', this.check);
      this.check = note;
    } else if (note.name === NOTE_VENDOR_COREBACK && note.type === NT_COREBACK_SIGNALS) {
      this.once(note, 'NT_COREBACK_SIGNALS', this.signals);
      this.signals = decodeCorebackSignals(note);
    } else if (note.name !== NOTE_VENDOR_FREEBSD || !this.addFreebsd(note)) {
      this.extraNotes.push({ name: note.name, type: note.type, desc: note.desc });
    }
  }

  finish(): FoundNotes {
    if (!this.psinfo) this.view.fail(this.end, 'no NT_PRPSINFO note', 'not a FreeBSD core, or its notes are damaged');
    if (this.threads.length === 0)
      this.view.fail(this.end, 'no NT_PRSTATUS note', 'not a FreeBSD core, or its notes are damaged');
    const threads = this.threads.map((thread, i) => {
      if (!thread.fpreg) this.view.fail(this.end, `thread ${i} has no NT_FPREGSET note`, 'the notes are damaged');
      if (thread.name === undefined)
        this.view.fail(this.end, `thread ${i} has no NT_THRMISC note`, 'the notes are damaged');
      return thread as CoreThread;
    });
    const hasProcstat = Object.keys(this.procstat).length > 0;
    const ours = this.coreback || this.signals;
    const hasMore = hasProcstat || ours || this.extraNotes.length > 0 || threads.some((t) => t.segbases || t.xstate);
    return {
      layout: hasMore ? 'extended' : '9.0',
      osreldate: this.osreldate,
      psinfo: this.psinfo,
      threads,
      ...(hasProcstat ? { procstat: this.procstat } : {}),
      ...(this.coreback ? { coreback: this.coreback } : {}),
      ...(this.signals ? { signals: this.signals } : {}),
      ...(this.extraNotes.length > 0 ? { extraNotes: this.extraNotes } : {}),
    };
  }

  /** False if the type is unknown. */
  private addFreebsd(note: PlacedNote): boolean {
    switch (note.type) {
      case NT_PRPSINFO:
        this.once(note, 'NT_PRPSINFO', this.psinfo);
        this.psinfo = decodePrpsinfo(note);
        return true;
      case NT_PRSTATUS: {
        const { osreldate, cursig, tid, reg } = decodePrstatus(note);
        if (this.threads.length === 0) this.osreldate = osreldate;
        if (osreldate !== this.osreldate)
          this.view.fail(note.descOffset + 16, 'threads of different systems', ONE_CORE);
        if (cursig !== (this.threads[0]?.cursig ?? cursig)) {
          this.view.fail(note.descOffset + 20, 'threads with different signals', ONE_CORE);
        }
        this.threads.push({ tid, cursig, reg });
        return true;
      }
      case NT_FPREGSET:
        this.ofThread(note, 'NT_FPREGSET', 'fpreg', decodeFpregset);
        return true;
      case NT_THRMISC:
        this.ofThread(note, 'NT_THRMISC', 'name', decodeThrmisc);
        return true;
      case NT_X86_SEGBASES:
        this.ofThread(note, 'NT_X86_SEGBASES', 'segbases', decodeSegbases);
        return true;
      case NT_X86_XSTATE:
        this.ofThread(note, 'NT_X86_XSTATE', 'xstate', ({ desc }) => desc);
        return true;
      default: {
        const part = decodeProcstat(note);
        if (!part) return false;
        for (const [key, value] of Object.entries(part)) {
          this.once(note, `procstat note ${note.type}`, this.procstat[key as keyof ProcstatNotes]);
          this.procstat = { ...this.procstat, [key]: value };
        }
        return true;
      }
    }
  }

  private ofThread<K extends keyof CoreThread>(
    note: PlacedNote,
    what: string,
    key: K,
    decode: (note: PlacedNote) => CoreThread[K],
  ): void {
    const thread = this.threads.at(-1);
    if (!thread) {
      throw new UsageError({
        what: `${what} before any NT_PRSTATUS`,
        offset: note.offset,
        hint: 'the notes are out of order',
      });
    }
    this.once(note, what, thread[key]);
    thread[key] = decode(note);
  }

  private once(note: PlacedNote, what: string, before: unknown): void {
    if (before !== undefined) this.view.fail(note.offset, `a second ${what}`, 'the notes are damaged');
  }
}
