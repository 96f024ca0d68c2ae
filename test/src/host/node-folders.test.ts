import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ENOENT } from '../../../kernel-sim/abi/errno.ts';
import { latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { listDir, readFile } from '../../../kernel-sim/vfs/memfs.ts';
import { NodeFolders, requireFolder } from '../../../src/host/node-folders.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../src/snapshot/encode.ts';
import { System } from '../../../src/system.ts';

let outside = '';
let folder = '';

beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'coreback-folders-'));
  folder = join(outside, 'tree');
  mkdirSync(join(folder, 'sub/deep'), { recursive: true });
  writeFileSync(join(outside, 'secret'), 'secret');
  writeFileSync(join(folder, 'file'), 'text');
  writeFileSync(join(folder, 'sub/deep/file'), 'deep');
});

afterEach(() => rmSync(outside, { recursive: true, force: true }));

/** A user without rights: what number he has does not matter. */
const NOBODY = 65534;
const system = (guest = '/m'): System =>
  new System({ mounts: [{ host: folder, guest, readOnly: false }], hostFolders: new NodeFolders() });

/** What reading a path of the guest gives: the text, or the errno. */
function read({ kernel }: System, path: string): string | number {
  const found = readFile(kernel, path);
  return typeof found === 'number' ? found : latin1(found);
}

describe('a folder of this host', () => {
  it('is seen with its files, folders and links; what is below is read later', () => {
    symlinkSync('sub/deep', join(folder, 'link'));
    const s = system();
    expect(listDir(s.kernel, '/m')).toEqual(['file', 'link', 'sub']);
    writeFileSync(join(folder, 'sub/later'), 'later');
    expect([read(s, '/m/file'), read(s, '/m/link/file'), read(s, '/m/sub/later')]).toEqual(['text', 'deep', 'later']);
  });

  it('lets nothing out: links are followed in the tree of the guest', () => {
    symlinkSync(join(outside, 'secret'), join(folder, 'absolute'));
    symlinkSync('../secret', join(folder, 'relative'));
    symlinkSync('../../../../../../../etc/passwd', join(folder, 'passwd'));
    symlinkSync('/etc', join(folder, 'etc'));
    symlinkSync('..', join(folder, 'up'));
    symlinkSync(outside, join(folder, 'out'));
    symlinkSync('loop', join(folder, 'loop'));
    const s = system();
    const paths = ['absolute', 'relative', 'passwd', 'etc/passwd', 'up/secret', 'out/secret', '../secret'];
    expect(paths.map((path) => read(s, `/m/${path}`))).toEqual(paths.map(() => ENOENT));
    expect(read(s, '/m/loop')).toBe(62);
    expect(read(s, '/m/etc/hosts')).toContain('localhost');
    expect(listDir(s.kernel, '/m/up')).toContain('m');
  });

  it('shows no FIFO and no socket', async () => {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    const server = createServer().listen(join(folder, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    expect(listDir(system().kernel, '/m')).toEqual(['file', 'sub']);
    server.close();
  });

  it('keeps names that are no UTF-8', () => {
    const name = Buffer.from([0xff, 0x61, 0xe4]);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), 'odd');
    const s = system();
    expect(listDir(s.kernel, '/m')).toContain(name.toString('latin1'));
    expect(read(s, `/m/${name.toString('latin1')}`)).toBe('odd');
  });

  it('is not seen in the place of devices or files', () => {
    expect(() => system('/dev')).toThrow('cannot be seen at /dev: EBUSY');
    expect(() => system('/etc/hosts')).toThrow('cannot be seen at /etc/hosts: ENOTDIR');
    const hidden = system('/etc');
    expect(listDir(hidden.kernel, '/etc')).toEqual(['file', 'sub']);
  });

  it('is never written', () => {
    const s = system('/');
    const before = readFileSync(join(folder, 'file'));
    s.install({ path: '/file', bytes: new Uint8Array([1]) });
    s.install({ path: '/sub/new', bytes: new Uint8Array([2]) });
    expect(read(s, '/file')).toBe('\x01');
    expect(readFileSync(join(folder, 'file'))).toEqual(before);
    expect(() => readFileSync(join(folder, 'sub/new'))).toThrow(/ENOENT/);
  });

  it('gives EACCES where the user may not look', () => {
    for (const way of [outside, folder]) chmodSync(way, 0o755);
    chmodSync(join(folder, 'sub'), 0);
    chmodSync(join(folder, 'file'), 0);
    const s = system();
    // Root may look anywhere, so it is somebody else for as long as that takes.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid!(NOBODY);
    try {
      expect([read(s, '/m/file'), read(s, '/m/sub/deep/file')]).toEqual([13, 13]);
    } finally {
      if (isRoot) process.seteuid!(0);
      chmodSync(join(folder, 'sub'), 0o755);
    }
  });
});

