import { mov } from '../interp/exec-move.ts';
import { clflush, fence, fxrstor, fxsave, ldmxcsr, prefetch, stmxcsr } from '../interp/exec-simd-system.ts';
import type { OpcodeRow } from './row.ts';

/** FXSAVE and what the caches and MXCSR need. Intel SDM Vol. 2: the instruction pages, and App. A, tables, for operand codes. */
// biome-ignore format: one encoding per line
export const sseSystemRows = [
  { opcode: 0x0fae, digit: 0, prefix: 0, mnemonic: 'FXSAVE', opEn: 'M', operands: ['M'], extension: 'FXSR', exec: fxsave },
  { opcode: 0x0fae, digit: 1, prefix: 0, mnemonic: 'FXRSTOR', opEn: 'M', operands: ['M'], extension: 'FXSR', exec: fxrstor },
  { opcode: 0x0fae, digit: 2, prefix: 0, mnemonic: 'LDMXCSR', opEn: 'M', operands: ['Md'], extension: 'SSE', exec: ldmxcsr },
  { opcode: 0x0fae, digit: 3, prefix: 0, mnemonic: 'STMXCSR', opEn: 'M', operands: ['Md'], extension: 'SSE', exec: stmxcsr },
  { opcode: 0x0fae, digit: 5, mod: 3, prefix: 0, mnemonic: 'LFENCE', opEn: 'ZO', operands: [], extension: 'SSE2', exec: fence },
  { opcode: 0x0fae, digit: 6, mod: 3, prefix: 0, mnemonic: 'MFENCE', opEn: 'ZO', operands: [], extension: 'SSE2', exec: fence },
  { opcode: 0x0fae, digit: 7, mod: 3, prefix: 0, mnemonic: 'SFENCE', opEn: 'ZO', operands: [], extension: 'SSE', exec: fence },
  { opcode: 0x0fae, digit: 7, prefix: 0, mnemonic: 'CLFLUSH', opEn: 'M', operands: ['Mb'], extension: 'CLFSH', exec: clflush },
  { opcode: 0x0f18, digit: 0, mnemonic: 'PREFETCHNTA', opEn: 'M', operands: ['Mb'], extension: 'SSE', exec: prefetch },
  { opcode: 0x0f18, digit: 1, mnemonic: 'PREFETCHT0', opEn: 'M', operands: ['Mb'], extension: 'SSE', exec: prefetch },
  { opcode: 0x0f18, digit: 2, mnemonic: 'PREFETCHT1', opEn: 'M', operands: ['Mb'], extension: 'SSE', exec: prefetch },
  { opcode: 0x0f18, digit: 3, mnemonic: 'PREFETCHT2', opEn: 'M', operands: ['Mb'], extension: 'SSE', exec: prefetch },
  { opcode: 0x0fc3, prefix: 0, mnemonic: 'MOVNTI', opEn: 'MR', operands: ['Md', 'Gd'], extension: 'SSE2', exec: mov },
] as const satisfies readonly OpcodeRow[];
