/** Little-endian reads from a file that may lie or be cut short: every read is checked and says what it was for. */
import { UsageError } from '../../emu/base/errors.ts';

const CUT_SHORT = 'the file was cut short, or a header field is wrong';

/**
 * A window on a file. Offsets given to its methods count from the window's start; errors name the offset in the file.
 * Every read past the end is a UsageError, never a RangeError.
 */
export class ByteView {
  readonly bytes: Uint8Array;
  /** Where the window begins in the file. */
  readonly fileOffset: number;
  private readonly view: DataView;

  constructor(bytes: Uint8Array, fileOffset = 0) {
    this.bytes = bytes;
    this.fileOffset = fileOffset;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(at: number, what: string): number {
    this.need(at, 1, what);
    return this.view.getUint8(at);
  }

  u16(at: number, what: string): number {
    this.need(at, 2, what);
    return this.view.getUint16(at, true);
  }

  u32(at: number, what: string): number {
    this.need(at, 4, what);
    return this.view.getUint32(at, true);
  }

  u64(at: number, what: string): bigint {
    this.need(at, 8, what);
    return this.view.getBigUint64(at, true);
  }

  /** A view of `size` bytes, not a copy. */
  slice(at: number, size: number, what: string): Uint8Array {
    this.need(at, size, what);
    return this.bytes.subarray(at, at + size);
  }

  /** Raises the UsageError for the byte at `at` of this window. */
  fail(at: number, what: string, hint?: string): never {
    throw new UsageError({ what, offset: this.fileOffset + at, hint });
  }

  private need(at: number, size: number, what: string): void {
    if (at + size > this.bytes.length) {
      this.fail(at, `${what} needs ${size} bytes, but only ${Math.max(0, this.bytes.length - at)} are left`, CUT_SHORT);
    }
  }
}

/**
 * Text up to the first NUL, at most `size` bytes. Guest text is bytes: each byte is one character, U+0000 to U+00FF.
 * Precondition: the bytes are there.
 */
export function byteString(bytes: Uint8Array, at = 0, size = bytes.length - at): string {
  const parts: string[] = [];
  for (let i = at; i < at + size && bytes[i] !== 0; i++) parts.push(String.fromCharCode(bytes[i]));
  return parts.join('');
}

/**
 * Writes `text` as bytes and a NUL into a field of `size` bytes; what does not fit is cut off, as the kernel does.
 * A character above U+00FF cannot come from a guest and becomes '?'. The field is 0 before.
 */
export function putByteString(out: Uint8Array, at: number, size: number, text: string): void {
  const count = Math.min(text.length, size - 1);
  for (let i = 0; i < count; i++) {
    const code = text.charCodeAt(i);
    out[at + i] = code > 0xff ? 0x3f : code;
  }
}