describe('a folder that changes while it is used', () => {
  const CHANGED = /has changed since the run first saw it/;
  /** Lets the guest see the names, then changes something. */
  function seen(change: () => void): System {
    const s = system();
    listDir(s.kernel, '/m');
    listDir(s.kernel, '/m/sub');
    change();
    return s;
  }
  const replace = (name: string, make: (path: string) => void): void => {
    renameSync(join(folder, name), join(outside, 'away'));
    make(join(folder, name));
  };

  it.each<[string, () => void, string]>([
    ['a file that was written', () => appendFileSync(join(folder, 'file'), '!'), '/m/file'],
    ['a file with another time', () => utimesSync(join(folder, 'file'), 1, 1), '/m/file'],
    ['a file that is gone', () => rmSync(join(folder, 'file')), '/m/file'],
    [
      'a link in the place of a file',
      () => replace('file', (path) => symlinkSync(join(outside, 'secret'), path)),
      '/m/file',
    ],
    ['a FIFO in the place of a file', () => replace('file', (path) => execFileSync('mkfifo', [path])), '/m/file'],
    ['a link in the place of a folder', () => replace('sub', (path) => symlinkSync(outside, path)), '/m/sub/deep/file'],
    ['a file in the place of a folder', () => replace('sub', (path) => writeFileSync(path, '')), '/m/sub/deep/file'],
  ])('%s ends the run with one error, and nothing of it is seen', (_what, change, path) => {
    expect(() => read(seen(change), path)).toThrow(CHANGED);
  });

  it('is to each run of this process what it was to the first', () => {
    const hostFolders = new NodeFolders();
    const mounts = [{ host: folder, guest: '/m', readOnly: false }];
    const first = new System({ mounts, hostFolders });
    expect(read(first, '/m/file')).toBe('text');
    writeFileSync(join(folder, 'file'), 'other');
    writeFileSync(join(folder, 'more'), '');
    const second = new System({ mounts, hostFolders });
    expect([read(second, '/m/file'), listDir(second.kernel, '/m')]).toEqual(['text', ['file', 'sub']]);
  });

  it('is in a snapshot as far as it was read, and is needed for the rest', () => {
    const first = system();
    expect(read(first, '/m/file')).toBe('text');
    const snapshot = decodeSnapshot(encodeSnapshot(first.snapshot()));
    rmSync(folder, { recursive: true });
    const second = System.from(snapshot, { hostFolders: new NodeFolders() });
    expect(read(second, '/m/file')).toBe('text');
    expect(() => read(second, '/m/sub/deep/file')).toThrow(CHANGED);
    expect(() => read(System.from(snapshot), '/m/sub/deep/file')).toThrow(/cannot be read from here/);
  });
});

describe('requireFolder', () => {
  it('takes folders alone', () => {
    expect(requireFolder(folder)).toBe(folder);
    expect(() => requireFolder(join(folder, 'file'))).toThrow('is no folder');
    expect(() => requireFolder(join(folder, 'none'))).toThrow('does not exist');
  });
});
