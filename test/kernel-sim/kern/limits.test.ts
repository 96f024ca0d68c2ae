import { beforeEach, describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import { encodeRlimits, RLIM_INFINITY } from '../../../kernel-sim/abi/resource.ts';
import { bytesOf } from '../../../kernel-sim/kern/kernel.ts';
import { mayFork } from '../../../kernel-sim/kern/resource.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { readFile } from '../../../kernel-sim/vfs/memfs.ts';
import { type GuestProgram, runOne } from '../../support/guest-program.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';

const [CPU, FSIZE, DATA, STACK, CORE, MEMLOCK, NPROC, NOFILE, VMEM] = [0, 1, 2, 3, 4, 6, 7, 8, 10];
const PAGE = 4096;

let c: Caller;
beforeEach(() => {
  const { k } = fileKernel();
  c = new Caller(k, addProcess(k), SYSCALLS);
});

function limit(which: number, soft: number, hard = RLIM_INFINITY): void {
  c.poke(OUT, encodeRlimits([{ soft, hard }]));
  c.ok('setrlimit', which, OUT);
}

/** setrlimit(2) by a program. */
const setLimit = (p: GuestProgram, which: number, soft: number, hard = soft): GuestProgram =>
  p.sys('setrlimit', which, p.words(soft, 0, hard, 0));

describe('limits on resources', () => {
  it('RLIMIT_NOFILE: descriptors below it only', () => {
    limit(NOFILE, 5);
    expect(c.ok('getdtablesize')).toBe(5);
    expect([c.ok('dup', 0), c.ok('dup', 0), c.errno('dup', 0)]).toEqual([3, 4, errno.EMFILE]);
    expect(c.errno('dup2', 0, 5)).toBe(errno.EBADF);
    expect(c.errno('fcntl', 0, 0, 5)).toBe(errno.EINVAL);
    expect(c.errno('socket', 2, 1, 0)).toBe(errno.EMFILE);
    expect(c.errno('kqueue')).toBe(errno.EMFILE);
  });

  it('RLIMIT_FSIZE: SIGXFSZ and EFBIG, and nothing is written', () => {
    const fd = c.ok('open', '/tmp/f', 0x202, 0o600);
    limit(FSIZE, 10);
    c.poke(OUT, bytesOf('0123456789ab'));
    expect(c.ok('write', fd, OUT, 10)).toBe(10);
    expect(c.errno('write', fd, OUT, 1)).toBe(errno.EFBIG);
    expect(c.errno('pwrite', fd, OUT, 4, 8)).toBe(errno.EFBIG);
    expect(c.k.proc(c.td.pid).sigqueue.map(({ signo }) => signo)).toEqual([25, 25]);
    expect((readFile(c.k, '/tmp/f') as Uint8Array).length).toBe(10);
  });

  it('RLIMIT_DATA and RLIMIT_VMEM: ENOMEM', () => {
    limit(DATA, 4 * PAGE);
    c.k.setVmspace(c.k.proc(c.td.pid).vmspace, { dataAddr: 0x1000000 });
    c.ok('break', 0x1000000 + 4 * PAGE);
    expect(c.errno('break', 0x1000000 + 5 * PAGE)).toBe(errno.ENOMEM);
    limit(VMEM, (64 + 4 + 2) * PAGE);
    expect(c.errno('mmap', 0, 3 * PAGE, 3, 0x1002, -1, 0)).toBe(errno.ENOMEM);
    c.ok('mmap', 0, 2 * PAGE, 3, 0x1002, -1, 0);
    const segment = c.ok('shmget', 0, PAGE, 0o600);
    expect(c.errno('shmat', segment, 0, 0)).toBe(errno.ENOMEM);
  });

  it('RLIMIT_MEMLOCK: so much can be locked', () => {
    limit(MEMLOCK, 2 * PAGE);
    c.ok('mlock', 0x10000, 2 * PAGE);
    expect(c.errno('mlock', 0x20000, PAGE)).toBe(errno.ENOMEM);
    c.ok('munlock', 0x10000, PAGE);
    c.ok('mlock', 0x20000, PAGE);
  });

  it('RLIMIT_NPROC: counts the processes of a user, but never stops root', () => {
    limit(NPROC, 1);
    const may = (): boolean => mayFork(c.k, c.k.proc(c.td.pid));
    expect(may()).toBe(true);
    c.k.setProc(c.td.pid, { uid: 1001, ruid: 1001 });
    expect(may()).toBe(false);
    limit(NPROC, 2);
    expect(may()).toBe(true);
    addProcess(c.k, { uid: 1001 });
    expect(may()).toBe(false);
  });

  it('RLIMIT_STACK: where it ends there is no memory', () => {
    const run = (pages: number) =>
      runOne((p) => {
        setLimit(p, STACK, 256 << 10);
        p.load(0xbfc00000 - pages * PAGE).exit(0);
      });
    const signalOf = (pages: number): number => {
      const { run: r } = run(pages);
      return r.system.events.findLast((event) => event.kind === 'exit')!.signal as number;
    };
    expect([signalOf(60), signalOf(70)]).toEqual([0, 11]);
  });

  it('RLIMIT_CPU: SIGXCPU each five seconds from the soft limit on, and the end at the first of them past the hard one', () => {
    const { run, log } = runOne(
      (p) => {
        p.sys('sigaction', 24, p.words(1, 0, 0, 0, 0, 0), 0);
        setLimit(p, CPU, 1, 8);
        p.sys('fork').ifZero((child) => child.spin());
        p.wait('child');
        p.exit(0);
      },
      { cycleNs: 10_000 },
    );
    expect(log['child.status']).toBe(9);
    const ended = run.system.events.findLast((event) => event.kind === 'exit' && event.signal === 9);
    expect(ended!.ns).toBeGreaterThan(11e9);
    expect(ended!.ns).toBeLessThan(11.1e9);
  });

  it('RLIMIT_CORE: a larger core is not written', () => {
    const dies = (bytes: number) =>
      runOne((p) => {
        setLimit(p, CORE, bytes);
        p.raw('0f0b');
      }).run;
    expect(readFile(dies(0).system.kernel, '/root/main.core')).toBe(errno.ENOENT);
    expect(readFile(dies(1 << 20).system.kernel, '/root/main.core')).toBeInstanceOf(Uint8Array);
  });

  it('no host memory is spent on the core of a process with gigabytes', () => {
    const { log, run } = runOne((p) => {
      p.sys('mmap', 0x40000000, 0x70000000, 3, 0x1011, -1, 0, 0).log('mmap').set(0x40000000, 1).flush().raw('0f0b');
    });
    expect(log.mmap).toBe(0x40000000);
    expect(readFile(run.system.kernel, '/root/main.core')).toBe(errno.ENOENT);
  });
});
