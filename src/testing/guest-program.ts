/**
 * Small i386 programs written in TypeScript: a builder that emits the few instructions that tests need. Logged values go to the console
 * in one write at `exit`.
 */

import { ELFOSABI_FREEBSD, ET_EXEC, PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE } from '../../kernel-sim/abi/elf.ts';
import { writeElf } from '../../kernel-sim/elf/elf32.ts';
import { writeNotes } from '../../kernel-sim/elf/notes.ts';
import { SYSCALLS } from '../../kernel-sim/sys/table.ts';

export const TEXT = 0x08048000;
export const DATA = 0x08060000;
/** Free for the program's own use: the first page of its data. */
export const SCRATCH = DATA;
const LOG = DATA + 0x1000;
const STRINGS = DATA + 0x2000;
const DATA_BYTES = 0x4000;
/** What a log word holds before it is written. */
export const UNWRITTEN = 0x7ee7c0de;

/** A word of memory as an argument. */
export const at = (address: number): { readonly at: number } => ({ at: address });
export type Arg = number | string | { readonly at: number };

const NUMBERS = new Map(SYSCALLS.map((row) => [row.name as string, row.number]));

export class GuestProgram {
  readonly names: string[] = [];
  private readonly code: number[] = [];
  private readonly strings: number[] = [];
  private readonly marks = new Map<string, number>();

  /** Address of the next instruction. */
  get here(): number {
    return TEXT + this.code.length;
  }

  /** Names the address of the next instruction. */
  mark(name: string): this {
    this.marks.set(name, this.here);
    return this;
  }

  address(mark: string): number {
    const found = this.marks.get(mark);
    if (found === undefined) throw new Error(`no mark ${mark}`);
    return found;
  }

  /** Bytes in hexadecimal. */
  raw(text: string): this {
    for (const pair of text.match(/[0-9a-fA-F]{2}/g) ?? []) this.code.push(Number.parseInt(pair, 16));
    return this;
  }

