import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EACCES, EFTYPE, EINVAL, EPERM, ESRCH } from '../../../kernel-sim/abi/errno.ts';
import { O_CREAT, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { words } from '../../../kernel-sim/abi/layout.ts';
import type { Proc } from '../../../kernel-sim/kern/state.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { program, Run, SCRATCH } from '../../support/guest-program.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';

const [AT_FDCWD, AT_EACCESS, R_OK, W_OK, PRIO_PROCESS, SIGTERM, SIGCONT] = [-100, 0x100, 4, 2, 0, 15, 19];

function somebody(patch: Partial<Proc> = {}) {
  const { k } = fileKernel();
  const root = new Caller(k, addProcess(k), SYSCALLS);
  const c = new Caller(k, addProcess(k, patch), SYSCALLS);
  const ids = (): number[] => {
    const { ruid, uid, svuid } = k.proc(c.td.pid);
    return [ruid, uid, svuid];
  };
  return { k, c, root, ids };
}

/** The outcome of a call: 0 or the errno. */
const outcome = (c: Caller, ...[name, ...args]: [string, ...number[]]): number => {
  const result = c.call(name, ...args);
  return result.kind === 'error' ? result.errno : 0;
};

describe('user ids', () => {
  it('setuid of root sets all three, for good', () => {
    const { c, ids } = somebody();
    expect([c.ok('setuid', 5), ids()]).toEqual([0, [5, 5, 5]]);
    expect(['setuid', 'seteuid'].map((call) => c.errno(call, 0))).toEqual([EPERM, EPERM]);
    expect(c.ok('issetugid')).toBe(1);
  });

  it('seteuid goes to and fro between the real and the saved id', () => {
    const { c, ids } = somebody({ uid: 0, ruid: 5, svuid: 0 });
    c.ok('seteuid', 5);
    expect(ids()).toEqual([5, 5, 0]);
    expect(c.errno('seteuid', 7)).toBe(EPERM);
    c.ok('seteuid', 0);
    expect(ids()).toEqual([5, 0, 0]);
  });

  it('setuid to the effective id gives the others up', () => {
    const { c, ids } = somebody({ uid: 6, ruid: 5, svuid: 6 });
    c.ok('setuid', 6);
    expect(ids()).toEqual([6, 6, 6]);
  });

  it('setreuid saves the effective id where the real one is set or another', () => {
    const { c, ids } = somebody({ uid: 6, ruid: 5, svuid: 6 });
    c.ok('setreuid', 6, 5);
    expect(ids()).toEqual([6, 5, 5]);
    c.ok('setreuid', -1, 6);
    expect(ids()).toEqual([6, 6, 5]);
    expect(c.errno('setreuid', 7, -1)).toBe(EPERM);
  });

  it('setresuid and getresuid know all three; groups are the same', () => {
    const { c, k } = somebody();
    c.ok('setresgid', 1, 2, 3);
    c.ok('setresuid', 4, 5, -1);
    c.ok('getresuid', OUT, OUT + 4, OUT + 8);
    c.ok('getresgid', OUT + 12, OUT + 16, 0);
    expect([...new Int32Array(c.bytes(OUT, 20).slice().buffer)]).toEqual([4, 5, 0, 1, 2]);
    expect([c.ok('getuid'), c.ok('geteuid'), c.ok('getgid'), c.ok('getegid')]).toEqual([4, 5, 1, 2]);
    expect(c.errno('setresuid', 4, 5, 6)).toBe(EPERM);
    expect(c.errno('setregid', 2, 4)).toBe(EPERM);
    c.ok('setregid', -1, 1);
    expect(k.proc(c.td.pid)).toMatchObject({ rgid: 1, gid: 1, svgid: 3 });
  });

  it('are always among those that there were, but for root', () => {
    const call = fc.oneof(
      fc.tuple(fc.constantFrom('setuid', 'seteuid'), fc.tuple(fc.nat(3))),
      fc.tuple(fc.constant('setreuid'), fc.tuple(fc.integer({ min: -1, max: 3 }), fc.integer({ min: -1, max: 3 }))),
      fc.tuple(fc.constant('setresuid'), fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 3, maxLength: 3 })),
    );
    const start = fc.record({ uid: fc.nat(3), ruid: fc.nat(3), svuid: fc.nat(3) });
    fc.assert(
      fc.property(start, fc.array(call, { maxLength: 8 }), (from, calls) => {
        const { c, ids } = somebody(from);
        for (const [name, args] of calls) {
          const before = ids();
          const error = outcome(c, name, ...args);
          const after = ids();
          if (error !== 0) expect([error, after]).toEqual([EPERM, before]);
          else if (before[1] !== 0) for (const id of after) expect(before).toContain(id);
          if (before[1] === 0) expect(error).toBe(0);
        }
      }),
      property(300),
    );
  });
});

