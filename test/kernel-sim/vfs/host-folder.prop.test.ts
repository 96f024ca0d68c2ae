import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EROFS } from '../../../kernel-sim/abi/errno.ts';
import { O_CREAT, O_RDWR, O_TRUNC } from '../../../kernel-sim/abi/fcntl.ts';
import { bytesOf, type Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import type { HostEntry, HostFolders, HostPlace } from '../../../kernel-sim/vfs/host-folder.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { mountFolder } from '../../../kernel-sim/vfs/mount.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';

/*
 * A folder of a host that is only a table, mounted at /m, beside the same tree made in the guest by system calls: every call gives the same in both,
 * and the kernel asks for nothing but what it was told is there.
 */

/** A file is its text, a symbolic link a list of its target. */
type Node = Tree | string | readonly [target: string];
interface Tree {
  readonly [name: string]: Node;
}

const MTIME = { sec: 1_300_000_000, nsec: 5 };
const [OPEN, AT_REMOVEDIR] = [O_RDWR | O_CREAT, 0x800];

class FakeHost implements HostFolders {
  readonly asked: string[] = [];
  private readonly tree: Tree;

  constructor(tree: Tree) {
    this.tree = tree;
  }

  list({ path }: HostPlace): HostEntry[] {
    const found = this.find(path);
    this.asked.push(`list ${path}`);
    if (typeof found === 'string' || isLink(found)) throw new Error(`${path} is no folder`);
    return Object.entries(found)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => {
        const common = { name, mtime: MTIME };
        if (typeof value === 'string')
          return { ...common, mode: 0o644, what: { type: 'reg', sizeBytes: value.length } };
        if (isLink(value)) return { ...common, mode: 0o755, what: { type: 'lnk', target: value[0] } };
        return { ...common, mode: 0o755, what: { type: 'dir' } };
      });
  }

  read({ path }: HostPlace): Uint8Array {
    const found = this.find(path);
    this.asked.push(`read ${path}`);
    if (typeof found !== 'string') throw new Error(`${path} is no file`);
    return bytesOf(found);
  }

  /** Fails for every path that is not one of names in folders: what nobody has listed is asked for. */
  private find(path: string): Node {
    let at: Node = this.tree;
    for (const name of path === '' ? [] : path.split('/')) {
      if (typeof at === 'string' || isLink(at)) throw new Error(`${path} goes through something that is no folder`);
      if (!Object.hasOwn(at, name)) throw new Error(`${path} was never listed`);
      at = at[name]!;
    }
    return at;
  }
}

const isLink = (value: Node): value is readonly [target: string] => Array.isArray(value);

const NAMES = ['a', 'b', 'c', 'd'];
const name = fc.constantFrom(...NAMES);
const part = fc.constantFrom(...NAMES, '..', '.', '');
const target = fc.oneof(
  fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/')),
  fc.constantFrom('/', '/m', '/m/a', '/etc/hosts', '../../etc/hosts', '/m/../m/b', '..', 'a', '/dev/null'),
);
const { tree } = fc.letrec<{ tree: Tree; node: Node }>((tie) => ({
  tree: fc.dictionary(name, tie('node'), { maxKeys: 4 }),
  node: fc.oneof(
    { maxDepth: 3 },
    fc.string({ maxLength: 6 }).map((text) => text.replace(/[^a-z]/g, 'x')),
    target.filter((text) => text !== '').map((link) => [link] as const),
    tie('tree'),
  ),
}));
const path = fc
  .tuple(fc.constantFrom('/m/', '', '/m/../m/', '/'), fc.array(part, { minLength: 1, maxLength: 5 }))
  .map(([above, parts]) => `${above}${parts.join('/')}`);

type Step = readonly [call: string, ...args: (string | number)[]];
const step: fc.Arbitrary<Step> = fc.oneof(
  path.map((p) => ['read', p] as const),
  path.map((p) => ['list', p] as const),
  fc.tuple(path, name).map(([p, text]) => ['append', p, text] as const),
  path.map((p) => ['open', p, OPEN | O_TRUNC, 0o644] as const),
  path.map((p) => ['stat', p, OUT] as const),
  path.map((p) => ['lstat', p, OUT] as const),
  path.map((p) => ['readlink', p, OUT, 64] as const),
  path.map((p) => ['mkdir', p, 0o755] as const),
  path.map((p) => ['unlink', p] as const),
  path.map((p) => ['rmdir', p] as const),
  path.map((p) => ['chdir', p] as const),
  path.map((p) => ['chmod', p, 0o600] as const),
  path.map((p) => ['truncate', p, 2, 0] as const),
  fc.tuple(path, path).map(([p, q]) => ['rename', p, q] as const),
  fc.tuple(path, path).map(([p, q]) => ['link', p, q] as const),
  fc.tuple(target, path).map(([text, p]) => ['symlink', text, p] as const),
  fc.constant(['__getcwd', OUT, 100] as const),
);

/** The result of a step as anyone in the guest can see it, but for numbers of files and times. */
function take(c: Caller, [call, ...args]: Step): unknown {
  const opened = (flags: number): number | { errno: number } => {
    const result = c.call('open', args[0]!, flags, 0o644);
    return result.kind === 'return' ? result.eax : { errno: result.kind === 'error' ? result.errno : -1 };
  };
  if (call === 'read' || call === 'list' || call === 'append') {
    const fd = opened(call === 'append' ? O_RDWR | 8 : 0);
    if (typeof fd !== 'number') return fd;
    const seen = call === 'read' ? readAll(c, fd) : call === 'list' ? names(c, fd) : c.write(fd, String(args[1]));
    c.ok('close', fd);
    return seen;
  }
  const result = c.call(call, ...args);
  if (result.kind !== 'return') return result;
  if (call === 'open') c.ok('close', result.eax);
  if (call === 'readlink') return c.text(OUT, result.eax);
  if (call === '__getcwd') return c.text(OUT, 100).split('\0')[0];
  if (call !== 'stat' && call !== 'lstat') return 'done';
  const st = c.view(OUT, 96);
  return { mode: st.getUint16(8, true), nlink: st.getUint16(10, true), size: st.getUint32(48, true) };
}

