import { crc32 } from '../elf/crc32.ts';
import type { FileData } from '../kern/state.ts';

/** Bytes of a chunk: what a small write into a large file copies. */
export const FILE_CHUNK = 65536;

export const EMPTY_FILE: FileData = { size: 0, chunks: [], allocated: 0 };

const HOLE = new Uint8Array(0);
const ZEROS = new Uint8Array(FILE_CHUNK);

export const fileDataOf = (bytes: Uint8Array): FileData => writeFileRange(EMPTY_FILE, 0, bytes);

/** The same without a copy: nobody changes the bytes any more. */
export function frozenFileData(bytes: Uint8Array): FileData {
  const count = Math.ceil(bytes.length / FILE_CHUNK);
  const chunks = Array.from({ length: count }, (_, n) => bytes.subarray(n * FILE_CHUNK, (n + 1) * FILE_CHUNK));
  return { size: bytes.length, chunks, allocated: bytes.length };
}

export interface FilePiece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A file without holes: zeros but for these pieces, which are copied. What is all zeros costs nothing. `checksumAt`: as in FileData. */
export function fileDataOfPieces(size: number, pieces: readonly FilePiece[], checksumAt?: number): FileData {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < size; at += FILE_CHUNK) chunks.push(ZEROS.subarray(0, size - at));
  for (const { at, bytes } of pieces) {
    for (let done = 0; done < bytes.length; ) {
      const index = Math.floor((at + done) / FILE_CHUNK);
      const start = (at + done) % FILE_CHUNK;
      if (chunks[index]!.buffer === ZEROS.buffer) chunks[index] = new Uint8Array(chunks[index]!.length);
      const part = bytes.subarray(done, done + FILE_CHUNK - start);
      chunks[index]!.set(part, start);
      done += part.length;
    }
  }
  const data = { size, chunks, allocated: size };
  return checksumAt === undefined ? data : { ...data, checksumAt };
}

/** Files whose checksum somebody wanted. */
const withChecksums = new WeakMap<FileData, FileData>();

/** The same file with its checksum among its bytes. */
function settled(data: FileData): FileData {
  if (data.checksumAt === undefined) return data;
  const known = withChecksums.get(data);
  if (known) return known;
  const bytes = new Uint8Array(4);
  const crc = data.chunks.reduce((before, chunk) => crc32(chunk, before), 0);
  new DataView(bytes.buffer).setUint32(0, crc, true);
  const { checksumAt, ...plain } = data;
  const result = writeFileRange(plain, checksumAt, bytes);
  withChecksums.set(data, result);
  return result;
}

/** The bytes from `offset` on, at most `length`, fewer at the end of the file. */
export function readFileRange(file: FileData, offset: number, length: number): Uint8Array {
  const data = settled(file);
  const end = Math.min(offset + length, data.size);
  const result = new Uint8Array(Math.max(0, end - offset));
  for (let at = offset; at < end; ) {
    const start = at % FILE_CHUNK;
    const stop = Math.min(FILE_CHUNK, start + end - at);
    const chunk = data.chunks[Math.floor(at / FILE_CHUNK)];
    if (chunk) result.set(chunk.subarray(start, stop), at - offset);
    at += stop - start;
  }
  return result;
}

/** Where two states of a file may differ: from the first byte to behind the last, in whole chunks. Empty: nowhere. */
export function changedRange(before: FileData, after: FileData): { readonly from: number; readonly to: number } {
  const size = Math.max(before.size, after.size);
  const differs = (chunk: number): boolean =>
    before.chunks[chunk] !== after.chunks[chunk] ||
    (before.size !== after.size && (chunk + 1) * FILE_CHUNK > Math.min(before.size, after.size));
  let [first, end] = [0, Math.ceil(size / FILE_CHUNK)];
  while (first < end && !differs(first)) first++;
  while (end > first && !differs(end - 1)) end--;
  return { from: first * FILE_CHUNK, to: Math.min(size, end * FILE_CHUNK) };
}

/** The file after a write; only the chunks that it touches are copied. The file grows as needed, with a hole before `offset`. */
export function writeFileRange(file: FileData, offset: number, bytes: Uint8Array): FileData {
  if (bytes.length === 0) return file;
  const data = settled(file);
  const chunks = [...data.chunks];
  let allocated = data.allocated;
  const end = offset + bytes.length;
  while (chunks.length < Math.floor(offset / FILE_CHUNK)) chunks.push(HOLE);
  for (let at = offset; at < end; ) {
    const index = Math.floor(at / FILE_CHUNK);
    const start = at % FILE_CHUNK;
    const stop = Math.min(FILE_CHUNK, start + end - at);
    const old = chunks[index] ?? HOLE;
    const chunk = new Uint8Array(Math.max(old.length, stop));
    chunk.set(old);
    chunk.set(bytes.subarray(at - offset, at - offset + stop - start), start);
    chunks[index] = chunk;
    allocated += chunk.length - old.length;
    at += stop - start;
  }
  return { size: Math.max(data.size, end), chunks, allocated };
}

/** The file cut or extended (by a hole) to `size`. */
export function resizeFile(file: FileData, size: number): FileData {
  const data = settled(file);
  if (size >= data.size) return { ...data, size };
  const chunks = data.chunks.slice(0, Math.ceil(size / FILE_CHUNK));
  const last = chunks.length - 1;
  const keep = size - last * FILE_CHUNK;
  // A copy, not a view: a view would keep the cut bytes alive.
  if (last >= 0 && chunks[last]!.length > keep) chunks[last] = chunks[last]!.slice(0, keep);
  return { size, chunks, allocated: chunks.reduce((sum, chunk) => sum + chunk.length, 0) };
}

/** What is wrong with the representation; empty when nothing is. */
export function checkFileData(data: FileData): string[] {
  const problems: string[] = [];
  let sum = 0;
  data.chunks.forEach((chunk, index) => {
    sum += chunk.length;
    if (chunk.length > FILE_CHUNK) problems.push(`chunk ${index} has ${chunk.length} bytes`);
    if (chunk.length > 0 && index * FILE_CHUNK + chunk.length > data.size)
      problems.push(`chunk ${index} reaches beyond the end`);
  });
  if (data.checksumAt !== undefined && (data.checksumAt + 4 > data.size || sum < data.size))
    problems.push(`the checksum at ${data.checksumAt} is not within the file, or the file has holes`);
  if (sum !== data.allocated) problems.push(`${data.allocated} bytes counted as allocated, ${sum} found`);
  return problems;
}
