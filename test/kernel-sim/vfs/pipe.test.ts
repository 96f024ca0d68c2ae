import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EAGAIN, EBADF, EFAULT, EPIPE } from '../../../kernel-sim/abi/errno.ts';
import { F_GETFL, F_SETFL, O_NONBLOCK, O_RDWR } from '../../../kernel-sim/abi/fcntl.ts';
import { SIGPIPE } from '../../../kernel-sim/abi/signal.ts';
import type { KernelEvent } from '../../../kernel-sim/kern/events.ts';
import type { Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { ok, RESTART } from '../../../kernel-sim/kern/syscall-result.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { closeAllDescriptors, forkDescriptors } from '../../../kernel-sim/vfs/filedesc.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { PIPE_SIZE } from '../../../kernel-sim/vfs/pipe.ts';
import { addProcess, Caller, fileKernel, MEMORY, OUT, WILD } from '../../support/kernel.ts';

let k: Kernel;
let events: KernelEvent[];
let reader: Caller;
let writer: Caller;
let read: number;
let write: number;

/** A writer and a reader that share a pipe, each with both ends open. */
beforeEach(() => {
  ({ k, events } = fileKernel());
  writer = new Caller(k, addProcess(k), fileSyscalls);
  const made = writer.call('pipe');
  if (made.kind !== 'return') throw new Error('pipe failed');
  read = made.eax;
  write = made.edx!;
  const td = addProcess(k);
  closeAllDescriptors(k, td.pid);
  k.setProc(td.pid, { fds: forkDescriptors(k, k.proc(writer.td.pid)) });
  reader = new Caller(k, td, fileSyscalls);
});

afterEach(() => {
  expect(checkFileInvariants(k)).toEqual([]);
});

/** Leaves one end to each. */
const separate = (): void => {
  writer.ok('close', read);
  reader.ok('close', write);
};
const signals = (): unknown[] => events.filter((e) => e.kind === 'signal');
const fill = (): void => expect(writer.ok('write', write, MEMORY, PIPE_SIZE)).toBe(PIPE_SIZE);

describe('a reader', () => {
  it('sleeps on an empty pipe until somebody writes, and gets what is there', () => {
    expect(reader.call('read', read, OUT, 100)).toMatchObject({ kind: 'sleep', wmesg: 'piperd' });
    expect(reader.awake).toBe(false);
    expect(writer.write(write, 'hello')).toEqual(ok(5));
    expect(reader.awake).toBe(true);
    expect(reader.resume()).toEqual(ok(5));
    expect(reader.text(OUT, 5)).toBe('hello');
  });

  it('sleeps again when another was faster', () => {
    reader.call('read', read, OUT, 100);
    writer.write(write, 'x');
    expect(writer.read(read, 10)).toBe('x');
    expect(reader.resume()).toMatchObject({ kind: 'sleep' });
    writer.write(write, 'y');
    expect(reader.resume()).toEqual(ok(1));
  });

  it('sees the end of file only when the last writer is gone', () => {
    separate();
    expect(reader.call('read', read, OUT, 100)).toMatchObject({ kind: 'sleep' });
    const copy = writer.ok('dup', write);
    writer.ok('close', write);
    expect(reader.awake).toBe(false);
    writer.write(copy, 'z');
    expect(reader.resume()).toEqual(ok(1));
    writer.ok('close', copy);
    expect(reader.ok('read', read, OUT, 100)).toBe(0);
  });

  it('is interrupted by a signal, and finds no descriptor when a sibling closed it', () => {
    reader.call('read', read, OUT, 100);
    expect(reader.resume('signal')).toEqual(RESTART);
    reader.call('read', read, OUT, 100);
    const { pending } = k.thread(reader.td.tid);
    reader.ok('close', read);
    writer.ok('close', read);
    expect(reader.awake).toBe(true);
    k.setThread(reader.td.tid, { pending });
    expect(reader.resume()).toEqual({ kind: 'error', errno: EBADF });
  });

  it('does not go on with another file that got its descriptor', () => {
    reader.call('read', read, OUT, 100);
    const { pending } = k.thread(reader.td.tid);
    reader.ok('dup2', 0, read);
    k.setThread(reader.td.tid, { pending });
    expect(reader.resume()).toEqual({ kind: 'error', errno: EBADF });
  });

  it('gets EAGAIN when it would wait and must not; a bad buffer takes nothing', () => {
    reader.ok('fcntl', read, F_SETFL, O_NONBLOCK);
    expect(reader.errno('read', read, OUT, 100)).toBe(EAGAIN);
    expect(reader.ok('fcntl', read, F_GETFL, 0)).toBe(O_RDWR | O_NONBLOCK);
    writer.write(write, 'kept');
    expect(reader.errno('read', read, WILD, 100)).toBe(EFAULT);
    expect(reader.read(read, 100)).toBe('kept');
  });
});

describe('a writer', () => {
  it('sleeps on a full pipe and writes the rest when there is room', () => {
    separate();
    fill();
    expect(writer.write(write, 'y'.repeat(1000))).toMatchObject({ kind: 'sleep', wmesg: 'pipewr' });
    reader.ok('read', read, OUT, 100);
    expect(writer.awake).toBe(false);
    reader.ok('read', read, OUT, 500);
    expect(writer.awake).toBe(true);
    expect(writer.resume()).toMatchObject({ kind: 'sleep', resume: { done: 600 } });
    reader.ok('read', read, OUT, PIPE_SIZE);
    expect(writer.resume()).toEqual(ok(1000));
    expect(reader.read(read, PIPE_SIZE)).toBe('y'.repeat(400));
  });

  it('puts up to PIPE_BUF bytes in at once or not at all', () => {
    separate();
    writer.ok('write', write, MEMORY, PIPE_SIZE - 511);
    expect(writer.call('write', write, MEMORY, 512)).toMatchObject({ kind: 'sleep', resume: { done: 0 } });
    reader.ok('read', read, OUT, 1);
    expect(writer.resume()).toEqual(ok(512));
    writer.ok('fcntl', write, F_SETFL, O_NONBLOCK);
    expect(writer.errno('write', write, MEMORY, 512)).toBe(EAGAIN);
    reader.ok('read', read, OUT, 600);
    expect(writer.ok('write', write, MEMORY, 4096)).toBe(600);
  });

  it('that a signal interrupts tells how far it came', () => {
    separate();
    expect(writer.call('write', write, MEMORY, PIPE_SIZE + 10)).toMatchObject({ kind: 'sleep' });
    expect(writer.resume('signal')).toEqual(ok(PIPE_SIZE));
    expect(writer.call('write', write, MEMORY, 10)).toMatchObject({ kind: 'sleep' });
    expect(writer.resume('signal')).toEqual(RESTART);
  });

  it('gets EPIPE and SIGPIPE when nobody can read any more, also in mid-write', () => {
    separate();
    expect(writer.call('write', write, MEMORY, PIPE_SIZE + 10)).toMatchObject({ kind: 'sleep' });
    closeAllDescriptors(k, reader.td.pid);
    expect(writer.awake).toBe(true);
    expect(writer.resume()).toEqual({ kind: 'error', errno: EPIPE });
    expect(writer.errno('write', write, MEMORY, 1)).toBe(EPIPE);
    expect(signals()).toMatchObject([
      { pid: writer.td.pid, signo: SIGPIPE },
      { pid: writer.td.pid, signo: SIGPIPE },
    ]);
    expect(writer.errno('write', write, WILD, 0x7fffffff)).toBe(EPIPE);
  });

  it('of more than the memory has faults after what could be written', () => {
    expect(writer.errno('write', write, WILD, 0x7fffffff)).toBe(EFAULT);
  });
});

describe('the two ends', () => {
  it('carry bytes both ways, as on FreeBSD', () => {
    separate();
    expect(reader.write(read, 'answer')).toEqual(ok(6));
    expect(writer.read(write, 100)).toBe('answer');
    writer.ok('close', write);
    expect(reader.errno('write', read, MEMORY, 1)).toBe(EPIPE);
  });

  it('of pipe2 carry the flags', () => {
    writer.ok('pipe2', OUT, O_NONBLOCK | 0x100000);
    const fd = writer.view(OUT, 8).getInt32(0, true);
    expect(writer.errno('read', fd, OUT, 1)).toBe(EAGAIN);
    expect(writer.ok('fcntl', fd, 1, 0)).toBe(1);
    const before = k.state.files.size;
    expect(writer.errno('pipe2', WILD, 0)).toBe(EFAULT);
    expect(k.state.files.size).toBe(before);
  });
});
