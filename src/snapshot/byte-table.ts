import { sameValue } from '../../emu/base/same-value.ts';

/** Byte arrays by content: each content has one index, in order of first appearance. */
export class ByteTable {
  readonly blobs: Uint8Array[] = [];
  private readonly byIdentity = new Map<Uint8Array, number>();
  private readonly byHash = new Map<number, number[]>();

  indexOf(bytes: Uint8Array): number {
    const known = this.byIdentity.get(bytes);
    if (known !== undefined) return known;
    const hash = hashOf(bytes);
    const alike = this.byHash.get(hash) ?? [];
    const index = alike.find((n) => sameValue(this.blobs[n], bytes)) ?? this.blobs.push(bytes) - 1;
    if (!alike.includes(index)) this.byHash.set(hash, [...alike, index]);
    this.byIdentity.set(bytes, index);
    return index;
  }
}

/** FNV-1a over length and bytes. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 ^ bytes.length;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}
