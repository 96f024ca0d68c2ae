/**
 * Notes of our own vendor: what no FreeBSD note can hold. gdb, lldb and binutils skip vendors they do not know.
 * The descriptor is a JSON object in UTF-8 with a `version`, validated when read; that of the check note is in check-note.ts.
 */
import { z } from 'zod';
import { assert } from '../../emu/base/errors.ts';
import { ByteView } from './byte-view.ts';
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

const count = z.number().int().nonnegative();

const corebackProcSchema = z.strictObject({
  version: z.literal(1),
  pid: count,
  ppid: count,
  pgid: count,
  sid: count,
  /** p_comm. */
  name: z.string(),
  /** The arguments, argv[0] first. */
  args: z.array(z.string()).readonly(),
  execPath: z.string(),
  /** -20 .. 20. */
  nice: z.number().int().min(-20).max(20),
  /** rtprio type: 2 realtime, 3 normal, 4 idle, 10 FIFO. */
  priorityClass: count,
  /** CPU ids the process may run on, ascending. */
  affinity: z.array(count).readonly(),
  cpusetId: count,
  /** Virtual time of the checkpoint, in ns since the machine was switched on. */
  virtualNs: count,
  /** Instructions the process had retired. */
  instructions: count,
  /** Number of the checkpoint within its chain, from 0. */
  seq: count,
});

/** Identity, scheduling and clock of the process at the checkpoint. Numbers are integers up to 2^53 - 1. */
export type CorebackProc = Readonly<z.infer<typeof corebackProcSchema>>;

const sigsetSchema = z.array(z.number().int()).length(4).readonly();
const sigstackSchema = z.strictObject({ sp: count, size: count, flags: count }).readonly();
const sigactionSchema = z.strictObject({ signo: count, handler: count, flags: count, mask: sigsetSchema }).readonly();

const corebackSignalsSchema = z.strictObject({
  version: z.literal(1),
  /** Of each thread, by the thread id of its PRSTATUS note: the four words of its mask, and its alternate stack. */
  threads: z
    .array(z.strictObject({ tid: count, sigmask: sigsetSchema, sigstack: sigstackSchema }).readonly())
    .readonly(),
  /** Signals whose action is not the default one, ascending. */
  actions: z.array(sigactionSchema).readonly(),
  /** The process's local descriptor table: two doublewords a descriptor. */
  ldt: z.array(z.number().int()).readonly(),
});

/** What a program that uses signals or an LDT needs besides memory and registers. */
export type CorebackSignals = Readonly<z.infer<typeof corebackSignalsSchema>>;

export const encodeCorebackProc = (proc: CorebackProc): Uint8Array => encodeJson(corebackProcSchema, proc);
export const decodeCorebackProc = (note: PlacedNote): CorebackProc => decodeJson(corebackProcSchema, note);
export const encodeCorebackSignals = (signals: CorebackSignals): Uint8Array =>
  encodeJson(corebackSignalsSchema, signals);
export const decodeCorebackSignals = (note: PlacedNote): CorebackSignals => decodeJson(corebackSignalsSchema, note);

/** ASCII JSON (characters above U+007F are escaped), keys in the order of the schema, so equal records are equal bytes. */
function encodeJson<T>(schema: z.ZodType<T>, record: T): Uint8Array {
  const checked = schema.safeParse(record);
  assert(checked.success, `a COREBACK note that its own reader would refuse: ${checked.error?.message}`);
  const json = JSON.stringify(checked.data).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Uint8Array.from(json, (c) => c.charCodeAt(0));
}

/** Errors: UsageError if it is not UTF-8, not JSON, of another version, or a field is missing, unknown or of a wrong kind. */
function decodeJson<T>(schema: z.ZodType<T>, note: PlacedNote): T {
  const view = new ByteView(note.desc, note.descOffset);
  const text = utf8(note.desc);
  if (text === undefined) return view.fail(0, 'the COREBACK note is not UTF-8', 'the file is damaged');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return view.fail(0, 'the COREBACK note is not JSON', 'the file is damaged');
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const where = issue.path.length > 0 ? ` at ${issue.path.join('.')}` : '';
  return view.fail(
    0,
    `the COREBACK note is not valid${where}: ${issue.message}`,
    'written by another version, or damaged',
  );
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
