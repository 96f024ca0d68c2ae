import { describe, expect, it } from 'vitest';
import { EFAULT, EINVAL, EISDIR, ENOENT, ENOMEM, ENOTDIR, EPERM } from '../../../kernel-sim/abi/errno.ts';
import type { KernelConfig } from '../../../kernel-sim/kern/config.ts';
import { bytesOf, latin1 } from '../../../kernel-sim/kern/kernel.ts';
import type { Proc } from '../../../kernel-sim/kern/state.ts';
import { sysctlSyscalls } from '../../../kernel-sim/sys/sysctl.ts';
import { sysctlRows } from '../../../kernel-sim/sys/sysctl-nodes.ts';
import { addProcess, Caller, fileKernel, OUT, WILD } from '../../support/kernel.ts';
import { SysctlCaller } from './sysctl-caller.ts';

const setup = (patch: Partial<Proc> = {}, config: Partial<KernelConfig> = {}) => {
  const { k, events } = fileKernel(config);
  const s = new SysctlCaller(new Caller(k, addProcess(k, patch), sysctlSyscalls));
  const logged = () => events.flatMap((event) => (event.kind === 'log' ? [event.text] : []));
  return { k, s, logged };
};

describe('names', () => {
  it('lead to the numbers of the headers', () => {
    const { s } = setup();
    expect(s.mib('kern.ostype')).toEqual([1, 1]);
    expect(s.mib('kern.osreldate')).toEqual([1, 24]);
    expect(s.mib('hw.pagesize')).toEqual([6, 7]);
    expect(s.mib('vm.loadavg')).toEqual([2, 2]);
    expect(s.mib('kern.proc.vmmap')).toEqual([1, 14, 32]);
    expect(s.mib('kern.smp')).toEqual([1, 0x100]);
    expect(s.mib('kern.proc.')).toEqual([1, 14]);
  });

  it('that nobody knows are ENOENT, with a line in the log', () => {
    const { s, logged } = setup();
    expect(s.mib('kern.conftxt')).toBe(ENOENT);
    expect(s.mib('')).toBe(ENOENT);
    expect(s.mib('kern..ostype')).toBe(ENOENT);
    expect(s.read([1, 9999])).toBe(ENOENT);
    expect(logged()[0]).toBe('sysctl: pid 1: unknown kern.conftxt');
    expect(logged().at(-1)).toBe('sysctl: pid 1: unknown kern.9999');
  });

  it('may come with or without their NUL', () => {
    const { s } = setup();
    expect(s.mib('kern.smp.cpus\0')).toEqual(s.mib('kern.smp.cpus'));
  });

  it('come back from numbers, by {0,1}', () => {
    const { s } = setup();
    expect(s.text([0, 1, 1, 14, 12])).toBe('kern.proc.pathname');
    expect(s.text([0, 1, 1, 14, 12, 77])).toBe('kern.proc.pathname.77');
    expect(s.text([0, 1, 99, 3])).toBe('99.3');
  });

  it('are walked in order by {0,2}, every one once', () => {
    const { s } = setup();
    const seen: string[] = [];
    for (let mib: readonly number[] = [1]; ; ) {
      const next = s.read([0, 2, ...mib]);
      if (typeof next === 'number') break;
      mib = [...new Int32Array(next.slice().buffer)];
      seen.push(s.text([0, 1, ...mib]));
    }
    expect(seen.length).toBe(sysctlRows.length);
    expect(new Set(seen)).toEqual(new Set(sysctlRows.map((row) => row.name)));
  });

  it('have a kind and a format under {0,4}', () => {
    const { s } = setup();
    const format = (name: string) => {
      const bytes = s.read([0, 4, ...(s.mib(name) as number[])]) as Uint8Array;
      return [new DataView(bytes.buffer).getUint32(0, true), latin1(bytes.subarray(4, -1))];
    };
    expect(format('hw.ncpu')).toEqual([0x80000002, 'I']);
    expect(format('kern.hostname')).toEqual([0xc0000003, 'A']);
    expect(format('kern.boottime')).toEqual([0x80000005, 'S,timeval']);
    expect(format('kern')).toEqual([0x80000001, 'N']);
  });
});

