import { assert } from '../../emu/base/errors.ts';
import { EFLAGS, FXSAVE_BYTE_OFFSET } from '../../emu/core/core-state.ts';
import { ACCESS_EFLAGS } from '../../emu/isa/register-access.ts';
import type { RunLimits } from '../../emu/machine/machine.ts';
import { PAGE_MASK, PAGE_SHIFT } from '../../emu/memory/address-space.ts';
import type { System, SystemSnapshot } from '../system.ts';
import { type AccessRecorder, fateAt, OVERWRITTEN, type RegisterFates, USED } from './access-recorder.ts';
import type { Bits, Difference } from './difference.ts';
import { HARMLESS } from './trace-run.ts';

/** What the golden run does, between two snapshots, with registers and memory that may differ in another run. Plain data: workers share it. */
export interface Interval {
  /** Of each core. */
  readonly registers: readonly RegisterFates[];
  /** Whether x87, MMX or SSE registers may have been touched. */
  readonly floats: boolean;
  /** Whether threads came to cores or left them. */
  readonly switches: boolean;
  /** By space and page, as fateAt reads it. Pages that are absent were not touched. */
  readonly memory: ReadonlyMap<number, ReadonlyMap<number, Uint8Array>>;
}

/** Pages touched in an interval, in all spaces: beyond that it is not worth its memory to know. */
const PAGES_MAX = 2048;

/**
 * Runs `system`, whose engine is `recorder`, from one snapshot of the golden run to a later one. Null when the kernel did something with
 * a process in between: what it looked at is not known.
 */
export function recordInterval(
  system: System,
  recorder: AccessRecorder,
  {
    from,
    to,
    retired,
    limits,
  }: {
    readonly from: SystemSnapshot;
    readonly to: SystemSnapshot;
    readonly retired: number;
    readonly limits: RunLimits;
  },
): Interval | null {
  const events = to.events.list.slice(from.events.count, to.events.count);
  if (events.some(({ kind }) => !HARMLESS.has(kind)) || mayResumeCalls(from, to)) return null;
  recorder.begin();
  system.restore(from);
  system.run({ ...limits, pauseInstructions: retired });
  assert(system.isAt(to), 'the golden run was recorded, and did not come to where it had been');
  if (recorder.isOpaque) return null;
  const memory = new Map<number, Map<number, Uint8Array>>();
  let pages = 0;
  for (const [id, space] of system.kernel.spaces) {
    const fates = recorder.fatesIn(space);
    pages += fates.size;
    memory.set(id, fates);
  }
  if (pages > PAGES_MAX) return null;
  return {
    registers: system.machine.cores.map(({ id }) => recorder.registersOf(id)),
    floats: recorder.floats,
    switches: events.some(({ kind }) => kind === 'switch'),
    memory,
  };
}

/** Whether, without a trap, the kernel may have worked for a process: gone on with a system call that slept, or run a native program. */
function mayResumeCalls(
  { kernel: { state: before } }: SystemSnapshot,
  { kernel: { state: after } }: SystemSnapshot,
): boolean {
  for (const { native, system } of before.procs.values()) if (native || system) return true;
  // Records are replaced when anything happens to them.
  for (const td of before.threads.values()) if (td.pending && after.threads.get(td.tid) !== td) return true;
  return false;
}

/** What is left of a difference after an interval that uses nothing of it; null when it uses some of it. */
export function carry(difference: Difference, { registers, floats, switches, memory }: Interval): Difference | null {
  if (switches && (difference.threads.size > 0 || difference.cores.some(({ size }) => size > 0))) return null;
  const cores: Bits[] = [];
  for (const [n, bits] of difference.cores.entries()) {
    const left = carryBlock(bits, registers[n]!, floats);
    if (left === null) return null;
    cores.push(left);
  }
  const spaces = new Map<number, Bits>();
  for (const [id, bits] of difference.spaces) {
    const left = carryBytes(bits, memory.get(id)!);
    if (left === null) return null;
    if (left.size > 0) spaces.set(id, left);
  }
  return { cores, threads: difference.threads, spaces };
}

function carryBlock(bits: Bits, { used, overwritten }: RegisterFates, floats: boolean): Bits | null {
  const left = new Map<number, number>();
  for (const [word, mask] of bits) {
    if (word >= FXSAVE_BYTE_OFFSET / 4) {
      if (floats) return null;
      left.set(word, mask);
      continue;
    }
    const register = word === EFLAGS ? ACCESS_EFLAGS : word;
    if (mask & used[register]!) return null;
    const rest = mask & ~overwritten[register]!;
    if (rest !== 0) left.set(word, rest);
  }
  return left;
}

function carryBytes(bits: Bits, pages: ReadonlyMap<number, Uint8Array>): Bits | null {
  const left = new Map<number, number>();
  for (const [address, mask] of bits) {
    const page = pages.get(address >>> PAGE_SHIFT);
    const fate = page ? fateAt(page, address & PAGE_MASK) : 0;
    if (fate === USED) return null;
    if (fate !== OVERWRITTEN) left.set(address, mask);
  }
  return left;
}
