import type { AddressSpace } from '../memory/address-space.ts';
import type { Exit } from './exits.ts';
import { HELPER_PARAMETERS } from './flag-helpers.ts';
import { threadSegmentOf } from './instructions.ts';
import { LOCAL_TYPES } from './locals.ts';
import { planRegion } from './plan.ts';
import type { Region } from './region.ts';
import { RegionCode } from './region-code.ts';
import { type Inexactness, inexactnessFor, type Situation } from './situation.ts';
import { F32, F64, I32 } from './wasm-code.ts';
import { encodeModule } from './wasm-module.ts';
import type { X87Note } from './x87-state.ts';

/** Bytes of guest code that a translation was made of. */
interface Original {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** A region's translation, for every space in which the same bytes stand at the same addresses. */
export interface Translation {
  readonly head: number;
  /** The function's number in every space's table. */
  readonly slot: number;
  readonly module: WebAssembly.Module;
  /** Bytes of the module. */
  readonly size: number;
  /** EIP -> entry number. */
  readonly entries: ReadonlyMap<number, number>;
  readonly pages: readonly number[];
  readonly usesVectors: boolean;
  /** TOP and the filled registers of the x87 at its head; null when it does not use the x87. */
  readonly shape: number | null;
  readonly usesMxcsr: boolean;
  readonly inexactness: Inexactness;
  /** FS (bit 4) and GS (bit 5) when it takes them for 4 GiB data segments. */
  readonly reliesOn: number;
  readonly instructions: number;
  /** Single steps (steps.ts), and not a region's own translation. */
  readonly isOfSteps: boolean;
  readonly original: readonly Original[];
}

const TYPES = [
  { params: [I32], results: [I32] },
  { params: Array<number>(HELPER_PARAMETERS).fill(I32), results: [I32] },
  { params: [I32, F64, F64], results: [I32] },
  { params: [I32, F32, F32], results: [I32] },
];
const IMPORTS = {
  table: true,
  functions: [
    { name: 'settle', type: 1 },
    { name: 'carry', type: 1 },
    { name: 'double', type: 2 },
    { name: 'single', type: 3 },
    { name: 'x87', type: 2 },
  ],
};

/** Null when the region's graph has no form that can be written. `situation`: at its head. */
export function translateRegion(
  region: Region,
  space: AddressSpace,
  slot: number,
  situation: Situation,
  newExit: (exit: Exit) => number,
  newNote: (note: X87Note) => number,
): Translation | null {
  const plan = planRegion(region);
  if (plan === null) return null;
  const writer = new RegionCode(plan, region, slot, situation, newExit, newNote);
  const code = writer.write();
  if (code === null) return null;
  const shared = !(space.memory.buffer instanceof ArrayBuffer);
  const body = { name: 'r', type: 0, locals: LOCAL_TYPES, code, hints: writer.hints };
  const bytes = encodeModule(TYPES, IMPORTS, [body], shared);
  return {
    head: region.head,
    slot,
    module: new WebAssembly.Module(bytes),
    size: bytes.length,
    entries: plan.entries,
    pages: region.pages,
    usesVectors: writer.usesVectors,
    shape: writer.usesX87 ? situation.x87Shape : null,
    usesMxcsr: writer.usesMxcsr,
    inexactness: writer.inexactness,
    reliesOn: [...region.blocks.values()]
      .flatMap(({ insns }) => insns.map(threadSegmentOf))
      .reduce((all, segment) => all | segment, 0),
    instructions: region.instructions,
    isOfSteps: region.isOfSteps,
    original: originalOf(region, space),
  };
}

function originalOf(region: Region, space: AddressSpace): Original[] {
  return [...region.blocks.values()].map(({ eip, insns }) => {
    const last = insns.at(-1)!;
    const address = eip >>> 0;
    return { address, bytes: space.peek(address, (last.next >>> 0) - address) };
  });
}

/** Whether a translation is what would be made in a situation. */
export function suits({ shape, usesMxcsr, inexactness }: Translation, situation: Situation): boolean {
  if (shape !== null && shape !== situation.x87Shape) return false;
  return inexactness === inexactnessFor(situation, { usesMxcsr, usesX87: shape !== null });
}

/** Whether a space has the code that a translation was made of, where it may be executed is the caller's business. */
export function isTranslationOf({ original }: Translation, space: AddressSpace): boolean {
  return original.every(({ address, bytes }) => {
    for (let i = 0; i < bytes.length; i++) if (space.u8[address + i] !== bytes[i]) return false;
    return true;
  });
}
