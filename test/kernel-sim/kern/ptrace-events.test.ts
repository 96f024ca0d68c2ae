import { describe, expect, it } from 'vitest';
import { at, type GuestProgram, program, Run, runOne, SCRATCH } from '../../support/guest-program.ts';

const [ENOSYS, EINTR] = [78, 4];
const [TRACE_ME, CONTINUE, KILL, STEP, DETACH, LWPINFO] = [0, 7, 8, 9, 11, 13];
const [SUSPEND, RESUME] = [18, 19];
const [TO_SCE, TO_SCX, SYSCALL, FOLLOW_FORK, GETREGS, SETREGS] = [20, 21, 22, 23, 33, 34];
const [SIGTRAP, SIGKILL, SIGTERM, SIGSTOP] = [5, 9, 15, 17];
const [SYS_GETPID, SYS_GETPPID, SYS_WRITE] = [20, 39, 4];
const [SCE, SCX, EXEC, FORKED, CHILD_FLAG] = [4, 8, 0x10, 0x40, 0x80];
const [BORN, EXITED] = [0x100, 0x200];
const [CLEARSTEP, LWP_EVENTS, VM_TIMESTAMP, VM_ENTRY] = [16, 24, 40, 41];
const [ENOENT, EINVAL, ENAMETOOLONG] = [2, 22, 63];
const stopped = (signo: number): number => (signo << 8) | 0x7f;

const CHILD = SCRATCH + 0x10;
const GRANDCHILD = SCRATCH + 0x14;
/** struct reg as PT_GETREGS fills it. */
const REGS = SCRATCH + 0x100;
const R_EAX = REGS + 10 * 4;
const INFO = SCRATCH + 0x200;
const [PL_FLAGS, PL_CHILD_PID] = [INFO + 8, INFO + 128];

function traced(p: GuestProgram, body: (c: GuestProgram) => void): GuestProgram {
  p.sys('fork')
    .store(CHILD)
    .ifZero((c) => {
      c.sys('ptrace', TRACE_ME, 0, 0, 0).sys('getpid').store(CHILD).sys('kill', at(CHILD), SIGSTOP);
      body(c);
      c.exit(0);
    });
  return p;
}

const pt = (p: GuestProgram, request: number, addr: number, data: number, whom = CHILD): GuestProgram =>
  p.sys('ptrace', request, at(whom), addr, data);

/** Lets the tracee go on, waits for its next stop, and logs `<name>.status`, `<name>.flags` and `<name>.eax`. */
function next(p: GuestProgram, name: string, request: number, data = 0): GuestProgram {
  pt(p, request, 1, data).wait(name, at(CHILD));
  pt(p, LWPINFO, INFO, 132).load(PL_FLAGS).log(`${name}.flags`);
  return pt(p, GETREGS, REGS, 0).load(R_EAX).log(`${name}.eax`);
}

const stopAt = (name: string, flags: number, eax: number) => ({
  [`${name}.status`]: stopped(SIGTRAP),
  [`${name}.flags`]: flags,
  [`${name}.eax`]: eax,
});

