import { beforeEach, describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { fileKernel, OUT } from '../../support/kernel.ts';
import { INET, INET6, SocketCaller, STREAM, UNIX, V4, words } from './socket-caller.ts';

const [SOL_SOCKET, REUSEADDR, REUSEPORT, LINGER, ERROR] = [0xffff, 4, 0x200, 0x80, 0x1007];
const NONBLOCK = 0x20000000;
const NOSIGNAL = 0x20000;
const error = (code: number) => ({ kind: 'error', errno: code });

let server: SocketCaller;
let client: SocketCaller;

beforeEach(() => {
  const { k } = fileKernel();
  server = new SocketCaller(k);
  client = new SocketCaller(k, { uid: 1001, gid: 1001 });
  client.call('chdir', '/tmp');
});

/** A connection to a listening socket: client's descriptor, server's. */
function connect(listener: number, name: string | readonly [number, number, string?]): [number, number] {
  const fd = client.ok('socket', typeof name === 'string' ? UNIX : name[0], STREAM, 0);
  expect(client.at('connect', fd, name)).toMatchObject({ kind: 'return' });
  return [fd, server.ok('accept', listener, 0, 0)];
}

const sigpipes = (c: SocketCaller): number => c.k.proc(c.td.pid).sigqueue.filter(({ signo }) => signo === 13).length;

describe.each([
  ['TCP over IPv4', [INET, 7000] as const],
  ['TCP over IPv6', [INET6, 7000] as const],
  ['AF_UNIX', '/tmp/s'],
])('a stream: %s', (kind, name) => {
  let listener: number;
  const tcp = kind !== 'AF_UNIX';

  beforeEach(() => {
    listener = server.listen(name, 2);
    server.ok('umask', 0);
    if (!tcp) server.ok('chmod', '/tmp/s', 0o777);
  });

  it('carries bytes both ways, without borders, until the other side closes', () => {
    const [c, s] = connect(listener, name);
    expect(client.send(c, 'ab')).toMatchObject({ eax: 2 });
    expect(client.write(c, 'cde')).toMatchObject({ eax: 3 });
    expect(server.recv(s, 2)).toBe('ab');
    expect(server.recv(s, 2, 2)).toBe('cd');
    expect(server.read(s, 10)).toBe('cde');
    server.send(s, 'back');
    server.ok('close', s);
    expect(client.recv(c)).toBe('back');
    expect(client.recv(c)).toBe('');
    expect(checkFileInvariants(client.k)).toEqual([]);
  });

  it('blocks a reader until bytes come, and a writer until there is room', () => {
    const [c, s] = connect(listener, name);
    expect(server.call('recvfrom', s, OUT, 10, 0, 0, 0)).toMatchObject({ kind: 'sleep', wmesg: 'sbwait' });
    client.send(c, 'x');
    expect(server.resume()).toMatchObject({ eax: 1 });
    expect(server.call('recvfrom', s, OUT, 4, 0x40, 0, 0)).toMatchObject({ kind: 'sleep' });
    client.send(c, 'abc');
    expect(server.resume()).toMatchObject({ kind: 'sleep' });
    client.send(c, 'defg');
    expect(server.resume()).toMatchObject({ eax: 4 });
    expect(server.text(OUT, 4)).toBe('abcd');
    expect(server.recv(s)).toBe('efg');
    // Everything that the buffers hold, and a bit.
    const room = tcp ? 32768 + 65536 : 8192;
    client.ok('fcntl', c, 4, 4);
    let sent = 0;
    for (;;) {
      const result = client.call('sendto', c, 0x10000, 65536, 0, 0, 0);
      if (result.kind !== 'return') break;
      sent += result.eax;
    }
    expect(sent).toBe(room);
    expect(client.poll(c)).toBe(0);
    client.ok('fcntl', c, 4, 0);
    expect(client.call('sendto', c, 0x10000, 5, 0, 0, 0)).toMatchObject({ kind: 'sleep' });
    server.recv(s, 4096);
    expect(client.resume()).toMatchObject({ eax: 5 });
    expect(client.poll(c)).toBe(4);
  });

  it('is shut down in each direction by itself', () => {
    const [c, s] = connect(listener, name);
    client.send(c, 'last');
    client.ok('shutdown', c, 1);
    expect(client.send(c, 'x')).toEqual(error(errno.EPIPE));
    expect(sigpipes(client)).toBe(1);
    expect(client.send(c, 'x', NOSIGNAL)).toEqual(error(errno.EPIPE));
    expect(sigpipes(client)).toBe(1);
    expect(server.recv(s)).toBe('last');
    expect(server.recv(s)).toBe('');
    expect(server.poll(s)).toBe(0x45);
    server.send(s, 'answer');
    expect(client.recv(c)).toBe('answer');
    client.ok('shutdown', c, 0);
    expect(client.poll(c)).toBe(0x55);
    expect(client.errno('shutdown', c, 3)).toBe(errno.EINVAL);
    const fresh = client.ok('socket', typeof name === 'string' ? UNIX : name[0], STREAM, 0);
    expect(client.errno('shutdown', fresh, 1)).toBe(errno.ENOTCONN);
    expect(client.send(fresh, 'x')).toEqual(error(errno.ENOTCONN));
    expect(client.recv(fresh)).toBe(errno.ENOTCONN);
  });

  it('has a reader and a writer learn that the other side is gone', () => {
    const [c, s] = connect(listener, name);
    server.ok('close', s);
    if (tcp) {
      // The first bytes go out; the answer to them resets the connection.
      expect(client.send(c, 'one')).toMatchObject({ eax: 3 });
      expect(client.option(c, SOL_SOCKET, ERROR)).toBe(errno.ECONNRESET);
    }
    expect(client.send(c, 'two')).toEqual(error(errno.EPIPE));
    expect(sigpipes(client)).toBe(1);
    expect(client.recv(c)).toBe('');
  });

  it('refuses when nobody listens or the queue is full, and ends what waited there', () => {
    const family = typeof name === 'string' ? UNIX : name[0];
    const fds = Array.from({ length: 5 }, () => client.ok('socket', family, STREAM, 0));
    const results = fds.map((fd) => client.at('connect', fd, name));
    expect(results.slice(0, 4)).toEqual([0, 1, 2, 3].map(() => ({ kind: 'return', eax: 0 })));
    expect(results[4]).toEqual(error(tcp ? errno.ECONNRESET : errno.ECONNREFUSED));
    expect(client.option(fds[4]!, SOL_SOCKET, ERROR)).toBe(0);
    server.ok('close', listener);
    expect(client.recv(fds[0]!)).toBe(tcp ? errno.ECONNRESET : errno.ECONNABORTED);
    expect(client.recv(fds[0]!)).toBe('');
    const last = client.ok('socket', family, STREAM, 0);
    expect(client.at('connect', last, name)).toEqual(error(errno.ECONNREFUSED));
    expect(client.at('connect', fds[1]!, name)).toEqual(error(errno.EINVAL));
    expect(checkFileInvariants(client.k)).toEqual([]);
  });

  it('lets accept wait, or not', () => {
    expect(server.call('accept', listener, 0, 0)).toMatchObject({ kind: 'sleep', wmesg: 'accept' });
    const fd = client.ok('socket', typeof name === 'string' ? UNIX : name[0], STREAM, 0);
    client.at('connect', fd, name);
    const accepted = server.resume();
    expect(accepted).toMatchObject({ kind: 'return' });
    server.ok('fcntl', listener, 4, 4);
    expect(server.errno('accept', listener, 0, 0)).toBe(errno.EAGAIN);
    expect(server.poll(listener)).toBe(0);
    const second = client.ok('socket', typeof name === 'string' ? UNIX : name[0], STREAM | NONBLOCK, 0);
    expect(client.at('connect', second, name)).toMatchObject(tcp ? error(errno.EINPROGRESS) : { eax: 0 });
    expect(client.poll(second)).toBe(4);
    expect(client.option(second, SOL_SOCKET, ERROR)).toBe(0);
    expect(client.at('connect', second, name)).toEqual(error(errno.EISCONN));
    expect(server.poll(listener)).toBe(0x41);
    const [inherits, plain] = [server.ok('accept', listener, 0, 0), accepted.kind === 'return' ? accepted.eax : -1];
    expect([inherits, plain].map((one) => server.ok('fcntl', one, 3, 0) & 4)).toEqual([4, 0]);
    expect(server.errno('accept', inherits, 0, 0)).toBe(errno.EINVAL);
    expect(server.errno('accept', 0, 0, 0)).toBe(errno.ENOTSOCK);
    expect(server.errno('accept', 99, 0, 0)).toBe(errno.EBADF);
  });
});

describe('TCP', () => {
  it('names both ends; ephemeral ports come one after the other', () => {
    const listener = server.listen([INET, 0]);
    const port = server.port(listener);
    const [c, s] = connect(listener, [INET, port]);
    expect([port, client.port(c)]).toEqual([10000, 10001]);
    expect([client.port(c, 'getpeername'), server.port(s), server.port(s, 'getpeername')]).toEqual([port, port, 10001]);
    expect(client.at('connect', client.ok('socket', INET, STREAM, 0), [INET, port, 'f'.repeat(32)])).toEqual(
      error(errno.ENETUNREACH),
    );
    expect(server.errno('getpeername', listener, OUT, OUT + 64)).toBe(errno.ENOTCONN);
  });

  it('gives an address to one socket only, but for SO_REUSEADDR and SO_REUSEPORT', () => {
    const ANY = '00000000000000000000ffff00000000';
    const listener = server.listen([INET, 8000, ANY]);
    const other = client.ok('socket', INET, STREAM, 0);
    expect(client.at('bind', other, [INET, 8000])).toEqual(error(errno.EADDRINUSE));
    expect(client.at('bind', other, [INET, 80])).toEqual(error(errno.EACCES));
    expect(client.at('bind', other, [INET6, 8000])).toEqual(error(errno.EAFNOSUPPORT));
    expect(client.at('bind', other, [INET, 8000, '00000000000000000000ffff08080808'])).toEqual(
      error(errno.EADDRNOTAVAIL),
    );
    client.setOption(other, SOL_SOCKET, REUSEADDR, 1);
    expect(client.option(other, SOL_SOCKET, REUSEADDR)).toBe(REUSEADDR);
    expect(client.at('bind', other, [INET, 8000, ANY])).toEqual(error(errno.EADDRINUSE));
    expect(client.at('bind', other, [INET, 8000])).toMatchObject({ eax: 0 });
    expect(client.at('bind', other, [INET, 8001])).toEqual(error(errno.EINVAL));
    // A connection holds the port after the listener is gone: from anyone who does not say SO_REUSEADDR.
    const [, s] = connect(listener, [INET, 8000]);
    server.ok('close', listener);
    const again = server.ok('socket', INET, STREAM, 0);
    expect(server.at('bind', again, [INET, 8000, ANY])).toEqual(error(errno.EADDRINUSE));
    server.setOption(again, SOL_SOCKET, REUSEADDR, 1);
    expect(server.at('bind', again, [INET, 8000, ANY])).toMatchObject({ eax: 0 });
    server.ok('close', s);
    const pair = [0, 1].map(() => server.ok('socket', INET, STREAM, 0));
    for (const fd of pair) server.setOption(fd, SOL_SOCKET, REUSEPORT, 1);
    expect(pair.map((fd) => server.at('bind', fd, [INET, 8080]).kind)).toEqual(['return', 'return']);
  });

  it('connects IPv4 to a socket of IPv6 that is not for IPv6 alone', () => {
    const listener = server.ok('socket', INET6, STREAM, 0);
    expect(server.option(listener, 41, 27)).toBe(1);
    server.setOption(listener, 41, 27, 0);
    server.at('bind', listener, [INET6, 9000, '0'.repeat(32)]);
    server.ok('listen', listener, 1);
    const [c] = connect(listener, [INET, 9000]);
    expect(client.port(c, 'getpeername')).toBe(9000);
    const mapped = client.ok('socket', INET6, STREAM, 0);
    expect(client.at('connect', mapped, [INET6, 9000, V4])).toEqual(error(errno.EINVAL));
    client.setOption(mapped, 41, 27, 0);
    expect(client.at('connect', mapped, [INET6, 9000, V4])).toMatchObject({ eax: 0 });
    const v6 = server.ok('socket', INET6, STREAM, 0);
    expect(server.at('bind', v6, [INET6, 9000])).toEqual(error(errno.EADDRINUSE));
  });

  it('resets a connection that is closed with SO_LINGER and no time', () => {
    const listener = server.listen([INET, 7000]);
    const [c, s] = connect(listener, [INET, 7000]);
    server.setOption(s, SOL_SOCKET, LINGER, 1, 0);
    server.ok('close', s);
    expect(client.recv(c)).toBe(errno.ECONNRESET);
  });

  it('tells a non-blocking caller by SO_ERROR that it was refused', () => {
    const fd = client.ok('socket', INET, STREAM | NONBLOCK, 0);
    expect(client.at('connect', fd, [INET, 1])).toEqual(error(errno.EINPROGRESS));
    expect(client.poll(fd)).toBe(0x55);
    expect(client.option(fd, SOL_SOCKET, ERROR)).toBe(errno.ECONNREFUSED);
    expect(client.option(fd, SOL_SOCKET, ERROR)).toBe(0);
  });
});

describe('sendfile(2)', () => {
  it('sends a part of a file between a header and a trailer', () => {
    const listener = server.listen([INET, 7000]);
    const [c, s] = connect(listener, [INET, 7000]);
    const file = server.ok('open', '/tmp/file', 0x202, 0o644);
    server.write(file, 'contents');
    server.poke(OUT, words(OUT + 64, 1, OUT + 72, 1));
    server.poke(OUT + 64, words(OUT + 128, 2, OUT + 132, 2));
    server.poke(OUT + 128, new TextEncoder().encode('<<  >>'));
    expect(server.call('sendfile', file, s, 3, 4, OUT, OUT + 200, 0)).toMatchObject({ eax: 0 });
    expect(server.view(OUT + 200, 8).getBigInt64(0, true)).toBe(8n);
    expect(client.recv(c)).toBe('<<tent>>');
    expect(server.errno('sendfile', s, s, 0, 0, 0, 0, 0)).toBe(errno.EINVAL);
    expect(server.errno('sendfile', file, 0, 0, 0, 0, 0, 0)).toBe(errno.ENOTSOCK);
    server.call('sendfile', file, s, 0, 0, 0, 0, 0);
    expect(client.recv(c)).toBe('contents');
  });
});
