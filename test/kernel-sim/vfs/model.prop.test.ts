import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as errno from '../../../kernel-sim/abi/errno.ts';
import { O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK, O_RDWR, O_TRUNC, SEEK_SET } from '../../../kernel-sim/abi/fcntl.ts';
import { latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { listDir, readFile } from '../../../kernel-sim/vfs/memfs.ts';
import { addProcess, Caller, fileKernel, OUT } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';

/*
 * A tiny model of files, descriptors and pipes: one directory of files (text), open files with an offset, descriptors that
 * refer to them, pipes as text in flight. Every call gives what the model says, errnos included.
 */

interface ModelFile {
  text: string;
}
type ModelOpen =
  | { kind: 'file'; file: ModelFile; offset: number; append: boolean }
  | { kind: 'pipe'; mine: { text: string; open: boolean }; theirs: { text: string; open: boolean } };
interface Model {
  names: Map<string, ModelFile>;
  fds: (ModelOpen | null)[];
}
type Outcome = number | { errno: number };
type Command = fc.Command<Model, Caller>;

const PIPE_SIZE = 16384;
const PIPE_BUF = 512;
const DIR = '/tmp/';

const outcome = (c: Caller, name: string, ...args: (number | string)[]): Outcome => {
  const result = c.call(name, ...args);
  if (result.kind === 'return') return result.eax;
  if (result.kind === 'error') return { errno: result.errno };
  throw new Error(`${name}: ${result.kind}`);
};

const lowest = (m: Model): number => {
  const free = m.fds.indexOf(null);
  return free < 0 ? m.fds.length : free;
};

/** Drops a descriptor; a pipe's end is closed when no descriptor has it any more. */
function drop(m: Model, fd: number): void {
  const open = m.fds[fd]!;
  m.fds[fd] = null;
  if (open.kind === 'pipe' && !m.fds.includes(open)) open.mine.open = false;
}

const expectSame = (text: string, actual: Outcome, expected: Outcome): void =>
  expect({ [text]: actual }).toEqual({ [text]: expected });

function command(
  text: string,
  model: (m: Model) => Outcome,
  real: (c: Caller) => Outcome,
  then?: (m: Model, c: Caller) => void,
): Command {
  return {
    check: () => true,
    toString: () => text,
    run: (m, c) => {
      const actual = real(c);
      expectSame(text, actual, model(m));
      then?.(m, c);
      expect(checkFileInvariants(c.k)).toEqual([]);
      expect(listDir(c.k, DIR)).toEqual([...m.names.keys()].sort());
      for (const [name, file] of m.names)
        expect(latin1(readFile(c.k, DIR + name) as Uint8Array) === file.text).toBe(true);
    },
  };
}

const open = (name: string, flags: number): Command =>
  command(
    `open(${name}, 0x${flags.toString(16)})`,
    (m) => {
      let file = m.names.get(name);
      if (file && flags & O_CREAT && flags & O_EXCL) return { errno: errno.EEXIST };
      if (!file && !(flags & O_CREAT)) return { errno: errno.ENOENT };
      if (!file) {
        file = { text: '' };
        m.names.set(name, file);
      }
      if (flags & O_TRUNC) file.text = '';
      const fd = lowest(m);
      m.fds[fd] = { kind: 'file', file, offset: 0, append: (flags & O_APPEND) !== 0 };
      return fd;
    },
    (c) => outcome(c, 'open', DIR + name, O_RDWR | flags, 0o644),
  );

const close = (fd: number): Command =>
  command(
    `close(${fd})`,
    (m) => {
      if (!m.fds[fd]) return { errno: errno.EBADF };
      drop(m, fd);
      return 0;
    },
    (c) => outcome(c, 'close', fd),
  );

const dup2 = (from: number, to: number): Command =>
  command(
    `dup2(${from}, ${to})`,
    (m) => {
      const source = m.fds[from];
      if (!source) return { errno: errno.EBADF };
      if (from === to) return to;
      if (m.fds[to]) drop(m, to);
      while (m.fds.length < to) m.fds.push(null);
      m.fds[to] = source;
      return to;
    },
    (c) => outcome(c, 'dup2', from, to),
  );

const pipe: Command = command(
  'pipe2(O_NONBLOCK)',
  (m) => {
    const a = { text: '', open: true };
    const b = { text: '', open: true };
    m.fds[lowest(m)] = { kind: 'pipe', mine: a, theirs: b };
    m.fds[lowest(m)] = { kind: 'pipe', mine: b, theirs: a };
    return 0;
  },
  (c) => outcome(c, 'pipe2', OUT, O_NONBLOCK),
);

const write = (fd: number, text: string): Command =>
  command(
    `write(${fd}, ${text.length})`,
    (m) => {
      const open = m.fds[fd];
      if (!open) return { errno: errno.EBADF };
      if (open.kind === 'pipe') {
        if (!open.theirs.open) return { errno: errno.EPIPE };
        if (text.length === 0) return 0;
        const room = PIPE_SIZE - open.theirs.text.length;
        if (room === 0 || (text.length <= PIPE_BUF && room < text.length)) return { errno: errno.EAGAIN };
        open.theirs.text += text.slice(0, room);
        return Math.min(room, text.length);
      }
      if (text.length === 0) return 0;
      const at = open.append ? open.file.text.length : open.offset;
      const before = open.file.text.padEnd(at, '\0');
      open.file.text = before.slice(0, at) + text + before.slice(at + text.length);
      open.offset = at + text.length;
      return text.length;
    },
    (c) => outcome(c, 'write', fd, text, text.length),
  );

const read = (fd: number, length: number): Command => {
  let got = '';
  return command(
    `read(${fd}, ${length})`,
    (m) => {
      got = '';
      const open = m.fds[fd];
      if (!open) return { errno: errno.EBADF };
      if (open.kind === 'pipe') {
        if (length === 0) return 0;
        if (open.mine.text === '') return open.theirs.open ? { errno: errno.EAGAIN } : 0;
        got = open.mine.text.slice(0, length);
        open.mine.text = open.mine.text.slice(length);
      } else {
        got = open.file.text.slice(open.offset, open.offset + length);
        open.offset += got.length;
      }
      return got.length;
    },
    (c) => outcome(c, 'read', fd, OUT, length),
    (_, c) => expect(c.text(OUT, got.length) === got).toBe(true),
  );
};

const lseek = (fd: number, offset: number): Command =>
  command(
    `lseek(${fd}, ${offset})`,
    (m) => {
      const open = m.fds[fd];
      if (!open) return { errno: errno.EBADF };
      if (open.kind === 'pipe') return { errno: errno.ESPIPE };
      open.offset = offset;
      return offset;
    },
    (c) => outcome(c, 'lseek', fd, offset, SEEK_SET),
  );

const truncate = (name: string, length: number): Command =>
  command(
    `truncate(${name}, ${length})`,
    (m) => {
      const file = m.names.get(name);
      if (!file) return { errno: errno.ENOENT };
      file.text = file.text.slice(0, length).padEnd(length, '\0');
      return 0;
    },
    (c) => outcome(c, 'truncate', DIR + name, length),
  );

const unlink = (name: string): Command =>
  command(
    `unlink(${name})`,
    (m) => (m.names.delete(name) ? 0 : { errno: errno.ENOENT }),
    (c) => outcome(c, 'unlink', DIR + name),
  );

const link = (from: string, to: string): Command =>
  command(
    `link(${from}, ${to})`,
    (m) => {
      const file = m.names.get(from);
      if (!file) return { errno: errno.ENOENT };
      if (m.names.has(to)) return { errno: errno.EEXIST };
      m.names.set(to, file);
      return 0;
    },
    (c) => outcome(c, 'link', DIR + from, DIR + to),
  );

const rename = (from: string, to: string): Command =>
  command(
    `rename(${from}, ${to})`,
    (m) => {
      const file = m.names.get(from);
      if (!file) return { errno: errno.ENOENT };
      if (m.names.get(to) === file) return 0;
      m.names.delete(from);
      m.names.set(to, file);
      return 0;
    },
    (c) => outcome(c, 'rename', DIR + from, DIR + to),
  );

const name = fc.constantFrom('a', 'b', 'c');
/** Few of each, so that they meet. */
const fd = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 3, max: 5 }) },
  { weight: 1, arbitrary: fc.integer({ min: 6, max: 9 }) },
);
const length = fc.oneof(fc.nat(20), fc.constantFrom(511, 512, 513, 16_384, 70_000));
const text = fc.tuple(fc.constantFrom('x', 'yz', 'hello '), length).map(([part, n]) => part.repeat(n).slice(0, n));
const flags = fc.constantFrom(0, O_CREAT, O_CREAT | O_EXCL, O_CREAT | O_TRUNC, O_CREAT | O_APPEND);

