/**
 * Notes of our own vendor: what no FreeBSD note can hold. gdb, lldb and binutils skip vendors they do not know.
 * The descriptor is a JSON object in UTF-8 with a `version`, validated when read; that of the check note is in check-note.ts.
 */
import { InvariantError } from '../../emu/base/errors.ts';
import { ByteView } from './byte-view.ts';
import { exactly, integer, list, type Read, record, type Shape, ShapeError, text } from './json-shape.ts';
import type { PlacedNote } from './notes.ts';

export const NOTE_VENDOR_COREBACK = 'COREBACK';

/** Reserved type numbers. A number is never used again for something else. */
export const NT_COREBACK_PROC = 1;
export const NT_COREBACK_SIGNALS = 2;
export const NT_COREBACK_CHECK = 3;

// biome-ignore format: one note per line
export const COREBACK_NOTE_ROWS = [
  { type: NT_COREBACK_PROC, name: 'NT_COREBACK_PROC', holds: 'identity, scheduling and clock of the process (JSON)' },
  { type: NT_COREBACK_SIGNALS, name: 'NT_COREBACK_SIGNALS', holds: 'signal actions of the process, mask and signal stack of each thread, LDT (JSON)' },
  { type: NT_COREBACK_CHECK, name: 'NT_COREBACK_CHECK', holds: 'length and CRC-32 of the file' },
] as const;

const count = integer(0);

const corebackProc = record({
  version: exactly(1),
  pid: count,
  ppid: count,
  pgid: count,
  sid: count,
  /** p_comm. */
  name: text,
  /** The arguments, argv[0] first. */
  args: list(text),
  execPath: text,
  /** -20 .. 20. */
  nice: integer(-20, 20),
  /** rtprio type: 2 realtime, 3 normal, 4 idle, 10 FIFO. */
  priorityClass: count,
  /** CPU ids the process may run on, ascending. */
  affinity: list(count),
  cpusetId: count,
  /** Virtual time of the checkpoint, in ns since the machine was switched on. */
  virtualNs: count,
  /** Instructions the process had retired. */
  instructions: count,
  /** Number of the checkpoint within its chain, from 0. */
  seq: count,
});

/** Identity, scheduling and clock of the process at the checkpoint. Numbers are integers up to 2^53 - 1. */
export type CorebackProc = Read<typeof corebackProc>;

const sigset = list(integer(), 4);
const sigstack = record({ sp: count, size: count, flags: count });
const sigaction = record({ signo: count, handler: count, flags: count, mask: sigset });

const corebackSignals = record({
  version: exactly(1),
  /** Of each thread, by the thread id of its PRSTATUS note: the four words of its mask, and its alternate stack. */
  threads: list(record({ tid: count, sigmask: sigset, sigstack })),
  /** Signals whose action is not the default one, ascending. */
  actions: list(sigaction),
  /** The process's local descriptor table: two doublewords a descriptor. */
  ldt: list(integer()),
});

/** What a program that uses signals or an LDT needs besides memory and registers. */
export type CorebackSignals = Read<typeof corebackSignals>;

export const encodeCorebackProc = (proc: CorebackProc): Uint8Array => encodeJson(corebackProc, proc);
export const decodeCorebackProc = (note: PlacedNote): CorebackProc => decodeJson(corebackProc, note);
export const encodeCorebackSignals = (signals: CorebackSignals): Uint8Array => encodeJson(corebackSignals, signals);
export const decodeCorebackSignals = (note: PlacedNote): CorebackSignals => decodeJson(corebackSignals, note);

/** ASCII JSON (characters above U+007F are escaped), keys in the order of the shape, so equal records are equal bytes. */
function encodeJson<T>(shape: Shape<T>, fields: T): Uint8Array {
  const checked = readAs(shape, fields, (problem) => {
    throw new InvariantError(`a COREBACK note that its own reader would refuse${problem}`);
  });
  const json = JSON.stringify(checked).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Uint8Array.from(json, (c) => c.charCodeAt(0));
}

/** Errors: UsageError if it is not UTF-8, not JSON, of another version, or a field is missing, unknown or of a wrong kind. */
function decodeJson<T>(shape: Shape<T>, note: PlacedNote): T {
  const view = new ByteView(note.desc, note.descOffset);
  const json = utf8(note.desc);
  if (json === undefined) return view.fail(0, 'the COREBACK note is not UTF-8', 'the file is damaged');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return view.fail(0, 'the COREBACK note is not JSON', 'the file is damaged');
  }
  return readAs(shape, value, (problem) =>
    view.fail(0, `the COREBACK note is not valid${problem}`, 'written by another version, or damaged'),
  );
}

function readAs<T>(shape: Shape<T>, value: unknown, refuse: (problem: string) => never): T {
  try {
    return shape(value, '');
  } catch (error) {
    if (error instanceof ShapeError) return refuse(error.message);
    throw error;
  }
}

/** Strict UTF-8, or undefined. There is no TextDecoder in this layer: it is a host API. */
function utf8(bytes: Uint8Array): string | undefined {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i++];
    const more =
      lead < 0x80
        ? 0
        : lead >= 0xc2 && lead < 0xe0
          ? 1
          : lead >= 0xe0 && lead < 0xf0
            ? 2
            : lead >= 0xf0 && lead < 0xf5
              ? 3
              : -1;
    if (more < 0 || i + more > bytes.length) return undefined;
    let code = more === 0 ? lead : lead & (0x3f >> more);
    for (let k = 0; k < more; k++) {
      const next = bytes[i++];
      if ((next & 0xc0) !== 0x80) return undefined;
      code = (code << 6) | (next & 0x3f);
    }
    const shortest = more === 2 ? 0x800 : more === 3 ? 0x10000 : 0;
    if (code < shortest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
    parts.push(String.fromCodePoint(code));
  }
  return parts.join('');
}
