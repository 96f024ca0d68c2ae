import { FLAG_NT } from '../../emu/core/core-state.ts';
import {
  VECTOR_AC,
  VECTOR_DB,
  VECTOR_GP,
  VECTOR_PF,
  VECTOR_SS,
  VECTOR_TS,
  VECTOR_UD,
  VECTOR_XM,
} from '../../emu/core/engine.ts';
import { shiftCount } from './flag-use.ts';
import { segmentOf, storedByLinux } from './host-own.ts';
import type { Case, Outcome } from './protocol.ts';
import type { TestedRow } from './rows.ts';

export interface Seen {
  readonly c: Case;
  readonly row: TestedRow | null;
  readonly native: Outcome;
  readonly emulated: Outcome;
  readonly found: readonly { readonly what: string; readonly expected: string; readonly got: string }[];
}

/** A difference between the real CPU and ours that is right as it is. */
export interface Justified {
  readonly name: string;
  readonly reason: string;
  applies(seen: Seen): boolean;
}

const STACK_FAULTS = new Set([VECTOR_PF, VECTOR_SS, VECTOR_AC]);

/** Linux' selector of the flat data segment. */
const FLAT_DATA = 0x2b;

const RUNNER_LOW = 0xe1230000;
const RUNNER_HIGH = 0xe1300000;

