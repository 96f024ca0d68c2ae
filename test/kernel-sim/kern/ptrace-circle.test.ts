import { beforeEach, describe, expect, it } from 'vitest';
import { ESRCH } from '../../../kernel-sim/abi/errno.ts';
import type { Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { attachTracer, traceMe } from '../../../kernel-sim/kern/ptrace.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { addProcess, Caller, fileKernel } from '../../support/kernel.ts';

let k: Kernel;
let [grandparent, parent, child, other]: Caller[] = [];

beforeEach(() => {
  k = fileKernel().k;
  // The first is init.
  addProcess(k);
  const next = (above: number): Caller => {
    const sid = 2 as never;
    return new Caller(k, addProcess(k, { ppid: above as never, sid }), SYSCALLS);
  };
  [grandparent, parent, child, other] = [next(1), next(2), next(3), next(3)];
  expect(attachTracer(k, child!.td.pid, parent!.td.pid)).toBe(0);
});

describe('a process that traces its own parent', () => {
  it('is still below those that the parent is below', () => {
    expect(grandparent!.ok('setpgid', child!.td.pid, 0)).toBe(0);
    expect(other!.errno('setpgid', child!.td.pid, 0)).toBe(ESRCH);
  });

  it('may be traced by it at the same time, and both may go on to trace others', () => {
    expect(traceMe(k, child!.td.pid)).toBe(0);
    expect(traceMe(k, other!.td.pid)).toBe(0);
    const more = addProcess(k, { ppid: 1 as never });
    expect(attachTracer(k, other!.td.pid, more.pid)).toBe(0);
  });
});
