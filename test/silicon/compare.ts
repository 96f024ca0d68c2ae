import { FLAG_RF, FLAG_TF } from '../../emu/core/core-state.ts';
import { PF_PRESENT, VECTOR_BP, VECTOR_PF } from '../../emu/core/engine.ts';
import { USER_END } from '../../emu/memory/address-space.ts';
import { undefinedFlags, undefinedFlagsAtEnd, undefinedFlagsOfSequence } from './flag-use.ts';
import { describeSse } from './fx-image.ts';
import { withoutHostOwn } from './host-own.ts';
import { JUSTIFIED } from './justified.ts';
import { type Case, isTrap, OUTCOME_HANG, type Outcome, type Patch } from './protocol.ts';
import { isSequence, rowsOfCode, type TestedRow } from './rows.ts';
import { describeX87, differencesOfFx } from './x87-state.ts';

const PF_FETCH = 0x10;
const REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

export interface Difference {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

/** How a case differs between the real CPU and ours; empty when it does not. Undefined flags and justified differences are left out. */
export function differences(
  c: Case,
  row: TestedRow | null,
  nativeWhole: Outcome,
  emulatedWhole: Outcome,
  trapFlag: boolean,
): Difference[] {
  const { native, emulated, wrong } = withoutHostOwn(c, row, nativeWhole, emulatedWhole);
  const found: Difference[] = [...wrong];
  const check = (what: string, expected: number, got: number): void => {
    if (expected >>> 0 !== got >>> 0) found.push({ what, expected: hex(expected), got: hex(got) });
  };
  if (native.vector === OUTCOME_HANG && emulated.vector === OUTCOME_HANG) return [];
  check('vector', native.vector, emulated.vector);
  check('eip', native.eip, emulated.eip);
  for (let i = 0; i < 8; i++) check(REGISTERS[i]!, native.regs[i]!, emulated.regs[i]!);
  for (let i = 0; i < 6; i++) check(SEGMENTS[i]!, native.selectors[i]!, emulated.selectors[i]!);
  let ignored = FLAG_RF;
  if (c.mode === 0 && !trapFlag) ignored |= FLAG_TF;
  if ((native.eflags ^ emulated.eflags) & ~ignored) ignored |= undefinedHere(c, row, native);
  const flagsDiffer = (native.eflags ^ emulated.eflags) & ~ignored;
  if (flagsDiffer)
    found.push({
      what: `eflags(${flagNames(flagsDiffer)})`,
      expected: hex(native.eflags & ~ignored),
      got: hex(emulated.eflags & ~ignored),
    });
  if (c.mode === 0) check('retired', native.retired, emulated.retired);
  if (native.vector === emulated.vector) {
    let errorMask = ~0;
    if (native.vector === VECTOR_PF) {
      check('cr2', native.cr2, emulated.cr2);
      // No-execute pages exist only on the real machine; memory of the kernel only on ours.
      errorMask = ~PF_FETCH & (native.cr2 >= USER_END ? ~PF_PRESENT : ~0);
    }
    check('error code', native.errorCode & errorMask, emulated.errorCode & errorMask);
  }
  compareMemory(native, emulated, found);
  if (native.fx && emulated.fx) found.push(...differencesOfFx(native.fx, emulated.fx, row?.tolerance ?? 0));
  if (found.length > 0 && JUSTIFIED.some((j) => j.applies({ c, row, native, emulated, found }))) return [];
  return found;
}

function undefinedHere(c: Case, row: TestedRow | null, native: Outcome): number {
  if (!isSequence(c)) return isTrap(native.vector) || native.eip !== c.eip ? undefinedFlags(row, c) : 0;
  const rows = rowsOfCode(c.code);
  const ranAll = native.vector === VECTOR_BP && native.eip === c.eip + c.code.length + 1;
  return ranAll && !rows.some((r) => r?.operands[0] === 'Jb')
    ? undefinedFlagsAtEnd(rows)
    : undefinedFlagsOfSequence(rows);
}

function compareMemory(native: Outcome, emulated: Outcome, found: Difference[]): void {
  const same = (p: Patch, i: number): boolean =>
    p.address === emulated.changes[i]!.address && p.value === emulated.changes[i]!.value;
  if (native.changes.length === emulated.changes.length && native.changes.every(same)) return;
  const show = (o: Outcome): string =>
    o.changes.map((p) => `${hex(p.address)}=${hex(p.value)}`).join(' ') || 'no change';
  found.push({ what: 'memory', expected: show(native), got: show(emulated) });
}

const FLAG_LETTERS: readonly [number, string][] = [
  [1, 'CF'],
  [4, 'PF'],
  [0x10, 'AF'],
  [0x40, 'ZF'],
  [0x80, 'SF'],
  [0x100, 'TF'],
  [0x200, 'IF'],
  [0x400, 'DF'],
  [0x800, 'OF'],
  [0x3000, 'IOPL'],
  [0x4000, 'NT'],
  [0x10000, 'RF'],
  [0x40000, 'AC'],
  [0x200000, 'ID'],
];

function flagNames(flags: number): string {
  return (
    FLAG_LETTERS.filter(([bit]) => flags & bit)
      .map(([, name]) => name)
      .join(' ') || hex(flags)
  );
}

export function hex(n: number): string {
  return `0x${(n >>> 0).toString(16)}`;
}

export function describeOutcome(o: Outcome): string {
  const fault = isTrap(o.vector)
    ? ''
    : ` error ${hex(o.errorCode)}${o.vector === VECTOR_PF ? ` cr2 ${hex(o.cr2)}` : ''}`;
  return `vector ${o.vector}${fault} eip ${hex(o.eip)} eflags ${hex(o.eflags)}`;
}

/** One case and what became of it, for people. */
export function describeCase(c: Case): string {
  const lines = [
    `  code ${Buffer.from(c.code).toString('hex')} at ${hex(c.eip)}, ${c.mode === 0 ? `${c.steps} step(s)` : 'run to trap'}, eflags ${hex(c.eflags)}`,
    `  ${REGISTERS.map((name, i) => `${name}=${hex(c.regs[i]!)}`).join(' ')}`,
    `  ${SEGMENTS.map((name, i) => `${name}=${hex(c.selectors[i]!)}`).join(' ')}`,
  ];
  if (c.patches.length > 0)
    lines.push(`  memory ${c.patches.map((p) => `[${hex(p.address)}]=${hex(p.value)}`).join(' ')}`);
  if (c.fx) lines.push(`  ${describeX87(c.fx)}`, describeSse(c.fx));
  return lines.join('\n');
}
