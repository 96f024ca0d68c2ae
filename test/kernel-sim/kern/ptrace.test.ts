import { describe, expect, it } from 'vitest';
import { at, type GuestProgram, program, Run, runOne, SCRATCH, TEXT } from '../../support/guest-program.ts';

const [EPERM, ESRCH, EBUSY, EINVAL, EFAULT, EINTR] = [1, 3, 16, 22, 14, 4];
const [TRACE_ME, READ_I, WRITE_I, CONTINUE, KILL, STEP, ATTACH, DETACH, IO, LWPINFO] = [
  0, 1, 4, 7, 8, 9, 10, 11, 12, 13,
];
const [GETNUMLWPS, GETLWPLIST, GETREGS, SETREGS] = [14, 15, 33, 34];
const [SIGTRAP, SIGKILL, SIGTERM, SIGSTOP] = [5, 9, 15, 17];
const stopped = (signo: number): number => (signo << 8) | 0x7f;
const CHILD = SCRATCH + 0x10;
/** struct reg as PT_GETREGS fills it. */
const REGS = SCRATCH + 0x100;
const R_EAX = REGS + 10 * 4;
const R_EIP = REGS + 13 * 4;
const R_EFLAGS = REGS + 15 * 4;
const R_CS = REGS + 14 * 4;

/** A child that asks to be traced, stops itself by SIGSTOP, and goes on as told. */
function traced(p: GuestProgram, body: (c: GuestProgram) => void): GuestProgram {
  p.sys('fork')
    .store(CHILD)
    .ifZero((c) => {
      c.sys('ptrace', TRACE_ME, 0, 0, 0).sys('getpid').store(CHILD).sys('kill', at(CHILD), SIGSTOP);
      body(c);
      c.sys('exit', 0);
    });
  return p;
}

const pt = (p: GuestProgram, request: number, addr: number, data: number): GuestProgram =>
  p.sys('ptrace', request, at(CHILD), addr, data);

