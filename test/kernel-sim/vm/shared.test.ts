import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import { bytesOf, type Kernel, latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { readTracee, writeTracee } from '../../../kernel-sim/kern/ptrace.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { readFile } from '../../../kernel-sim/vfs/memfs.ts';
import { checkSharedPages } from '../../../kernel-sim/vm/invariants.ts';
import { cloneVmspace, releaseVmspace } from '../../../kernel-sim/vm/vmspace.ts';
import { type GuestProgram, runOne, SCRATCH } from '../../support/guest-program.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';

const [SHARED, PRIVATE, FIXED, ANON] = [1, 2, 0x10, 0x1000];
const RW = 3;
const PAGE = 4096;
const AT = 0x30000000;
const error = (code: number) => ({ kind: 'error', errno: code });

let k: Kernel;
let a: Caller;
let b: Caller;

beforeEach(() => {
  k = fileKernel().k;
  a = new Caller(k, addProcess(k), SYSCALLS);
  b = new Caller(k, addProcess(k, { uid: 1001, gid: 1001 }), SYSCALLS);
});

/** Stores as a program does: by a page fault where that is needed. */
const store = (c: Caller, at: number, text: string): boolean => c.k.copyout(c.td.pid, at, bytesOf(text));
const load = (c: Caller, at: number, length: number): string | number => {
  const bytes = c.k.copyin(c.td.pid, at, length);
  return typeof bytes === 'number' ? bytes : latin1(bytes);
};
const whole = (): void => expect([...checkSharedPages(k), ...checkFileInvariants(k)]).toEqual([]);

/** A child of `parent` as fork(2) makes its memory. */
function fork(parent: Caller): Caller {
  const child = new Caller(k, addProcess(k), SYSCALLS);
  const { vmspace } = k.proc(child.td.pid);
  k.setProc(child.td.pid, { vmspace: cloneVmspace(k, k.proc(parent.td.pid).vmspace) });
  releaseVmspace(k, vmspace);
  return child;
}

describe('memory that processes share', () => {
  it('is not that of a file from before its beginning', () => {
    const fd = a.ok('open', '/tmp/x', 0x202, 0o644);
    for (const flags of [SHARED, PRIVATE]) expect(a.errno('mmap', 0, PAGE, RW, flags, fd, -PAGE)).toBe(errno.EINVAL);
  });

  it('is there when it is mapped into the middle of other shared memory', () => {
    a.ok('mmap', AT, 4 * PAGE, RW, ANON | SHARED | FIXED, -1, 0);
    a.ok('mmap', AT + PAGE, PAGE, RW, ANON | SHARED | FIXED, -1, 0);
    store(a, AT + PAGE, 'new');
    whole();
    expect(load(a, AT + PAGE, 3)).toBe('new');
  });

  it('shows each what the other wrote last, after a fork', () => {
    const at = a.ok('mmap', 0, 2 * PAGE, RW, ANON | SHARED, -1, 0);
    store(a, at, 'before');
    const child = fork(a);
    expect(load(child, at, 6)).toBe('before');
    store(child, at + 2, 'XX');
    whole();
    expect(load(a, at, 6)).toBe('beXXre');
    store(a, at, 'parent');
    expect(load(child, at, 6)).toBe('parent');
    store(child, at + PAGE, 'second page');
    expect(load(a, at + PAGE, 6)).toBe('second');
    releaseVmspace(k, k.proc(child.td.pid).vmspace);
    k.setProc(child.td.pid, { vmspace: 0 });
    expect(load(a, at, 6)).toBe('parent');
    a.ok('munmap', at, 2 * PAGE);
    expect(k.state.sharedPages.size + k.state.vmObjects.size).toBe(0);
    whole();
  });

  it('is not what the rest of memory is', () => {
    const [shared, own] = [SHARED, PRIVATE].map((flag) => a.ok('mmap', 0, PAGE, RW, ANON | flag, -1, 0)) as [
      number,
      number,
    ];
    store(a, own, 'own');
    const child = fork(a);
    store(child, own, 'new');
    expect([load(a, own, 3), load(child, own, 3)]).toEqual(['own', 'new']);
    a.ok('mprotect', shared, PAGE, 1);
    expect(store(a, shared, 'x')).toBe(false);
    store(child, shared, 'child');
    expect(load(a, shared, 5)).toBe('child');
    a.ok('mprotect', shared, PAGE, RW);
    expect(store(a, shared, 'x')).toBe(true);
    expect(load(child, shared, 5)).toBe('xhild');
    whole();
  });

  it('may stand at two addresses of one process', () => {
    const fd = a.ok('shm_open', 1, 2, 0o600);
    a.ok('ftruncate', fd, 100);
    const [x, y] = [0, 0].map(() => a.ok('mmap', 0, PAGE, RW, SHARED, fd, 0)) as [number, number];
    store(a, x, 'one');
    expect(load(a, y, 3)).toBe('one');
    store(a, y, 'two');
    expect(load(a, x, 3)).toBe('two');
    whole();
    a.ok('close', fd);
    expect(load(a, x, 3)).toBe('two');
    a.ok('munmap', x, PAGE);
    a.ok('munmap', y, PAGE);
    expect(k.state.posixShm.size + k.state.vmObjects.size).toBe(0);
  });

  it('may be written to at two addresses at once', () => {
    const fd = a.ok('open', '/tmp/x', 0x202, 0o644);
    a.ok('ftruncate', fd, PAGE, 0);
    for (const at of [AT, AT + PAGE]) a.ok('mmap', at, PAGE, RW, SHARED | FIXED, fd, 0);
    const text = `${'a'.repeat(PAGE)}${'b'.repeat(10)}`;
    for (const write of [() => store(a, AT, text), () => writeTracee(k, k.proc(a.td.pid), AT, bytesOf(text))]) {
      expect(write()).toBe(true);
      expect(load(a, AT, 11)).toBe('bbbbbbbbbba');
      expect(load(a, AT + PAGE, 11)).toBe('bbbbbbbbbba');
      whole();
      store(a, AT, 'c'.repeat(11));
    }
  });

  it('is seen and changed by a tracer', () => {
    const at = a.ok('mmap', 0, PAGE, RW, ANON | SHARED, -1, 0);
    const child = fork(a);
    store(a, at, 'newest');
    expect(latin1(readTracee(k, k.proc(child.td.pid), at, 6)!)).toBe('newest');
    writeTracee(k, k.proc(child.td.pid), at, bytesOf('POKE'));
    expect(load(a, at, 6)).toBe('POKEst');
    whole();
  });

  it('follows minherit(2)', () => {
    const [shares, copies, goes] = [0, 0, 0].map(() => a.ok('mmap', 0, PAGE, RW, ANON | PRIVATE, -1, 0)) as number[];
    const shared = a.ok('mmap', 0, PAGE, RW, ANON | SHARED, -1, 0);
    for (const at of [shares!, copies!, goes!, shared]) store(a, at, 'parent');
    a.ok('minherit', shares!, PAGE, 0);
    a.ok('minherit', goes!, PAGE, 2);
    a.ok('minherit', shared, PAGE, 1);
    const child = fork(a);
    for (const at of [shares!, copies!, shared]) store(child, at, 'child ');
    expect([shares!, copies!, shared].map((at) => load(a, at, 6))).toEqual(['child ', 'parent', 'parent']);
    expect(load(child, goes!, 1)).toBe(errno.EFAULT);
    expect(a.errno('minherit', goes!, PAGE, 9)).toBe(errno.EINVAL);
    whole();
  });
});

describe('a shared mapping of a file', () => {
  let fd: number;
  beforeEach(() => {
    a.ok('umask', 0);
    fd = a.ok('open', '/tmp/f', 0x202, 0o666);
    a.ok('write', fd, a.put(bytesOf('x'.repeat(5000))), 5000);
  });

  it('and read(2) and write(2) see each other', () => {
    const at = a.ok('mmap', 0, 2 * PAGE, RW, SHARED, fd, 0);
    store(a, at, 'memory');
    a.ok('pread', fd, OUT, 8, 0);
    expect(a.text(OUT, 8)).toBe('memoryxx');
    a.poke(OUT, bytesOf('file'));
    a.ok('pwrite', fd, OUT, 4, 2);
    expect(load(a, at, 8)).toBe('mefilexx');
    store(a, at + 4998, 'end and more');
    expect(latin1(readFile(k, '/tmp/f') as Uint8Array).slice(4990)).toBe('xxxxxxxxen');
    a.ok('munmap', at, PAGE);
    const other = b.ok('open', '/tmp/f', 2, 0);
    const there = b.ok('mmap', 0, 2 * PAGE, RW, SHARED, other, 0);
    expect(load(b, there, 6)).toBe('mefile');
    store(b, there + PAGE, 'second');
    expect(load(a, at + PAGE, 6)).toBe('second');
    whole();
  });

  it('ends where the file ends', () => {
    const at = a.ok('mmap', 0, 4 * PAGE, RW, SHARED, fd, 0);
    expect(store(a, at + 2 * PAGE, 'x')).toBe(false);
    a.ok('ftruncate', fd, 3 * PAGE);
    expect(store(a, at + 2 * PAGE, 'grown')).toBe(true);
    store(a, at + 100, 'kept and cut');
    a.ok('ftruncate', fd, 105);
    expect(load(a, at + PAGE, 1)).toBe(errno.EFAULT);
    expect(load(a, at + 100, 8)).toBe('kept \0\0\0');
    a.ok('ftruncate', fd, 200);
    expect(load(a, at + 100, 8)).toBe('kept \0\0\0');
    expect(a.ok('msync', at, PAGE, 0)).toBe(0);
    whole();
  });

  it('can be the buffer of its own transfer', () => {
    const at = a.ok('mmap', 0, 2 * PAGE, RW, SHARED, fd, 0);
    store(a, at, 'abcdef');
    expect(a.ok('pwrite', fd, at, 6, 10)).toBe(6);
    expect(load(a, at, 16)).toBe('abcdefxxxxabcdef');
    expect(a.ok('pread', fd, at + 3, 6, 10)).toBe(6);
    expect(load(a, at, 16)).toBe('abcabcdefxabcdef');
    whole();
  });

  it('needs the right to write, and room on the disk', () => {
    const readOnly = a.ok('open', '/tmp/f', 0, 0);
    expect(a.errno('mmap', 0, PAGE, RW, SHARED, readOnly, 0)).toBe(errno.EACCES);
    const at = a.ok('mmap', 0, PAGE, 1, SHARED, readOnly, 0);
    expect(a.errno('mprotect', at, PAGE, RW)).toBe(errno.EACCES);
    const child = fork(a);
    expect(writeTracee(k, k.proc(child.td.pid), at, bytesOf('x'))).toBe(false);
    a.ok('ftruncate', fd, 200 << 20);
    const far = a.ok('mmap', 0, 200 << 20, RW, SHARED, fd, 0);
    let pages = 0;
    for (let page = 16; store(a, far + page * PAGE, 'x') && pages < 20_000; page += 16) pages++;
    expect(pages).toBeGreaterThan(0);
    whole();
  });
});

describe('shm_open(2)', () => {
  it('opens by name, checks rights, and lasts until nobody has it', () => {
    const fd = a.ok('shm_open', '/name', 0x202, 0o600);
    expect(a.ok('fcntl', fd, 1, 0)).toBe(1);
    expect(b.errno('shm_open', '/name', 2, 0)).toBe(errno.EACCES);
    expect(a.errno('shm_open', '/name', 0xa02, 0o600)).toBe(errno.EEXIST);
    expect(a.errno('shm_open', '/none', 2, 0)).toBe(errno.ENOENT);
    expect(a.errno('shm_open', 'name', 0x202, 0)).toBe(errno.EINVAL);
    expect(a.errno('mmap', 0, PAGE, RW, SHARED, fd, 0)).toBe(errno.EINVAL);
    a.ok('ftruncate', fd, 2 * PAGE);
    a.ok('fstat', fd, OUT);
    expect(a.view(OUT, 96).getUint32(48, true)).toBe(2 * PAGE);
    const at = a.ok('mmap', 0, 2 * PAGE, RW, SHARED, fd, 0);
    store(a, at + PAGE, 'kept');
    const again = a.ok('shm_open', '/name', 2, 0);
    expect(load(a, a.ok('mmap', 0, PAGE, RW, SHARED, again, PAGE), 4)).toBe('kept');
    expect(b.errno('shm_unlink', '/name')).toBe(errno.EACCES);
    a.ok('shm_unlink', '/name');
    expect(a.errno('shm_unlink', '/name')).toBe(errno.ENOENT);
    a.ok('ftruncate', fd, PAGE + 2);
    expect(load(a, at + PAGE, 4)).toBe('ke\0\0');
    a.ok('closefrom', 3);
    expect([k.state.posixShm.size, k.state.vmObjects.size]).toEqual([0, 1]);
    expect(load(a, at + PAGE, 2)).toBe('ke');
    whole();
  });
});

describe('shared memory of System V', () => {
  const [CREAT, EXCL, RDONLY, RND] = [0o1000, 0o2000, 0o10000, 0o20000];
  const [RMID, STAT] = [0, 2];

  it('is found by key, attached and detached, and goes when it is removed and nobody has it', () => {
    const id = a.ok('shmget', 77, 5000, CREAT | 0o600);
    expect(a.ok('shmget', 77, 0, 0)).toBe(id);
    expect(a.errno('shmget', 77, 6000, 0)).toBe(errno.EINVAL);
    expect(a.errno('shmget', 77, 5000, CREAT | EXCL)).toBe(errno.EEXIST);
    expect(a.errno('shmget', 78, 5000, 0)).toBe(errno.ENOENT);
    expect(b.errno('shmat', id, 0, 0)).toBe(errno.EACCES);
    const at = a.ok('shmat', id, 0, 0);
    expect(a.errno('shmat', id, AT + 5, 0)).toBe(errno.EINVAL);
    expect(a.ok('shmat', id, AT + 5, RND | RDONLY)).toBe(AT);
    expect(a.errno('shmat', id, AT, 0)).toBe(errno.ENOMEM);
    store(a, at + PAGE, 'segment');
    expect(load(a, AT + PAGE, 7)).toBe('segment');
    expect(store(a, AT, 'x')).toBe(false);
    const child = fork(a);
    a.ok('shmctl', id, STAT, OUT);
    const stat = (offset: number) => a.view(OUT, 52).getInt32(offset, true);
    expect([stat(24), stat(28), stat(32), stat(36)]).toEqual([5000, a.td.pid, a.td.pid, 4]);
    expect(b.errno('shmctl', id, RMID, 0)).toBe(errno.EPERM);
    a.ok('shmctl', id, RMID, 0);
    expect(a.errno('shmget', 77, 0, 0)).toBe(errno.ENOENT);
    a.ok('shmdt', at);
    a.ok('shmdt', AT);
    expect(a.errno('shmdt', AT)).toBe(errno.EINVAL);
    expect(load(child, at + PAGE, 7)).toBe('segment');
    whole();
    releaseVmspace(k, k.proc(child.td.pid).vmspace);
    k.setProc(child.td.pid, { vmspace: 0 });
    expect(k.state.sysvShm.size + k.state.vmObjects.size + k.state.sharedPages.size).toBe(0);
  });
});

describe('advice and locks', () => {
  it('are kept or checked', () => {
    const at = a.ok('mmap', AT, 3 * PAGE, RW, ANON | PRIVATE | FIXED, -1, 0);
    store(a, at + PAGE, 'x');
    a.ok('mincore', at, 3 * PAGE, OUT);
    expect([...a.bytes(OUT, 3)]).toEqual([0, 3, 0]);
    expect(a.errno('mincore', at, 4 * PAGE, OUT)).toBe(errno.ENOMEM);
    a.ok('mlock', at, PAGE);
    expect(k.vmspace(k.proc(a.td.pid).vmspace).map.filter(({ wired }) => wired)).toHaveLength(1);
    a.ok('munlock', at, PAGE);
    expect(k.vmspace(k.proc(a.td.pid).vmspace).map.some(({ wired }) => wired)).toBe(false);
    a.ok('mlockall', 3);
    a.ok('mmap', 0, PAGE, RW, ANON | PRIVATE, -1, 0);
    expect(k.vmspace(k.proc(a.td.pid).vmspace).map.every(({ wired }) => wired)).toBe(true);
    expect(b.errno('mlock', 0x10000, PAGE)).toBe(errno.EPERM);
    expect(a.errno('msync', at, PAGE, 3)).toBe(errno.EINVAL);
    expect(a.errno('msync', at + 1, PAGE, 0)).toBe(errno.EINVAL);
    expect(a.call('msync', at + 3 * PAGE, PAGE, 0)).toEqual(error(errno.ENOMEM));
  });
});

describe('processes on several cores', () => {
  const share = (p: GuestProgram): GuestProgram => p.sys('mmap', AT, PAGE, RW, ANON | SHARED | FIXED, -1, 0, 0);

  it.each([1, 2, 3])('add to one counter with LOCKed instructions (seed %i)', (seed) => {
    const schedule = { kind: 'seeded', seed, minInstructions: 5, maxInstructions: 100 } as const;
    const { log, run } = runOne(
      (p) => {
        share(p).sys('fork').store(SCRATCH);
        // lock incl AT
        p.repeat(500, SCRATCH + 4, (body) => body.raw('f0ff0500000030'));
        p.load(SCRATCH).ifZero((child) => child.sys('exit', 0));
        p.wait('child').load(AT).log('counter').exit(0);
      },
      { cores: 2, seed, schedule, paranoid: true },
    );
    expect(log.counter).toBe(1000);
    expect(run.system.kernel.state.sharedPages.size).toBe(0);
  });

  it('wait for each other by _umtx_op(2) there, and a core file has what the other wrote', () => {
    const [WAIT, WAKE] = [2, 3];
    const { log, run } = runOne(
      (p) => {
        share(p)
          .sys('fork')
          .ifZero((child) => {
            child
              .sleep(2_000_000)
              .set(AT, 5)
              .set(AT + 8, 0x31323334);
            child.sys('_umtx_op', AT, WAKE, 1, 0, 0).sys('exit', 0);
          });
        p.sys('_umtx_op', AT, WAIT, 0, 0, 0).log('wait').load(AT).log('word').flush().raw('0f0b');
      },
      { cores: 2, paranoid: true },
    );
    expect(log).toMatchObject({ wait: 0, word: 5 });
    const core = readFile(run.system.kernel, '/root/main.core') as Uint8Array;
    expect(latin1(core)).toContain('4321');
  });
});

describe('any use of shared memory', () => {
  const place = fc.record({ page: fc.nat(3), offset: fc.constantFrom(0, 7, 4090) });
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('store' as const),
      who: fc.nat(2),
      via: fc.nat(2),
      place,
      byte: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({ kind: fc.constant('load' as const), who: fc.nat(2), via: fc.nat(2), place }),
    fc.record({ kind: fc.constant('pwrite' as const), who: fc.nat(2), place, byte: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ kind: fc.constant('protect' as const), who: fc.nat(2), via: fc.nat(2), prot: fc.constantFrom(1, 3) }),
    fc.record({ kind: fc.constant('remap' as const), who: fc.nat(2) }),
    fc.record({ kind: fc.constant('truncate' as const), pages: fc.nat(4) }),
  );

  it('is what one array of bytes says, whoever looks, through memory or through the file', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        k = fileKernel().k;
        const all = [0, 0, 0].map(() => new Caller(k, addProcess(k), SYSCALLS));
        const SIZE = 4 * PAGE;
        let model = new Uint8Array(SIZE);
        // Each process maps the file twice, and memory without a file once.
        const first = all[0]!;
        first.ok('ftruncate', first.ok('open', '/tmp/m', 0x202, 0o666), SIZE);
        const map = (c: Caller): void => {
          const fd = c.k.proc(c.td.pid).fds[3] ? 3 : c.ok('open', '/tmp/m', 2, 0);
          for (const at of [AT, AT + 0x100000, AT + 0x200000]) c.ok('mmap', at, SIZE, RW, SHARED | FIXED, fd, 0);
        };
        for (const c of all) map(c);
        const writable = all.map(() => [true, true, true]);
        for (const s of steps) {
          const c = s.kind === 'truncate' ? first : all[s.who]!;
          const at = 'place' in s ? s.place.page * PAGE + s.place.offset : 0;
          switch (s.kind) {
            case 'store': {
              const may = writable[s.who]![s.via]! && s.place.page * PAGE < model.length;
              expect(k.copyout(c.td.pid, AT + s.via * 0x100000 + at, Uint8Array.of(s.byte))).toBe(may);
              if (may && at < model.length) model[at] = s.byte;
              break;
            }
            case 'load': {
              const bytes = k.copyin(c.td.pid, AT + s.via * 0x100000 + at, 1);
              if (s.place.page * PAGE >= model.length) expect(bytes).toBe(errno.EFAULT);
              else if (at < model.length) expect((bytes as Uint8Array)[0]).toBe(model[at]);
              break;
            }
            case 'pwrite': {
              c.poke(OUT, Uint8Array.of(s.byte));
              if (at >= model.length) break;
              c.ok('pwrite', 3, OUT, 1, at);
              model[at] = s.byte;
              break;
            }
            case 'protect':
              c.ok('mprotect', AT + s.via * 0x100000, SIZE, s.prot);
              writable[s.who]![s.via] = s.prot === 3;
              break;
            case 'remap':
              map(c);
              writable[s.who] = [true, true, true];
              break;
            case 'truncate': {
              const size = Math.max(1, s.pages * PAGE - 100);
              c.ok('ftruncate', 3, size);
              const next = new Uint8Array(size);
              next.set(model.subarray(0, size));
              model = next;
              break;
            }
          }
          expect(checkSharedPages(k)).toEqual([]);
        }
        expect(readFile(k, '/tmp/m')).toEqual(model);
        whole();
        for (const space of k.spaces.values()) space.dispose();
      }),
      property(40),
    );
  });
});

