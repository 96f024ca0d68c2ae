import { cpuId } from '../../emu/base/brand.ts';
import { CORE_STATE_BYTES, CoreState, EXIT_VECTOR, SHADOW } from '../../emu/core/core-state.ts';
import { type EngineExit, EXIT_BUDGET } from '../../emu/core/engine.ts';
import { AddressSpace } from '../../emu/memory/address-space.ts';
import type { Tid } from '../abi/ids.ts';
import { isShared } from '../vm/shared.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { regsOf } from './regs.ts';
import type { Duplicate, Proc, VmspaceId } from './state.ts';

/*
 * Duplicate execution (config.duplicate): whatever a process does in user mode, another core does with a copy of its registers and
 * memory. The two are compared before the kernel acts on the process; after that the copy is made anew. The copy keeps step with the
 * process in every run of the engine, so that they can be compared at any moment at which the kernel is called.
 */

/** The bytes that belong to a record in KernelState.duplicates. */
export interface Copy {
  /** The state block of the one thread. */
  readonly block: Uint8Array;
  readonly space: AddressSpace;
}

const idOf = (k: Kernel, tid: Tid): VmspaceId => k.proc(k.thread(tid).pid).vmspace;

/** The copy of what a core runs, while there is one that is level. */
function copyOn(k: Kernel, core: KernelCore): { id: VmspaceId; copy: Copy; record: Duplicate } | null {
  if (k.copies.size === 0) return null;
  const tid = k.cpu(core.id).current;
  return tid === 0 ? null : levelCopyOf(k, tid);
}

function levelCopyOf(k: Kernel, tid: Tid): { id: VmspaceId; copy: Copy; record: Duplicate } | null {
  const id = idOf(k, tid);
  const copy = k.copies.get(id);
  const record = k.state.duplicates.get(id);
  return copy && record?.level ? { id, copy, record } : null;
}

/** The core that runs the copy of what `core` runs: of those that can, the one that has most time left. */
export function otherCore(k: Kernel, core: KernelCore): KernelCore | undefined {
  const others = k.cores.filter((other) => other !== core && !other.failed && !k.cpu(other.id).dead);
  return others.sort((a, b) => a.clockNs - b.clockNs || a.id - b.id)[0];
}

/** A thread is about to run in user mode: if its process is to have a copy, and has none that is level, it is made now. */
export function levelCopy(k: Kernel, tid: Tid): void {
  const { duplicate } = k.config;
  if (!duplicate) return;
  const p = k.proc(k.thread(tid).pid);
  const id = p.vmspace;
  if (!duplicate.processes.includes(p.comm) || p.native || p.system || k.state.duplicates.get(id)?.level) return;
  // A tracer reads and writes the process as it likes.
  if (p.traced) return;
  const without = whyWithout(k, p);
  const before = k.state.duplicates.get(id);
  k.state.duplicates.set(id, { level: without === '', diverged: false, unpaid: 0, without });
  if (without !== '') {
    if (without !== before?.without) k.log(`pid ${p.pid} (${p.comm}) runs without a copy: ${without}`);
    return;
  }
  const copy = k.copies.get(id) ?? { block: new Uint8Array(CORE_STATE_BYTES), space: new AddressSpace() };
  copy.block.set(blockOf(k, tid));
  copy.space.restore(k.space(id).snapshot());
  k.copies.set(id, copy);
}

function whyWithout(k: Kernel, p: Proc): string {
  if (p.threads.length > 1) return 'it has several threads';
  const { refs, map } = k.vmspace(p.vmspace);
  if (refs > 1 || map.some(isShared)) return 'it shares memory with others';
  return k.cores.filter(({ id, failed }) => !failed && !k.cpu(id).dead).length < 2 ? 'there is no other core' : '';
}

function blockOf(k: Kernel, tid: Tid): Uint8Array {
  const regs = regsOf(k, tid);
  return new Uint8Array(regs.buffer, regs.byteOffset, CORE_STATE_BYTES);
}

/** The kernel is about to change the process, or lets somebody else do it: the copy is not compared any more. */
export function leaveCopy(k: Kernel, id: VmspaceId): void {
  const record = k.state.duplicates.get(id);
  if (record?.level) k.state.duplicates.set(id, { ...record, level: false });
}

/** What the kernel has done to a process that was the same as its copy is no difference. */
export function remakeCopy(k: Kernel, p: Proc): void {
  if (!k.state.duplicates.get(p.vmspace)?.level) return;
  leaveCopy(k, p.vmspace);
  levelCopy(k, p.threads[0]!);
}

/** The engine has run what this core runs, and returned with `exit`: the copy does as much. */
export function runCopy(k: Kernel, core: KernelCore, exit: EngineExit): void {
  const found = copyOn(k, core);
  if (!found || found.record.diverged) return;
  const { id, copy, record } = found;
  const on = otherCore(k, core);
  if (!on) {
    leaveCopy(k, id);
    return;
  }
  const { retired, tscBase, tables } = core.state;
  // An instruction that faults is not retired: to see it fault, the copy has to be let come to it.
  const budget = exit === EXIT_BUDGET ? retired : retired + 1;
  if (budget === 0) return;
  const state = new CoreState(cpuId(on.id), tables);
  state.load(copy.block);
  state.tscBase = tscBase;
  const diverged = k.runOn(on, state, copy.space, budget) !== exit || state.retired !== retired;
  copy.block.set(state.u8);
  k.state.duplicates.set(id, { ...record, diverged, unpaid: record.unpaid + state.retired });
}

/** The core has run for `ns`: the other core is charged for what the copy did meanwhile, and this one waits for it. */
export function chargeCopy(k: Kernel, core: KernelCore, ns: number): void {
  const found = copyOn(k, core);
  if (!found || found.record.unpaid === 0) return;
  k.state.duplicates.set(found.id, { ...found.record, unpaid: 0 });
  const on = otherCore(k, core);
  if (!on) return;
  const copyNs = found.record.unpaid * k.config.cycleNs * on.slowdown;
  on.clockNs = Math.max(on.clockNs, core.clockNs - ns) + copyNs;
  const [user, nice, system, interrupt, idle] = k.cpu(on.id).cpTimes;
  k.setCpu(on.id, { cpTimes: [user, nice, system + copyNs, interrupt, idle] });
  core.clockNs = Math.max(core.clockNs, on.clockNs);
}

/** Whether process and copy, if there is one, are still the same. What they are found to be is remembered. */
export function copyAgrees(k: Kernel, tid: Tid): boolean {
  if (k.copies.size === 0) return true;
  const found = levelCopyOf(k, tid);
  if (!found) return true;
  const { id, copy, record } = found;
  const agrees =
    !record.diverged && sameRegisters(blockOf(k, tid), copy.block) && copy.space.hasBytesOf(k.space(id).snapshot());
  if (!agrees) k.state.duplicates.set(id, { ...record, diverged: true });
  return agrees;
}

/** Between EXIT_VECTOR and SHADOW stands what only matters after an exception; how both came to an end has been compared. */
function sameRegisters(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, n) => byte === b[n] || (n >= EXIT_VECTOR * 4 && n < SHADOW * 4));
}

/** The copy is known not to be what the process is. */
export function copyDiverged(k: Kernel, tid: Tid): boolean {
  return k.copies.size > 0 && levelCopyOf(k, tid)?.record.diverged === true;
}
