import { UsageError } from '../../emu/base/errors.ts';
import type { Register } from '../../emu/faults/plan.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { readElf } from '../../kernel-sim/elf/elf32.ts';
import { findSymbol } from '../../kernel-sim/elf/symbols.ts';
import { userRegs } from '../../kernel-sim/kern/regs.ts';
import { readFile } from '../../kernel-sim/vfs/memfs.ts';
import type { System } from '../system.ts';

/** What a process holds at a moment: a 32-bit word by place or register, or why it cannot be told. */
export type Sight = Readonly<Record<string, number | string>>;

interface Place {
  /** Null: the number alone is the address. */
  readonly symbol: string | null;
  readonly offset: number;
}

/** `counter`, `counter+4`, `0x08060000`. Errors: UsageError naming `key`. */
export function parsePlace(text: string, key: string): Place {
  const address = /^0x[0-9a-f]{1,8}$/i.exec(text);
  if (address) return { symbol: null, offset: Number(text) };
  const match = /^([A-Za-z_.$][\w.$]*)(?:\+(\d+|0x[0-9a-f]+))?$/i.exec(text);
  if (!match) {
    const hint = 'write it like counter, counter+4 or 0x08060000';
    throw new UsageError({ what: `'${text}' is no place in memory`, key, hint });
  }
  return { symbol: match[1]!, offset: Number(match[2] ?? 0) };
}

/** The words of memory at these places. */
export function lookAtMemory(system: System, pid: Pid, places: readonly string[]): Sight {
  return Object.fromEntries(places.map((place) => [place, wordAt(system, pid, place)]));
}

/** These registers of the process's first thread, as a debugger would show them. */
export function lookAtRegisters(system: System, pid: Pid, names: readonly Register[]): Sight {
  const tid = system.kernel.findProc(pid)?.threads[0];
  if (tid === undefined) return Object.fromEntries(names.map((name) => [name, 'nothing: it has no thread']));
  const regs = userRegs(system.kernel, tid);
  return Object.fromEntries(names.map((name) => [name, regs[`r_${name}`] | 0]));
}

function wordAt({ kernel }: System, pid: Pid, text: string): number | string {
  const p = kernel.findProc(pid);
  if (!p || p.vmspace === 0) return 'nothing: it has no memory';
  const { symbol, offset } = parsePlace(text, 'memory');
  let base = 0;
  if (symbol !== null) {
    const bytes = readFile(kernel, p.execPath);
    const found = typeof bytes === 'number' ? undefined : findSymbol(readElf(bytes), symbol);
    if (!found) return `nothing: ${p.execPath} has no symbol ${symbol}`;
    base = found.address;
  }
  const address = (base + offset) >>> 0;
  const space = kernel.space(p.vmspace);
  const isThere = [address, address + 3].every((each) => space.isResident(each >>> 12));
  if (!isThere) return `nothing: no page is at 0x${address.toString(16)}`;
  const bytes = space.peek(address, 4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
}
