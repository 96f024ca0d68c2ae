import { cpuId } from '../../emu/base/brand.ts';
import { CoreState } from '../../emu/core/core-state.ts';
import { freebsdDescriptorTables } from '../../emu/core/reset.ts';
import { AddressSpace } from '../../emu/memory/address-space.ts';
import type { Pid, Tid } from '../abi/ids.ts';
import { leaveCopy, otherCore } from './duplicate.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { faultInterrupt } from './recovery.ts';
import { loadSelfTest, selfTestPassed } from './self-test.ts';
import type { Suspect } from './state.ts';

/** More than the self-test takes; a wrong core may get lost in it. */
const SELF_TEST_BUDGET = 10_000;

/**
 * Process and copy are not the same, and only one of them can be right. Both cores are tested: the one that fails has a permanent fault.
 * Where both pass, nobody can tell, and the core that ran the process is said to have had a transient one.
 */
export function copyMismatch(k: Kernel, core: KernelCore, tid: Tid): void {
  const { pid } = k.thread(tid);
  leaveCopy(k, k.proc(pid).vmspace);
  const on = otherCore(k, core);
  const unsound = [core, ...(on ? [on] : [])].find((each) => !isSound(k, each));
  if (unsound)
    faultInterrupt(k, { core: unsound, by: 'duplicate', permanent: true, suspects: suspectsOf(k, unsound, pid) });
  else faultInterrupt(k, { core, by: 'duplicate', permanent: false });
}

/** The process, whose checkpoints were all taken while it agreed with its copy, and what the unsound core may have misled. */
function suspectsOf(k: Kernel, { id }: KernelCore, pid: Pid): Suspect[] {
  const { current, selfTest } = k.cpu(id);
  const running = current === 0 ? [] : [k.thread(current).pid];
  const now = [...new Set([pid, ...running])].map((each) => ({ pid: each, fromNs: Number.POSITIVE_INFINITY }));
  return [...now, ...(selfTest?.ran ?? []).filter((suspect) => !now.some((each) => each.pid === suspect.pid))];
}

function isSound(k: Kernel, core: KernelCore): boolean {
  const space = new AddressSpace();
  const state = new CoreState(cpuId(core.id), freebsdDescriptorTables());
  loadSelfTest(state.i32, space);
  const passed = selfTestPassed(state, space, k.runOn(core, state, space, SELF_TEST_BUDGET));
  space.dispose();
  return passed;
}
