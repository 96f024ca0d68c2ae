import { describe, expect, it } from 'vitest';
import { at, type GuestProgram, runOne, SCRATCH } from '../../support/guest-program.ts';

const [EINVAL, EFAULT] = [22, 14];
const [TRACE_ME, CONTINUE, STEP, LWPINFO, GETREGS, GETDBREGS, SETDBREGS] = [0, 7, 9, 13, 33, 37, 38];
const [SIGTRAP, SIGSTOP, SIGCHLD] = [5, 17, 20];
const TRAP_TRACE = 2;
const stopped = (signo: number): number => (signo << 8) | 0x7f;
const CHILD = SCRATCH + 0x10;
const REGS = SCRATCH + 0x100;
const R_EIP = REGS + 13 * 4;
const INFO = SCRATCH + 0x200;
const SI_CODE = INFO + 44 + 8;
/** Where debug registers are read to. */
const DBREGS = SCRATCH + 0x300;
const dr = (i: number): number => DBREGS + 4 * i;
const WATCHED = SCRATCH + 0x400;
/** DR7: register 0 enabled locally; R/W and LEN of register 0. */
const L0 = 1;
const WRITE_4 = (1 | (3 << 2)) << 16;
const ACCESS_1 = 3 << 16;
const UNSET = [0, 0, 0, 0, 0, 0, 0] as const;

function traced(p: GuestProgram, body: (c: GuestProgram) => void): GuestProgram {
  p.sys('fork')
    .store(CHILD)
    .ifZero((c) => {
      c.sys('ptrace', TRACE_ME, 0, 0, 0).sys('getpid').store(CHILD).sys('kill', at(CHILD), SIGSTOP);
      body(c);
      c.sys('exit', 0);
    });
  return p.wait('stop');
}

const pt = (p: GuestProgram, request: number, addr: number, data: number): GuestProgram =>
  p.sys('ptrace', request, at(CHILD), addr, data);
const set = (p: GuestProgram, ...registers: number[]): GuestProgram => pt(p, SETDBREGS, p.words(...registers), 0);
const get = (p: GuestProgram): GuestProgram => pt(p, GETDBREGS, DBREGS, 0);

