import { existsSync, readFileSync } from 'node:fs';
import { SEG_DS } from '../../emu/core/core-state.ts';
import { GDT_ADDRESS, IDT_ADDRESS, LDT_SELECTOR, TSS_SELECTOR } from '../../emu/interp/exec-system.ts';
import { Decoder } from '../../emu/isa/decode.ts';
import { IN_MEMORY, IN_REGISTER, type Insn, NONE } from '../../emu/isa/insn.ts';
import { basePages } from './base-pages.ts';
import { baseOfSelector, GDT } from './machine.ts';
import { type Case, DATA_BASE, type Outcome, type Patch } from './protocol.ts';
import type { TestedRow } from './rows.ts';

/** An instruction whose result says something of the processor or the kernel that it runs on. */
interface HostOwn {
  readonly mnemonics: readonly string[];
  /** What is each machine's own. Everything else is compared as for any row: registers, flags, EIP, faults, memory. */
  readonly part: string;
  /** What is asked of it in the place of equality. */
  readonly instead: string;
  /** Takes the part out of both outcomes of a completed instruction; says what is wrong with it. */
  readonly takeOut: (insn: Insn, c: Case, native: Outcome, emulated: Outcome) => Own;
}

interface Own {
  readonly native: Outcome;
  readonly emulated: Outcome;
  readonly wrong: readonly Violation[];
}

interface Violation {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

const CPU_INFO = '/proc/cpuinfo';
const EAX = 0;
const ECX = 1;
const EDX = 2;
const EBX = 3;

/** The first values that the host gave: they must be the same ever after. By mnemonic. */
const told = new Map<string, string>();

export const HOST_OWN: readonly HostOwn[] = [
  {
    mnemonics: ['RDTSC'],
    part: 'EDX:EAX, the time',
    instead: 'our counter is the number of instructions before; that time goes on is a test of its own',
    takeOut: (_insn, _c, native, emulated) => ({
      native: without(native, EAX, EDX),
      emulated: without(emulated, EAX, EDX),
      wrong: expectEqual('our time', 0, emulated.regs[EAX]! | emulated.regs[EDX]!),
    }),
  },
  {
    mnemonics: ['CPUID'],
    part: 'EAX, EBX, ECX, EDX, the processor',
    instead:
      'leaf 0: both have leaf 1; leaf 1: the host has every feature that ours reports, and cache lines of the same size',
    takeOut: (_insn, c, native, emulated) => ({
      native: without(native, EAX, EBX, ECX, EDX),
      emulated: without(emulated, EAX, EBX, ECX, EDX),
      wrong: cpuidViolations(c.regs[EAX]!, native.regs, emulated.regs),
    }),
  },
  storing(['SLDT'], 'the selector of the LDT', 2, () => [LDT_SELECTOR & 0xff, LDT_SELECTOR >> 8]),
  storing(['STR'], 'the selector of the task', 2, () => [TSS_SELECTOR & 0xff, TSS_SELECTOR >> 8]),
  storing(['SGDT'], 'limit and base of the GDT', 6, () => tableBytes(GDT.length * 4 - 1, GDT_ADDRESS)),
  storing(['SIDT'], 'limit and base of the IDT', 6, () => tableBytes(256 * 8 - 1, IDT_ADDRESS)),
];

function hostOwn(row: TestedRow | null): HostOwn | undefined {
  return HOST_OWN.find(({ mnemonics }) => mnemonics.includes(row?.mnemonic ?? ''));
}

const decoder = new Decoder();

/**
 * User-mode instruction prevention: SGDT, SIDT, SLDT, STR and SMSW are #GP in user mode, and Linux does in their place what they
 * would do, or nearly (arch/x86/kernel/umip.c).
 */
const hasUmip = existsSync(CPU_INFO) && /\bumip\b/.test(readFileSync(CPU_INFO, 'utf8'));

/** The instruction of a case when it is one that stores to memory and in whose place Linux has answered. */
export function storedByLinux(row: TestedRow | null, c: Case): Insn | null {
  if (!hasUmip || !/^(S[GIL]DT|STR|SMSW)$/.test(row?.mnemonic ?? '')) return null;
  const insn = decoder.decode(padded(c.code), 0, 15, c.eip, true);
  return insn?.operands[0]?.kind === IN_MEMORY ? insn : null;
}

/** Both outcomes without what is each machine's own, where the case is one such instruction and both have completed it. */
export function withoutHostOwn(c: Case, row: TestedRow | null, native: Outcome, emulated: Outcome): Own {
  const own = hostOwn(row);
  const completed = ({ eip }: Outcome): boolean => eip !== c.eip;
  const insn = own && decoder.decode(padded(c.code), 0, 15, c.eip, true);
  if (!own || !insn || !completed(native) || !completed(emulated)) return { native, emulated, wrong: [] };
  return own.takeOut(insn, c, native, emulated);
}

/** A store of something that each machine has at a place of its own: ours is known, the host's must always be the same. */
function storing(mnemonics: readonly string[], part: string, sizeBytes: number, ours: () => number[]): HostOwn {
  const [mnemonic] = mnemonics as [string];
  return {
    mnemonics,
    part,
    instead: `where it goes and how wide it is; ours is FreeBSD's, the host's${sizeBytes === 6 ? ' limit' : ''} is always the same`,
    takeOut: (insn, c, native, emulated) => {
      const nativeBytes = bytesStored(insn, c, native, sizeBytes);
      const emulatedBytes = bytesStored(insn, c, emulated, sizeBytes);
      // The base of the GDT is another on each core of the host.
      const constant = String(nativeBytes.slice(0, 2));
      if (!told.has(mnemonic)) told.set(mnemonic, constant);
      return {
        native: withoutBytes(insn, c, native, sizeBytes),
        emulated: withoutBytes(insn, c, emulated, sizeBytes),
        wrong: [
          ...expectEqual(`${part}, on the host`, told.get(mnemonic)!, constant),
          ...expectEqual(`${part}, ours`, String(ours()), String(emulatedBytes)),
        ],
      };
    },
  };
}

function tableBytes(limit: number, base: number): number[] {
  const bytes = new Uint8Array(6);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, limit, true);
  view.setInt32(2, base, true);
  return [...bytes];
}

