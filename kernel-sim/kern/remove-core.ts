import { cpuId } from '../../emu/base/brand.ts';
import { removeCpuFromSets, replaceCpuInSets, reportAffinity } from './cpuset.ts';
import type { FaultReport } from './fault-report.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { POLICIES } from './recovery-policy.ts';
import { enforceAffinity, retireCpu } from './sched.ts';
import { addSelfTest, dropSelfTest } from './self-test.ts';
import { shedLoad } from './shedding.ts';

/** A fault that may not come back leaves the core in service, if the policy says so and it is not one of too many. */
export function keepsCore(k: Kernel, { core, permanent }: FaultReport): boolean {
  if (permanent || !POLICIES[k.config.recovery].keepsCore) return false;
  const transientFaults = k.cpu(core.id).transientFaults + 1;
  k.setCpu(core.id, { transientFaults });
  return transientFaults <= k.config.recoveryOptions.transientFaultsMax;
}

/**
 * A core is taken out for good. It leaves every CPU set, or a spare core takes its place in them; its queued threads go to other cores;
 * the registers of the thread that it ran are gone, and the thread is the caller's business.
 */
export function takeOutCore(k: Kernel, core: KernelCore): void {
  dropSelfTest(k, core.id);
  const running = k.cpu(core.id).current;
  const spare = k.cpu(core.id).spare ? undefined : k.state.cpus.find((cpu) => cpu.spare && !cpu.dead);
  const changed = spare ? replaceCpuInSets(k, core.id, spare.cpu) : removeCpuFromSets(k, core.id);
  if (running !== 0) {
    // Neither on a core nor on a queue: the thread will not be seen again.
    k.setThread(running, { state: 'suspended', onCpu: -1 });
    k.pcbs.set(running, core.registersLost ? core.state.save().fill(0) : core.state.save());
  }
  if (spare) {
    k.setCpu(spare.cpu, { spare: false });
    addSelfTest(k, spare.cpu);
  }
  retireCpu(k, core.id);
  const cpusLeft = k.state.cpus.filter((cpu) => !cpu.dead && !cpu.spare).map(({ cpu }) => cpu);
  k.emit({ kind: 'core-removed', victim: cpuId(core.id), cpusLeft, replacedBy: spare?.cpu ?? -1 });
  for (const tid of changed) {
    if (tid === running || !k.state.threads.has(tid)) continue;
    enforceAffinity(k, tid);
    reportAffinity(k, tid, spare ? `core ${core.id} replaced by ${spare.cpu}` : `core ${core.id} removed`);
  }
  shedLoad(k);
}