describe('files, descriptors and pipes', () => {
  it('do what a tiny model of them does', () => {
    const commands = fc.commands(
      [
        fc.tuple(name, flags).map((args) => open(...args)),
        fd.map(close),
        fc.tuple(fd, fd).map((args) => dup2(...args)),
        fc.constant(pipe),
        fc.tuple(fd, text).map((args) => write(...args)),
        fc.tuple(fd, length).map((args) => read(...args)),
        fc.tuple(fd, fc.nat(100_000)).map((args) => lseek(...args)),
        fc.tuple(name, fc.nat(100_000)).map((args) => truncate(...args)),
        name.map(unlink),
        fc.tuple(name, name).map((args) => link(...args)),
        fc.tuple(name, name).map((args) => rename(...args)),
      ],
      { maxCommands: 60, size: 'max' },
    );
    fc.assert(
      fc.property(commands, (list) => {
        const { k } = fileKernel();
        const real = new Caller(k, addProcess(k), fileSyscalls);
        const console = { kind: 'file', file: { text: '' }, offset: 0, append: false } as const;
        fc.modelRun(() => ({ model: { names: new Map(), fds: [console, console, console] } as Model, real }), list);
        for (const space of k.spaces.values()) space.dispose();
      }),
      property(100),
    );
  });
});
