import { type BranchHint, WasmCode } from './wasm-code.ts';

// Modules in WebAssembly's binary format. Source: WebAssembly Core Specification 2.0, Binary Format, Modules.

export interface FunctionType {
  readonly params: readonly number[];
  readonly results: readonly number[];
}

/** What a module imports, all from 'e': the memory 'm', the table 't' when it has one, then functions by number in `types`. */
export interface Imports {
  readonly table: boolean;
  readonly functions: readonly { readonly name: string; readonly type: number }[];
}

export interface FunctionBody {
  readonly name: string;
  readonly type: number;
  /** Value types of the locals after the parameters. */
  readonly locals: readonly number[];
  readonly code: Uint8Array;
  readonly hints?: readonly BranchHint[];
}

const MEMORY_PAGES = 65536;

/** The bytes of a module. `shared` must be what the memory that it will get is. */
export function encodeModule(
  types: readonly FunctionType[],
  imports: Imports,
  functions: readonly FunctionBody[],
  shared: boolean,
): Uint8Array {
  const out = new WasmCode();
  for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.byte(byte);
  section(out, 1, (s) => {
    s.unsigned(types.length);
    for (const { params, results } of types) {
      s.byte(0x60);
      s.unsigned(params.length);
      s.op(...params);
      s.unsigned(results.length);
      s.op(...results);
    }
  });
  section(out, 2, (s) => {
    s.unsigned(1 + (imports.table ? 1 : 0) + imports.functions.length);
    name(s, 'e');
    name(s, 'm');
    s.op(2, shared ? 3 : 1);
    s.unsigned(MEMORY_PAGES);
    s.unsigned(MEMORY_PAGES);
    if (imports.table) {
      name(s, 'e');
      name(s, 't');
      s.op(1, 0x70, 0, 0);
    }
    for (const imported of imports.functions) {
      name(s, 'e');
      name(s, imported.name);
      s.byte(0);
      s.unsigned(imported.type);
    }
  });
  section(out, 3, (s) => {
    s.unsigned(functions.length);
    for (const { type } of functions) s.unsigned(type);
  });
  section(out, 7, (s) => {
    s.unsigned(functions.length);
    functions.forEach((body, index) => {
      name(s, body.name);
      s.byte(0);
      s.unsigned(imports.functions.length + index);
    });
  });
  if (functions.some(({ hints }) => hints)) writeHints(out, imports, functions);
  section(out, 10, (s) => {
    s.unsigned(functions.length);
    for (const { locals, code } of functions) {
      const head = headOf(locals);
      s.unsigned(head.length + code.length);
      append(s, head);
      append(s, code);
    }
  });
  return out.toBytes();
}

/** What stands in front of a function's instructions. */
function headOf(locals: readonly number[]): Uint8Array {
  const head = new WasmCode();
  const groups = runs(locals);
  head.unsigned(groups.length);
  for (const [count, type] of groups) {
    head.unsigned(count);
    head.byte(type);
  }
  return head.toBytes();
}

/** A section that engines without branch hints skip. Offsets count from the locals on. */
function writeHints(out: WasmCode, imports: Imports, functions: readonly FunctionBody[]): void {
  section(out, 0, (s) => {
    name(s, 'metadata.code.branch_hint');
    s.unsigned(functions.length);
    functions.forEach(({ locals, hints = [] }, index) => {
      const start = headOf(locals).length;
      s.unsigned(imports.functions.length + index);
      s.unsigned(hints.length);
      for (const { at, likelihood } of hints) {
        s.unsigned(start + at);
        s.unsigned(1);
        s.byte(likelihood);
      }
    });
  });
}

function section(out: WasmCode, id: number, write: (content: WasmCode) => void): void {
  const content = new WasmCode();
  write(content);
  out.byte(id);
  out.unsigned(content.size);
  append(out, content.toBytes());
}

function append(out: WasmCode, bytes: Uint8Array): void {
  for (const byte of bytes) out.byte(byte);
}

function name(out: WasmCode, text: string): void {
  out.unsigned(text.length);
  for (const letter of text) out.byte(letter.charCodeAt(0));
}

/** Equal neighbours as [count, value]. */
function runs(values: readonly number[]): [number, number][] {
  const groups: [number, number][] = [];
  for (const value of values) {
    const last = groups.at(-1);
    if (last !== undefined && last[1] === value) last[0]++;
    else groups.push([1, value]);
  }
  return groups;
}
