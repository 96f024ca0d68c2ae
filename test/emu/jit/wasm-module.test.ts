import { describe, expect, it } from 'vitest';
import { I32, LIKELY, UNLIKELY, VOID, WasmCode } from '../../../emu/jit/wasm-code.ts';
import { encodeModule } from '../../../emu/jit/wasm-module.ts';

const SECTION = 'metadata.code.branch_hint';

describe('encodeModule', () => {
  it('says of branches how they go, by the offset of each from the start of its function', () => {
    const code = new WasmCode();
    const out = code.block();
    code.get(0);
    code.brIf(out, UNLIKELY);
    code.get(0);
    code.if(LIKELY);
    code.end();
    code.end();
    code.get(0);
    code.endFunction();
    const bytes = encodeModule(
      [{ params: [I32], results: [I32] }],
      { table: false, functions: [{ name: 'f', type: 0 }] },
      [{ name: 'r', type: 0, locals: [I32, I32], code: code.toBytes(), hints: code.hints }],
      false,
    );
    // All numbers are below 128, one byte each: functions, this one's index, hints; then of each its offset, size and value.
    const at = Buffer.from(bytes).indexOf(SECTION) + SECTION.length;
    const [functions, index, hints, ...values] = bytes.subarray(at, at + 9);
    expect([functions, index, hints]).toEqual([1, 1, 2]);
    // One group of two locals takes three bytes: the number of groups, of locals, the type.
    const body = [1, 2, I32, ...code.toBytes()];
    expect(body[values[0]!]).toBe(0x0d);
    expect(values.slice(1, 3)).toEqual([1, 0]);
    expect([body[values[3]!], body[values[3]! + 1]]).toEqual([0x04, VOID]);
    expect(values.slice(4)).toEqual([1, 1]);
  });
});