describe('PT_SETDBREGS and PT_GETDBREGS', () => {
  it('stop a child after it wrote a watched word: SIGTRAP with TRAP_TRACE, DR6 says which register', () => {
    const { log } = runOne((p) => {
      let after = 0;
      traced(p, (c) => {
        c.load(WATCHED).eax(7).store(WATCHED);
        after = c.here;
      });
      set(p, WATCHED, 0, 0, 0, 0, 0, 0, L0 | WRITE_4).log('set');
      pt(p, CONTINUE, 1, 0).wait('hit');
      get(p).log('get').load(dr(0)).log('dr0').load(dr(6)).log('dr6').load(dr(7)).log('dr7');
      pt(p, LWPINFO, INFO, 132).load(SI_CODE).log('code');
      pt(p, GETREGS, REGS, 0).load(R_EIP).log('eip').eax(after).log('after');
      pt(p, CONTINUE, 1, 0).wait('end').exit(0);
    });
    expect(log).toMatchObject({
      set: 0,
      get: 0,
      'hit.status': stopped(SIGTRAP),
      dr0: WATCHED,
      dr6: 0xffff0ff1 | 0,
      dr7: L0 | WRITE_4 | 0x400,
      code: TRAP_TRACE,
      'end.status': 0,
    });
    expect(log.eip).toBe(log.after);
  });

  it('stop a child before an instruction, again and again until the tracer steps over it with the register off', () => {
    const { log } = runOne((p) => {
      let target = 0;
      traced(p, (c) => {
        c.raw('9090');
        target = c.here;
        c.raw('9090');
      });
      const breakpoint = p.words(0, target, 0, 0, 0, 0, 0, 1 << 2);
      const none = p.words(0, target, 0, 0, 0, 0, 0, 0);
      pt(p, SETDBREGS, breakpoint, 0).log('set');
      for (const n of [1, 2]) {
        pt(p, CONTINUE, 1, 0).wait(`hit${n}`);
        pt(p, GETREGS, REGS, 0).load(R_EIP).log(`eip${n}`);
      }
      get(p).load(dr(6)).log('dr6');
      pt(p, SETDBREGS, none, 0);
      pt(p, STEP, 1, 0).wait('step');
      pt(p, SETDBREGS, breakpoint, 0);
      pt(p, CONTINUE, 1, 0).wait('end').eax(target).log('target').exit(0);
    });
    expect(log).toMatchObject({
      set: 0,
      'hit1.status': stopped(SIGTRAP),
      'hit2.status': stopped(SIGTRAP),
      dr6: 0xffff0ff2 | 0,
      'step.status': stopped(SIGTRAP),
      'end.status': 0,
    });
    expect([log.eip1, log.eip2]).toEqual([log.target, log.target]);
  });

  it('refuse undefined fields, addresses beyond user memory and bad pointers, and change nothing then', () => {
    const { log } = runOne((p) => {
      traced(p, () => {});
      get(p).load(dr(6)).log('dr6 at first').load(dr(7)).log('dr7 at first');
      set(p, ...UNSET, 2 << 16).log('ports');
      set(p, ...UNSET, 2 << 30).log('eight bytes, not enabled');
      set(p, 0, 0, 0, 0xbfc00000, 0, 0, 0, 2 << 6).log('kernel address');
      set(p, 0, 0, 0, 0xbfbfffff, 0, 0, 0, 2 << 6).log('last user address');
      set(p, 0, 0, 0, 0xffffffff, 0, 0, 0, 0).log('kernel address, not enabled');
      pt(p, SETDBREGS, 0x1000, 0).log('bad pointer');
      pt(p, GETDBREGS, 0x1000, 0).log('bad target');
      get(p).load(dr(3)).log('dr3').exit(0);
    });
    expect(log).toMatchObject({
      'dr6 at first': 0,
      'dr7 at first': 0,
      ports: -EINVAL,
      'eight bytes, not enabled': -EINVAL,
      'kernel address': -EINVAL,
      'last user address': 0,
      'kernel address, not enabled': 0,
      'bad pointer': -EFAULT,
      'bad target': -EFAULT,
      dr3: -1,
    });
  });

  it("do not watch what the kernel does with the thread's memory", () => {
    const { log } = runOne((p) => {
      traced(p, (c) => c.sys('clock_gettime', 0, WATCHED));
      set(p, WATCHED, 0, 0, 0, 0, 0, 0, L0 | ACCESS_1);
      pt(p, CONTINUE, 1, 0).wait('end').exit(0);
    });
    expect(log['end.status']).toBe(0);
  });

  it('are forgotten by exec', () => {
    const { log } = runOne((p) => {
      traced(p, (c) => c.sys('execve', '/bin/nothing', 0, 0).load(WATCHED));
      set(p, WATCHED, 0, 0, 0, 0, 0, 0, L0 | ACCESS_1);
      // The exec fails: the registers stay.
      pt(p, CONTINUE, 1, 0).wait('hit').exit(0);
    });
    expect(log['hit.status']).toBe(stopped(SIGTRAP));
    const { log: after } = runOne((p) => {
      traced(p, (c) => c.sys('execve', '/bin/main', c.vector('main', 'x'), 0));
      set(p, WATCHED, 0, 0, 0, 0, 0, 0, L0 | ACCESS_1);
      pt(p, CONTINUE, 1, 0).wait('exec');
      get(p).load(dr(0)).log('dr0').load(dr(7)).log('dr7').exit(0);
    });
    expect(after).toMatchObject({ 'exec.status': stopped(SIGTRAP), dr0: 0, dr7: 0 });
  });

  it('go on in the child of a fork, where nobody catches the signal: FreeBSD copies the whole pcb', () => {
    const { log } = runOne((p) => {
      const status = SCRATCH + 0x500;
      traced(p, (c) => {
        c.sys('fork').ifZero((grandchild) => grandchild.load(WATCHED).sys('exit', 0));
        c.sys('wait4', -1, status, 0, 0).sys('exit', at(status));
      });
      set(p, WATCHED, 0, 0, 0, 0, 0, 0, L0 | ACCESS_1);
      pt(p, CONTINUE, 1, 0).wait('child ended');
      pt(p, CONTINUE, 1, 0).wait('end').exit(0);
    });
    expect(log['child ended.status']).toBe(stopped(SIGCHLD));
    // SIGTRAP with a core: 5 | 0x80.
    expect(log['end.status']! >> 8).toBe(SIGTRAP | 0x80);
  });
});
