import { describe, expect, it } from 'vitest';
import type { Core } from '../../../emu/machine/machine.ts';
import { SIGSTOP } from '../../../kernel-sim/abi/signal.ts';
import { makeRunnable } from '../../../kernel-sim/kern/sched.ts';
import { stopProcess } from '../../../kernel-sim/kern/signal.ts';
import type { PendingSyscall } from '../../../kernel-sim/kern/state.ts';
import { KernelTrapHandler } from '../../../kernel-sim/kern/trap.ts';
import { NATIVE_PROGRAMS } from '../../../src/restart/native-programs.ts';
import { addProcess, addThread, fileKernel } from '../../support/kernel.ts';

const NANOSLEEP: PendingSyscall = { code: 240, args: [0, 0], resume: null, woken: 'timeout', shown: null };

describe('a thread on a core whose process another core has just stopped', () => {
  it.each([
    ['in user mode', null],
    ['in the middle of a call', NANOSLEEP],
  ])('halts when it has to give the core up, %s: it is on no queue', (_, pending) => {
    const { k } = fileKernel();
    const core = k.cores[0]!;
    const stopper = addProcess(k);
    const running = addThread(k, stopper.pid);
    const other = addProcess(k);
    k.setThread(running.tid, { onCpu: 0, pending });
    k.setCpu(0, { current: running.tid, load: 1 });
    k.setThread(other.tid, { onCpu: -1 });
    k.pcbs.set(other.tid, core.state.save());
    makeRunnable(k, k.thread(other.tid), 'new');
    k.setThread(stopper.tid, { state: 'suspended', onCpu: -1 });
    stopProcess(k, stopper.pid, 'signal', SIGSTOP, stopper.tid);
    k.setCpu(0, { needResched: true });

    new KernelTrapHandler(k, NATIVE_PROGRAMS).prepare(core as Core);
    expect(k.thread(running.tid)).toMatchObject({ state: 'suspended', onCpu: -1, pending });
    expect(k.cpu(0)).toMatchObject({ current: other.tid, load: 1 });
  });
});
