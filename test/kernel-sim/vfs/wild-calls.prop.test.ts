import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSockaddr, LOOPBACK_V4 } from '../../../kernel-sim/abi/socket.ts';
import { bytesOf, type Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { eventSyscalls } from '../../../kernel-sim/sys/event.ts';
import { fileSyscalls } from '../../../kernel-sim/sys/file.ts';
import { memorySyscalls } from '../../../kernel-sim/sys/memory.ts';
import type { ArgKind } from '../../../kernel-sim/sys/row.ts';
import { selectSyscalls } from '../../../kernel-sim/sys/select.ts';
import { shmSyscalls } from '../../../kernel-sim/sys/shm.ts';
import { socketSyscalls } from '../../../kernel-sim/sys/socket.ts';
import { socketTransferSyscalls } from '../../../kernel-sim/sys/socket-transfer.ts';
import { feedConsole } from '../../../kernel-sim/vfs/console.ts';
import { closeAllDescriptors, forkDescriptors } from '../../../kernel-sim/vfs/filedesc.ts';
import { checkFileInvariants } from '../../../kernel-sim/vfs/invariants.ts';
import { installFile } from '../../../kernel-sim/vfs/memfs.ts';
import { checkSharedPages } from '../../../kernel-sim/vm/invariants.ts';
import { addProcess, Caller, fileKernel, MEMORY, MEMORY_SIZE, OUT, WILD } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';

const PATHS = [
  '/',
  '.',
  '..',
  '/tmp',
  '/tmp/a',
  '/tmp/b',
  '/tmp/d',
  '/tmp/d/a',
  '/tmp/d/d',
  '/tmp/d/..',
  '/tmp/l',
  'a',
  'd',
  'd/e/',
  '/dev/console',
  '/dev/zero',
  '/bin/x',
  '',
  'x'.repeat(300),
  '/tmp/loop',
];
/** Each path at an address of its own. */
const PATH_STEP = 512;

const ROWS = [
  ...fileSyscalls,
  ...selectSyscalls,
  ...eventSyscalls,
  ...socketSyscalls,
  ...socketTransferSyscalls,
  ...memorySyscalls,
  ...shmSyscalls,
];
/** Two sockaddrs, a msghdr with its vector and control data (SCM_RIGHTS of descriptor 3). */
const UNIX_NAME = OUT + 0x1000;
const INET_NAME = OUT + 0x1100;
const HEADER = OUT + 0x1200;
const words = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
const STRUCTURES: readonly (readonly [address: number, bytes: Uint8Array])[] = [
  [UNIX_NAME, encodeSockaddr(1, { kind: 'unix', path: '/tmp/s' })],
  [INET_NAME, encodeSockaddr(2, { kind: 'inet', address: LOOPBACK_V4, port: 2000 })],
  [HEADER, words(0, 0, HEADER + 64, 1, HEADER + 96, 16, 0)],
  [HEADER + 64, words(OUT, 8)],
  [HEADER + 96, words(16, 0xffff, 1, 3)],
];

const int = fc.oneof(
  fc.integer({ min: -2, max: 12 }),
  fc.constantFrom(
    8,
    16,
    28,
    0x7fffffff,
    -0x80000000,
    0x20000001,
    0xffff,
    0x200,
    0x202,
    0x602,
    0xa02,
    0x20000,
    0x100000,
    4096,
  ),
);
const pointer = fc.oneof(
  fc.integer({ min: OUT, max: OUT + 64 }),
  fc.constantFrom(UNIX_NAME, INET_NAME, HEADER),
  fc.constantFrom(0, WILD, MEMORY + MEMORY_SIZE - 4, 0xfffffffc, 0xbfbffffe),
);
const size = fc.oneof(fc.nat(600), fc.constantFrom(20_000, 70_000, 0x7fffffff, 0x80000000, 0xffffffff));
const offset = fc.oneof(fc.nat(200_000), fc.constantFrom(-1, 1 << 28, 2 ** 31, 2 ** 53, -(2 ** 63), 2 ** 63));
const path = fc.oneof(
  { weight: 8, arbitrary: fc.nat(PATHS.length - 1).map((i) => MEMORY + i * PATH_STEP) },
  { weight: 1, arbitrary: pointer },
);
const fd = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, -100, 11094, 0x7fffffff) },
);
const SPECIAL: Partial<Record<ArgKind, fc.Arbitrary<number>>> = {
  uint: fc.oneof(fc.nat(600), fc.constantFrom(0xffffffff, 0x402c7413, 0x4004667f, 0x8004667e, 0x80047476)),
  ptr: pointer,
  in: pointer,
  out: pointer,
  inout: pointer,
  'buf-in': pointer,
  'buf-out': pointer,
  str: path,
  fd,
  'at-fd': fd,
  off: offset,
  size,
  pad: fc.constant(0),
};
/** Whatever else there is, is taken as a signed number. */
const argument = (kind: ArgKind): fc.Arbitrary<number> => SPECIAL[kind] ?? int;