function expectEqual(what: string, expected: number | string, got: number | string): Violation[] {
  return expected === got ? [] : [{ what, expected: String(expected), got: String(got) }];
}

function cpuidViolations(leaf: number, native: Uint32Array, emulated: Uint32Array): Violation[] {
  if (leaf === 0) return expectEqual('highest leaf', 1, Math.min(native[EAX]!, emulated[EAX]!));
  if (leaf !== 1) return [];
  return [
    ...expectEqual('features (EDX) that the host has not', 0, (emulated[EDX]! & ~native[EDX]!) >>> 0),
    ...expectEqual('features (ECX) that the host has not', 0, (emulated[ECX]! & ~native[ECX]!) >>> 0),
    ...expectEqual('line that CLFLUSH flushes', (native[EBX]! >>> 8) & 0xff, (emulated[EBX]! >>> 8) & 0xff),
  ];
}

function padded(code: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(16, code.length)).fill(0xcc);
  bytes.set(code);
  return bytes;
}

function without(outcome: Outcome, ...registers: number[]): Outcome {
  const regs = outcome.regs.slice();
  for (const register of registers) regs[register] = 0;
  return { ...outcome, regs };
}

export function segmentOf(insn: Insn): number {
  return insn.segment === NONE ? SEG_DS : insn.segment;
}

/** Linear address of the memory operand in the state before the case. */
function operandAddress(insn: Insn, c: Case): number {
  let offset = insn.disp;
  if (insn.base !== NONE) offset += c.regs[insn.base]!;
  if (insn.index !== NONE) offset += c.regs[insn.index]! << insn.scale;
  if (insn.addressSize === 2) offset &= 0xffff;
  return (baseOfSelector(c.selectors[segmentOf(insn)]!) + offset) >>> 0;
}

/** A doubleword of the writable pages after a case. */
function wordAfter(c: Case, outcome: Outcome, address: number): number {
  const found = (patches: readonly Patch[]): number | undefined =>
    patches.findLast((p) => p.address === address)?.value;
  return found(outcome.changes) ?? found(c.patches) ?? new Uint32Array(basePages().buffer)[(address - DATA_BASE) / 4]!;
}

function bytesStored(insn: Insn, c: Case, outcome: Outcome, sizeBytes: number): number[] {
  const [operand] = insn.operands;
  if (operand!.kind === IN_REGISTER) {
    const value = outcome.regs[operand!.reg]!;
    return Array.from({ length: sizeBytes }, (_, i) => (value >>> (8 * i)) & 0xff);
  }
  const address = operandAddress(insn, c);
  return Array.from({ length: sizeBytes }, (_, i) => {
    const at = address + i;
    return (wordAfter(c, outcome, (at & ~3) >>> 0) >>> (8 * (at & 3))) & 0xff;
  });
}

function withoutBytes(insn: Insn, c: Case, outcome: Outcome, sizeBytes: number): Outcome {
  const [operand] = insn.operands;
  if (operand!.kind !== IN_MEMORY) {
    // The upper half, kept or zero, is compared.
    const regs = outcome.regs.slice();
    regs[operand!.reg] = regs[operand!.reg]! & 0xffff0000;
    return { ...outcome, regs };
  }
  const address = operandAddress(insn, c);
  const words = new Map(outcome.changes.map((p) => [p.address, p.value]));
  for (let at = address; at < address + sizeBytes; at++) {
    const word = (at & ~3) >>> 0;
    words.set(word, ((words.get(word) ?? wordAfter(c, outcome, word)) & ~(0xff << (8 * (at & 3)))) >>> 0);
  }
  const changes = [...words].sort(([a], [b]) => a - b).map(([address, value]) => ({ address, value }));
  return { ...outcome, changes };
}