export const JUSTIFIED: readonly Justified[] = [
  {
    name: 'runner memory',
    reason: 'the address hits the runner itself, which only the real machine has',
    applies: ({ emulated }) =>
      emulated.vector === VECTOR_PF && emulated.cr2 >= RUNNER_LOW && emulated.cr2 < RUNNER_HIGH,
  },
  {
    name: 'INT1 in a virtual machine',
    reason:
      'KVM on AMD gives the #DB of opcode F1 with EIP at the instruction; the SDM (Vol. 3, Debug Exception) makes it a trap',
    applies: ({ c, row, native, emulated }) =>
      row?.mnemonic === 'INT1' && native.vector === VECTOR_DB && native.eip === c.eip && emulated.eip > c.eip,
  },
  {
    name: 'memory below ESP after a fault',
    reason:
      'PUSHA, ENTER and far CALL that fault midway have written part of the new stack on this CPU; the SDM leaves it open, ours writes nothing',
    applies: ({ c, row, native, emulated, found }) =>
      /^(PUSHA|ENTER|CALLF)$/.test(row?.mnemonic ?? '') &&
      native.eip === c.eip &&
      emulated.changes.length === 0 &&
      found.every((d) => d.what === 'memory'),
  },
  {
    name: 'order of page faults in a far return',
    reason: 'this CPU reads the selector before the offset; the SDM does not order the accesses of one instruction',
    applies: ({ row, found, native }) =>
      /^(RETF|IRET)$/.test(row?.mnemonic ?? '') && native.vector === VECTOR_PF && found.every((d) => d.what === 'cr2'),
  },
  {
    name: 'double shift by more than the size',
    reason: 'SDM Vol. 2, SHLD and SHRD: the result is undefined when the count is greater than the operand size',
    applies: ({ c, row }) =>
      row !== null && /^SH[LR]D$/.test(row.mnemonic) && c.code.includes(0x66) && (shiftCount(row, c) & 31) > 16,
  },
  {
    name: 'REP before LOOPcc',
    reason: 'SDM Vol. 2, REP: reserved with other than string instructions. On this CPU it selects the condition',
    applies: ({ c, row }) => /^LOOPN?E$/.test(row?.mnemonic ?? '') && (c.code.includes(0xf2) || c.code.includes(0xf3)),
  },
  {
    name: 'a far return reads its whole frame first',
    reason:
      'this CPU reads the outer stack pointer before it looks at the selector; the SDM orders the checks, not the accesses',
    applies: ({ row, native, emulated }) =>
      /^(RETF|IRET)$/.test(row?.mnemonic ?? '') &&
      STACK_FAULTS.has(native.vector) &&
      (emulated.vector === VECTOR_GP || STACK_FAULTS.has(emulated.vector)),
  },
  {
    name: 'IRET with NT set',
    reason: 'a return to the previous task, #TS where there is none; a CPU in long mode has no tasks and raises #GP(0)',
    applies: ({ c, row, native, emulated }) =>
      row?.mnemonic === 'IRET' &&
      (c.eflags & FLAG_NT) !== 0 &&
      native.vector === VECTOR_GP &&
      emulated.vector === VECTOR_TS,
  },
  {
    name: 'POPA that faults midway',
    reason:
      'this CPU has popped some registers by then; ESP still stands, so the restart is the same; ours changes nothing',
    applies: ({ c, row, native, found }) =>
      row?.mnemonic === 'POPA' && native.eip === c.eip && found.every((d) => /^e[a-ds][a-z]$/.test(d.what)),
  },
  {
    name: 'LOCK VERW',
    reason: 'this CPU lets it pass; SDM Vol. 2, VERR/VERW: #UD if the LOCK prefix is used',
    applies: ({ c, row, emulated }) =>
      row?.mnemonic === 'VERW' && c.code.includes(0xf0) && emulated.vector === VECTOR_UD,
  },
  {
    name: 'LOCK MOV CR0 is CR8',
    reason: 'AMD made this encoding reach CR8 (so it is privileged, #GP); for Intel it is #UD',
    applies: ({ c, row, native, emulated }) =>
      /^0F 2[02]/.test(row?.name ?? '') &&
      c.code.includes(0xf0) &&
      native.vector === VECTOR_GP &&
      emulated.vector === VECTOR_UD,
  },
  {
    name: 'TZCNT and LZCNT',
    reason: 'F3 before BSF and BSR is another instruction on this CPU; the i686 ignores the prefix',
    applies: ({ c, row }) => /^BS[FR]$/.test(row?.mnemonic ?? '') && c.code.includes(0xf3),
  },
  {
    name: 'number of the CPU',
    reason: 'Linux keeps it as the limit of segment 0x78, which LSL reads',
    applies: ({ row, found }) =>
      row?.mnemonic === 'LSL' &&
      found.every((d) => (Number(d.expected) & 0xff) < 64 && Number(d.expected) - Number(d.got) < 64),
  },
  {
    name: 'VEX prefix',
    reason:
      'C4, C5 and 62 with a register operand are AVX on this CPU and go on for more bytes; for the i686 they are #UD at once',
    applies: ({ c, row, emulated }) =>
      /^(L[ED]S|BOUND)$/.test(row?.mnemonic ?? '') && emulated.vector === VECTOR_UD && emulated.eip === c.eip,
  },
  {
    name: 'MASKMOVQ that faults',
    reason: 'this CPU has gone from x87 to MMX state by then; ours changes nothing, as the SDM has it for faults',
    applies: ({ c, row, native, emulated, found }) =>
      row?.mnemonic === 'MASKMOVQ' &&
      native.eip === c.eip &&
      native.vector === emulated.vector &&
      found.every((d) => /^(status word|tags|st\d)/.test(d.what)),
  },
  {
    name: 'last byte first',
    reason:
      'this CPU tries the last byte of an FXSAVE image before the alignment and the first byte, so that of several faults it reports another; the SDM does not order the accesses of one instruction',
    applies: ({ c, row, native, emulated, found }) =>
      /^FX(SAVE|RSTOR)$/.test(row?.mnemonic ?? '') &&
      native.eip === c.eip &&
      emulated.eip === c.eip &&
      found.every((d) => /^(vector|cr2|error code)$/.test(d.what)),
  },
  {
    name: 'misaligned SSE mode',
    reason: 'AMD has bit 17 in MXCSR, so that MXCSR_MASK is 2FFFF; for Intel the bit is reserved and setting it is #GP',
    applies: ({ row, native, emulated }) =>
      (/^(FXRSTOR|LDMXCSR)$/.test(row?.mnemonic ?? '') &&
        emulated.vector === VECTOR_GP &&
        native.fx !== null &&
        (native.fx[26]! & 2) !== 0) ||
      (row?.mnemonic === 'FXSAVE' && onlyMaskDiffers(native, emulated)),
  },
  {
    name: 'approximations',
    reason:
      'RCP and RSQRT come from tables that each processor makes for itself; both results are within 1.5 * 2^-12 of the true value, so at most 3 * 2^-12 apart',
    applies: ({ row, native, emulated, found }) =>
      /^R(CP|SQRT)[PS]S$/.test(row?.mnemonic ?? '') &&
      found.every((d) => /^xmm/.test(d.what)) &&
      areNear(native.fx!, emulated.fx!),
  },
  {
    name: 'MMX conversions that raise #XM',
    reason: 'this CPU has gone from x87 to MMX state by then; ours changes nothing but MXCSR',
    applies: ({ c, row, native, emulated, found }) =>
      /^CVT(PI2P|T?P[SD]2PI)/.test(row?.mnemonic ?? '') &&
      native.eip === c.eip &&
      native.vector === VECTOR_XM &&
      emulated.vector === VECTOR_XM &&
      found.every((d) => /^(status word|tags|st\d)/.test(d.what)),
  },
  {
    name: 'C1 after FCOMI',
    reason: 'SDM Vol. 2, FCOMI: C1 is set to 0; AMD leaves it as it was',
    applies: ({ row, found }) =>
      /^FU?COMIP?$/.test(row?.mnemonic ?? '') && found.every((d) => d.what === 'status word(C1)'),
  },
  {
    name: 'an unmasked exception of a comparison',
    reason: 'SDM Vol. 2, FCOM, FCOMI: the condition code flags are not set; AMD sets them, and does not pop',
    applies: ({ row, found, emulated }) =>
      /^F(U?COMI?P{0,2}|ICOMP?|TST)$/.test(row?.mnemonic ?? '') &&
      ((emulated.fx?.[2] ?? 0) & 0x80) !== 0 &&
      found.every((d) => /^(status word\([C0-3 ]+\)|eflags)/.test(d.what)),
  },
  {
    name: 'page faults of x87 environments and states',
    reason: 'this CPU accesses their end first; the SDM does not order the accesses of one instruction',
    applies: ({ row, found, native }) =>
      /^F(N?STENV|LDENV|N?SAVE|RSTOR)$/.test(row?.mnemonic ?? '') &&
      native.vector === VECTOR_PF &&
      found.every((d) => d.what === 'cr2'),
  },
  {
    name: 'page, alignment or segment limit first',
    reason:
      'operands of 10 bytes and more are several accesses on this CPU, each checked by itself; the SDM does not order them',
    applies: ({ row, native, emulated }) =>
      /^F(N?STENV|LDENV|N?SAVE|RSTOR|BSTP|STP|LD|BLD)$/.test(row?.mnemonic ?? '') &&
      (native.vector === VECTOR_PF || native.vector === VECTOR_AC) &&
      (emulated.vector === VECTOR_GP || emulated.vector === VECTOR_SS || emulated.vector === VECTOR_AC),
  },
  {
    name: 'FYL2XP1 out of its range',
    reason: 'SDM Vol. 2, FYL2XP1: the result is undefined unless |x| <= 1 - sqrt(2)/2',
    applies: ({ c, row, found }) =>
      row?.mnemonic === 'FYL2XP1' &&
      isBeyond(c, 0x3ffd, 0x95f619980c4336f7n) &&
      found.every((d) => /^st|^tags/.test(d.what)),
  },
  {
    name: "UMIP: Linux's segments",
    reason:
      'Linux, which stores in the place of this CPU, checks no more than a part of segments that are not flat; our store is that of MOV, which the CPU judges',
    applies: ({ c, row }) => {
      const insn = storedByLinux(row, c);
      return insn !== null && c.selectors[segmentOf(insn)] !== FLAT_DATA;
    },
  },
  {
    name: "UMIP: Linux's faults",
    reason:
      'where both refuse, Linux may report another fault, at the first byte, with an error code that says nothing of the page, and have written some bytes; it knows no #AC, and may not know the instruction with a repeat prefix (#GP)',
    applies: ({ c, row, native, emulated, found }) => {
      const insn = storedByLinux(row, c);
      if (insn === null) return false;
      if (emulated.vector === VECTOR_AC || (native.vector === VECTOR_GP && insn.rep !== 0)) return true;
      const bothRefuse = native.eip === c.eip && emulated.eip === c.eip;
      return bothRefuse && found.every((d) => /^(vector|cr2|error code|memory)$/.test(d.what));
    },
  },
  {
    name: 'RDPMC where Linux allows it',
    reason: 'CR4.PCE is set for those who measure; ours is clear, as on FreeBSD',
    applies: ({ c, row, native, emulated }) =>
      row?.mnemonic === 'RDPMC' && native.eip !== c.eip && emulated.vector === VECTOR_GP,
  },
];

