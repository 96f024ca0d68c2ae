import { encodeSockaddr, LOOPBACK_V4, LOOPBACK_V6 } from '../../../kernel-sim/abi/socket.ts';
import { bytesOf, type Kernel } from '../../../kernel-sim/kern/kernel.ts';
import type { Proc } from '../../../kernel-sim/kern/state.ts';
import type { SyscallResult } from '../../../kernel-sim/kern/syscall-result.ts';
import { SYSCALLS } from '../../../kernel-sim/sys/table.ts';
import { addProcess, Caller, OUT } from '../../support/kernel.ts';

export const [UNIX, INET, INET6] = [1, 2, 28];
export const [STREAM, DGRAM, SEQPACKET] = [1, 2, 5];
export const V4 = LOOPBACK_V4;
export const V6 = LOOPBACK_V6;
export const NAME = OUT + 0x1000;
const LENGTH = OUT + 0x1100;
const IOV = OUT + 0x1200;
const HEADER = OUT + 0x1240;
export const CONTROL = OUT + 0x1300;
export const DATA = OUT + 0x2000;

export const words = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);

/** A process that makes socket calls: names as records, data as text. */
export class SocketCaller extends Caller {
  constructor(k: Kernel, patch: Partial<Proc> = {}) {
    super(k, addProcess(k, patch), SYSCALLS);
  }

  /** Puts a sockaddr at NAME: its length. */
  private name(name: string | readonly [family: number, port: number, address?: string]): number {
    const bytes =
      typeof name === 'string'
        ? encodeSockaddr(UNIX, { kind: 'unix', path: name })
        : encodeSockaddr(name[0], {
            kind: 'inet',
            address: name[2] ?? (name[0] === INET ? V4 : V6),
            port: name[1],
          });
    this.poke(NAME, bytes);
    return bytes.length;
  }

  at(
    call: 'bind' | 'connect',
    fd: number,
    name: string | readonly [family: number, port: number, address?: string],
  ): SyscallResult {
    const length = this.name(name);
    return this.call(call, fd, NAME, length);
  }

  /** A bound and listening stream socket. */
  listen(name: string | readonly [family: number, port: number, address?: string], backlog = 5): number {
    const fd = this.ok('socket', typeof name === 'string' ? UNIX : name[0], STREAM, 0);
    const result = this.at('bind', fd, name);
    if (result.kind !== 'return') throw new Error(JSON.stringify(result));
    this.ok('listen', fd, backlog);
    return fd;
  }

  /** A socket pair of AF_UNIX. */
  pair(type: number): [number, number] {
    this.ok('socketpair', UNIX, type, 0, OUT);
    const view = this.view(OUT, 8);
    return [view.getInt32(0, true), view.getInt32(4, true)];
  }

  port(fd: number, call: 'getsockname' | 'getpeername' = 'getsockname'): number {
    this.poke(LENGTH, words(64));
    this.ok(call, fd, NAME, LENGTH);
    return this.view(NAME, 4).getUint16(2, false);
  }

  /** getsockname or getpeername of AF_UNIX: the path. */
  path(fd: number, call: 'getsockname' | 'getpeername'): string {
    this.poke(LENGTH, words(106));
    this.ok(call, fd, NAME, LENGTH);
    const length = this.view(LENGTH, 4).getInt32(0, true);
    return this.text(NAME + 2, length - 2).replace(/\0.*$/s, '');
  }

  send(fd: number, text: string, flags = 0, to?: string | readonly [number, number, string?]): SyscallResult {
    this.poke(DATA, bytesOf(text));
    const length = to === undefined ? 0 : this.name(to);
    return this.call('sendto', fd, DATA, text.length, flags, to === undefined ? 0 : NAME, length);
  }

  /** The text that recv(2) gives, or the errno. */
  recv(fd: number, length = 4096, flags = 0): string | number {
    const result = this.call('recvfrom', fd, DATA, length, flags, 0, 0);
    if (result.kind === 'error') return result.errno;
    if (result.kind !== 'return') throw new Error(JSON.stringify(result));
    return this.text(DATA, result.eax);
  }

  /** sendmsg(2) with control data. */
  sendmsg(fd: number, text: string, control: Uint8Array): SyscallResult {
    this.poke(DATA, bytesOf(text));
    this.poke(IOV, words(DATA, text.length));
    this.poke(CONTROL, control);
    this.poke(HEADER, words(0, 0, IOV, 1, control.length ? CONTROL : 0, control.length, 0));
    return this.call('sendmsg', fd, HEADER, 0);
  }

  /** recvmsg(2): text, control data, flags. */
  recvmsg(fd: number, room = 256, flags = 0): { text: string; control: DataView; flags: number } {
    this.poke(IOV, words(DATA, 4096));
    this.poke(HEADER, words(0, 0, IOV, 1, CONTROL, room, 0));
    const length = this.ok('recvmsg', fd, HEADER, flags);
    const header = this.view(HEADER, 28);
    const control = this.view(CONTROL, header.getUint32(20, true));
    return { text: this.text(DATA, length), control, flags: header.getInt32(24, true) };
  }

  option(fd: number, level: number, name: number): number {
    this.poke(LENGTH, words(64));
    this.ok('getsockopt', fd, level, name, NAME, LENGTH);
    return this.view(NAME, 4).getInt32(0, true);
  }

  setOption(fd: number, level: number, name: number, ...values: number[]): SyscallResult {
    this.poke(NAME, words(...values));
    return this.call('setsockopt', fd, level, name, NAME, values.length * 4);
  }

  /** POLL bits that hold now. */
  poll(fd: number, events = 0x45): number {
    this.poke(DATA, words(fd, events));
    this.ok('poll', DATA, 1, 0);
    return this.view(DATA, 8).getUint16(6, true);
  }
}
