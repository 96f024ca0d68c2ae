// Instructions per second of the interpreter on SSE2 code: npx tsx bench/sse.ts
import { cpuId } from '../emu/base/brand.ts';
import { CoreState, ECX, EDI, EIP, ESI, ESP } from '../emu/core/core-state.ts';
import { EXIT_BUDGET } from '../emu/core/engine.ts';
import { freebsdDescriptorTables, resetCore } from '../emu/core/reset.ts';
import { Interpreter } from '../emu/interp/interpreter.ts';
import { AddressSpace, PERM_R, PERM_W, PERM_X } from '../emu/memory/address-space.ts';

/*
 * clang -O2 -msse2 of: for (i) for (k) { double x = a[i*n+k]; for (j) c[i*n+j] += x * b[k*n+j]; }
 * as void matmul(double *restrict c, const double *restrict a, const double *restrict b, int n)
 */
const MATRIX_VECTORS =
  '5589e553575683ec2c8b551485d20f8ece0100008b45108d4afc894dc8c1e90283c10189d683e6fc8975d0894dcc83e1fe894dd48b4d08' +
  '83c0308945dc8d04d5000000008945ec8d593031f6eb1790908b75d883c6018b45ec01c301c139d60f847d0100008975d80faff28975e4' +
  '8b75108975e88b7ddc31c0eb1b90909090908b45e083c001037dec8b75e80375ec8975e839d074ba89c28b45e48955e001d08945f031c0' +
  '8b550c8b75f0f20f1004f28b551483fa040f820401000031d2660f28c8660f14c8837dc8040f827d00000031d28b45d490909090909090' +
  '90909090660f1054d7d0660f105cd7e0660f1064d3d0660f106cd3e0660f59d1660f58d4660f59d9660f58dd660f1154d3d0660f115cd3' +
  'e0660f1054d7f0660f101cd7660f1064d3f0660f102cd3660f59d1660f58d4660f59d9660f58dd660f1154d3f0660f111cd383c20883c0' +
  'fe7593f645cc01744f8b45e00faf451401d08945f08b45108b75f0660f1014f08b45108b75f0660f105cf0100355e48b4508660f1024d0' +
  '660f106cd010660f59d1660f58d4660f59d9660f58dd660f1114d0660f115cd0108b55d089d089d68b551439d60f84ccfeffff90909090' +
  '90909090909090908b75e8f20f100cc6f20f59c8f20f580cc1f20f110cc183c00139c275e3e99efeffff83c42c5e5f5b5dc3';
/** The same with -fno-vectorize -fno-slp-vectorize -fno-unroll-loops. */
const MATRIX_SCALARS =
  '5589e553575683ec0c8b451485c07e618b75088d0cc500000000894df031c990894dec0fafc8894de88b4d1031d290908b7de801d78b5d' +
  '0cf20f1004fb31ff90f20f100cf9f20f59c8f20f580cfef20f110cfe83c70139f875e683c201034df039c275cc8b4dec83c1010375f039' +
  'c175af83c40c5e5f5b5dc3';
/** movdqu xmm0, [esi]; movdqu [edi], xmm0; add esi, 16; add edi, 16; sub ecx, 16; jne; ret */
const COPY = 'f30f6f06f30f7f0783c61083c71083e91075edc3';

const CODE = 0x08048000;
const STACK = 0x08100000;
const DATA = 0x08200000;
const DATA_BYTES = 0x100000;
const N = 64;

function bench(name: string, hex: string): void {
  const space = new AddressSpace();
  space.mapPage(CODE >>> 12, PERM_R | PERM_X);
  space.mapPage(STACK >>> 12, PERM_R | PERM_W);
  for (let page = DATA >>> 12; page < (DATA + DATA_BYTES) >>> 12; page++) space.mapPage(page, PERM_R | PERM_W);
  space.poke(CODE, Buffer.from(hex, 'hex'));
  const values = Float64Array.from({ length: 2 * N * N }, (_, i) => (i % 97) / 7);
  space.poke(DATA + N * N * 8, new Uint8Array(values.buffer));
  const core = new CoreState(cpuId(0), freebsdDescriptorTables());
  const engine = new Interpreter();
  const call = (): number => {
    resetCore(core);
    core.i32[EIP] = CODE;
    core.i32[ESP] = STACK + 0x800;
    core.i32[ESI] = DATA;
    core.i32[EDI] = DATA + DATA_BYTES / 2;
    core.i32[ECX] = DATA_BYTES / 2;
    const matrix = N * N * 8;
    space.poke(STACK + 0x800, new Uint8Array(Int32Array.of(0, DATA, DATA + matrix, DATA + 2 * matrix, N).buffer));
    let retired = 0;
    // Returns to address 0, which faults.
    while (engine.run(core, space, 1_000_000) === EXIT_BUDGET) retired += core.retired;
    return retired + core.retired;
  };
  call();
  let retired = 0;
  const start = performance.now();
  while (performance.now() - start < 1500) retired += call();
  console.log(`${name}: ${(retired / (performance.now() - start) / 1000).toFixed(1)} MIPS`);
  space.dispose();
}

bench('matrix product, scalars ', MATRIX_SCALARS);
bench('matrix product, vectors ', MATRIX_VECTORS);
bench('copying by 16 bytes     ', COPY);