describe('ptrace', () => {
  it('lets wait4 report the stop of a traced child without WUNTRACED, and answers EBUSY before that', () => {
    const { log } = runOne((p) => {
      traced(p, () => {}).sleep(5_000_000);
      pt(p, CONTINUE, 1, 0).log('early').wait('stop');
      pt(p, CONTINUE, 1, 0).log('cont');
      pt(p, CONTINUE, 1, 0).log('running').wait('end').exit(0);
    });
    expect(log).toMatchObject({
      early: -EBUSY,
      'stop.status': stopped(SIGSTOP),
      cont: 0,
      running: -EBUSY,
      'end.status': 0,
    });
  });

  it('refuses strangers: ESRCH without such a process, EPERM on one that nobody traces, EINVAL on oneself', () => {
    const { log } = runOne((p) => {
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => c.sleep(50_000_000).sys('exit', 0));
      pt(p, CONTINUE, 1, 0).log('untraced').sys('ptrace', CONTINUE, 999, 1, 0).log('nobody');
      p.sys('getpid').store(SCRATCH).sys('ptrace', ATTACH, at(SCRATCH), 0, 0).log('self').wait('end');
      pt(p, ATTACH, 0, 0).log('gone').exit(0);
    });
    expect(log).toMatchObject({ untraced: -EPERM, nobody: -ESRCH, self: -EINVAL, gone: -ESRCH });
  });

  it('may be asked for twice by PT_TRACE_ME', () => {
    const { log } = runOne((p) =>
      p.sys('ptrace', TRACE_ME, 0, 0, 0).log('one').sys('ptrace', TRACE_ME, 0, 0, 0).log('two').exit(0),
    );
    expect(log).toEqual({ one: 0, two: 0 });
  });

  it('replaces the signal by that of the resuming call', () => {
    for (const [data, status] of [
      [0, 0],
      [SIGTERM, SIGTERM],
    ]) {
      const { log } = runOne((p) => {
        traced(p, () => {}).wait('stop');
        pt(p, CONTINUE, 1, data!).wait('end').exit(0);
      });
      expect(log['end.status']).toBe(status);
    }
  });

  it('stops the tracee for a signal that it ignores or that would kill it, but not for SIGKILL', () => {
    const { log } = runOne((p) => {
      traced(p, (c) => c.spin()).wait('stop');
      pt(p, CONTINUE, 1, 0).sys('kill', at(CHILD), 20).wait('chld');
      pt(p, CONTINUE, 1, 0).sys('kill', at(CHILD), SIGTERM).wait('term');
      pt(p, CONTINUE, 1, 0).sys('kill', at(CHILD), SIGKILL).wait('end').exit(0);
    });
    expect(log).toMatchObject({ 'chld.status': stopped(20), 'term.status': stopped(SIGTERM), 'end.status': SIGKILL });
  });

  it('attaches to a sleeper: SIGSTOP, its nanosleep ends with EINTR; detaching gives it back', () => {
    const run = new Run({
      main: program((p) => {
        p.sys('fork')
          .store(CHILD)
          .ifZero((c) => c.sleep(500_000_000).log('slept').sys('getppid').log('ppid').exit(2));
        p.sys('fork').ifZero((t) => {
          t.sleep(1_000_000);
          pt(t, ATTACH, 0, 0).log('attach');
          pt(t, ATTACH, 0, 0).log('again').wait('stop', at(CHILD));
          pt(t, GETNUMLWPS, 0, 0).log('lwps');
          pt(t, GETLWPLIST, SCRATCH, 4).log('list').load(SCRATCH).log('tid');
          pt(t, DETACH, 1, 0).log('detach').exit(0);
        });
        p.wait('a').wait('b').exit(0);
      }),
    });
    run.start('main');
    expect(run.go().reason).toBe('finished');
    expect(run.logOf(4)).toMatchObject({
      attach: 0,
      again: -EBUSY,
      'stop.status': stopped(SIGSTOP),
      lwps: 1,
      list: 1,
      tid: 100002,
      detach: 0,
    });
    expect(run.logOf(3)).toEqual({ slept: -EINTR, ppid: 2 });
    expect(run.logOf(2)).toMatchObject({ 'a.pid': 3, 'a.status': 2 << 8, 'b.pid': 4, 'b.status': 0 });
  });

  it('passes the zombie of an attached process on to its real parent, or to init', () => {
    const run = new Run(
      {
        target: program((p) => p.burn(100_000).exit(3)),
        tracer: program((p) => {
          p.set(CHILD, 2).sleep(100_000);
          pt(p, ATTACH, 0, 0).log('attach').wait('stop');
          pt(p, CONTINUE, 1, 0).wait('end').wait('none').exit(0);
        }),
      },
      { cores: 2 },
    );
    run.start('target');
    run.start('tracer');
    expect(run.go().reason).toBe('finished');
    expect(run.logOf(3, 'tracer')).toMatchObject({
      attach: 0,
      'stop.status': stopped(SIGSTOP),
      'end.status': 3 << 8,
      'none.pid': -10,
    });
  });

  it('stops after exec before the first instruction, with the new registers', () => {
    const run = new Run({
      main: program((p) => {
        traced(p, (c) => c.sys('execve', '/bin/other', c.vector('other'), c.vector())).wait('stop');
        pt(p, CONTINUE, 1, 0).wait('exec');
        pt(p, GETREGS, REGS, 0)
          .log('getregs')
          .load(R_EIP)
          .log('eip')
          .load(R_CS)
          .log('cs')
          .load(REGS + 7 * 4)
          .log('ebx');
        pt(p, LWPINFO, SCRATCH + 0x200, 132)
          .log('info')
          .load(SCRATCH + 0x208)
          .log('flags');
        pt(p, LWPINFO, SCRATCH + 0x200, 133).log('too long');
        pt(p, CONTINUE, 1, 0).wait('end').exit(0);
      }),
      other: program((p) => p.sys('exit', 9)),
    });
    run.start('main');
    run.go();
    expect(run.logOf(2)).toMatchObject({
      'exec.status': stopped(SIGTRAP),
      eip: TEXT,
      cs: 0x33,
      ebx: 0xbfbffff0 | 0,
      info: 0,
      flags: 0x10 | 8,
      'too long': -EINVAL,
      'end.status': 9 << 8,
    });
  });

  it('steps one instruction, over int 0x80, and through a page fault', () => {
    const { log } = runOne((p) => {
      let here = 0;
      traced(p, (c) => {
        // mov eax,20; int 0x80; mov [0x08060800],eax; then the first touch of a page of stack: push after sub esp.
        here = c.here;
        c.raw('b814000000').raw('cd80').raw('81ec00c00000').raw('50');
      }).wait('stop');
      for (const n of [1, 2, 3, 4, 5, 6, 7, 8]) {
        pt(p, STEP, 1, 0).wait(`s${n}`);
        pt(p, GETREGS, REGS, 0).load(R_EIP).log(`eip${n}`);
      }
      void here;
      pt(p, KILL, 0, 0).log('kill').wait('end').exit(0);
    });
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8]) expect(log[`s${n}.status`]).toBe(stopped(SIGTRAP));
    expect(log).toMatchObject({ kill: 0, 'end.status': SIGKILL });
  });

  it('stops at an int3 with eip behind it, and writes through read-only text', () => {
    const { log } = runOne((p) => {
      let target = 0;
      traced(p, (c) => {
        target = c.here;
        c.raw('9090909090').sys('exit', 4);
      }).wait('stop');
      pt(p, READ_I, target, 0).log('old');
      pt(p, WRITE_I, target, 0x909090cc | 0).log('write');
      pt(p, CONTINUE, 1, 0).wait('bp');
      pt(p, GETREGS, REGS, 0).load(R_EIP).log('eip');
      pt(p, WRITE_I, target, 0x90909090 | 0);
      pt(p, CONTINUE, target, 0).wait('end').set(SCRATCH, target).load(SCRATCH).log('target').exit(0);
    });
    expect(log).toMatchObject({ old: 0x90909090 | 0, write: 0, 'bp.status': stopped(SIGTRAP), 'end.status': 4 << 8 });
    expect(log.eip).toBe(log.target! + 1);
  });

  it('says EFAULT for addresses where nothing is, EINVAL for flags and selectors that are not the users', () => {
    const { log } = runOne((p) => {
      traced(p, () => {}).wait('stop');
      pt(p, READ_I, 0x1000, 0).log('read');
      pt(p, WRITE_I, 0x1000, 0).log('write');
      p.sys('ptrace', IO, at(CHILD), p.words(1, 0x1000, SCRATCH, 16), 0).log('io');
      p.sys('ptrace', IO, at(CHILD), p.words(9, TEXT, SCRATCH, 16), 0).log('op');
      pt(p, GETREGS, REGS, 0).log('get').load(R_EFLAGS).raw('0d00300000').store(R_EFLAGS);
      pt(p, SETREGS, REGS, 0).log('iopl').set(R_EFLAGS, 0x202).set(R_CS, 0x20);
      pt(p, SETREGS, REGS, 0).log('ring 0').set(R_CS, 0x33).set(R_EAX, 77);
      pt(p, SETREGS, REGS, 0).log('set');
      pt(p, GETREGS, REGS, 0).load(R_EAX).log('eax');
      pt(p, CONTINUE, 1, 129).log('signo');
      pt(p, KILL, 0, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({
      read: -EFAULT,
      write: -EFAULT,
      io: -EFAULT,
      op: -EINVAL,
      iopl: -EINVAL,
      'ring 0': -EINVAL,
      set: 0,
      eax: 77,
      signo: -EINVAL,
    });
  });

  it('kills the tracees of a tracer that exits', () => {
    for (const how of ['stopped', 'running']) {
      const { run } = runOne((p) => {
        traced(p, (c) => c.spin()).wait('stop');
        if (how === 'running') pt(p, CONTINUE, 1, 0);
        p.exit(0);
      });
      expect(run.exitOf(3)).toEqual({ code: 0, signal: SIGKILL });
      expect(run.state(3)).toBeUndefined();
    }
  });

  it('holds an injected signal that the tracee masks', () => {
    const { log, run } = runOne((p) => {
      traced(p, (c) => {
        c.sys('sigprocmask', 1, c.words(1 << (SIGTERM - 1), 0, 0, 0), 0)
          .sys('getpid')
          .store(CHILD)
          .sys('kill', at(CHILD), SIGSTOP);
        c.sys('sigpending', SCRATCH).load(SCRATCH).log('pending').exit(6);
      }).wait('stop');
      pt(p, CONTINUE, 1, 0).wait('stop2');
      pt(p, CONTINUE, 1, SIGTERM).wait('end').exit(0);
    });
    expect(log['end.status']).toBe(6 << 8);
    expect(run.logOf(3)).toMatchObject({ pending: 1 << (SIGTERM - 1) });
  });
});
