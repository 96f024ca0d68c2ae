import { Prng } from '../../emu/base/prng.ts';
import type { Kernel } from './kernel.ts';

/** Streams 0 .. 2^30 of the seed are others' (the canaries of exec). */
const RANDOM_STREAM = 0x40000000;

/** What /dev/random, /dev/urandom and kern.arandom give: a stream of the seed that no other reading has. */
export function randomBytes(k: Kernel, length: number): Uint8Array {
  const reads = k.state.counters.arandomReads;
  k.setCounters({ arandomReads: reads + 1 });
  const prng = Prng.seeded(k.config.seed, RANDOM_STREAM + reads);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = prng.next() >>> 24;
  return bytes;
}