const call = fc.constantFrom(...ROWS).chain((row) =>
  fc.record({
    kind: fc.constant('call' as const),
    who: fc.nat(1),
    name: fc.constant(row.name),
    args: fc.tuple(...row.args.map(([, kind]) => argument(kind))),
  }),
);
const step = fc.oneof(
  { weight: 30, arbitrary: call },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('type' as const), bytes: fc.uint8Array({ maxLength: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('inherit' as const), who: fc.nat(1) }) },
);

function machine(): { k: Kernel; callers: Caller[] } {
  const { k } = fileKernel({ diskBytes: 300_000 });
  const callers = [0, 1001].map((uid) => new Caller(k, addProcess(k, { uid, gid: uid }), ROWS));
  callers[0]!.call('symlink', 'loop', '/tmp/loop');
  for (const c of callers)
    for (const [i, text] of PATHS.entries()) c.poke(MEMORY + i * PATH_STEP, bytesOf(`${text}\0`));
  for (const c of callers) for (const [address, bytes] of STRUCTURES) c.poke(address, bytes);
  installFile(k, '/tmp/a', bytesOf('hello'), 0o666);
  return { k, callers };
}

/** The tables as they are, and their contents as text: what a snapshot keeps. */
function snapshot(k: Kernel): { tables: unknown; text: () => string } {
  const tables = [k.state.vnodes, k.state.files, k.state.pipes, k.state.sockets, k.state.kqueues, k.state.procs].map(
    (table) => [...table.values()],
  );
  const text = (): string =>
    JSON.stringify(tables, (_, value) => {
      if (value instanceof Map) return [...value];
      if (value instanceof Uint8Array) return `${value.length}:${value.reduce((sum, b) => (sum * 31 + b) | 0, 7)}`;
      return value;
    });
  return { tables, text };
}

describe('any system calls on files with any arguments', () => {
  it('leave the host and the invariants whole, and never change a record in place', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (steps) => {
        const { k, callers } = machine();
        const before = snapshot(k);
        const text = before.text();
        for (const s of steps) {
          if (s.kind === 'type') feedConsole(k, s.bytes);
          else if (s.kind === 'inherit') {
            const [to, from] = [callers[s.who]!, callers[1 - s.who]!];
            closeAllDescriptors(k, to.td.pid);
            k.setProc(to.td.pid, { fds: forkDescriptors(k, k.proc(from.td.pid)) });
          } else {
            const c = callers[s.who]!;
            // A thread in a system call can make no other: it is woken (or interrupted) and goes on.
            if (k.thread(c.td.tid).pending) {
              const why = c.awake ? 'wakeup' : 'signal';
              if (c.resume(why).kind === 'sleep') continue;
            }
            const result = c.enter(s.name, s.args, { woken: 'first', resume: undefined });
            if (result.kind === 'error') expect(result.errno).toBeGreaterThan(0);
            if (result.kind === 'return') expect(Number.isInteger(result.eax) && result.eax >= 0).toBe(true);
          }
          expect([...checkFileInvariants(k), ...checkSharedPages(k)]).toEqual([]);
          expect(k.state.counters.fileBytes).toBeLessThanOrEqual(300_000);
        }
        expect(before.text()).toBe(text);
        for (const c of callers) closeAllDescriptors(k, c.td.pid);
        expect(k.state.files.size + k.state.pipes.size + k.state.sockets.size + k.state.kqueues.size).toBe(0);
        expect(checkFileInvariants(k)).toEqual([]);
        for (const space of k.spaces.values()) space.dispose();
      }),
      property(150),
    );
  });
});
