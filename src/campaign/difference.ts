import { sameValue } from '../../emu/base/same-value.ts';
import { EAX, EDI, EFLAGS, FXSAVE_BYTE_OFFSET } from '../../emu/core/core-state.ts';
import type { MachineSnapshot } from '../../emu/machine/machine.ts';
import { PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, type SpaceSnapshot } from '../../emu/memory/address-space.ts';
import type { KernelSnapshot } from '../../kernel-sim/kern/snapshot.ts';
import type { SystemSnapshot } from '../system.ts';

/*
 * How a run with faults differs from the golden run at the same place, when it does in nothing but contents of registers and memory: time,
 * kernel and everything else are alike.
 */

/** Bits that differ: by number of a doubleword of a state block (core-state.ts), or by linear address of a byte. */
export type Bits = ReadonlyMap<number, number>;

export interface Difference {
  /** In the state block of each core. */
  readonly cores: readonly Bits[];
  /** In the saved state block of each thread that is on no core and differs. */
  readonly threads: ReadonlyMap<number, Bits>;
  /** In the bytes of each address space that differs. */
  readonly spaces: ReadonlyMap<number, Bits>;
}

/** Bytes that may differ in one space: to follow more takes longer than to execute what uses them. */
const BYTES_MAX = 1 << 12;

export const isNothing = ({ cores, threads, spaces }: Difference): boolean =>
  cores.every(({ size }) => size === 0) && threads.size === 0 && spaces.size === 0;

/** How `now`, with no fault still to come, differs from `golden`; null when it does in more than registers and memory. */
export function differenceBetween(now: SystemSnapshot, golden: SystemSnapshot): Difference | null {
  if (!alikeButForBlocks(now.machine, golden.machine) || !alikeButForBytes(now.kernel, golden.kernel)) return null;
  const cores = golden.machine.cores.map(({ block }, n) => blockBits(now.machine.cores[n]!.block, block));
  if (cores.includes(null)) return null;
  const threads = new Map<number, Bits>();
  for (const [tid, block] of golden.kernel.pcbs) {
    const bits = blockBits(now.kernel.pcbs.get(tid)!, block);
    if (bits === null) return null;
    if (bits.size > 0) threads.set(tid, bits);
  }
  const spaces = new Map<number, Bits>();
  for (const [id, space] of golden.kernel.spaces) {
    const bits = spaceBits(now.kernel.spaces.get(id)!, space);
    if (bits === null) return null;
    if (bits.size > 0) spaces.set(id, bits);
  }
  return { cores: cores as Bits[], threads, spaces };
}

/** When a fault last struck a core only tells how late its detection comes; it goes along with the difference. */
function alikeButForBlocks(now: MachineSnapshot, golden: MachineSnapshot): boolean {
  const cores = golden.cores.map(({ block: _, struck: __, ...core }) => core);
  const ours = now.cores.map(({ block: _, struck: __, ...core }) => core);
  return sameValue({ ...now, cores: ours, faults: null }, { ...golden, cores, faults: null });
}

function alikeButForBytes(now: KernelSnapshot, golden: KernelSnapshot): boolean {
  return (
    now.clockNs === golden.clockNs &&
    // Copies of processes that are executed twice are compared with them.
    now.copies.size === 0 &&
    golden.copies.size === 0 &&
    sameValue(now.state, golden.state) &&
    sameValue([...now.pcbs.keys()], [...golden.pcbs.keys()]) &&
    sameValue([...now.spaces.keys()], [...golden.spaces.keys()])
  );
}

const wordsOf = (bytes: Uint8Array): Int32Array =>
  new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);

/** What of a state block may differ: general registers, EFLAGS, x87, MMX and SSE. */
const mayDiffer = (word: number): boolean =>
  (word >= EAX && word <= EDI) || word === EFLAGS || word >= FXSAVE_BYTE_OFFSET / 4;

function blockBits(now: Uint8Array, golden: Uint8Array): Bits | null {
  const [ours, theirs] = [wordsOf(now), wordsOf(golden)];
  const bits = new Map<number, number>();
  for (let word = 0; word < ours.length; word++) {
    if (ours[word] === theirs[word]) continue;
    if (!mayDiffer(word)) return null;
    bits.set(word, ours[word]! ^ theirs[word]!);
  }
  return bits;
}

function spaceBits(now: SpaceSnapshot, golden: SpaceSnapshot): Bits | null {
  if (!sameValue(now.pages, golden.pages) || !sameValue(now.attributes, golden.attributes)) return null;
  const bits = new Map<number, number>();
  for (let i = 0; i < golden.pages.length; i++) {
    if (now.bytes[i] === golden.bytes[i]) continue;
    addPageBits(bits, golden.pages[i]! * PAGE_SIZE, now.bytes[i]!, golden.bytes[i]!);
    if (bits.size > BYTES_MAX) return null;
  }
  return bits;
}

function addPageBits(bits: Map<number, number>, address: number, now: Uint8Array, golden: Uint8Array): void {
  const [ours, theirs] = [wordsOf(now), wordsOf(golden)];
  for (let word = 0; word < ours.length; word++) {
    if (ours[word] === theirs[word]) continue;
    for (let at = word * 4; at < word * 4 + 4; at++)
      if (now[at] !== golden[at]) bits.set(address + at, now[at]! ^ golden[at]!);
  }
}

/** A snapshot of the golden run changed by a difference. `struck`: what last struck each core, of the run that differs. */
export function withDifference(
  golden: SystemSnapshot,
  { cores, threads, spaces }: Difference,
  struck: MachineSnapshot,
): SystemSnapshot {
  const { machine, kernel } = golden;
  const pcbs = new Map([...kernel.pcbs].map(([tid, block]) => [tid, changedBlock(block, threads.get(tid))] as const));
  const changed = new Map([...kernel.spaces].map(([id, space]) => [id, changedSpace(space, spaces.get(id))] as const));
  return {
    ...golden,
    machine: {
      ...machine,
      cores: machine.cores.map((core, n) => ({
        ...core,
        block: changedBlock(core.block, cores[n]),
        struck: struck.cores[n]!.struck,
      })),
    },
    kernel: { ...kernel, pcbs, spaces: changed },
  };
}

function changedBlock(block: Uint8Array, bits: Bits | undefined): Uint8Array {
  if (!bits || bits.size === 0) return block;
  const changed = block.slice();
  const words = wordsOf(changed);
  for (const [word, mask] of bits) words[word]! ^= mask;
  return changed;
}

function changedSpace(space: SpaceSnapshot, bits: Bits | undefined): SpaceSnapshot {
  if (!bits || bits.size === 0) return space;
  const bytes = [...space.bytes];
  const indexOf = new Map(space.pages.map((page, n) => [page, n]));
  const own = new Set<number>();
  for (const [address, mask] of bits) {
    const n = indexOf.get(address >>> PAGE_SHIFT)!;
    if (!own.has(n)) bytes[n] = bytes[n]!.slice();
    own.add(n);
    bytes[n]![address & PAGE_MASK]! ^= mask;
  }
  return { ...space, bytes };
}
