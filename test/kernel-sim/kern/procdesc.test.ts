import { describe, expect, it } from 'vitest';
import { EBADF, EMFILE, EOPNOTSUPP, ESRCH } from '../../../kernel-sim/abi/errno.ts';
import { faultInterrupt } from '../../../kernel-sim/kern/recovery.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { at, type GuestProgram, program, Run, runOne, SCRATCH } from '../../support/guest-program.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';

const [FD, PID, STAT, POLL] = [SCRATCH + 0x10, SCRATCH + 0x14, SCRATCH + 0x100, SCRATCH + 0x200];
const [PD_DAEMON, POLLHUP, POLLIN, SIGKILL, SIGTERM, WNOHANG, SIGCHLD] = [1, 0x10, 1, 9, 15, 1, 20];
const [S_IFREG, S_IRWXU] = [0o100000, 0o700];

/** pdfork(2); the child does what is said, and then ends with status 7. */
const pdfork = (p: GuestProgram, flags: number, child: (c: GuestProgram) => void): GuestProgram =>
  p.sys('pdfork', FD, flags).ifZero((c) => {
    child(c);
    c.sys('exit', 7);
  });
/** poll(2) of the descriptor for POLLIN: its revents. */
const poll = (p: GuestProgram, name: string, timeoutMs: number): GuestProgram => {
  p.load(FD)
    .store(POLL)
    .set(POLL + 4, POLLIN)
    .sys('poll', POLL, 1, timeoutMs)
    .log(`${name}.count`);
  return p
    .load(POLL + 4)
    .raw('c1e810')
    .log(`${name}.revents`);
};
/** fstat(2): st_mode. */
const mode = (p: GuestProgram, name: string): GuestProgram =>
  p
    .sys('fstat', at(FD), STAT)
    .load(STAT + 8)
    .raw('0fb7c0')
    .log(name);

