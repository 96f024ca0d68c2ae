import type { CoreState } from '../../emu/core/core-state.ts';
import {
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  EFLAGS,
  EIP,
  ESI,
  ESP,
  EXIT_VECTOR,
  FLAG_TF,
} from '../../emu/core/core-state.ts';
import { type EngineExit, EXIT_EXCEPTION, VECTOR_DB } from '../../emu/core/engine.ts';
import { type AddressSpace, PAGE_SHIFT, PAGE_SIZE, PERM_R, PERM_W, PERM_X } from '../../emu/memory/address-space.ts';
import { PID_MAX, pid, type Tid, tid } from '../abi/ids.ts';
import { PRI_FIFO_BIT, PRI_MIN_REALTIME, PRI_REALTIME } from '../abi/priority.ts';
import { anonEntry } from '../vm/map-in.ts';
import { newVmspace, releaseVmspace } from '../vm/vmspace.ts';
import { cpuBit } from './cpumask.ts';
import { boundSet } from './cpuset.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { blankProc, blankThread, INIT_PID } from './proc.ts';
import { freshRegisters, regsOf } from './regs.ts';
import { leaveCore, makeRunnable } from './sched.ts';
import { SELF_TEST_CODE, SELF_TEST_CODE_ADDR, SELF_TEST_RESULTS, SELF_TEST_RESULTS_ADDR } from './self-test-code.ts';
import type { Suspect } from './state.ts';
import { removeThread } from './thread.ts';

/*
 * The self-test of cores: a routine (guest/selftest/selftest.asm) that each core runs by itself, every config.selfTest.periodNs, in a
 * system process that is bound to it. What it leaves in memory and registers is compared with what a sound core leaves there. Its time
 * on the core is charged like any other.
 */

const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const CODE = bytesOfHex(SELF_TEST_CODE);
const RESULTS = bytesOfHex(SELF_TEST_RESULTS);
const STACK_TOP = SELF_TEST_RESULTS_ADDR + 0xf00;
/** In front of the INT3 that ends the code. */
const END = SELF_TEST_CODE_ADDR + CODE.length - 1;
const PSL_USER = 0x202;

/** The registers at the end: the last instructions of the routine load them. */
const FINAL: readonly (readonly [index: number, value: number])[] = [
  [EAX, 0x01234567],
  [ECX, 0x89abcdef],
  [EDX, 0xfedcba98],
  [EBX, 0x76543210],
  [ESP, STACK_TOP],
  [EBP, 0x0f1e2d3c],
  [ESI, 0x4b5a6978],
  [EDI, 0x8796a5b4],
  [EIP, END],
  [EFLAGS, PSL_USER | FLAG_TF],
];

/** Puts the routine into a space and a core's registers in front of it. */
export function loadSelfTest(regs: Int32Array, space: AddressSpace): void {
  const codePage = SELF_TEST_CODE_ADDR >>> PAGE_SHIFT;
  const resultsPage = SELF_TEST_RESULTS_ADDR >>> PAGE_SHIFT;
  if (!space.isResident(codePage)) {
    space.mapPage(codePage, PERM_R | PERM_X);
    space.mapPage(resultsPage, PERM_R | PERM_W | PERM_X);
    space.poke(SELF_TEST_CODE_ADDR, CODE);
  }
  space.poke(SELF_TEST_RESULTS_ADDR, new Uint8Array(PAGE_SIZE));
  regs.set(freshRegisters());
  regs[EIP] = SELF_TEST_CODE_ADDR;
  regs[ESP] = STACK_TOP;
  regs[EFLAGS] = PSL_USER;
}

/** A sound core comes to the end, with these registers and these results. */
export function selfTestPassed({ i32 }: Pick<CoreState, 'i32'>, space: AddressSpace, exit: EngineExit): boolean {
  if (exit !== EXIT_EXCEPTION || i32[EXIT_VECTOR] !== VECTOR_DB) return false;
  if (FINAL.some(([index, value]) => i32[index] !== (value | 0))) return false;
  const found = space.peek(SELF_TEST_RESULTS_ADDR, RESULTS.length);
  return found.every((byte, n) => byte === RESULTS[n]);
}

/** Thread ids of system processes do not come from the counter: guests count as on a machine without self-tests. */
const SYSTEM_TID = 0x40000000;

