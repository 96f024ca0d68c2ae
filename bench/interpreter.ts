// Instructions per second of the interpreter on a sieve: npx tsx bench/interpreter.ts
import { cpuId } from '../emu/base/brand.ts';
import { CoreState, EBX, EDI, EIP } from '../emu/core/core-state.ts';
import { freebsdDescriptorTables, resetCore } from '../emu/core/reset.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { AddressSpace, PERM_R, PERM_W, PERM_X } from '../emu/memory/address-space.ts';

/** fill: mov [ebx+eax], 1; inc; cmp; jb. outer: cmp [ebx+esi], 0; je. inner: mov [ebx+eax], 0; add eax, esi; cmp; jb. */
const SIEVE = Buffer.from(
  '31c0c60403014039f872f7be02000000803c330074118d043639f8730ac604030001f039f872f64639fe72e4ebd2',
  'hex',
);
const CODE = 0x08048000;
const DATA = 0x08100000;
const SIZE = 65536;

const space = new AddressSpace();
space.mapPage(CODE >>> 12, PERM_R | PERM_X);
for (let page = DATA >>> 12; page < (DATA + SIZE) >>> 12; page++) space.mapPage(page, PERM_R | PERM_W);
space.poke(CODE, SIEVE);

for (const fast of [false, true]) {
  const core = new CoreState(cpuId(0), freebsdDescriptorTables());
  resetCore(core);
  core.i32[EIP] = CODE;
  core.i32[EBX] = DATA;
  core.i32[EDI] = SIZE;
  const engine = new Interpreter({ fast });
  for (const slice of [1_000_000, 10_000, 100]) {
    const total = fast ? 200_000_000 : 3_000_000;
    const start = performance.now();
    for (let done = 0; done < total; done += slice) engine.run(core, space, slice);
    const seconds = (performance.now() - start) / 1000;
    console.log(`${fast ? 'hot loop ' : 'rows only'} slices of ${slice}: ${(total / seconds / 1e6).toFixed(1)} MIPS`);
  }
}