describe('process descriptors', () => {
  it('tell who the process is, whether it runs and that it has ended, without a signal', () => {
    const { log, pid, run } = runOne((p) => {
      pdfork(p, 0, (c) => c.sleep(20e6)).log('child');
      p.load(FD).log('fd').sys('pdgetpid', at(FD), PID).load(PID).log('pid');
      poll(mode(p, 'running'), 'early', 0);
      mode(poll(p, 'late', -1), 'ended');
      p.wait('w').wait('again', -1, WNOHANG);
      mode(p, 'gone').sys('pdkill', at(FD), 0).log('kill').sys('pdgetpid', at(FD), PID).log('getpid');
      poll(p, 'gone', 0).exit(0);
    });
    expect(log).toMatchObject({ child: pid + 1, fd: 3, pid: pid + 1, 'early.count': 0, 'late.count': 1 });
    expect(log['late.revents']).toBe(POLLHUP);
    expect(log).toMatchObject({ running: S_IFREG | S_IRWXU, ended: S_IFREG, gone: S_IFREG });
    expect(log).toMatchObject({ 'w.pid': pid + 1, 'w.status': 7 << 8, kill: -ESRCH, getpid: 0 });
    expect(log['gone.revents']).toBe(POLLHUP);
    expect(run.system.kernel.state.files.size).toBe(0);
    expect(run.events('signal').filter(({ signo }) => signo === SIGCHLD)).toEqual([]);
  });

  it('that are closed kill their process, which is then not the own child any more', () => {
    const { log, run, pid } = runOne((p) => {
      pdfork(p, 0, (c) => c.spin())
        .sys('close', at(FD))
        .log('close');
      p.wait('w').sleep(10e6).exit(0);
    });
    expect(log).toMatchObject({ close: 0, 'w.pid': -10 });
    expect(run.exitOf(pid + 1)).toEqual({ code: 0, signal: SIGKILL });
    expect(run.state(pid + 1)).toBeUndefined();
  });

  it('that exit(2) closes kill too; PD_DAEMON lets the process go on', () => {
    for (const [flags, end] of [
      [0, { code: 0, signal: SIGKILL }],
      [PD_DAEMON, { code: 7, signal: 0 }],
    ] as const) {
      const { run, pid } = runOne((p) => pdfork(p, flags, (c) => c.sleep(20e6)).exit(0));
      expect(run.exitOf(pid + 1)).toEqual(end);
    }
  });

  it('that are closed after the end of the process leave no zombie', () => {
    const { log, run, pid } = runOne((p) => {
      pdfork(p, 0, () => {});
      poll(p, 'end', -1).sys('close', at(FD)).wait('w').exit(0);
    });
    expect(log).toMatchObject({ 'end.revents': POLLHUP, 'w.pid': -10 });
    expect(run.exitOf(pid + 1)).toEqual({ code: 7, signal: 0 });
  });

  it('send signals, and are not inherited by their own process', () => {
    const { run, pid, log } = runOne((p) => {
      pdfork(p, 0, (c) => c.sys('pdkill', 3, SIGKILL).log('own').flush().spin());
      p.sleep(20e6).sys('pdkill', at(FD), SIGTERM).log('kill').wait('w').exit(0);
    });
    expect(run.logOf(pid + 1)).toMatchObject({ own: -EBADF });
    expect(log).toMatchObject({ kill: 0, 'w.status': SIGTERM });
  });

  it('keep a process alive as long as anybody has one', () => {
    const { run, pid } = runOne((p) => {
      pdfork(p, 0, (c) => c.sleep(20e6));
      // Another child has a copy of the descriptor, and ends later.
      p.sys('fork').ifZero((c) => c.sleep(40e6).sys('exit', 0));
      p.exit(0);
    });
    expect(run.exitOf(pid + 1)).toEqual({ code: 7, signal: 0 });
  });

  it('can be passed to their own process, which ends like any other', () => {
    const { run, pid } = runOne((p) => {
      const [SV, IOV, CONTROL, HEADER] = [SCRATCH + 0x20, SCRATCH + 0x40, SCRATCH + 0x60, SCRATCH + 0x80];
      p.sys('socketpair', 1, 1, 0, SV);
      p.set(IOV, SCRATCH + 0x300).set(IOV + 4, 1);
      p.set(CONTROL, 16)
        .set(CONTROL + 4, 0xffff)
        .set(CONTROL + 8, 1);
      p.set(HEADER + 8, IOV)
        .set(HEADER + 12, 1)
        .set(HEADER + 16, CONTROL)
        .set(HEADER + 20, 16);
      pdfork(p, 0, (c) => c.sys('recvmsg', at(SV + 4), HEADER, 0));
      p.load(FD)
        .store(CONTROL + 12)
        .sys('sendmsg', at(SV), HEADER, 0)
        .log('sent')
        .sys('close', at(FD));
      p.sleep(20e6).exit(0);
    });
    expect(run.exitOf(pid + 1)).toEqual({ code: 7, signal: 0 });
    expect(run.exitOf(pid)).toEqual({ code: 0, signal: 0 });
  });

  it('refuse what files can do', () => {
    const { k } = fileKernel();
    const c = new Caller(k, addProcess(k), SYSCALLS);
    expect(c.errno('pdgetpid', 0, OUT)).toBe(EBADF);
    expect(c.errno('pdkill', 55, 9)).toBe(EBADF);
    c.ok('setrlimit', 8, c.put(new Uint8Array(new BigInt64Array([3n, 3n]).buffer)));
    expect(c.errno('pdfork', OUT, 0)).toBe(EMFILE);
    const { log } = runOne((p) => {
      pdfork(p, 0, (child) => child.spin());
      for (const [name, ...args] of [
        ['read', SCRATCH, 1],
        ['write', SCRATCH, 1],
        ['ftruncate', 0, 0],
        ['fchmod', 0],
        ['fchown', 0, 0],
        ['ioctl', 0x4004667f, SCRATCH],
      ] as const)
        p.sys(name, at(FD), ...args).log(name);
      p.exit(0);
    });
    expect(new Set(Object.values(log))).toEqual(new Set([-EOPNOTSUPP]));
  });

  it('come back when their holder is rolled back, with processes that it has waited for since', () => {
    const config = {
      cores: 2,
      checkpointEveryNs: 5_000_000,
      costs: { syscallInstructions: 10, contextSwitchInstructions: 20, checkpointBaseNs: 0, checkpointNsPerKiB: 0 },
    };
    const main = program((p) => {
      pdfork(p, 0, () => {}).log('child');
      p.burn(32_000).wait('w', -1).sys('close', at(FD)).log('close');
      p.burn(17_000).exit(0);
    });
    const run = new Run({ main }, config);
    const pid = run.start('main');
    run.system.run({ untilNs: 9_000_000 });
    const { kernel } = run.system;
    expect(kernel.findProc(pid + 1)).toBeUndefined();
    faultInterrupt(kernel, {
      core: kernel.cores[kernel.thread(kernel.findProc(pid)!.threads[0]!).onCpu]!,
      by: 'machine-check',
      permanent: true,
    });
    expect(run.go(3e9).reason).toBe('finished');
    expect(run.events('recovery-done')).toHaveLength(1);
    expect(run.logOf(pid)).toMatchObject({ 'w.pid': pid + 1, 'w.status': 7 << 8, close: 0 });
    expect(kernel.state.files.size).toBe(0);
  });
});
