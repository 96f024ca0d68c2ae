import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { InvariantError } from '../../emu/base/errors.ts';
import type { TraceEvent, TraceEventKind } from '../../kernel-sim/kern/events.ts';
import type { EventOf } from './timeline.ts';

/** How a field is written: an integer, a text, a truth value, a list of integers or of texts. */
type Encoding = 'int' | 'text' | 'bool' | 'ints' | 'texts';
type EncodingOf<T> = [T] extends [boolean]
  ? 'bool'
  : [T] extends [number]
    ? 'int'
    : [T] extends [string]
      ? 'text'
      : [T] extends [readonly number[]]
        ? 'ints'
        : [T] extends [readonly string[]]
          ? 'texts'
          : never;

/** Every kind with all its fields but the four that each event has: a new kind or field does not compile until it is here. */
type FieldTable = {
  readonly [K in TraceEventKind]: {
    readonly [F in Exclude<keyof EventOf<K>, 'kind' | 'ns' | 'core' | 'instruction'>]-?: EncodingOf<EventOf<K>[F]>;
  };
};

// biome-ignore format: one kind per line
export const EVENT_FIELDS = {
  'core-fault': { victim: 'int', model: 'text', fault: 'int', effect: 'text' },
  'fault-detected': { victim: 'int', by: 'text', latencyNs: 'int', latencyInstructions: 'int', misses: 'int' },
  'core-back': { victim: 'int' },
  boot: { cores: 'int', cycleNs: 'int', seed: 'int' },
  switch: { pid: 'int', tid: 'int', name: 'text' },
  fork: { pid: 'int', child: 'int', how: 'text' },
  'thread-new': { pid: 'int', tid: 'int' },
  'thread-exit': { pid: 'int', tid: 'int' },
  exec: { pid: 'int', path: 'text', args: 'texts' },
  exit: { pid: 'int', name: 'text', code: 'int', signal: 'int', nice: 'int', priority: 'int', cpus: 'ints' },
  signal: { pid: 'int', signo: 'int', sender: 'int' },
  stop: { pid: 'int', signo: 'int', traced: 'bool' },
  continue: { pid: 'int' },
  output: { pid: 'int', text: 'text' },
  echo: { text: 'text' },
  priority: { pid: 'int', tid: 'int', nice: 'int', priority: 'int' },
  affinity: { pid: 'int', tid: 'int', cpus: 'ints', why: 'text' },
  migrate: { pid: 'int', tid: 'int', from: 'int', to: 'int', why: 'text' },
  checkpoint: { pid: 'int', file: 'text', bytes: 'int', pauseNs: 'int' },
  'core-removed': { victim: 'int', cpusLeft: 'ints', replacedBy: 'int' },
  'recovery-start': { pid: 'int', victim: 'int', file: 'text' },
  'restart-step': { pid: 'int', by: 'int', step: 'text', detail: 'text' },
  'recovery-done': { pid: 'int', victim: 'int', fromNs: 'int', body: 'int' },
  'recovery-failed': { pid: 'int', victim: 'int', why: 'text' },
  'roll-forward': { pid: 'int', victim: 'int', what: 'text' },
  discard: { pid: 'int', parent: 'int' },
  log: { text: 'text' },
} as const satisfies FieldTable;

interface EventLayout {
  readonly kind: string;
  readonly names: readonly string[];
  readonly encodings: readonly Encoding[];
}

const LAYOUTS: ReadonlyMap<string, EventLayout> = new Map(
  Object.entries(EVENT_FIELDS as Record<string, Record<string, Encoding>>).map(([kind, fields]) => {
    const all: Record<string, Encoding> = { ...fields, ns: 'int', core: 'int', instruction: 'int' };
    const names = Object.keys(all).sort();
    return [kind, { kind, names, encodings: names.map((name) => all[name]!) }];
  }),
);

const FORMAT = 'coreback run digest 1';
const RECORD_EVENT = 1;
const RECORD_BYTES = 2;
/** Below this much room the buffer goes to the hash: longer than any integer. */
const ROOM_MIN = 16;