/** Whether all lanes of single precision in the XMM registers are equal or near; what is tiny may be 0. */
function areNear(a: Uint8Array, b: Uint8Array): boolean {
  const registers = (fx: Uint8Array): ArrayBuffer => fx.slice(160, 160 + 128).buffer as ArrayBuffer;
  const x = new Float32Array(registers(a));
  const y = new Float32Array(registers(b));
  const xBits = new Uint32Array(x.buffer);
  const yBits = new Uint32Array(y.buffer);
  return x.every(
    (value, i) =>
      xBits[i] === yBits[i] ||
      Math.abs(value - y[i]!) <= Math.abs(value) * 3 * 2 ** -12 ||
      (Math.abs(value) <= 2 ** -126 && Math.abs(y[i]!) <= 2 ** -126),
  );
}

/** Whether MXCSR_MASK in the stored image is all that differs. */
function onlyMaskDiffers(native: Outcome, emulated: Outcome): boolean {
  const values = new Map(emulated.changes.map(({ address, value }) => [address, value]));
  const differing = native.changes.filter(({ address, value }) => values.get(address) !== value);
  return native.vector === emulated.vector && differing.length === 1 && differing[0]!.value === 0x2ffff;
}

/** Whether |ST(0)| before is greater than a number with this exponent and significand. */
function isBeyond(c: Case, exponent: number, significand: bigint): boolean {
  if (!c.fx) return false;
  const view = new DataView(c.fx.buffer, c.fx.byteOffset);
  const e = view.getUint16(40, true) & 0x7fff;
  return e > exponent || (e === exponent && view.getBigUint64(32, true) > significand);
}
