import { beforeEach, describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { fileKernel, OUT } from '../../support/kernel.ts';
import { CONTROL, DATA, DGRAM, INET, NAME, SEQPACKET, SocketCaller, STREAM, UNIX, words } from './socket-caller.ts';

const SOL_SOCKET = 0xffff;
const [RIGHTS, CREDS] = [1, 3];
const error = (code: number) => ({ kind: 'error', errno: code });

let a: SocketCaller;
let b: SocketCaller;

beforeEach(() => {
  const { k } = fileKernel();
  a = new SocketCaller(k);
  b = new SocketCaller(k, { uid: 1001, gid: 1002 });
});

/** A bound datagram socket. */
function bound(c: SocketCaller, port: number): number {
  const fd = c.ok('socket', INET, DGRAM, 0);
  expect(c.at('bind', fd, [INET, port])).toMatchObject({ eax: 0 });
  return fd;
}

describe('UDP', () => {
  it('keeps the borders of datagrams, says who sent them, and cuts what does not fit', () => {
    const to = bound(a, 5000);
    const from = bound(b, 5001);
    for (const text of ['one', '', 'three'])
      expect(b.send(from, text, 0, [INET, 5000])).toMatchObject({ eax: text.length });
    a.poke(OUT, words(16));
    expect(a.call('recvfrom', to, DATA, 100, 0, NAME, OUT)).toMatchObject({ eax: 3 });
    expect(a.view(NAME, 4).getUint16(2, false)).toBe(5001);
    expect(a.poll(to)).toBe(0x45);
    expect(a.recv(to)).toBe('');
    expect(a.recv(to, 2)).toBe('th');
    expect(a.call('recvfrom', to, DATA, 9, 0, 0, 0)).toMatchObject({ kind: 'sleep' });
    b.send(from, 'wake', 0, [INET, 5000]);
    expect(a.resume()).toMatchObject({ eax: 4 });
  });

  it('of a connected socket comes from its peer only, and an error when nobody is there', () => {
    const to = bound(a, 5000);
    const from = bound(b, 5001);
    expect(a.at('connect', to, [INET, 5002])).toMatchObject({ eax: 0 });
    b.send(from, 'stranger', 0, [INET, 5000]);
    expect(a.poll(to, 1)).toBe(0);
    expect(a.send(to, 'x')).toMatchObject({ eax: 1 });
    expect(a.recv(to)).toBe(errno.ECONNREFUSED);
    expect(a.send(to, 'x', 0, [INET, 5001])).toEqual(error(errno.EISCONN));
    a.at('connect', to, [INET, 5001]);
    b.send(from, 'friend', 0, [INET, 5000]);
    expect(a.recv(to)).toBe('friend');
    expect(b.send(from, 'x')).toEqual(error(errno.EDESTADDRREQ));
    expect(b.send(from, 'x'.repeat(9217), 0, [INET, 5000])).toEqual(error(errno.EMSGSIZE));
    expect(b.send(from, 'x', 0, [INET, 5000, '00000000000000000000ffff0a000001'])).toEqual(error(errno.ENETUNREACH));
  });

  it('is lost when the receiver has no room', () => {
    const to = bound(a, 5000);
    const from = bound(b, 5001);
    for (let n = 0; n < 6; n++)
      expect(b.send(from, String(n).repeat(9000), 0, [INET, 5000])).toMatchObject({ eax: 9000 });
    a.ok('fcntl', to, 4, 4);
    const got = [...'012345'].map(() => a.recv(to, 9000));
    expect(got.map((text) => (typeof text === 'string' ? text[0] : text))).toEqual([
      ...'0123',
      errno.EAGAIN,
      errno.EAGAIN,
    ]);
  });
});

describe('AF_UNIX datagrams and packets', () => {
  it('go to names in the file system', () => {
    const to = a.ok('socket', UNIX, DGRAM, 0);
    a.at('bind', to, '/tmp/a');
    expect(a.at('bind', to, '/tmp/c')).toEqual(error(errno.EINVAL));
    const from = b.ok('socket', UNIX, DGRAM, 0);
    expect(b.send(from, 'x', 0, '/tmp/a')).toEqual(error(errno.EACCES));
    a.ok('chmod', '/tmp/a', 0o777);
    expect(b.at('bind', from, '/tmp/a')).toEqual(error(errno.EADDRINUSE));
    b.at('bind', from, '/tmp/b');
    expect(b.send(from, 'hello', 0, '/tmp/a')).toMatchObject({ eax: 5 });
    expect(a.path(to, 'getsockname')).toBe('/tmp/a');
    a.poke(OUT, words(106));
    a.ok('recvfrom', to, DATA, 100, 0, NAME, OUT);
    expect(a.text(NAME + 2, 6)).toBe('/tmp/b');
    expect(b.send(from, 'x', 0, '/tmp')).toEqual(error(errno.ENOTSOCK));
    expect(b.send(from, 'x', 0, '/tmp/none')).toEqual(error(errno.ENOENT));
    expect(b.errno('open', '/tmp/a', 0, 0)).toBe(errno.EOPNOTSUPP);
    for (let n = 0; n < 2; n++) expect(b.send(from, 'x'.repeat(2000), 0, '/tmp/a').kind).toBe('return');
    expect(b.send(from, 'x'.repeat(2000), 0, '/tmp/a')).toEqual(error(errno.ENOBUFS));
    b.at('connect', from, '/tmp/a');
    a.ok('close', to);
    expect(b.recv(from)).toBe(errno.ECONNRESET);
    expect(b.send(from, 'x', 0, '/tmp/a')).toEqual(error(errno.ECONNREFUSED));
    expect(checkFileInvariants(a.k)).toEqual([]);
  });

  it('of a connected pair keep their borders and never overtake', () => {
    const [one, two] = a.pair(SEQPACKET);
    a.send(one, 'first');
    a.send(one, 'second');
    expect([a.recv(two, 3), a.recv(two)]).toEqual(['fir', 'second']);
    const [three, four] = a.pair(DGRAM);
    a.send(three, 'x');
    expect(a.recv(four)).toBe('x');
    a.ok('close', three);
    expect(a.recv(four)).toBe(errno.ECONNRESET);
  });
});

describe('control data', () => {
  const cmsg = (type: number, ...values: number[]): Uint8Array =>
    words(12 + values.length * 4, SOL_SOCKET, type, ...values);
  let one: number;
  let two: number;

  beforeEach(() => {
    [one, two] = a.pair(STREAM);
  });

  it('passes open files: offset and flags are shared, and they outlive the sender', () => {
    const file = a.ok('open', '/tmp/f', 0x202, 0o644);
    a.write(file, 'content');
    a.ok('lseek', file, 2, 0);
    expect(a.sendmsg(one, 'F', cmsg(RIGHTS, file, file))).toMatchObject({ eax: 1 });
    a.send(one, 'plain');
    a.ok('close', file);
    a.ok('close', one);
    expect(checkFileInvariants(a.k)).toEqual([]);
    const got = a.recvmsg(two);
    // The plain bytes joined those that the files came with.
    expect(got.text).toBe('Fplain');
    expect([0, 4, 8].map((at) => got.control.getInt32(at, true))).toEqual([20, SOL_SOCKET, RIGHTS]);
    const [x, y] = [got.control.getInt32(12, true), got.control.getInt32(16, true)];
    expect(a.read(x, 3)).toBe('nte');
    expect(a.read(y, 3)).toBe('nt');
    expect(checkFileInvariants(a.k)).toEqual([]);
  });

  it('stands at a border that one read does not cross', () => {
    a.send(one, 'before');
    a.sendmsg(one, 'with', cmsg(RIGHTS, 0));
    expect(a.recv(two)).toBe('before');
    expect(a.recv(two)).toBe('with');
    expect(checkFileInvariants(a.k)).toEqual([]);
  });

  it('tells who sends, whatever the sender says', () => {
    a.sendmsg(
      one,
      'C',
      new Uint8Array([...cmsg(CREDS), ...new Uint8Array(84)]).map((v, n) => (n === 0 ? 96 : v)),
    );
    const { control } = a.recvmsg(two);
    expect([0, 8, 12].map((at) => control.getInt32(at, true))).toEqual([96, CREDS, a.td.pid]);
    const listener = a.listen('/tmp/l');
    a.ok('chmod', '/tmp/l', 0o777);
    const c = b.ok('socket', UNIX, STREAM, 0);
    b.at('connect', c, '/tmp/l');
    const s = a.ok('accept', listener, 0, 0);
    a.poke(OUT, words(80));
    a.ok('getsockopt', s, 0, 1, CONTROL, OUT);
    expect([4, 8, 12].map((at) => a.view(CONTROL, 80).getInt32(at, true))).toEqual([1001, 1, 1002]);
    expect(b.path(c, 'getpeername')).toBe('/tmp/l');
  });

  it('is cut when there is no room for it, and refused when it is wrong', () => {
    a.sendmsg(one, 'F', cmsg(RIGHTS, 0, 1));
    const cut = a.recvmsg(two, 16);
    expect([cut.control.byteLength, cut.flags & 0x20]).toEqual([0, 0x20]);
    expect(a.sendmsg(one, 'F', cmsg(RIGHTS, 99))).toEqual(error(errno.EBADF));
    expect(a.sendmsg(one, 'F', cmsg(RIGHTS, a.ok('kqueue')))).toEqual(error(errno.EOPNOTSUPP));
    expect(a.sendmsg(one, 'F', cmsg(9, 0))).toEqual(error(errno.EINVAL));
    expect(a.sendmsg(one, 'F', words(5, SOL_SOCKET, RIGHTS, 0))).toEqual(error(errno.EINVAL));
    expect(checkFileInvariants(a.k)).toEqual([]);
  });

  it('that leads nowhere any more is collected', () => {
    const [three, four] = a.pair(STREAM);
    // Each pair is on its way through the other, and one socket through itself.
    a.sendmsg(one, '1', cmsg(RIGHTS, three, four));
    a.sendmsg(three, '2', cmsg(RIGHTS, one, two));
    a.sendmsg(two, '3', cmsg(RIGHTS, two));
    for (const fd of [one, two, three, four]) a.ok('close', fd);
    expect(a.k.state.sockets.size).toBe(0);
    expect(a.k.state.counters.socketBytes).toBe(0);
    expect(checkFileInvariants(a.k)).toEqual([]);
  });
});

describe('options', () => {
  it('are kept, inherited by accept, and those that nobody knows are refused', () => {
    const fd = a.ok('socket', INET, STREAM, 0);
    expect([a.option(fd, SOL_SOCKET, 0x1001), a.option(fd, SOL_SOCKET, 0x1002)]).toEqual([32768, 65536]);
    a.setOption(fd, SOL_SOCKET, 0x1002, 1000);
    a.setOption(fd, 6, 1, 1);
    a.at('bind', fd, [INET, 6000]);
    a.ok('listen', fd, -1);
    b.at('connect', b.ok('socket', INET, STREAM, 0), [INET, 6000]);
    const s = a.ok('accept', fd, 0, 0);
    expect([a.option(s, SOL_SOCKET, 0x1002), a.option(s, 6, 1), a.option(fd, SOL_SOCKET, 2)]).toEqual([1000, 1, 2]);
    expect(a.option(fd, SOL_SOCKET, 0x1008)).toBe(STREAM);
    expect(a.setOption(fd, 6, 77, 1)).toEqual(error(errno.ENOPROTOOPT));
    expect(a.setOption(fd, 41, 27, 1)).toEqual(error(errno.ENOPROTOOPT));
    expect(a.setOption(fd, SOL_SOCKET, 4)).toEqual(error(errno.EINVAL));
    expect(a.setOption(fd, SOL_SOCKET, 0x1001, 1 << 30)).toEqual(error(errno.ENOBUFS));
    expect(a.setOption(0, SOL_SOCKET, 4, 1)).toEqual(error(errno.ENOTSOCK));
    expect(a.errno('socket', 99, STREAM, 0)).toBe(errno.EPROTONOSUPPORT);
    expect(a.errno('socket', INET, SEQPACKET, 0)).toBe(errno.EPROTONOSUPPORT);
  });

  it('bound the time of a receive', () => {
    const [one] = a.pair(STREAM);
    a.setOption(one, SOL_SOCKET, 0x1006, 0, 250_000);
    expect(a.call('recvfrom', one, DATA, 9, 0, 0, 0)).toMatchObject({ kind: 'sleep', deadlineNs: 250e6 });
    expect(a.resume('timeout')).toEqual(error(errno.EAGAIN));
  });

  it('let a child have the socket, and exec take it away', () => {
    const fd = a.ok('socket', INET, STREAM | 0x10000000, 0);
    expect(a.ok('fcntl', fd, 1, 0)).toBe(1);
    a.poke(OUT, words(1));
    a.ok('ioctl', fd, 0x8004667e, OUT);
    expect(a.ok('fcntl', fd, 3, 0) & 4).toBe(4);
    a.ok('fstat', fd, OUT);
    expect(a.view(OUT, 96).getUint16(8, true)).toBe(0o140666);
  });
});