  private word(value: number): this {
    this.code.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255);
    return this;
  }

  /** A NUL-terminated string in the data; its address. */
  text(value: string): number {
    const address = STRINGS + this.strings.length;
    for (const c of value) this.strings.push(c.charCodeAt(0));
    this.strings.push(0);
    return address;
  }

  /** Words in the data; their address. */
  words(...values: number[]): number {
    while (this.strings.length % 4) this.strings.push(0);
    const address = STRINGS + this.strings.length;
    for (const v of values) this.strings.push(v & 255, (v >> 8) & 255, (v >> 16) & 255, (v >>> 24) & 255);
    return address;
  }

  /** A NULL-terminated array of strings; its address. */
  vector(...values: string[]): number {
    const pointers = values.map((value) => this.text(value));
    return this.words(...pointers, 0);
  }

  /** A system call, by name or number. EAX is its result, or the errno negated. */
  sys(name: string | number, ...args: Arg[]): this {
    const number = typeof name === 'number' ? name : NUMBERS.get(name);
    if (number === undefined) throw new Error(`no system call ${name}`);
    for (const arg of [...args].reverse()) {
      if (typeof arg === 'object') this.raw('ff35').word(arg.at);
      else this.raw('68').word(typeof arg === 'string' ? this.text(arg) : arg);
    }
    this.raw('6a00').raw('b8').word(number).raw('cd80').raw('7302f7d8');
    return this.raw('81c4').word(4 * (args.length + 1));
  }

  /** EAX becomes a named value of the log. */
  log(name: string): this {
    this.names.push(name);
    return this.store(LOG + 4 * (this.names.length - 1));
  }

  load(address: number): this {
    return this.raw('a1').word(address);
  }

  store(address: number): this {
    return this.raw('a3').word(address);
  }

  set(address: number, value: number): this {
    return this.raw('c705').word(address).word(value);
  }

  /** EAX becomes a constant. */
  eax(value: number): this {
    return this.raw('b8').word(value);
  }

  /** Two instructions a turn, and one before. */
  burn(turns: number): this {
    return this.raw('b9').word(turns).raw('49').raw('75fd');
  }

  spin(): this {
    return this.raw('ebfe');
  }

  /** When EAX is 0 (in the child after fork) these run; they should end in an exit, or fall through. */
  ifZero(body: (p: this) => void): this {
    this.raw('85c0').raw('0f85').word(0);
    const from = this.code.length;
    body(this);
    const size = this.code.length - from;
    this.code.splice(from - 4, 4, size & 255, (size >> 8) & 255, (size >> 16) & 255, (size >>> 24) & 255);
    return this;
  }

  /** Code that is only reached by its address: a thread, a handler. It stands under a name (`address`). */
  routine(name: string, body: (p: this) => void): this {
    this.raw('e9').word(0);
    const from = this.code.length;
    this.mark(name);
    body(this);
    const size = this.code.length - from;
    this.code.splice(from - 4, 4, size & 255, (size >> 8) & 255, (size >> 16) & 255, (size >>> 24) & 255);
    return this;
  }

  /** EAX becomes the doubleword at ESP + offset. */
  loadStack(offset: number): this {
    return this.raw('8b8424').word(offset);
  }

  /** While the doubleword at an address is 0: sched_yield. */
  awaitWord(address: number): this {
    const from = this.code.length;
    this.sys('sched_yield').load(address).raw('85c0');
    return this.raw('0f84').word(from - this.code.length - 4);
  }

  forever(body: (p: this) => void): this {
    const from = this.code.length;
    body(this);
    return this.raw('e9').word(from - this.code.length - 4);
  }

  /** The body `turns` times; the counter stands in memory. */
  repeat(turns: number, counter: number, body: (p: this) => void): this {
    this.set(counter, turns);
    const from = this.code.length;
    body(this);
    this.raw('ff0d').word(counter);
    return this.raw('0f85').word(from - this.code.length - 4);
  }

  /** wait4(2); logs `<name>.pid` and `<name>.status`. */
  wait(name: string, pid: Arg = -1, options = 0): this {
    this.set(SCRATCH + 0xff0, -1);
    this.sys('wait4', pid, SCRATCH + 0xff0, options, 0).log(`${name}.pid`);
    return this.load(SCRATCH + 0xff0).log(`${name}.status`);
  }

  sleep(ns: number): this {
    return this.sys('nanosleep', this.words(Math.floor(ns / 1e9), ns % 1e9), 0);
  }

  /** Writes the log and exits. */
  exit(code = 0): this {
    return this.flush().sys('exit', code);
  }

  flush(): this {
    return this.sys('write', 1, LOG, LOG_BYTES);
  }

  /** The program as an ELF file. `osrel`: its ABI note; 0: none. */
  elf(osrel = 900044): Uint8Array {
    const data = new Uint8Array(DATA_BYTES);
    const view = new DataView(data.buffer);
    for (let at = 0; at < LOG_BYTES; at += 4) view.setInt32(0x1000 + at, UNWRITTEN, true);
    if (this.strings.length > DATA_BYTES - 0x2000) throw new Error('too many strings');
    data.set(this.strings, 0x2000);
    const code = Uint8Array.from(this.code);
    const dataOffset = 0x1000 + Math.ceil(code.length / 4096) * 4096;
    const load = (p_vaddr: number, p_offset: number, p_flags: number, bytes: Uint8Array) => ({
      ...{ p_type: PT_LOAD, p_offset, p_vaddr, p_paddr: p_vaddr, p_memsz: bytes.length, p_flags, p_align: 4096 },
      data: bytes,
    });
    const segments = [load(TEXT, 0x1000, PF_R | PF_X, code), load(DATA, dataOffset, PF_R | PF_W, data)];
    if (osrel) {
      const desc = new Uint8Array(Uint32Array.of(osrel).buffer);
      const note = writeNotes([{ name: 'FreeBSD', type: 1, desc }]);
      segments.push({ ...load(0, 0x200, PF_R, note), p_type: PT_NOTE, p_align: 4 });
    }
    return writeElf({ ei_osabi: ELFOSABI_FREEBSD, e_type: ET_EXEC, e_entry: TEXT, segments });
  }
}

export const LOG_BYTES = 512;

export const program = (build: (p: GuestProgram) => void): GuestProgram => {
  const p = new GuestProgram();
  build(p);
  return p;
};
