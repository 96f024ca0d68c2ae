import { describe, expect, it } from 'vitest';
import { EBADF, EFAULT, EINVAL, ENOENT, ENOTTY, EOPNOTSUPP } from '../../../kernel-sim/abi/errno.ts';
import { O_CREAT, O_RDONLY, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { FIODTYPE } from '../../../kernel-sim/abi/ttycom.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { uuidSyscalls } from '../../../kernel-sim/sys/uuid.ts';
import { addProcess, Caller, fileKernel, OUT, WILD } from '../../support/kernel.ts';

const setup = () => {
  const { k } = fileKernel();
  const c = new Caller(k, addProcess(k), [...fileSyscalls, ...uuidSyscalls]);
  return { k, c, fd: c.ok('open', '/tmp/file', O_RDWR | O_CREAT, 0o644) };
};

describe('access control lists and extended attributes', () => {
  it('are nothing that a file of this file system can have', () => {
    const { c, fd } = setup();
    expect(c.errno('extattr_list_file', '/tmp/file', 1, OUT, 100)).toBe(EOPNOTSUPP);
    expect(c.errno('extattr_list_fd', fd, 1, OUT, 100)).toBe(EOPNOTSUPP);
    expect(c.errno('extattr_set_file', '/tmp/file', 1, 'name', OUT, 4)).toBe(EOPNOTSUPP);
    expect(c.errno('__acl_get_file', '/tmp/file', 2, OUT)).toBe(EOPNOTSUPP);
    expect(c.errno('__acl_get_fd', fd, 2, OUT)).toBe(EOPNOTSUPP);
  });

  it('are asked of a file that is there', () => {
    const { c } = setup();
    c.ok('symlink', 'nowhere', '/tmp/link');
    expect(c.errno('extattr_get_file', '/tmp/link', 1, 'name', OUT, 4)).toBe(ENOENT);
    expect(c.errno('extattr_get_link', '/tmp/link', 1, 'name', OUT, 4)).toBe(EOPNOTSUPP);
    expect(c.errno('__acl_get_link', '/tmp/nothing', 2, OUT)).toBe(ENOENT);
    expect(c.errno('__acl_get_file', WILD, 2, OUT)).toBe(EFAULT);
    expect(c.errno('extattr_list_fd', 99, 1, OUT, 100)).toBe(EBADF);
  });
});

describe('FIODTYPE', () => {
  it('is 0 for a device that is no terminal, and no command of a file', () => {
    const { c, fd } = setup();
    c.ok('ioctl', c.ok('open', '/dev/zero', O_RDONLY, 0), FIODTYPE, OUT);
    expect(c.view(OUT, 4).getInt32(0, true)).toBe(0);
    expect(c.errno('ioctl', fd, FIODTYPE, OUT)).toBe(ENOTTY);
  });
});

describe('uuidgen', () => {
  it('gives identifiers of version 1 with consecutive times, others at each call', () => {
    const { k, c } = setup();
    c.ok('uuidgen', OUT, 2);
    const [first, second] = [c.bytes(OUT, 16), c.bytes(OUT + 16, 16)];
    c.ok('uuidgen', OUT, 1);
    expect(c.bytes(OUT, 16)).not.toEqual(first);
    const view = new DataView(first!.buffer, first!.byteOffset);
    expect([first![7]! >> 4, first![8]! >> 6, first![10]! & 1]).toEqual([1, 2, 1]);
    const time =
      (BigInt(view.getUint16(6, true) & 0xfff) << 48n) |
      (BigInt(view.getUint16(4, true)) << 32n) |
      BigInt(view.getUint32(0, true));
    // RFC 4122: since 1582-10-15, which is 141427 days before 1970.
    expect(time / 10_000_000n).toBe(BigInt(141_427 * 86_400 + k.config.bootTimeSec));
    expect(second![0]! - first![0]!).toBe(1);
    expect(second!.subarray(8)).toEqual(first!.subarray(8));
  });

  it('is EINVAL for none and for more than 2048, EFAULT where nothing is mapped', () => {
    const { c } = setup();
    expect(c.errno('uuidgen', OUT, 0)).toBe(EINVAL);
    expect(c.errno('uuidgen', OUT, 2049)).toBe(EINVAL);
    expect(c.errno('uuidgen', WILD, 1)).toBe(EFAULT);
  });
});
