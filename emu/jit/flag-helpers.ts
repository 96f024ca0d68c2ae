import type { AddressSpace } from '../memory/address-space.ts';
import { FlagCode, KINDS } from './flag-code.ts';
import { I32, type Label, OP, WasmCode } from './wasm-code.ts';
import { encodeModule } from './wasm-module.ts';

// What flags are when their kind is known only at run time: functions of the flags' state that every translated module imports.

export interface FlagHelpers {
  /** EFLAGS with the arithmetic flags filled in. */
  readonly settle: FlagHelper;
  readonly carry: FlagHelper;
}

type FlagHelper = (
  kind: number,
  a: number,
  b: number,
  eflags: number,
  carryKind: number,
  carryA: number,
  carryB: number,
) => number;

const LOCALS = { kind: 0, a: 1, b: 2, eflags: 3, carryKind: 4, carryA: 5, carryB: 6 };
export const HELPER_PARAMETERS = 7;

/** A function that switches over the kind; `part` leaves a value on the stack. */
function overKinds(part: (flags: FlagCode, kind: number) => void): Uint8Array {
  const code = new WasmCode();
  const flags = new FlagCode(code, LOCALS);
  const labels: Label[] = [];
  for (let kind = 0; kind < KINDS; kind++) labels.unshift(code.block());
  code.get(LOCALS.kind);
  code.brTable(labels, labels[0]!);
  for (let kind = 0; kind < KINDS; kind++) {
    code.end();
    part(flags, kind);
    code.op(OP.return);
  }
  code.op(OP.unreachable);
  code.endFunction();
  return code.toBytes();
}

let helperModule: WebAssembly.Module | null = null;

/** The functions need no memory, but one is imported by every module that `encodeModule` writes. */
export function makeFlagHelpers(space: AddressSpace, shared: boolean): FlagHelpers {
  const type = { params: Array<number>(HELPER_PARAMETERS).fill(I32), results: [I32] };
  helperModule ??= new WebAssembly.Module(
    encodeModule(
      [type],
      { table: false, functions: [] },
      [
        { name: 'settle', type: 0, locals: [], code: overKinds((flags, kind) => flags.settled(kind)) },
        { name: 'carry', type: 0, locals: [], code: overKinds((flags, kind) => flags.carry(kind)) },
      ],
      shared,
    ),
  );
  return new WebAssembly.Instance(helperModule, { e: { m: space.memory } }).exports as unknown as FlagHelpers;
}