describe('the length', () => {
  it('is told when there is no buffer', () => {
    const { s } = setup();
    expect(s.raw({ mib: [1, 1], old: 0, room: 123 })).toEqual({ errno: 0, length: 8 });
  });

  it('shrinks to what the value needs', () => {
    const { s } = setup();
    expect(s.raw({ mib: [1, 1], old: OUT, room: 100 })).toEqual({ errno: 0, length: 8 });
    expect(s.c.text(OUT, 8)).toBe('FreeBSD\0');
  });

  it('that is too small gives ENOMEM and what fits', () => {
    const { s } = setup();
    s.c.poke(OUT, bytesOf('........'));
    expect(s.raw({ mib: [1, 1], old: OUT, room: 4 })).toEqual({ errno: ENOMEM, length: 4 });
    expect(s.c.text(OUT, 8)).toBe('Free....');
  });

  it('is 0 when nobody gives one', () => {
    const { s } = setup();
    expect(s.raw({ mib: [1, 1], old: OUT, room: null })).toEqual({ errno: ENOMEM, length: null });
    expect(s.raw({ mib: [1, 1], old: 0, room: null })).toEqual({ errno: 0, length: null });
  });

  it('may be absurd', () => {
    const { s } = setup();
    expect(s.raw({ mib: [6, 7], old: OUT, room: 0xffffffff })).toEqual({ errno: 0, length: 4 });
    expect(s.raw({ mib: [1, 37], old: OUT, room: 0xffffffff })).toEqual({ errno: 0, length: 256 });
    expect(s.raw({ mib: [1, 10], old: 0, room: 0, value: OUT, valueLength: 0xffffffff }).errno).toBe(EINVAL);
    expect(s.raw({ mib: [0, 3], old: OUT, room: 96, value: OUT, valueLength: 0xffffffff }).errno).not.toBe(0);
  });
});

describe('errors', () => {
  it('are EINVAL for names of fewer than 2 and more than 24 numbers', () => {
    const { s } = setup();
    expect(s.read([1])).toBe(EINVAL);
    expect(s.read(new Array<number>(25).fill(1))).toBe(EINVAL);
    expect(s.c.errno('__sysctl', OUT, 0xffffffff, 0, 0, 0, 0)).toBe(EINVAL);
  });

  it('are EFAULT for addresses at which nothing is', () => {
    const { s } = setup();
    expect(s.c.errno('__sysctl', WILD, 2, 0, 0, 0, 0)).toBe(EFAULT);
    expect(s.raw({ mib: [1, 1], old: WILD, room: 8 }).errno).toBe(EFAULT);
    expect(s.raw({ mib: [1, 1], old: OUT, lengthAt: WILD }).errno).toBe(EFAULT);
    expect(s.raw({ mib: [1, 10], old: 0, room: 0, value: WILD, valueLength: 4 }).errno).toBe(EFAULT);
    expect(s.raw({ mib: [0, 3], old: OUT, room: 96, value: WILD, valueLength: 4 }).errno).toBe(EFAULT);
  });

  it('tell inner nodes from numbers behind a leaf', () => {
    const { s } = setup();
    expect(s.read([1, 14])).toBe(EISDIR);
    expect(s.read([1, 1, 5])).toBe(ENOTDIR);
  });
});

describe('writing', () => {
  it('changes the host name, and gives the old one', () => {
    const { s } = setup();
    s.c.poke(OUT + 64, bytesOf('beastie'));
    expect(s.raw({ mib: [1, 10], old: OUT, room: 32, value: OUT + 64, valueLength: 7 })).toEqual({
      errno: 0,
      length: 5,
    });
    expect(s.c.text(OUT, 5)).toBe('test\0');
    expect(s.text([1, 10])).toBe('beastie');
  });

  it('is refused where there is nothing to write, to users, and for too long a name', () => {
    const { s } = setup();
    expect(s.raw({ mib: [6, 3], old: 0, room: 0, value: OUT, valueLength: 4 }).errno).toBe(EPERM);
    expect(s.raw({ mib: [1, 10], old: 0, room: 0, value: OUT, valueLength: 256 }).errno).toBe(EINVAL);
    const user = setup({ uid: 1001 });
    expect(user.s.raw({ mib: [1, 10], old: 0, room: 0, value: OUT, valueLength: 4 }).errno).toBe(EPERM);
    expect(user.s.text([1, 10])).toBe('test');
  });
});

