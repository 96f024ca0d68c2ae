import type { Prng } from '../../emu/base/prng.ts';

const EXTREMES = [
  0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 0x1000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffff000, 0xffffffff, 0x08048000,
  0xbfc00000,
];
/** ELF header, program headers, and the notes behind them. */
const HEADERS_BYTES = 4096;

/** The bytes with something wrong: bits, words at extremes (mostly in headers), a piece gone or there twice, cut off, or more behind. */
export function mutate(prng: Prng, original: Uint8Array): Uint8Array {
  let bytes: Uint8Array = original.slice();
  for (let n = 1 + prng.below(3); n > 0; n--) bytes = mutateOnce(prng, bytes);
  return bytes;
}

function mutateOnce(prng: Prng, bytes: Uint8Array): Uint8Array {
  if (bytes.length < 8) return bytes;
  const anywhere = (): number => prng.below(bytes.length - 4);
  const inHeaders = (): number => prng.below(Math.min(HEADERS_BYTES, bytes.length - 4));
  switch (prng.below(8)) {
    case 0:
      return bytes.subarray(0, prng.below(bytes.length));
    case 1: {
      const from = anywhere();
      const length = prng.below(Math.min(2000, bytes.length - from));
      const kept = Uint8Array.from([...bytes.subarray(0, from), ...bytes.subarray(from + length)]);
      return prng.below(2) === 0
        ? kept
        : Uint8Array.from([...bytes.subarray(0, from + length), ...bytes.subarray(from)]);
    }
    case 2: {
      const at = anywhere();
      bytes[at] = bytes[at]! ^ (1 << prng.below(8));
      return bytes;
    }
    case 3: {
      const at = prng.below(Math.min(52, bytes.length));
      bytes[at] = prng.below(256);
      return bytes;
    }
    default: {
      const at = inHeaders() & (prng.below(4) === 0 ? -1 : ~3);
      const value = prng.below(3) === 0 ? prng.next() : EXTREMES[prng.below(EXTREMES.length)]!;
      new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setUint32(at, value >>> 0, true);
      return bytes;
    }
  }
}