describe('groups and names', () => {
  it('setgroups gives an effective group and others, which files look at', () => {
    const { c, root } = somebody();
    root.ok('chmod', '/tmp', 0o1777);
    const fd = root.ok('open', '/tmp/file', O_CREAT | O_RDWR, 0o640);
    root.ok('fchown', fd, 9, 30);
    c.ok('setgroups', 3, c.put(words([10, 20, 30])));
    c.ok('setuid', 5);
    expect([c.ok('getgroups', 0, 0), c.ok('getgroups', 3, OUT), c.ok('getegid')]).toEqual([3, 3, 10]);
    expect([...new Int32Array(c.bytes(OUT, 12).slice().buffer)]).toEqual([10, 20, 30]);
    expect(c.errno('getgroups', 2, OUT)).toBe(EINVAL);
    expect(c.ok('open', '/tmp/file', 0, 0)).toBeGreaterThan(2);
    expect(c.errno('open', '/tmp/file', O_RDWR, 0)).toBe(EACCES);
    expect([c.errno('setgroups', 0, OUT), c.errno('setgroups', 2000, OUT)]).toEqual([EPERM, EINVAL]);
  });

  it('setlogin names the user of the session', () => {
    const { c, k, root } = somebody();
    k.setProc(c.td.pid, { sid: root.td.pid });
    root.ok('setlogin', 'anna');
    c.ok('getlogin', OUT, 17);
    expect(c.text(OUT, 17)).toBe('anna'.padEnd(17, '\0'));
    c.ok('setuid', 5);
    expect([c.errno('setlogin', 'x'), root.errno('setlogin', 'x'.repeat(17))]).toEqual([EPERM, EINVAL]);
  });
});

describe('what others may do', () => {
  it('access asks with the real ids, eaccess with the effective ones', () => {
    const { c, root } = somebody({ uid: 0, ruid: 5, svuid: 0, rgid: 5 });
    root.ok('open', '/tmp/file', O_CREAT | O_RDWR, 0o600);
    expect([c.errno('access', '/tmp/file', R_OK), c.ok('eaccess', '/tmp/file', W_OK)]).toEqual([EACCES, 0]);
    expect(c.ok('faccessat', AT_FDCWD, '/tmp/file', R_OK, AT_EACCESS)).toBe(0);
  });

  it('a signal needs the same user, SIGCONT the same session', () => {
    const { c, root, k } = somebody({ uid: 5 });
    expect([c.errno('kill', root.td.pid, SIGTERM), c.errno('sigqueue', root.td.pid, SIGTERM, 0)]).toEqual([
      EPERM,
      EPERM,
    ]);
    expect(c.errno('kill', root.td.pid, 0)).toBe(EPERM);
    expect(c.errno('kill', 999, SIGTERM)).toBe(ESRCH);
    k.setProc(c.td.pid, { sid: k.proc(root.td.pid).sid });
    expect(outcome(c, 'kill', root.td.pid, SIGCONT)).toBe(0);
    const other = new Caller(k, addProcess(k, { uid: 7, ruid: 5, svuid: 7 }), SYSCALLS);
    expect(outcome(c, 'kill', other.td.pid, 0)).toBe(0);
    expect(outcome(root, 'kill', c.td.pid, 0)).toBe(0);
  });

  it('nobody but root takes priority, or changes that of another', () => {
    const { c, root } = somebody({ uid: 5 });
    expect(c.ok('setpriority', PRIO_PROCESS, 0, 3)).toBe(0);
    expect(c.errno('setpriority', PRIO_PROCESS, 0, 2)).toBe(EACCES);
    expect(c.errno('setpriority', PRIO_PROCESS, root.td.pid, 4)).toBe(EPERM);
  });

  it('chmod gives no rights that its caller has not, chown and write take set-user-id bits away', () => {
    const { c, root, k } = somebody({ uid: 5, gid: 5 });
    root.ok('chmod', '/tmp', 0o777);
    const fd = c.ok('open', '/tmp/file', O_CREAT | O_RDWR, 0o755);
    const modeOf = (): number => {
      c.ok('fstat', fd, OUT);
      return c.view(OUT, 96).getUint16(8, true) & 0o7777;
    };
    expect(c.errno('chmod', '/tmp/file', 0o1755)).toBe(EFTYPE);
    expect(c.errno('chmod', '/tmp/file', 0o2755)).toBe(EPERM);
    c.ok('fchmod', fd, 0o4755);
    c.write(fd, 'x');
    expect(modeOf()).toBe(0o755);
    k.setProc(c.td.pid, { groups: [8] });
    c.ok('fchmod', fd, 0o4755);
    c.ok('fchown', fd, -1, 8);
    expect(modeOf()).toBe(0o755);
    expect(c.errno('fchown', fd, 6, -1)).toBe(EPERM);
  });
});

describe('a set-user-id program', () => {
  const asks = program((p) => {
    for (const call of ['getuid', 'geteuid', 'getgid', 'getegid', 'issetugid']) p.sys(call).log(call);
    p.sys('getresuid', 0, 0, SCRATCH).load(SCRATCH).log('svuid').exit(0);
  });
  const user = program((p) =>
    p
      .sys('setresgid', 8, 8, 8)
      .sys('setresuid', 7, 7, 7)
      .sys('execve', '/bin/asks', p.vector('asks'), p.vector())
      .exit(1),
  );

  function run(mode: number): Record<string, number> {
    const r = new Run({ asks, user });
    r.system.install({ path: '/bin/asks', bytes: asks.elf(), mode });
    const pid = r.start('user');
    r.go();
    return r.logOf(pid, 'asks');
  }

  it('runs as its owner, and remembers who began it', () => {
    const mine = { getuid: 7, getgid: 8 };
    expect(run(0o755)).toEqual({ ...mine, geteuid: 7, getegid: 8, issetugid: 0, svuid: 7 });
    expect(run(0o4755)).toEqual({ ...mine, geteuid: 0, getegid: 8, issetugid: 1, svuid: 0 });
    expect(run(0o2755)).toEqual({ ...mine, geteuid: 7, getegid: 0, issetugid: 1, svuid: 7 });
  });
});
