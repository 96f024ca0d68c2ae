import { describe, expect, it } from 'vitest';
import { type GuestProgram, program, Run, runOne, SCRATCH } from '../../support/guest-program.ts';

const [EACCES, EFAULT, EINVAL] = [13, 14, 22];
const [GET_LDT, SET_LDT, GET_FSBASE, SET_FSBASE, GET_GSBASE, SET_GSBASE] = [0, 1, 7, 8, 9, 10];
const OUT = SCRATCH + 0x80;

const sysarch = (p: GuestProgram, op: number, ...parms: number[]): GuestProgram =>
  p.sys('sysarch', op, p.words(...parms));

/** A data segment (or what else the access byte says) of 4 GiB. */
const descriptor = (base: number, access = 0xf2): [number, number] => [
  0xffff | (base << 16),
  ((base >>> 16) & 0xff) | (access << 8) | 0xcf0000 | (base & 0xff000000),
];
const setOne = (p: GuestProgram, start: number, words: readonly number[]): GuestProgram =>
  sysarch(p, SET_LDT, start, p.words(...words), words.length / 2);

describe('sysarch', () => {
  it('sets the base of %gs and of %fs, and loads their selectors', () => {
    const { log } = runOne((p) => {
      const tls = p.words(11, 22);
      sysarch(p, SET_GSBASE, tls).log('set').raw('8ce8').log('gs').raw('65a104000000').log('gs:4');
      p.sys('sysarch', GET_GSBASE, OUT).load(OUT).log('get');
      sysarch(p, SET_FSBASE, tls + 4)
        .raw('8ce0')
        .log('fs')
        .raw('64a100000000')
        .log('fs:0')
        .sys('sysarch', GET_FSBASE, OUT)
        .load(OUT);
      p.raw('2d').raw(le(tls)).log('fs - gs').sys('sysarch', SET_GSBASE, 0x70000000).log('wild').exit(0);
    });
    expect(log).toMatchObject({ set: 0, gs: 0x1b, 'gs:4': 22, fs: 0x13, 'fs:0': 22, 'fs - gs': 4, wild: -EFAULT });
  });

  it('gives out slots of the LDT from 17 on; addresses wrap at 4 GiB', () => {
    const { log } = runOne((p) => {
      const word = p.words(77, 88);
      setOne(p, -1, descriptor(word + 4)).log('first');
      // mov $0x8f,%eax; mov %eax,%gs; mov %gs:0xfffffffc,%eax
      p.raw('b88f0000008ee8').raw('65a1fcffffff').log('gs:-4').raw('65a100000000').log('gs:0');
      setOne(p, -1, descriptor(word)).log('second');
      sysarch(p, SET_LDT, 17, 0, 1).log('free');
      setOne(p, -1, descriptor(0)).log('again');
      sysarch(p, GET_LDT, 16, OUT, 2)
        .log('read')
        .load(OUT)
        .log('16')
        .load(OUT + 12)
        .log('17');
      p.exit(0);
    });
    expect(log).toMatchObject({ first: 17, 'gs:-4': 77, 'gs:0': 88, second: 18, free: 0, again: 17, read: 2, 16: 0 });
    expect(log['17']).toBe(descriptor(0)[1]);
  });

  it('takes user segments only', () => {
    const { log } = runOne((p) => {
      setOne(p, -1, descriptor(0, 0x92)).log('privileged');
      setOne(p, -1, descriptor(0, 0xe2)).log('system');
      setOne(p, -1, descriptor(0, 0x7e)).log('conforming, absent');
      setOne(p, 20, [0, 0x8000]).log('null');
      sysarch(p, GET_LDT, 20, OUT, 1)
        .load(OUT + 4)
        .log('made absent');
      setOne(p, 8192, descriptor(0)).log('beyond');
      sysarch(p, SET_LDT, 17, SCRATCH, 0).log('none').sys('sysarch', 99, SCRATCH).log('unknown').exit(0);
    });
    expect(log).toEqual({
      privileged: -EACCES,
      system: -EACCES,
      'conforming, absent': -EACCES,
      null: 20,
      'made absent': 0,
      beyond: -EINVAL,
      none: -EINVAL,
      unknown: -EINVAL,
    });
  });

  it('copies the LDT at fork, and execve drops it', () => {
    const run = new Run({
      main: program((p) => {
        setOne(p, -1, descriptor(p.words(5)));
        p.raw('b88f0000008ee8').sys('fork');
        p.ifZero((c) => {
          c.raw('65a100000000').log('child');
          setOne(c, -1, descriptor(0)).log('its own').exit(0);
        });
        p.wait('end');
        setOne(p, -1, descriptor(0)).log('mine').flush().sys('execve', '/bin/next', p.words(0), 0);
      }),
      next: program((p) => setOne(p, -1, descriptor(0)).log('after exec').exit(0)),
    });
    const pid = run.start('main');
    expect(run.go().reason).toBe('finished');
    const { child } = run.events('fork').find((event) => event.how === 'fork')!;
    expect(run.logOf(child, 'main')).toMatchObject({ child: 5, 'its own': 18 });
    expect(run.logOf(pid, 'next')).toEqual({ 'after exec': 17 });
  });
});

const le = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join('');