/**
 * SHA-256 over a run, fed as the run goes: two runs are the same when their digests are.
 *
 * Layout: the text FORMAT, then records. An event is 1, its kind, its fields in the order of their names; bytes are 2, a label, a length, the bytes.
 * Integer: first byte is more(1) sign(1) magnitude(6), then more(1) magnitude(7), low bits first. Text: its length in UTF-16 units, then each unit, as
 * more(1) magnitude(7) from the first byte on; so no two texts are alike, and ASCII is one byte a unit. List: its length, then its items. Truth value: 0 or 1.
 */
export class RunDigest {
  private readonly hash = sha256.create();
  private readonly buffer = new Uint8Array(1 << 16);
  private used = 0;

  constructor() {
    this.text(FORMAT);
  }

  update(event: TraceEvent): void {
    const layout = LAYOUTS.get(event.kind);
    if (layout === undefined) throw new InvariantError(`digest: unknown event ${event.kind}`);
    const values = event as unknown as Readonly<Record<string, unknown>>;
    let keys = 0;
    for (const _ in values) keys++;
    if (keys !== layout.names.length + 1) {
      throw new InvariantError(`digest: ${event.kind} has ${keys} fields, expected ${layout.names.length + 1}`);
    }
    this.int(RECORD_EVENT);
    this.text(layout.kind);
    const { names, encodings } = layout;
    for (let i = 0; i < names.length; i++) this.field(encodings[i]!, values[names[i]!], layout.kind, names[i]!);
  }

  updateBytes(label: string, bytes: Uint8Array): void {
    this.int(RECORD_BYTES);
    this.text(label);
    this.int(bytes.length);
    this.flush();
    this.hash.update(bytes);
  }

  /** The digest of what came so far; more may follow. */
  hex(): string {
    this.flush();
    return bytesToHex(this.hash.clone().digest());
  }

  private field(encoding: Encoding, value: unknown, kind: string, name: string): void {
    switch (encoding) {
      case 'int':
        if (!Number.isSafeInteger(value)) throw wrongField(kind, name, 'a safe integer', value);
        this.int(value as number);
        return;
      case 'text':
        if (typeof value !== 'string') throw wrongField(kind, name, 'a text', value);
        this.text(value);
        return;
      case 'bool':
        if (typeof value !== 'boolean') throw wrongField(kind, name, 'a truth value', value);
        this.int(value ? 1 : 0);
        return;
      default: {
        if (!Array.isArray(value)) throw wrongField(kind, name, 'a list', value);
        this.int(value.length);
        for (const item of value) this.field(encoding === 'ints' ? 'int' : 'text', item, kind, name);
      }
    }
  }

  private text(text: string): void {
    this.unsigned(text.length);
    for (let i = 0; i < text.length; i++) this.unsigned(text.charCodeAt(i));
  }

  private int(n: number): void {
    if (this.used > this.buffer.length - ROOM_MIN) this.flush();
    const sign = n < 0 ? 0x40 : 0;
    const magnitude = n < 0 ? -n : n;
    if (magnitude < 0x40) this.buffer[this.used++] = sign | magnitude;
    else {
      this.buffer[this.used++] = 0x80 | sign | (magnitude % 0x40);
      this.unsigned(Math.floor(magnitude / 0x40));
    }
  }

  private unsigned(n: number): void {
    if (this.used > this.buffer.length - ROOM_MIN) this.flush();
    const { buffer } = this;
    let rest = n;
    while (rest > 0x7fff_ffff) {
      buffer[this.used++] = 0x80 | (rest % 0x80);
      rest = Math.floor(rest / 0x80);
    }
    // From here on a small integer, which is several times faster.
    rest |= 0;
    while (rest >= 0x80) {
      buffer[this.used++] = 0x80 | (rest & 0x7f);
      rest >>>= 7;
    }
    buffer[this.used++] = rest;
  }

  private flush(): void {
    if (this.used === 0) return;
    this.hash.update(this.buffer.subarray(0, this.used));
    this.used = 0;
  }
}

const wrongField = (kind: string, name: string, wanted: string, value: unknown): InvariantError =>
  new InvariantError(`digest: ${kind}.${name} must be ${wanted}, got ${String(value)}`);
