// Instructions per CPU second of the interpreter on x87 code: npx tsx bench/x87.ts
import { cpuId } from '../emu/base/brand.ts';
import { CoreState, EBX, ECX, EDI, EIP, ESI, FXSAVE_BYTE_OFFSET } from '../emu/core/core-state.ts';
import { freebsdDescriptorTables, resetCore } from '../emu/core/reset.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { AddressSpace, PERM_R, PERM_W, PERM_X } from '../emu/memory/address-space.ts';

const CODE = 0x08048000;
const DATA = 0x08100000;
const N = 16;
const TOTAL = 20_000_000;

/** The innermost loop of a matrix product: fldz, then n times fld a[k], fmul b[k*16], faddp, and at the end fstp c. */
// biome-ignore format: one instruction per line
const PRODUCT = [
  0xbe, 0, 0, 0x10, 0x08, // mov esi, a
  0xbf, 0, 0x10, 0x10, 0x08, // mov edi, b
  0xb9, N, 0, 0, 0, // mov ecx, n
  0xd9, 0xee, // fldz
  0xdd, 0x06, // fld qword [esi]
  0xdc, 0x0f, // fmul qword [edi]
  0xde, 0xc1, // faddp
  0x83, 0xc6, 8, // add esi, 8
  0x81, 0xc7, N * 8, 0, 0, 0, // add edi, n*8
  0x49, // dec ecx
  0x75, 0xee, // jnz
  0xdd, 0x1b, // fstp qword [ebx]
  0xeb, 0xd9, // jmp start
];

const space = new AddressSpace();
space.mapPage(CODE >>> 12, PERM_R | PERM_X);
for (let page = 0; page < 4; page++) space.mapPage((DATA >>> 12) + page, PERM_R | PERM_W);
space.poke(CODE, Uint8Array.from(PRODUCT));
const numbers = Float64Array.from({ length: 1024 }, (_, i) => 1 / (i + 3));
space.poke(DATA, new Uint8Array(numbers.buffer));

for (const [name, control] of [
  ['53-bit precision', 0x127f],
  ['64-bit precision', 0x137f],
] as const) {
  const core = new CoreState(cpuId(0), freebsdDescriptorTables());
  resetCore(core);
  core.i32[EIP] = CODE;
  core.i32[EBX] = DATA + 0x2000;
  core.i32[ESI] = core.i32[EDI] = core.i32[ECX] = 0;
  new DataView(core.u8.buffer).setUint16(FXSAVE_BYTE_OFFSET, control, true);
  const engine = new Interpreter();
  for (let i = 0; i < 50; i++) engine.run(core, space, 100_000);
  const start = process.cpuUsage();
  for (let done = 0; done < TOTAL; done += 100_000) engine.run(core, space, 100_000);
  const { user, system } = process.cpuUsage(start);
  const seconds = (user + system) / 1e6;
  console.log(`matrix product, ${name}: ${(TOTAL / seconds / 1e6).toFixed(1)} MIPS`);
}