describe('PT_TO_SCE, PT_TO_SCX, PT_SYSCALL', () => {
  it('stop at the entry with the number, at the exit with the result, in turn', () => {
    const { log } = runOne((p) => {
      // The child has left its kill(2) when it stops by it: what comes next is an entry.
      traced(p, (c) => c.sys('getpid')).wait('start');
      next(p, 'entry', SYSCALL);
      next(p, 'exit', SYSCALL);
      next(p, 'again', SYSCALL);
      pt(p, KILL, 0, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({
      ...stopAt('entry', SCE, SYS_GETPID),
      ...stopAt('exit', SCX, 3),
      'again.flags': SCE,
      'end.status': SIGKILL,
    });
  });

  it('stop at entries alone and at exits alone', () => {
    for (const [request, first, second] of [
      [TO_SCE, stopAt('a', SCE, SYS_GETPID), stopAt('b', SCE, SYS_GETPPID)],
      [TO_SCX, stopAt('a', SCX, 3), stopAt('b', SCX, 2)],
    ] as const) {
      const { log } = runOne((p) => {
        traced(p, (c) => c.sys('getpid').sys('getppid')).wait('start');
        next(p, 'a', request);
        next(p, 'b', request);
        pt(p, KILL, 0, 0).wait('end').exit(0);
      });
      expect(log).toMatchObject({ ...first, ...second });
    }
  });

  it('go on stopping the process under PT_CONTINUE, as 9.0 does, but not once it is detached', () => {
    const { log } = runOne((p) => {
      traced(p, (c) => c.sys('getpid').sys('getppid')).wait('start');
      next(p, 'a', TO_SCE);
      next(p, 'b', CONTINUE);
      pt(p, DETACH, 1, 0).log('detach').wait('end').exit(0);
    });
    expect(log).toMatchObject({ ...stopAt('b', SCE, SYS_GETPPID), detach: 0, 'end.status': 0 });
  });

  it('let the tracer change the call that is about to be made, and its result', () => {
    const { log, run } = runOne((p) => {
      traced(p, (c) => c.sys('getpid').log('entry').sys('getpid').log('exit')).wait('start');
      next(p, 'a', SYSCALL).set(R_EAX, SYS_GETPPID);
      pt(p, SETREGS, REGS, 0).log('number');
      next(p, 'b', SYSCALL);
      next(p, 'c', SYSCALL);
      next(p, 'd', SYSCALL).set(R_EAX, 77);
      pt(p, SETREGS, REGS, 0).log('result');
      pt(p, DETACH, 1, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({ number: 0, ...stopAt('b', SCX, 2), ...stopAt('d', SCX, 3), result: 0 });
    expect(run.logOf(3)).toMatchObject({ entry: 2, exit: 77 });
  });

  it('do not make the call of a tracee that is killed at its entry', () => {
    for (const how of ['ptrace', 'signal', 'continue']) {
      const { log, run } = runOne((p) => {
        traced(p, (c) => c.sys('write', 1, 'never', 5)).wait('start');
        next(p, 'a', TO_SCE);
        if (how === 'ptrace') pt(p, KILL, 0, 0);
        else if (how === 'signal') pt(p.sys('kill', at(CHILD), SIGKILL), CONTINUE, 1, 0);
        else pt(p, CONTINUE, 1, SIGKILL);
        p.wait('end').exit(0);
      });
      expect(log).toMatchObject({ ...stopAt('a', SCE, SYS_WRITE), 'end.status': SIGKILL });
      expect(run.events('output').filter(({ pid }) => pid === 3)).toEqual([]);
    }
  });

  it('make the call before a signal acts that came with the request; its sleep ends by it', () => {
    const { log, run } = runOne((p) => {
      traced(p, (c) => {
        c.routine('handler', (h) => h.eax(1).store(GRANDCHILD).raw('c3'));
        c.sys('sigaction', SIGTERM, c.words(c.address('handler'), 0, 0, 0, 0, 0), 0);
        c.sleep(10_000_000_000).log('slept').load(GRANDCHILD).log('handled');
      }).wait('start');
      next(p, 'sigaction', TO_SCE);
      next(p, 'nanosleep', TO_SCE);
      pt(p, CONTINUE, 1, SIGTERM).wait('sigreturn', at(CHILD));
      pt(p, DETACH, 1, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({ 'nanosleep.flags': SCE, 'sigreturn.status': stopped(SIGTRAP), 'end.status': 0 });
    expect(run.logOf(3)).toMatchObject({ slept: -EINTR, handled: 1 });
  });

  it('stop at a call that does not exist, and at both ends when a step leads over it', () => {
    const { log } = runOne((p) => {
      traced(p, (c) => c.sys(151)).wait('start');
      next(p, 'entry', SYSCALL);
      next(p, 'exit', STEP);
      next(p, 'step', CONTINUE);
      pt(p, KILL, 0, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({ ...stopAt('entry', SCE, 151), ...stopAt('exit', SCX, ENOSYS) });
    expect(log).toMatchObject({ 'step.status': stopped(SIGTRAP), 'step.flags': 0x20 });
  });

  it('kill the tracee at its entry when the tracer ends', () => {
    const { run } = runOne((p) => {
      traced(p, (c) => c.sys('write', 1, 'never', 5)).wait('start');
      next(p, 'a', TO_SCE).exit(0);
    });
    expect(run.exitOf(3)).toEqual({ code: 0, signal: SIGKILL });
  });

  it('report execve as one stop at its exit', () => {
    const run = new Run({
      main: program((p) => {
        traced(p, (c) => c.sys('execve', '/bin/other', c.vector('other'), c.vector())).wait('start');
        next(p, 'entry', SYSCALL);
        next(p, 'exit', SYSCALL);
        next(p, 'first', SYSCALL);
        pt(p, KILL, 0, 0).wait('end').exit(0);
      }),
      other: program((p) => p.sys('getpid').exit(9)),
    });
    run.start('main');
    run.go();
    expect(run.logOf(2)).toMatchObject({
      'entry.flags': SCE,
      'exit.flags': EXEC | SCX,
      ...stopAt('first', SCE, SYS_GETPID),
    });
  });

  it('stop each thread of two at its own calls, one after the other', () => {
    for (const cores of [1, 2]) {
      const { log } = runOne(
        (p) => {
          traced(p, (c) => {
            c.routine('thread', (t) => t.sys('getppid').spin());
            const stack = SCRATCH + 0x800;
            c.sys('thr_new', c.words(c.address('thread'), 0, stack, 0x400, 0, 0, 0, 0, 0, 0, 0, 0, 0), 52);
            c.sys('getppid').spin();
          }).wait('start');
          next(p, 'thr_new', TO_SCE);
          next(p, 'a', TO_SCE);
          next(p, 'b', TO_SCE);
          pt(p, KILL, 0, 0).wait('end').exit(0);
        },
        { cores },
      );
      expect(log).toMatchObject({
        ...stopAt('a', SCE, SYS_GETPPID),
        ...stopAt('b', SCE, SYS_GETPPID),
        'end.status': SIGKILL,
      });
    }
  });
});

describe('PT_FOLLOW_FORK', () => {
  for (const call of ['fork', 'vfork'])
    it(`traces the child of a ${call} from birth, and tells of it at the parent's exit from the call`, () => {
      const { log, run } = runOne((p) => {
        traced(p, (c) => {
          c.sys(call).ifZero((g) => g.sys('getppid').store(GRANDCHILD).sys('exit', 5));
          c.wait('child');
        }).wait('start');
        pt(p, FOLLOW_FORK, 0, 1).log('follow');
        pt(p, CONTINUE, 1, 0).set(GRANDCHILD, 4);
        const forked = (): void => {
          p.wait('forked', at(CHILD));
          pt(p, LWPINFO, INFO, 132).load(PL_FLAGS).log('forked.flags').load(PL_CHILD_PID).log('forked.child');
        };
        // The parent in vfork(2) stops once the child is gone.
        if (call === 'fork') forked();
        p.wait('born', call === 'fork' ? 4 : -1);
        pt(p, LWPINFO, INFO, 132, GRANDCHILD).load(PL_FLAGS).log('born.flags');
        pt(p, CONTINUE, 1, 0, GRANDCHILD).wait('gone', 4);
        if (call === 'vfork') forked();
        pt(p, CONTINUE, 1, 0).wait('chld', at(CHILD));
        pt(p, CONTINUE, 1, 20).wait('end').wait('none').exit(0);
      });
      expect(log).toMatchObject({
        follow: 0,
        'born.status': stopped(SIGSTOP),
        'born.flags': CHILD_FLAG,
        'gone.status': 5 << 8,
        'forked.status': stopped(SIGTRAP),
        'forked.flags': FORKED | SCX,
        'forked.child': 4,
        'chld.status': stopped(20),
        'end.pid': 3,
        'end.status': 0,
        'none.pid': -10,
      });
      expect(run.logOf(3)).toMatchObject({ 'child.pid': 4, 'child.status': 5 << 8 });
    });

  it('ends with data 0, and with a detach', () => {
    for (const how of ['off', 'detach']) {
      const { log, run } = runOne((p) => {
        traced(p, (c) => {
          c.sys('fork').ifZero((g) => g.sys('exit', 5));
          c.wait('child');
        }).wait('start');
        pt(p, FOLLOW_FORK, 0, 1);
        if (how === 'off') pt(p, FOLLOW_FORK, 0, 0);
        pt(p, how === 'off' ? CONTINUE : DETACH, 1, 0);
        p.wait('next');
        if (how === 'off') pt(p, CONTINUE, 1, 0).wait('end');
        p.exit(0);
      });
      expect(log['next.status']).toBe(how === 'off' ? stopped(20) : 0);
      expect(run.logOf(3)).toMatchObject({ 'child.pid': 4, 'child.status': 5 << 8 });
    }
  });

  it('kills a child that it follows together with the rest when the tracer ends', () => {
    const { run } = runOne((p) => {
      traced(p, (c) => c.sys('fork').spin()).wait('start');
      pt(p, FOLLOW_FORK, 0, 1);
      pt(p, CONTINUE, 1, 0).wait('forked', at(CHILD)).wait('born', 4).exit(0);
    });
    for (const pid of [3, 4]) expect(run.exitOf(pid)).toEqual({ code: 0, signal: SIGKILL });
  });
});

describe('PT_SUSPEND', () => {
  it('keeps one thread of two where it is while the other goes on', () => {
    const { log } = runOne((p) => {
      const done = SCRATCH + 0x40;
      traced(p, (c) => {
        c.routine('thread', (t) => t.set(done, 1).spin());
        c.sys('thr_new', c.words(c.address('thread'), 0, SCRATCH + 0x800, 0x400, 0, 0, 0, 0, 0, 0, 0, 0, 0), 52);
        c.sys('kill', at(CHILD), SIGSTOP).sleep(5_000_000).load(done).log('while held');
        c.sys('kill', at(CHILD), SIGSTOP).awaitWord(done);
      }).wait('start');
      const thread = SCRATCH + 0x50;
      pt(p, CONTINUE, 1, 0).wait('two threads');
      pt(p, 15, SCRATCH + 0x4c, 2).log('lwps');
      pt(p, SUSPEND, 0, 0, thread).log('suspend');
      pt(p, CONTINUE, 1, 0).wait('held');
      pt(p, RESUME, 0, 0, thread).log('resume');
      pt(p, CONTINUE, 1, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({ lwps: 2, suspend: 0, resume: 0, 'held.status': stopped(SIGSTOP), 'end.status': 0 });
  });
});

describe('PT_LWP_EVENTS', () => {
  it('stops a thread at its birth and before its end, and the last one never', () => {
    const { log } = runOne((p) => {
      traced(p, (c) => {
        const done = SCRATCH + 0x40;
        c.routine('thread', (t) => t.sys('thr_exit', done));
        c.sys('thr_new', c.words(c.address('thread'), 0, SCRATCH + 0x800, 0x400, 0, 0, 0, 0, 0, 0, 0, 0, 0), 52);
        c.awaitWord(done);
      }).wait('start');
      pt(p, LWP_EVENTS, 0, 1).log('on');
      for (const name of ['born', 'ends']) {
        pt(p, CONTINUE, 1, 0).wait(name, at(CHILD));
        pt(p, LWPINFO, INFO, 132).load(PL_FLAGS).log(`${name}.flags`).load(INFO).log(`${name}.tid`);
        pt(p, 14, 0, 0).log(`${name}.lwps`);
      }
      pt(p, CONTINUE, 1, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({
      on: 0,
      'born.status': stopped(SIGTRAP),
      'born.flags': BORN | SCX,
      'ends.status': stopped(SIGTRAP),
      'ends.flags': EXITED,
      'ends.tid': log['born.tid'],
      'born.lwps': 2,
      'ends.lwps': 2,
      'end.status': 0,
    });
  });

  it('ends a process whose thread is killed at such a stop', () => {
    const { log } = runOne((p) => {
      traced(p, (c) => {
        c.routine('thread', (t) => t.sys('thr_exit', 0));
        c.sys('thr_new', c.words(c.address('thread'), 0, SCRATCH + 0x800, 0x400, 0, 0, 0, 0, 0, 0, 0, 0, 0), 52);
        c.spin();
      }).wait('start');
      pt(p, LWP_EVENTS, 0, 1);
      for (const name of ['born', 'ends']) pt(p, CONTINUE, 1, 0).wait(name, at(CHILD));
      pt(p, KILL, 0, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({ 'ends.status': stopped(SIGTRAP), 'end.status': SIGKILL });
  });
});

describe('PT_VM_TIMESTAMP and PT_VM_ENTRY', () => {
  const ENTRY = SCRATCH + 0x300;
  const [PATH_LENGTH, PATH] = [ENTRY + 24, ENTRY + 36];

  it('walk over the map, with the path of a file if it is asked for', () => {
    const { log } = runOne((p) => {
      traced(p, (c) => c.sys('mmap', 0, 4096, 3, 0x1000, -1, 0, 0)).wait('start');
      pt(p, VM_TIMESTAMP, 0, 0).store(SCRATCH + 0x60);
      p.set(ENTRY, 0)
        .set(PATH, SCRATCH + 0x400)
        .set(PATH_LENGTH, 100);
      pt(p, VM_ENTRY, ENTRY, 0).log('first');
      for (const [name, offset] of [
        ['next', 0],
        ['start', 8],
        ['end', 12],
        ['prot', 20],
        ['length', 24],
      ] as const)
        p.load(ENTRY + offset).log(name);
      p.load(SCRATCH + 0x400).log('path');
      p.set(ENTRY, 0).set(PATH_LENGTH, 3);
      pt(p, VM_ENTRY, ENTRY, 0).log('too short');
      p.set(ENTRY, 99);
      pt(p, VM_ENTRY, ENTRY, 0).log('beyond');
      p.set(ENTRY, 0).set(PATH_LENGTH, 0);
      for (let n = 0; n < 12; n++) pt(p, VM_ENTRY, ENTRY, 0);
      p.log('last');
      pt(p, KILL, 0, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({
      first: 0,
      next: 1,
      start: 0x08048000,
      length: '/bin/main'.length + 1,
      path: new DataView(Uint8Array.from('/bin', (c) => c.charCodeAt(0)).buffer).getInt32(0, true),
      'too short': -ENAMETOOLONG,
      beyond: -EINVAL,
      last: -ENOENT,
    });
    expect(log.end! & 0xfff).toBe(0xfff);
  });
});

describe('PT_CLEARSTEP', () => {
  it('lets a thread take back its own single step, and refuses what is no request', () => {
    const { log } = runOne((p) => {
      p.sys('thr_self', SCRATCH + 0x70);
      p.sys('ptrace', CLEARSTEP, at(SCRATCH + 0x70), 0, 0).log('own');
      traced(p, (c) => c.sys('getpid')).wait('start');
      pt(p, 999, 0, 0).log('unknown');
      pt(p, KILL, 0, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({ own: 0, unknown: -EINVAL });
  });
});