/** Gives a core the process that tests it; one for which the configuration has no self-test stays without. */
export function addSelfTest(k: Kernel, cpu: number): void {
  if (!k.config.selfTest) return;
  const owner = pid(PID_MAX - cpu);
  const thread = tid(SYSTEM_TID + cpu);
  const nowNs = k.now();
  const vmspace = newVmspace(k);
  const map = [SELF_TEST_CODE_ADDR, SELF_TEST_RESULTS_ADDR].map((at) => ({
    ...anonEntry(at, at + PAGE_SIZE),
    noCoredump: true,
  }));
  k.setVmspace(vmspace, { map });
  const name = `selftest${cpu}`;
  k.state.procs.set(owner, {
    ...blankProc(owner, INIT_PID, nowNs),
    ...{ comm: name, args: [name], vmspace, threads: [thread], system: true },
    cwd: k.state.counters.rootVnode,
    root: k.state.counters.rootVnode,
  });
  const priClass = PRI_REALTIME | PRI_FIFO_BIT;
  const scheduling = { priClass, basePri: PRI_MIN_REALTIME, priority: PRI_MIN_REALTIME, held: true };
  k.state.threads.set(thread, {
    ...blankThread(thread, owner, name, nowNs),
    ...scheduling,
    cpuset: boundSet(k, cpuBit(cpu)),
  });
  k.pcbs.set(thread, new Uint8Array(freshRegisters().slice().buffer));
  k.setCpu(cpu, { selfTest: { tid: thread, startedNs: nowNs, passedNs: nowNs, failures: 0, ran: [] } });
  k.emit({ kind: 'fork', pid: INIT_PID, child: owner, how: 'system' });
}

/** The core is taken out: nothing is left to test. */
export function dropSelfTest(k: Kernel, cpu: number): void {
  const { selfTest } = k.cpu(cpu);
  if (!selfTest) return;
  const p = k.proc(k.thread(selfTest.tid).pid);
  removeThread(k, selfTest.tid);
  releaseVmspace(k, p.vmspace);
  k.state.procs.delete(p.pid);
  k.setCpu(cpu, { selfTest: null });
}

/** The period is over: every core that is not still at its last self-test begins one, before anything else that it has to do. */
export function beginSelfTests(k: Kernel): void {
  for (const { cpu, selfTest, current } of [...k.state.cpus]) {
    if (!selfTest || !k.thread(selfTest.tid).held) continue;
    const nowNs = k.now();
    // What it was running until now may run for a moment more.
    const running = current === 0 ? [] : [{ pid: k.thread(current).pid, fromNs: nowNs }];
    k.setCpu(cpu, { selfTest: { ...selfTest, startedNs: nowNs, ran: [...selfTest.ran, ...running] } });
    load(k, selfTest.tid);
    makeRunnable(k, k.setThread(selfTest.tid, { held: false }), 'resume');
  }
}

function load(k: Kernel, thread: Tid): void {
  loadSelfTest(regsOf(k, thread), k.space(k.proc(k.thread(thread).pid).vmspace));
}

/** A process has been put on a core: should the core turn out to be unsound, the process is suspect from now on. */
export function noteRun(k: Kernel, cpu: number, running: Suspect['pid']): void {
  const { selfTest } = k.cpu(cpu);
  if (!selfTest || selfTest.ran.some((suspect) => suspect.pid === running)) return;
  k.setCpu(cpu, { selfTest: { ...selfTest, ran: [...selfTest.ran, { pid: running, fromNs: k.now() }] } });
}

export type Verdict =
  /** Nothing is known yet: a test that has failed is made once more. */
  | { readonly kind: 'again' }
  | { readonly kind: 'sound' }
  /** `permanent`: twice in a row. `suspects`: what has run on it since it was last known to be sound. */
  | { readonly kind: 'unsound'; readonly permanent: boolean; readonly suspects: readonly Suspect[] };

/** The self-test of this core has come to an end, or to a fault: what is to be thought of the core. */
export function endSelfTest(k: Kernel, core: KernelCore, exit: EngineExit): Verdict {
  const selfTest = k.cpu(core.id).selfTest!;
  const passed = selfTestPassed(core.state, k.space(k.proc(k.thread(selfTest.tid).pid).vmspace), exit);
  if (!passed && selfTest.failures === 0) {
    k.setCpu(core.id, { selfTest: { ...selfTest, failures: 1 } });
    load(k, selfTest.tid);
    return { kind: 'again' };
  }
  const { startedNs, ran } = selfTest;
  leaveCore(k, core);
  k.setThread(selfTest.tid, { state: 'suspended', held: true });
  const since = ran.filter(({ fromNs }) => fromNs >= startedNs);
  if (passed) k.setCpu(core.id, { selfTest: { ...selfTest, passedNs: startedNs, failures: 0, ran: since } });
  if (passed && selfTest.failures === 0) return { kind: 'sound' };
  return { kind: 'unsound', permanent: !passed, suspects: ran };
}

/** Every core in service has been sound until then: what goes back to an earlier moment need not go further. */
export function soundUntilNs(k: Kernel): number {
  return k.state.cpus.reduce((ns, { selfTest }) => Math.min(ns, selfTest?.passedNs ?? ns), Number.POSITIVE_INFINITY);
}
