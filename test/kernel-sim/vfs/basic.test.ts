import { describe, expect, it } from 'vitest';
import { EBADF, EFAULT, ENOENT } from '../../../kernel-sim/abi/errno.ts';
import { O_CREAT, O_RDONLY, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { bytesOf, latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { installFile, listDir, pathOf, readFile, vnodeAt } from '../../../kernel-sim/vfs/memfs.ts';
import { addProcess, Caller, fileKernel, OUT, WILD } from '../../support/kernel.ts';

const setup = () => {
  const { k, events } = fileKernel();
  return { k, events, c: new Caller(k, addProcess(k), fileSyscalls) };
};

describe('a file system', () => {
  it('has the directories and devices that programs expect', () => {
    const { k } = setup();
    expect(listDir(k, '/')).toEqual(['bin', 'dev', 'etc', 'root', 'tmp', 'usr', 'var']);
    expect(listDir(k, '/dev')).toEqual(['console', 'null', 'ptmx', 'pts', 'random', 'tty', 'urandom', 'zero']);
  });

  it('gives back what was installed, and its path', () => {
    const { k } = setup();
    expect(installFile(k, '/usr/local/lib/x', bytesOf('hello'), 0o644)).toBe(0);
    expect(latin1(readFile(k, '/usr/local/lib/x') as Uint8Array)).toBe('hello');
    expect(pathOf(k, vnodeAt(k, '/usr/local/lib/x')!)).toBe('/usr/local/lib/x');
    expect(readFile(k, '/usr/local/lib/y')).toBe(ENOENT);
  });
});

describe('open, read, write, close', () => {
  it('keep an offset in the open file', () => {
    const { c } = setup();
    const fd = c.ok('open', '/tmp/a', O_RDWR | O_CREAT, 0o644);
    expect(fd).toBe(3);
    expect(c.write(fd, 'hello world')).toEqual({ kind: 'return', eax: 11 });
    expect(c.call('lseek', fd, 6, 0)).toEqual({ kind: 'return', eax: 6, edx: 0 });
    expect(c.read(fd, 100)).toBe('world');
    expect(c.ok('close', fd)).toBe(0);
    expect(c.errno('close', fd)).toBe(EBADF);
  });

  it('answer wild pointers with EFAULT', () => {
    const { c } = setup();
    expect(c.errno('open', WILD, O_RDONLY, 0)).toBe(EFAULT);
    expect(c.errno('write', 1, WILD, 0x7fffffff)).toBe(EFAULT);
    const fd = c.ok('open', '/dev/zero', O_RDONLY, 0);
    expect(c.errno('read', fd, OUT, 0x7fffffff)).toBe(EFAULT);
  });

  it('write to the console as output events', () => {
    const { c, events } = setup();
    c.write(1, 'hi\n');
    expect(events.at(-1)).toMatchObject({ kind: 'output', pid: 1, text: 'hi\n' });
    expect(c.ok('fstat', 1, OUT)).toBe(0);
    expect(c.view(OUT, 96).getUint16(8, true)).toBe(0o020600);
  });
});