function readAll(c: Caller, fd: number): unknown {
  const result = c.call('read', fd, OUT, 100);
  return result.kind === 'return' ? c.text(OUT, result.eax) : result;
}

function names(c: Caller, fd: number): unknown {
  const result = c.call('getdirentries', fd, OUT, 4096, 0);
  if (result.kind !== 'return') return result;
  const found: string[] = [];
  for (let at = OUT; at < OUT + result.eax; at += c.view(at, 8).getUint16(4, true))
    found.push(c.text(at + 8, c.view(at, 8).getUint8(7)));
  return found.sort();
}

const caller = (k: Kernel): Caller => new Caller(k, addProcess(k), fileSyscalls);

function mounted(tree: Tree, readOnly = false): { c: Caller; k: Kernel; host: FakeHost } {
  const { k } = fileKernel();
  const host = new FakeHost(tree);
  k.hostFolders = host;
  expect(mountFolder(k, { host: '/host', guest: '/m', readOnly })).toBe(0);
  return { c: caller(k), k, host };
}

/** The same tree, made by system calls in an empty folder: a file system of its own, too. */
function made(tree: Tree): { c: Caller; k: Kernel } {
  const { c, k } = mounted({});
  const put = (at: string, node: Node): void => {
    if (typeof node === 'string') {
      const fd = c.ok('open', at, OPEN, 0o644);
      c.write(fd, node);
      c.ok('close', fd);
    } else if (isLink(node)) c.ok('symlink', node[0], at);
    else {
      c.ok('mkdir', at, 0o755);
      putAll(at, node);
    }
  };
  const putAll = (at: string, folder: Tree): void => {
    for (const [child, value] of Object.entries(folder)) put(`${at}/${child}`, value);
  };
  putAll('/m', tree);
  return { c, k };
}

describe('a folder of the host in the tree', () => {
  it('is like the same tree made in the guest, whatever paths lead where, and the host is asked for names that it gave alone', () => {
    fc.assert(
      fc.property(tree, fc.array(step, { maxLength: 25 }), (folder, steps) => {
        const there = mounted(folder);
        const here = made(folder);
        for (const each of steps) {
          expect([each, take(there.c, each)]).toEqual([each, take(here.c, each)]);
          expect(checkFileInvariants(there.k)).toEqual([]);
        }
        expect(new Set(there.host.asked).size).toBe(there.host.asked.length);
      }),
      property(400),
    );
  });

  it('stays as it is when it is mounted read-only', () => {
    fc.assert(
      fc.property(tree, fc.array(step, { maxLength: 25 }), (folder, steps) => {
        const { c, k } = mounted(folder, true);
        const untouched = mounted(folder);
        for (const each of steps) take(c, each);
        expect(checkFileInvariants(k)).toEqual([]);
        const look = (at: Caller, place: string, node: Node): unknown => {
          if (typeof node === 'string') return take(at, ['read', place]);
          if (isLink(node)) return take(at, ['readlink', place, OUT, 64]);
          return [take(at, ['list', place]), ...Object.keys(node).map((n) => look(at, `${place}/${n}`, node[n]!))];
        };
        expect(look(c, '/m', folder)).toEqual(look(untouched.c, '/m', folder));
      }),
      property(200),
    );
  });

  it('says EROFS to whoever would change it when it is mounted read-only', () => {
    const { c } = mounted({ d: { f: 'text' }, l: ['d'] }, true);
    for (const [call, ...args] of [
      ['open', '/m/d/f', O_RDWR, 0],
      ['open', '/m/d/new', OPEN, 0o644],
      ['unlink', '/m/d/f'],
      ['mkdir', '/m/x', 0o755],
      ['rename', '/m/d/f', '/m/g'],
      ['rename', '/m/d/f', '/tmp/g'],
      ['chmod', '/m/d/f', 0],
      ['chown', '/m/d/f', 5, 5],
      ['utimes', '/m/d/f', 0],
      ['truncate', '/m/d/f', 0, 0],
      ['unlinkat', -100, '/m/l', 0],
      ['unlinkat', -100, '/m/d', AT_REMOVEDIR],
      ['symlink', 'd', '/m/k'],
      ['access', '/m/d/f', 2],
    ] as const)
      expect([call, c.errno(call, ...args)]).toEqual([call, EROFS]);
    expect(take(c, ['read', '/m/l/f'])).toBe('text');
  });

  it('is looked into folder by folder, and files are read when they are opened', () => {
    const { c, host } = mounted({ a: { b: { c: 'deep' } }, d: { e: 'no' }, f: 'text' });
    expect(host.asked).toEqual([]);
    take(c, ['lstat', '/m/f', OUT]);
    expect(host.asked).toEqual(['list ']);
    take(c, ['read', '/m/a/b/c']);
    take(c, ['read', '/m/a/b/c']);
    expect(host.asked).toEqual(['list ', 'list a', 'list a/b', 'read a/b/c']);
  });
});