describe('a file that is mapped privately', () => {
  const text = (c: string, length = PAGE): string => c.repeat(length);
  let fd: number;
  let at: number;

  beforeEach(() => {
    fd = a.ok('open', '/tmp/file', 0x202, 0o600);
    a.ok('chmod', '/tmp/file', 0o666);
    for (const letter of 'abc') a.write(fd, text(letter));
    at = a.ok('mmap', 0, 3 * PAGE, RW, PRIVATE, fd, 0);
    for (let page = 0; page < 3; page++) expect(load(a, at + page * PAGE, 1)).toBe('abc'[page]);
  });
  const writeAt = (c: Caller, offset: number, bytes: string): void => {
    const own = c === a ? fd : c.ok('open', '/tmp/file', 2, 0);
    c.ok('pwrite', own, c.put(bytesOf(bytes)), bytes.length, offset);
  };

  it('shows what is written to the file in pages that the process has not written', () => {
    store(a, at + PAGE + 1, 'mine');
    writeAt(a, 2, 'X');
    writeAt(a, PAGE + 100, 'Y');
    writeAt(b, 3 * PAGE - 1, 'Z');
    expect([load(a, at, 4), load(a, at + PAGE, 6)]).toEqual(['aaXa', 'bmineb']);
    expect([load(a, at + PAGE + 100, 1), load(a, at + 3 * PAGE - 2, 2)]).toEqual(['b', 'cZ']);
    expect(readFile(k, '/tmp/file')).toEqual(
      bytesOf(`aaX${text('a', PAGE - 3)}${text('b', 100)}Y${text('b', PAGE - 101)}${text('c', PAGE - 1)}Z`),
    );
    whole();
  });

  it('shows what is stored in shared memory of the file, again and again', () => {
    const other = b.ok('mmap', 0, PAGE, RW, SHARED, b.ok('open', '/tmp/file', 2, 0), 0);
    for (const letter of ['1', '2', '3']) {
      expect(store(b, other + 5, letter)).toBe(true);
      expect(load(a, at + 4, 3)).toBe(`a${letter}a`);
    }
    store(a, at, 'own');
    store(b, other + 5, '4');
    expect([load(a, at, 7), load(b, other, 7)]).toEqual(['ownaa3a', 'aaaaa4a']);
    whole();
  });

  it('is inherited so, by a copy of its own', () => {
    store(a, at, 'own');
    const child = fork(a);
    store(child, at + PAGE, 'child');
    writeAt(a, 0, 'NEW');
    writeAt(a, PAGE, 'NEW');
    writeAt(a, 2 * PAGE, 'NEW');
    const pages = (c: Caller) => [0, 1, 2].map((page) => load(c, at + page * PAGE, 5));
    expect([pages(a), pages(child)]).toEqual([
      ['ownaa', 'NEWbb', 'NEWcc'],
      ['ownaa', 'child', 'NEWcc'],
    ]);
  });

  it('ends where the file now ends, but for pages that the process has written', () => {
    store(a, at + 2 * PAGE, 'kept');
    a.ok('ftruncate', fd, PAGE + 10, 0);
    expect([load(a, at + PAGE, 12), load(a, at + 2 * PAGE, 4)]).toEqual([`${text('b', 10)}\0\0`, 'kept']);
    a.ok('ftruncate', fd, 10, 0);
    expect([load(a, at, 12), load(a, at + PAGE, 1)]).toEqual([`${text('a', 10)}\0\0`, errno.EFAULT]);
    a.ok('ftruncate', fd, 3 * PAGE, 0);
    expect([load(a, at + PAGE, 1), load(a, at + 2 * PAGE, 4)]).toEqual(['\0', 'kept']);
    whole();
  });
});
