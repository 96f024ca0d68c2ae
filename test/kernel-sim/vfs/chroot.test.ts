import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AT_EXECPATH } from '../../../kernel-sim/abi/elf.ts';
import { EACCES, ENOENT, ENOTDIR, EPERM } from '../../../kernel-sim/abi/errno.ts';
import { O_CREAT, O_DIRECTORY, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { execve } from '../../../kernel-sim/kern/exec.ts';
import { forkProcess } from '../../../kernel-sim/kern/fork.ts';
import type { Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { installFile, vnodeAt } from '../../../kernel-sim/vfs/memfs.ts';
import { System, type SystemConfig } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';

let k: Kernel;
let root: Caller;

/** /jail/in/file, /out, and a process with no directory open. */
beforeEach(() => {
  ({ k } = fileKernel());
  expect(installFile(k, '/jail/in/file', new Uint8Array(1), 0o644)).toBe(0);
  expect(installFile(k, '/out', new Uint8Array(1), 0o644)).toBe(0);
  root = new Caller(k, addProcess(k), fileSyscalls);
});

afterEach(() => {
  expect(checkFileInvariants(k)).toEqual([]);
});

const exists = (c: Caller, path: string): boolean => c.call('access', path, 0).kind === 'return';
const cwd = (c: Caller): string => {
  c.ok('__getcwd', OUT, 100);
  return c.text(OUT, 100).split('\0')[0]!;
};

describe('chroot', () => {
  it('makes a directory the root of all paths, and .. ends there, also behind symbolic links', () => {
    root.ok('symlink', '/out', '/jail/absolute');
    root.ok('symlink', '../../../out', '/jail/in/relative');
    root.ok('chroot', '/jail');
    root.ok('chdir', '/');
    expect(cwd(root)).toBe('/');
    for (const path of ['/in/file', 'in/file', '/../../in/file', '../in/../../in/file'])
      expect([path, exists(root, path)]).toEqual([path, true]);
    for (const path of ['/out', '../out', '/absolute', '/in/relative', '/jail/in/file'])
      expect([path, exists(root, path)]).toEqual([path, false]);
    root.ok('chdir', 'in');
    expect(cwd(root)).toBe('/in');
    root.ok('close', root.ok('open', '/out', O_CREAT | O_RDWR, 0o644));
    expect(exists(new Caller(k, addProcess(k), fileSyscalls), '/jail/out')).toBe(true);
  });

  it('leaves the working directory and descriptors where they are', () => {
    const fd = root.ok('open', '/', O_DIRECTORY, 0);
    root.ok('chroot', '/jail');
    expect(cwd(root)).toBe('/');
    expect(exists(root, 'out')).toBe(true);
    expect(exists(root, '/out')).toBe(false);
    root.ok('fchdir', fd);
    expect(exists(root, 'out')).toBe(true);
  });

  it('is refused a second time to who has a directory open, as kern.chroot_allow_open_directories=1 says', () => {
    const fd = root.ok('open', '/jail', O_DIRECTORY, 0);
    root.ok('chroot', '/jail');
    expect(root.errno('chroot', '/in')).toBe(EPERM);
    root.ok('close', fd);
    root.ok('chroot', '/in');
    expect(exists(root, '/file')).toBe(true);
  });

  it('is for root, and for directories that may be searched', () => {
    const user = new Caller(k, addProcess(k, { uid: 1001 }), fileSyscalls);
    expect(user.errno('chroot', '/jail')).toBe(EPERM);
    expect(root.errno('chroot', '/none')).toBe(ENOENT);
    expect(root.errno('chroot', '/out')).toBe(ENOTDIR);
    root.ok('mkdir', '/closed', 0);
    const former = new Caller(k, addProcess(k, { uid: 1001 }), fileSyscalls);
    expect(former.errno('chdir', '/closed')).toBe(EACCES);
  });

  it('keeps the directory when its name is gone', () => {
    root.ok('mkdir', '/empty', 0o755);
    root.ok('chroot', '/empty');
    const other = new Caller(k, addProcess(k), fileSyscalls);
    other.ok('rmdir', '/empty');
    expect(root.errno('open', '/new', O_CREAT | O_RDWR, 0o644)).toBe(ENOENT);
  });
});

describe('a process with a root of its own', () => {
  /** `count 20 50`, whose root is /jail, executed there. */
  function jailed(config: SystemConfig = {}) {
    const system = new System(config);
    const { kernel } = system;
    const [count] = guestPrograms('count');
    system.install(count!);
    system.install({ ...count!, path: '/jail/in/count' });
    const pid = system.spawn({ path: '/bin/count', args: ['count'], cwd: '/jail' });
    kernel.setProc(pid, { root: vnodeAt(kernel, '/jail')! });
    const [td] = kernel.proc(pid).threads;
    return {
      system,
      kernel,
      pid,
      td: td!,
      exec: (path: string) => execve(kernel, td!, path, ['count', '20', '50'], []),
    };
  }

  it('finds programs there, is told their path from there, and its children have the same', () => {
    const { kernel, pid, td, exec } = jailed();
    expect(exec('/jail/in/count')).toMatchObject({ errno: ENOENT });
    expect(exec('/in/count')).toBeNull();
    const { auxv, execPath, root: jail } = kernel.proc(pid);
    expect(kernel.copyinstr(pid, auxv.find(([type]) => type === AT_EXECPATH)![1], 100)).toBe('/in/count');
    expect(execPath).toBe('/jail/in/count');
    const child = forkProcess(kernel, kernel.thread(td), { shareMemory: false, vfork: false, how: 'fork' })!;
    expect(kernel.proc(child).root).toBe(jail);
  });

  it.each(['rollback-migrate', 'restart-from-beginning'] as const)('has it again after recovery: %s', (recovery) => {
    const faults = [{ model: 'fail-stop', trigger: { at: 'process', process: 'count', ns: 500e6 } }] as const;
    const { system, kernel, pid, exec } = jailed({ recovery, checkpointEveryNs: 200e6, faults });
    const { root: jail } = kernel.proc(pid);
    expect(exec('/in/count')).toBeNull();
    system.run({ untilNs: 900e6 });
    expect(system.events.filter(({ kind }) => kind === 'recovery-done')).toHaveLength(1);
    expect(kernel.proc(pid)).toMatchObject({ root: jail, execPath: '/jail/in/count' });
  });
});
