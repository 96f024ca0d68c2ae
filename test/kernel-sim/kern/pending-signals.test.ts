import { describe, expect, it } from 'vitest';
import { EAGAIN } from '../../../kernel-sim/abi/errno.ts';
import { signo } from '../../../kernel-sim/abi/ids.ts';
import { SI_TIMER } from '../../../kernel-sim/abi/siginfo.ts';
import { psignal, sigInfo } from '../../../kernel-sim/kern/signal.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { addProcess, addThread, Caller, fileKernel } from '../../support/kernel.ts';

const [SIGUSR1, SIGUSR2, MAX] = [30, 31, 128];

describe('pending signals', () => {
  it('of a process and its threads together have 128 places; then sigqueue fails, and kill is as if it were one signal', () => {
    const { k } = fileKernel();
    const td = addProcess(k);
    const other = addThread(k, td.pid);
    const c = new Caller(k, td, SYSCALLS);
    const pending = (): number => k.proc(td.pid).sigqueue.length;
    for (const thread of [td, other]) k.setThread(thread.tid, { sigmask: [-1, -1, -1, -1] });
    for (let n = 0; n < 28; n++) c.ok('thr_kill', other.tid, SIGUSR1);
    for (let n = 28; n < MAX; n++) c.ok('sigqueue', td.pid, SIGUSR2, n);
    expect([pending(), k.thread(other.tid).sigqueue.length]).toEqual([100, 28]);
    expect(c.errno('sigqueue', td.pid, SIGUSR2, 0)).toBe(EAGAIN);
    expect([c.ok('kill', td.pid, SIGUSR2), pending()]).toEqual([0, 100]);
    expect([c.ok('kill', td.pid, SIGUSR1), c.ok('kill', td.pid, SIGUSR1), pending()]).toEqual([0, 0, 101]);
    // A timer's signal has a place of its own.
    psignal(k, td.pid, signo(SIGUSR2), 0, sigInfo(signo(SIGUSR2), { code: SI_TIMER }));
    expect(pending()).toBe(102);
  });
});
