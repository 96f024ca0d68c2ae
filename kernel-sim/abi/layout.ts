import { assert } from '../../emu/base/errors.ts';

/** How a C structure lies in memory, little-endian: one row per field, at the offset the i386 compiler gives it. */
export type FieldRow = { readonly name: string; readonly at: number } & (
  | { readonly kind: NumberKind }
  /** An array of unsigned doublewords. */
  | { readonly kind: 'words'; readonly count: number }
  /** A char array: text with a NUL, what does not fit cut off. One character is one byte. */
  | { readonly kind: 'text'; readonly sizeBytes: number }
  | { readonly kind: 'struct'; readonly of: Layout<unknown> }
);

export type NumberKind = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'i64' | 'u64';

export interface Layout<T> {
  readonly sizeBytes: number;
  /** Every number 0, every text ''. */
  readonly zero: T;
  /** Writes the fields and nothing between them. Precondition: there are `sizeBytes` bytes at `at`. */
  put(view: DataView, at: number, value: T): void;
  get(view: DataView, at: number): T;
}

type ValueOf<F> = F extends { readonly of: Layout<infer T> }
  ? T
  : F extends { readonly kind: 'words' }
    ? readonly number[]
    : F extends { readonly kind: 'text' }
      ? string
      : number;

type RecordOf<Rows extends readonly FieldRow[]> = { readonly [F in Rows[number] as F['name']]: ValueOf<F> };

/** The structure that the rows describe. Fields must lie inside it and not overlap. 64-bit values are exact up to 2^53. */
export function layout<const Rows extends readonly FieldRow[]>(sizeBytes: number, rows: Rows): Layout<RecordOf<Rows>> {
  let end = 0;
  for (const row of rows) {
    assert(row.at >= end, `field ${row.name} overlaps the one before it`);
    end = row.at + fieldSize(row);
  }
  assert(end <= sizeBytes, `a structure of ${sizeBytes} bytes whose fields end at ${end}`);
  return {
    sizeBytes,
    zero: Object.freeze(Object.fromEntries(rows.map((row) => [row.name, zeroOf(row)]))) as RecordOf<Rows>,
    put: (view, at, value) => {
      for (const row of rows) putField(view, at + row.at, row, (value as Record<string, unknown>)[row.name]);
    },
    get: (view, at) =>
      Object.fromEntries(rows.map((row) => [row.name, getField(view, at + row.at, row)])) as RecordOf<Rows>,
  };
}

/** A structure as new bytes. */
export function encode<T>(of: Layout<T>, value: T): Uint8Array {
  const bytes = new Uint8Array(of.sizeBytes);
  of.put(new DataView(bytes.buffer), 0, value);
  return bytes;
}

/** The structure at `at`. Precondition: its bytes are there. */
export function decode<T>(of: Layout<T>, bytes: Uint8Array, at = 0): T {
  return of.get(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at);
}

/** Structures one behind the other. */
export function encodeArray<T>(of: Layout<T>, values: readonly T[]): Uint8Array {
  const bytes = new Uint8Array(values.length * of.sizeBytes);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    of.put(view, i * of.sizeBytes, value);
  });
  return bytes;
}

/** Doublewords: an array of int, long or pointers. */
export const words = (values: readonly number[]): Uint8Array =>
  new Uint8Array(Int32Array.from(values, (value) => value | 0).buffer);

function fieldSize(row: FieldRow): number {
  if (row.kind === 'words') return row.count * 4;
  if (row.kind === 'text') return row.sizeBytes;
  if (row.kind === 'struct') return row.of.sizeBytes;
  return Number(row.kind.slice(1)) / 8;
}

function zeroOf(row: FieldRow): unknown {
  if (row.kind === 'words') return Object.freeze(new Array<number>(row.count).fill(0));
  if (row.kind === 'text') return '';
  return row.kind === 'struct' ? row.of.zero : 0;
}

function putField(view: DataView, at: number, row: FieldRow, value: unknown): void {
  switch (row.kind) {
    case 'struct':
      row.of.put(view, at, value);
      return;
    case 'text':
      for (let i = 0; i < row.sizeBytes; i++) {
        view.setUint8(at + i, i < row.sizeBytes - 1 ? (value as string).charCodeAt(i) || 0 : 0);
      }
      return;
    case 'words':
      for (let i = 0; i < row.count; i++) view.setUint32(at + i * 4, (value as readonly number[])[i] ?? 0, true);
      return;
    default:
      putNumber(view, at, row.kind, value as number);
  }
}

function putNumber(view: DataView, at: number, kind: NumberKind, value: number): void {
  const bits = fieldSize({ name: '', at: 0, kind }) * 8;
  if (bits === 8) view.setUint8(at, value);
  else if (bits === 16) view.setUint16(at, value, true);
  else if (bits === 32) view.setUint32(at, value, true);
  else view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
}

function getField(view: DataView, at: number, row: FieldRow): unknown {
  switch (row.kind) {
    case 'struct':
      return row.of.get(view, at);
    case 'text':
      return textAt(view, at, row.sizeBytes);
    case 'words':
      return Array.from({ length: row.count }, (_, i) => view.getUint32(at + i * 4, true));
    default:
      return getNumber(view, at, row.kind);
  }
}

// biome-ignore format: one kind per line
function getNumber(view: DataView, at: number, kind: NumberKind): number {
  switch (kind) {
    case 'i8': return view.getInt8(at);
    case 'u8': return view.getUint8(at);
    case 'i16': return view.getInt16(at, true);
    case 'u16': return view.getUint16(at, true);
    case 'i32': return view.getInt32(at, true);
    case 'u32': return view.getUint32(at, true);
    case 'i64': return Number(view.getBigInt64(at, true));
    case 'u64': return Number(view.getBigUint64(at, true));
  }
}

function textAt(view: DataView, at: number, sizeBytes: number): string {
  let text = '';
  for (let i = at; i < at + sizeBytes && view.getUint8(i) !== 0; i++) text += String.fromCharCode(view.getUint8(i));
  return text;
}