describe('values', () => {
  it('are those of a 9.0 machine', () => {
    const { s } = setup({}, { cores: 4 });
    expect(s.text([1, 2])).toBe('9.0-RELEASE');
    expect(s.text([6, 1])).toBe('i386');
    expect(s.words([1, 24])).toEqual([900044]);
    expect(s.words([1, 33])).toEqual([0xbfc00000]);
    expect(s.words([1, 32])).toEqual([0xbfbffff0]);
    expect(s.words([1, 12])).toEqual([1000, 1000, 0, 128, 8192]);
    expect(s.words([1, 21])).toEqual([1_325_376_000, 0]);
    expect(s.words(s.mib('kern.smp.cpus') as number[])).toEqual([4]);
    expect(s.words(s.mib('kern.smp.maxcpus') as number[])).toEqual([32]);
    expect(s.text(s.mib('kern.sched.name') as number[])).toBe('ULE');
  });

  it('of kern.arandom are new each time and the same in every run', () => {
    const draw = () => {
      const { s } = setup();
      return [s.read([1, 37], 32), s.read([1, 37], 32)].map((bytes) => latin1(bytes as Uint8Array));
    };
    const [first, second] = draw();
    expect(first!.length).toBe(32);
    expect(first).not.toBe(second);
    expect(draw()).toEqual([first, second]);
  });

  it('of kern.cp_times are ticks of each CPU, idle for what is left, and end with the CPU', () => {
    const { k, s } = setup({}, { cores: 2 });
    const second = 1_000_000_000;
    k.clockNs = 10 * second;
    k.state.cpus[0] = { ...k.cpu(0), cpTimes: [3 * second, 0, second, 0, 0] };
    k.state.cpus[1] = { ...k.cpu(0), cpu: 1, dead: true, cpTimes: [second, 0, 0, 0, second] };
    expect(s.words(s.mib('kern.cp_times') as number[])).toEqual([384, 0, 128, 0, 768, 128, 0, 0, 0, 128]);
    expect(s.words(s.mib('kern.cp_time') as number[])).toEqual([512, 0, 128, 0, 896]);
    expect(s.words(s.mib('coreback.cpus_healthy') as number[])).toEqual([1]);
  });

  it('can all be read where nothing has to be asked, and are as long as was told', () => {
    const { s } = setup();
    for (const row of sysctlRows) {
      if (row.kind === 'node' || 'inputSize' in row) continue;
      const { errno, length } = s.raw({ mib: row.mib, old: 0, room: 0 });
      const value = s.read(row.mib, 8192);
      expect([row.name, errno]).toEqual([row.name, 0]);
      if (row.name !== 'kern.proc.all') expect([row.name, (value as Uint8Array).length]).toEqual([row.name, length]);
    }
  });
});

describe('what sysconf(3) and ps(1) of a FreeBSD tree ask for', () => {
  it('is there: the page size that malloc goes by, page sizes, pages, room for arguments', () => {
    const { k, s } = setup();
    expect(s.mib('p1003_1b.pagesize')).toEqual([9, 20]);
    expect(s.words([9, 20])).toEqual([4096]);
    expect(s.words(s.mib('hw.pagesizes') as number[])).toEqual([4096, 0]);
    expect(s.words(s.mib('hw.availpages') as number[])).toEqual([k.config.physmemBytes / 4096]);
    expect(s.words(s.mib('kern.ps_arg_cache_limit') as number[])).toEqual([256]);
    expect(s.read(s.mib('vm.swap_info') as number[])).toBe(ENOENT);
  });
});

describe('kern.devname', () => {
  const ask = (s: SysctlCaller, device: number, length = 4) => {
    s.c.poke(OUT + 1024, new Uint8Array(Uint32Array.of(device).buffer));
    const mib = s.mib('kern.devname') as number[];
    const { errno, length: size } = s.raw({ mib, old: OUT, room: 64, value: OUT + 1024, valueLength: length });
    return errno || s.c.text(OUT, size!);
  };

  it('names the device of a number, to everybody', () => {
    const { s } = setup({ uid: 1001 });
    expect(ask(s, 0x05)).toBe('console\0');
    expect(ask(s, 0x11)).toBe('null\0');
  });

  it('is ENOENT for a number that no device has, EINVAL without one or with one of another size', () => {
    const { s } = setup();
    expect(ask(s, 0x7777)).toBe(ENOENT);
    expect(ask(s, 0xffffffff)).toBe(EINVAL);
    expect(ask(s, 0x05, 8)).toBe(EINVAL);
    expect(s.read(s.mib('kern.devname') as number[])).toBe(EINVAL);
  });
});
