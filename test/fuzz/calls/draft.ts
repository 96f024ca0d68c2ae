import { Prng } from '../../../emu/base/prng.ts';
import type { Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { bytesOf } from '../../../kernel-sim/kern/kernel.ts';
import type { OpenFile, Proc, Thread, VmEntry } from '../../../kernel-sim/kern/state.ts';
import { DATA, TEXT } from '../../../src/testing/guest-program.ts';

/** Free memory of the fuzzed program, in its data segment: what system calls are pointed to. */
const ARENA = DATA;
const ARENA_BYTES = 0x3000;
/** Words that all threads of a process use as locks; behind them, stacks of threads. */
const LOCKS = DATA + 0x3000;
export const THREAD_STACKS = DATA + 0x3100;
export const THREAD_STACK_BYTES = 0x300;

/** Numbers at which kernels trip. */
// biome-ignore format: in order
const EDGES = [
  0, 1, -1, 2, 3, 4, 7, 8, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 512, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 8192, 0x7fff, 0x8000, 0xffff,
  0x10000, 1 << 20, 1 << 28, 1 << 30, 0x7ffffffe, 0x7fffffff, -0x80000000, -0x7fffffff, -2, -100, -4096, 99999, 100001, 0x1fffffff, 0x20000000,
] as const;
const WILD_POINTERS = [
  0,
  4,
  0xfff,
  0x1000,
  TEXT - 1,
  0x70000000,
  0xbfbffffc,
  0xbfbfffff,
  0xbfc00000,
  0xfffff000,
  0xfffffffc,
];

/** What one random call is made from: the thread that is about to make it, and the numbers drawn for it. Everything follows from both. */
export class Draft {
  readonly k: Kernel;
  readonly td: Thread;
  readonly p: Proc;
  readonly prng: Prng;
  private at: number;

  constructor(k: Kernel, td: Thread, seed: number) {
    this.k = k;
    this.td = td;
    this.p = k.proc(td.pid);
    this.prng = Prng.seeded(seed);
    this.at = ARENA + this.prng.below(ARENA_BYTES - 1024);
  }

  below(n: number): number {
    return this.prng.below(n);
  }

  oneIn(n: number): boolean {
    return this.prng.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.prng.below(list.length)]!;
  }

  /** Some of these bits. */
  bits(...bits: readonly number[]): number {
    return bits.reduce((sum, bit) => (this.oneIn(3) ? sum | bit : sum), 0);
  }

  /** Any number, signed. */
  raw(): number {
    if (this.oneIn(4)) return this.prng.next() | 0;
    return this.oneIn(2) ? this.below(40) : this.pick(EDGES);
  }

  // ---- memory --------------------------------------------------------------------------------------------------------

  /** Puts bytes into the process's memory, mostly into its arena, sometimes to the very end of a mapping; where that fails, nowhere. */
  place(bytes: Uint8Array): number {
    let at = this.at;
    if (this.oneIn(8)) at = this.endOfMapping(bytes.length);
    else this.at += (bytes.length + 7) & ~7;
    if (this.at > ARENA + ARENA_BYTES - 512) this.at = ARENA + this.below(512);
    this.k.copyout(this.p.pid, at, bytes);
    return at;
  }

  words(...values: readonly number[]): number {
    return this.place(new Uint8Array(Int32Array.from(values).buffer));
  }

  text(value: string): number {
    return this.place(bytesOf(`${value}\0`));
  }

  /** Room for a result of so many bytes, with something in it. */
  room(bytes: number): number {
    return this.place(new Uint8Array(bytes).fill(this.below(4)));
  }

  /** Half-sensible contents: small numbers, edges, pointers. */
  noise(wordCount: number): number {
    const word = (): number => (this.oneIn(4) ? this.pointer() : this.raw());
    return this.words(...Array.from({ length: wordCount }, word));
  }

  private entry(): VmEntry | undefined {
    const { map } = this.k.vmspace(this.p.vmspace);
    return map.length > 0 ? this.pick(map) : undefined;
  }

  private endOfMapping(bytes: number): number {
    const entry = this.entry();
    return entry ? Math.max(entry.start, entry.end - bytes) : 0;
  }

  /** A mapped address: a page's beginning, its end, or anywhere. */
  mapped(): number {
    const entry = this.entry();
    if (!entry) return 0;
    const page = entry.start + 4096 * this.below((entry.end - entry.start) / 4096);
    return page + this.pick([0, 0, 4, 4088, 4092, 4095, this.below(4096)]);
  }

  lock(): number {
    return LOCKS + 32 * this.below(4);
  }

  pointer(): number {
    switch (this.below(8)) {
      case 0:
        return this.pick(WILD_POINTERS);
      case 1:
        return this.oneIn(3) ? this.prng.next() : 0;
      case 2:
      case 3:
        return this.mapped();
      default:
        return this.at + this.below(64);
    }
  }

  // ---- names of things that are there ----------------------------------------------------------------------------------

  /** A descriptor: mostly one of a wanted kind, of the next kind where there is none, or just one that is open. */
  fd(...kinds: readonly ((file: OpenFile) => boolean)[]): number {
    if (this.oneIn(16)) return this.raw();
    const open = this.p.fds.flatMap((entry, fd) => (entry ? [{ fd, file: this.k.file(entry.file) }] : []));
    for (const isWanted of this.oneIn(10) ? [] : kinds) {
      const wanted = open.filter(({ file }) => isWanted(file));
      if (wanted.length > 0) return this.pick(wanted).fd;
    }
    return open.length > 0 ? this.pick(open).fd : this.below(8);
  }

  /** What the process's descriptors are. */
  opened(): OpenFile[] {
    return this.p.fds.flatMap((entry) => (entry ? [this.k.file(entry.file)] : []));
  }

  pid(): number {
    if (this.oneIn(16)) return this.raw();
    if (this.oneIn(4)) return this.pick([0, this.p.pid, this.p.ppid]);
    return this.pick([...this.k.state.procs.keys()]);
  }

  child(): number {
    const children = [...this.k.state.procs.values()].filter(({ ppid }) => ppid === this.p.pid);
    return children.length > 0 && !this.oneIn(8) ? this.pick(children).pid : this.pid();
  }

  tid(): number {
    if (this.oneIn(16)) return this.raw();
    return this.oneIn(4) ? this.pick([...this.k.state.threads.keys()]) : this.pick(this.p.threads);
  }

  /** Mostly one of a few that get handlers (SIGALRM, SIGCHLD, SIGUSR1, SIGUSR2). */
  signo(): number {
    if (this.oneIn(16)) return this.raw();
    if (!this.oneIn(3)) return this.pick([14, 20, 30, 30, 31]);
    return this.pick([
      0, 1, 2, 5, 9, 10, 11, 13, 14, 15, 17, 18, 19, 19, 20, 20, 21, 22, 23, 28, 30, 30, 31, 31, 32, 64, 65, 126, 128,
    ]);
  }

  sigset(): number {
    return this.words(
      this.pick([0, -1, 1 << 13, 1 << 29, this.prng.next()]),
      this.pick([0, -1, 1]),
      0,
      this.pick([0, -1]),
    );
  }

  /** (seconds, parts of a second): mostly soon. */
  time(partsPerSec: number): [number, number] {
    if (this.oneIn(8)) return [this.raw(), this.raw()];
    return [
      this.pick([0, 0, 0, 0, 1, 2, 100_000_000, 0x7fffffff]),
      this.below(this.pick([2, 1000, partsPerSec / 100, partsPerSec])),
    ];
  }

  /** A struct timespec, or no pointer. */
  timeout(): number {
    return this.oneIn(4) ? 0 : this.words(...this.time(1e9));
  }
}
