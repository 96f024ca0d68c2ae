import { describe, expect, it } from 'vitest';
import { EINVAL, ENOENT, EPERM, ESRCH } from '../../../kernel-sim/abi/errno.ts';
import { pid, signo, tid } from '../../../kernel-sim/abi/ids.ts';
import {
  decodeKinfoFiles,
  decodeKinfoVmentries,
  type KinfoProc,
  kinfoProcLayout,
  NODEV,
  SRUN,
  SSLEEP,
  SSTOP,
  SZOMB,
} from '../../../kernel-sim/abi/kinfo.ts';
import { decode } from '../../../kernel-sim/abi/layout.ts';
import { bytesOf, type Kernel, latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { blankThread, NO_USAGE } from '../../../kernel-sim/kern/proc.ts';
import { sigInfo } from '../../../kernel-sim/kern/signal.ts';
import type { Thread } from '../../../kernel-sim/kern/state.ts';
import { sysctlSyscalls } from '../../../kernel-sim/sys/sysctl.ts';
import { CONSOLE, controlTerminal } from '../../../kernel-sim/tty/tty.ts';
import { installFile, vnodeAt } from '../../../kernel-sim/vfs/memfs.ts';
import { addProcess, Caller, fileKernel, MEMORY, MEMORY_SIZE } from '../../support/kernel.ts';
import { SysctlCaller } from './sysctl-caller.ts';

const SECOND = 1_000_000_000;

/** Process 1 asks; process 2 is looked at. */
const setup = (asker = {}) => {
  const { k } = fileKernel({ cores: 2 });
  const s = new SysctlCaller(new Caller(k, addProcess(k, { ...asker }), sysctlSyscalls));
  const td = addProcess(k, { comm: 'matrix', args: ['matrix', '-n', '5'], ppid: pid(1) });
  return { k, s, td };
};

const addThread = (k: Kernel, td: Thread, patch: Partial<Thread> = {}): Thread => {
  const id = tid(k.next('nextTid'));
  const thread = { ...blankThread(id, td.pid, 'worker', 0), ...patch };
  k.state.threads.set(id, thread);
  k.setProc(td.pid, { threads: [...k.proc(td.pid).threads, id] });
  return thread;
};

const recordsOf = (bytes: Uint8Array | number): KinfoProc[] => {
  if (typeof bytes === 'number') throw new Error(`errno ${bytes}`);
  return Array.from({ length: bytes.length / 768 }, (_, i) => decode(kinfoProcLayout, bytes, i * 768));
};

describe('kern.proc.pid', () => {
  it('tells who a process is, where it runs and what it has used', () => {
    const { k, s, td } = setup();
    k.clockNs = 20 * SECOND;
    k.setProc(td.pid, {
      nice: 5,
      startNs: 2.5 * SECOND,
      deadThreads: { ...NO_USAGE, userNs: SECOND, systemNs: 0 },
      children: { ...NO_USAGE, userNs: 3 * SECOND, systemNs: SECOND / 2 },
    });
    k.setThread(td.tid, { onCpu: 1, lastCpu: 1, priority: 180, userNs: 2 * SECOND, systemNs: 4000 });
    const [record] = recordsOf(s.read([1, 14, 1, 2]));
    expect(record).toMatchObject({
      ki_structsize: 768,
      ki_pid: 2,
      ki_ppid: 1,
      ki_comm: 'matrix',
      ki_emul: 'FreeBSD ELF32',
      ki_login: 'root',
      ki_stat: SRUN,
      ki_nice: 5,
      ki_oncpu: 1,
      ki_lastcpu: 1,
      ki_tid: td.tid,
      ki_numthreads: 1,
      ki_size: MEMORY_SIZE,
      ki_rssize: MEMORY_SIZE / 4096,
      ki_runtime: 3_000_004,
      ki_start: { tv_sec: 1_325_376_002, tv_usec: 500_000 },
      ki_swtime: 17,
      ki_childtime: { tv_sec: 3, tv_usec: 500_000 },
      ki_tdev: NODEV,
    });
    expect(record!.ki_pri).toMatchObject({ pri_class: 3, pri_level: 180 });
    expect(record!.ki_rusage.ru_utime).toEqual({ tv_sec: 3, tv_usec: 0 });
    expect(record!.ki_flag & 0x800).toBe(0);
  });

  it.each([
    ['runs', {}, {}, { ki_stat: SRUN }],
    [
      'waits for a core',
      {},
      { state: 'runnable', onCpu: 1, lastCpu: 0 },
      { ki_stat: SRUN, ki_oncpu: 255, ki_lastcpu: 0 },
    ],
    ['was never on a core', {}, { state: 'runnable', onCpu: 1 }, { ki_stat: SRUN, ki_oncpu: 255, ki_lastcpu: 255 }],
    [
      'sleeps',
      {},
      { state: 'sleeping', sleep: { wchan: 'pipe:1', wmesg: 'piperd', deadlineNs: null, interruptible: true } },
      { ki_stat: SSLEEP, ki_wmesg: 'piperd', ki_tdflags: 4 | 8 },
    ],
    ['is stopped', { stopped: 'signal' }, { state: 'suspended' }, { ki_stat: SSTOP, ki_flag: 0x10020000 }],
    [
      'is stopped while asleep',
      { stopped: 'trace', traced: true },
      { state: 'sleeping', sleep: { wchan: 'x', wmesg: 'nanslp', deadlineNs: 1, interruptible: true } },
      { ki_stat: SSTOP, ki_flag: 0x10040800 },
    ],
    ['has lost its core', { state: 'lost' }, { state: 'suspended' }, { ki_stat: SRUN }],
  ] as const)('shows a process that %s', (_what, proc, thread, expected) => {
    const { k, s, td } = setup();
    k.setProc(td.pid, proc);
    k.setThread(td.tid, thread);
    expect(recordsOf(s.read([1, 14, 1, 2]))[0]).toMatchObject(expected);
  });

  it('shows what has no threads: a zombie, init, a process that lost its core', () => {
    const { k, s, td } = setup();
    k.setProc(td.pid, { state: 'zombie', threads: [], vmspace: 0, xstat: 0x100 });
    expect(recordsOf(s.read([1, 14, 1, 2]))[0]).toMatchObject({
      ki_stat: SZOMB,
      ki_xstat: 0x100,
      ki_size: 0,
      ki_oncpu: 255,
      ki_tid: 0,
    });
    k.setProc(td.pid, { state: 'normal', ppid: td.pid });
    expect(recordsOf(s.read([1, 14, 1, 2]))[0]).toMatchObject({ ki_stat: SSLEEP, ki_wmesg: 'wait', ki_ppid: 0 });
    k.setProc(td.pid, { state: 'lost' });
    expect(recordsOf(s.read([1, 14, 0x11, 2]))[0]).toMatchObject({ ki_stat: SRUN, ki_numthreads: 0 });
  });

  it('gives one record for each thread when asked, with its own name and time', () => {
    const { k, s, td } = setup();
    addThread(k, td, { userNs: 7000 });
    const records = recordsOf(s.read([1, 14, 0x11, 2]));
    expect(records.map((r) => [r.ki_tdname, r.ki_runtime, r.ki_numthreads])).toEqual([
      ['test', 0, 2],
      ['worker', 7, 2],
    ]);
    expect(recordsOf(s.read([1, 14, 1, 2]))).toHaveLength(1);
  });

  it('shows pending, blocked, ignored and caught signals', () => {
    const { k, s, td } = setup();
    const sigacts = Array.from({ length: 129 }, (_, n) =>
      n === 2
        ? { handler: 0x8048000, flags: 0, mask: [0, 0, 0, 0] }
        : n === 13
          ? { handler: 1, flags: 0, mask: [] }
          : null,
    );
    k.setProc(td.pid, { sigacts, sigqueue: [sigInfo(signo(2))] });
    k.setThread(td.tid, { sigmask: [2, 0, 0, 0], sigqueue: [sigInfo(signo(33))] });
    const [r] = recordsOf(s.read([1, 14, 1, 2]));
    expect(r!.ki_siglist).toEqual([2, 1, 0, 0]);
    expect(r!.ki_sigmask).toEqual([2, 0, 0, 0]);
    expect(r!.ki_sigcatch).toEqual([2, 0, 0, 0]);
    // URG 16, CHLD 20, IO 23, WINCH 28 and INFO 29 are ignored by default, PIPE 13 by wish.
    expect(r!.ki_sigignore![0]).toBe((1 << 12) | (1 << 15) | (1 << 19) | (1 << 22) | (1 << 27) | (1 << 28));
  });

  it('shows the terminal to the session that has it', () => {
    const { k, s } = setup();
    controlTerminal(k, pid(2), CONSOLE);
    expect(recordsOf(s.read([1, 14, 1, 2]))[0]).toMatchObject({ ki_tdev: 5, ki_tpgid: 2, ki_kiflag: 3 });
    expect(recordsOf(s.read([1, 14, 1, 1]))[0]).toMatchObject({ ki_tdev: NODEV, ki_tpgid: -1, ki_kiflag: 2 });
    expect(recordsOf(s.read([1, 14, 4, 5])).map((r) => r.ki_pid)).toEqual([2]);
  });
});

describe('tables of processes', () => {
  it('have everybody in order, zombies last, with room to spare in the length', () => {
    const { k, s, td } = setup();
    addProcess(k);
    k.setProc(td.pid, { state: 'zombie', threads: [] });
    expect(recordsOf(s.read([1, 14, 8])).map((r) => r.ki_pid)).toEqual([1, 3, 2]);
    expect(s.raw({ mib: [1, 14, 8], old: 0, room: 0 })).toEqual({ errno: 0, length: 768 * 8 });
  });

  it('are chosen by group, session and user', () => {
    const { k, s } = setup();
    addProcess(k, { uid: 1001, pgid: pid(2) });
    expect(recordsOf(s.read([1, 14, 2, 2])).map((r) => r.ki_pid)).toEqual([2, 3]);
    expect(recordsOf(s.read([1, 14, 3, 3])).map((r) => r.ki_pid)).toEqual([3]);
    expect(recordsOf(s.read([1, 14, 5, 1001])).map((r) => r.ki_pid)).toEqual([3]);
    expect(s.read([1, 14, 5, 77])).toEqual(new Uint8Array(0));
    expect(s.read([1, 14, 5])).toBe(EINVAL);
  });
});

describe('one process', () => {
  it.each([1, 7, 9, 12, 32, 33, 34, 35, 36, 37, 38, 39, 40])(
    'kern.proc.%i of a pid that is not there is ESRCH',
    (n) => {
      const { s } = setup();
      expect(s.read([1, 14, n, 4711])).toBe(ESRCH);
      expect(s.read([1, 14, n, -7])).toBe(ESRCH);
      expect(s.read([1, 14, n, 2_000_000])).toBe(ESRCH);
      expect(s.read([1, 14, n])).toBe(EINVAL);
    },
  );

  it.each([7, 12, 32, 33, 35, 36, 38, 40])('kern.proc.%i of a zombie is ESRCH', (n) => {
    const { k, s, td } = setup();
    k.setProc(td.pid, { state: 'zombie', threads: [], vmspace: 0 });
    expect(s.read([1, 14, n, 2])).toBe(ESRCH);
  });

  it.each([32, 33, 35, 36, 38])('kern.proc.%i of somebody else is EPERM', (n) => {
    const { k, s } = setup({ uid: 1001 });
    expect(s.read([1, 14, n, 2])).toBe(EPERM);
    k.setProc(pid(2), { uid: 1001, ruid: 1001, svuid: 1001 });
    expect(s.read([1, 14, n, 2])).toBeInstanceOf(Uint8Array);
  });

  it('has arguments, umask, release, limits and an auxiliary vector', () => {
    const { k, s } = setup();
    const auxv = [3, 0, 6].map((type) => [type, type * 4096] as const);
    k.setProc(pid(2), { osrel: 900044, umask: 0o27, auxv });
    expect(latin1(s.read([1, 14, 7, 2]) as Uint8Array)).toBe('matrix\0-n\x005\0');
    expect([...(s.read([1, 14, 39, 2]) as Uint8Array)]).toEqual([0o27, 0]);
    expect(s.words([1, 14, 40, 2])).toEqual([900044]);
    expect(s.words([1, 14, 36, 2])).toEqual([3, 12288, 0, 0, 6, 24576]);
    expect(s.words([1, 14, 38, 2])).toEqual([0xbfbffff0]);
    expect((s.read([1, 14, 37, 2]) as Uint8Array).length).toBe(13 * 16);
    expect(s.words([1, 14, 37, 2, 3])).toEqual([64 << 20, 0, 64 << 20, 0]);
    expect(s.read([1, 14, 37, 2, 13])).toBe(ENOENT);
  });

  it('has a path, also under the id of a thread and of the asker itself', () => {
    const { k, s, td } = setup();
    installFile(k, '/bin/matrix', bytesOf('x'), 0o755);
    k.setProc(td.pid, { textVnode: vnodeAt(k, '/bin/matrix')! });
    expect(s.text([1, 14, 12, 2])).toBe('/bin/matrix');
    expect(s.text([1, 14, 12, td.tid])).toBe('/bin/matrix');
    expect(s.text([1, 14, 12, -1])).toBe('/');
  });

  it('has an environment, read through ps_strings from its own memory', () => {
    const { k, s, td } = setup();
    const { vmspace } = k.proc(td.pid);
    const vm = k.vmspace(vmspace);
    const stack = { ...vm.map[0]!, start: 0xbfbff000, end: 0xbfc00000 };
    k.setVmspace(vmspace, { map: [...vm.map, stack] });
    k.copyout(td.pid, MEMORY, bytesOf('HOME=/root\0A=1\0'));
    const pokes: [number, number][] = [];
    pokes.push([0xbfbffff8, MEMORY + 64], [0xbfbffffc, 2], [MEMORY + 64, MEMORY], [MEMORY + 68, MEMORY + 11]);
    for (const [at, value] of pokes) expect(k.suword(td.pid, at, value)).toBe(true);
    expect(latin1(s.read([1, 14, 35, 2]) as Uint8Array)).toBe('HOME=/root\0A=1\0');
    k.suword(td.pid, 0xbfbffffc, 0xffffffff);
    expect(s.read([1, 14, 35, 2])).toEqual(new Uint8Array(0));
  });

  it('has a map with types, flags, resident pages and paths', () => {
    const { k, s, td } = setup();
    installFile(k, '/bin/matrix', bytesOf('x'.repeat(5000)), 0o755);
    const vnode = vnodeAt(k, '/bin/matrix')!;
    const { vmspace } = k.proc(td.pid);
    const [anon] = k.vmspace(vmspace).map;
    const text = { ...anon!, start: 0x8048000, end: 0x804a000, prot: 5, noCoredump: true, touched: false };
    const object = { kind: 'vnode', vnode, offset: 4096, shared: false, fileEnd: 0x8049388 } as const;
    const untouched = { ...anon!, start: 0x28000000, end: 0x28100000, touched: false };
    const stack = { ...anon!, start: 0xbfbe0000, end: 0xbfc00000, growsDown: true };
    k.setVmspace(vmspace, { map: [anon!, { ...text, object }, untouched, stack] });
    k.space(vmspace).mapPage(0x8049, 5);
    const entries = decodeKinfoVmentries(s.read([1, 14, 32, 2]) as Uint8Array);
    expect(entries.map((e) => [e.kve_type, e.kve_start, e.kve_protection, e.kve_flags, e.kve_resident])).toEqual([
      [1, MEMORY, 3, 0, 64],
      [2, 0x8048000, 5, 1 | 2 | 4, 1],
      [0, 0x28000000, 3, 0, 0],
      [1, 0xbfbe0000, 3, 0x20, 0],
    ]);
    expect(entries[1]).toMatchObject({
      kve_end: 0x804a000,
      kve_offset: 4096,
      kve_path: '/bin/matrix',
      kve_vn_type: 1,
      kve_vn_size: 5000,
      kve_vn_mode: 0o100755,
      kve_structsize: 136 + 16,
    });
  });

  it('has descriptors, after its text and directories', () => {
    const { s } = setup();
    const files = decodeKinfoFiles(s.read([1, 14, 33, 2]) as Uint8Array);
    expect(files.map((f) => [f.kf_fd, f.kf_type, f.kf_vnode_type, f.kf_path])).toEqual([
      [-5, 1, 2, '/'],
      [-1, 1, 2, '/'],
      [-2, 1, 2, '/'],
      [0, 1, 4, '/dev/console'],
      [1, 1, 4, '/dev/console'],
      [2, 1, 4, '/dev/console'],
    ]);
    expect(files[3]!.kf_ref_count).toBe(3);
  });
});
