import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { InvariantError, UsageError } from '../../emu/base/errors.ts';
import {
  type GuestMemory,
  type RegisterSet,
  UC_PROT_ALL,
  UC_PROT_READ,
  type UnicornEvents,
  type UnicornInstance,
  type UnicornLibrary,
} from '../../emu/unicorn/binding.ts';

/*
 * Unicorn through koffi. Unicorn is GPL-2.0 and no part of coreback: it is looked for on the user's machine when a run asks for it.
 */

const UC_ARCH_X86 = 4;
const UC_MODE_32 = 1 << 2;
const UC_HOOK_INTR = 1 << 0;
const UC_HOOK_BLOCK = 1 << 3;
/** uc_ctl: UC_CTL_TB_REMOVE_CACHE, which takes two arguments and writes. (UC_CTL_TB_FLUSH takes 11 ms, the first time 2 s.) */
const CTL_TB_REMOVE_CACHE = 0x48000009;
/** UC_CTL_UC_USE_EXITS with one argument, UC_CTL_UC_EXITS with two. */
const CTL_USE_EXITS = 0x44000004;
const CTL_EXITS = 0x48000006;
const MEMORY_BYTES = 0x100000000;
/** A page of the instance's own, beyond what addresses reach: changing its protection makes Unicorn drop its cached page-table entries. */
const OWN_PAGE = MEMORY_BYTES;
const MAJOR_VERSION = 2;

type Koffi = typeof import('koffi');

/** koffi is loaded when it is first needed: a run on another engine does not depend on it. */
function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (error) {
    throw new UsageError({
      what: `the koffi package cannot be loaded: ${(error as Error).message}`,
      path: '--engine unicorn',
      hint: 'npm install koffi',
    });
  }
}

const FILE_NAMES: Readonly<Record<string, readonly string[]>> = {
  linux: ['libunicorn.so.2', 'libunicorn.so'],
  freebsd: ['libunicorn.so.2', 'libunicorn.so'],
  darwin: ['libunicorn.2.dylib', 'libunicorn.dylib'],
  win32: ['unicorn.dll'],
};

/** Where Debian, Homebrew, a build from source and pip's `unicorn` package put the library. */
function* likelyFolders(): Generator<string> {
  for (const triplet of ['x86_64-linux-gnu', 'aarch64-linux-gnu', 'arm-linux-gnueabihf', 'i386-linux-gnu']) {
    yield `/usr/lib/${triplet}`;
  }
  yield* ['/usr/lib64', '/usr/lib', '/usr/local/lib', '/opt/homebrew/lib', '/opt/homebrew/opt/unicorn/lib'];
  const environments = [process.env.VIRTUAL_ENV, join(homedir(), '.local'), '/usr/local', '/usr', '/opt/homebrew'];
  for (const root of environments) {
    if (!root) continue;
    for (const version of foldersLike(join(root, 'lib'), /^python3/)) {
      for (const site of ['site-packages', 'dist-packages']) yield join(version, site, 'unicorn', 'lib');
    }
  }
  yield* (process.env.PATH ?? '').split(process.platform === 'win32' ? delimiter : '\0').filter(Boolean);
}

function foldersLike(folder: string, pattern: RegExp): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** The library's file: the one named (by option, then by COREBACK_UNICORN), else the first in the likely places; null when there is none. */
export function findUnicorn(named?: string): string | null {
  const chosen = named ?? process.env.COREBACK_UNICORN;
  const names = FILE_NAMES[process.platform] ?? FILE_NAMES.linux!;
  if (chosen) {
    const candidates = [chosen, ...names.map((name) => join(chosen, name))];
    const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
    if (found) return found;
    throw new UsageError({
      what: 'is neither the Unicorn library nor a folder that holds it',
      path: chosen,
      hint: `${named ? '--unicorn-lib' : 'COREBACK_UNICORN'} names a file such as ${names[0]}`,
    });
  }
  for (const folder of likelyFolders()) {
    for (const name of names) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  return null;
}

/** Loads Unicorn. Errors: UsageError that says what to install. */
export function loadUnicorn(named?: string): UnicornLibrary {
  const path = findUnicorn(named);
  if (path === null) {
    throw new UsageError({
      what: 'the Unicorn library is not installed here',
      path: '--engine unicorn',
      hint: 'Debian: apt install libunicorn2; Homebrew: brew install unicorn; pip: pip install unicorn; or --unicorn-lib PATH',
    });
  }
  return new KoffiUnicorn(loadKoffi(), path);
}

type Native = (...args: unknown[]) => number;
type Handle = number | bigint;

interface Functions {
  readonly open: Native;
  readonly close: Native;
  readonly memMap: Native;
  readonly memMapPtr: Native;
  readonly memProtect: Native;
  readonly regRead: Native;
  readonly regWrite: Native;
  readonly regReadBatch: Native;
  readonly regWriteBatch: Native;
  readonly start: Native;
  readonly stop: Native;
  readonly contextSize: Native;
  readonly contextAlloc: Native;
  readonly contextFree: Native;
  readonly contextSave: Native;
  readonly contextRestore: Native;
  readonly hookBlock: Native;
  readonly hookInterrupt: Native;
  readonly ctl: Native;
  readonly strerror: (code: number) => string;
}

class KoffiUnicorn implements UnicornLibrary {
  readonly name: string;
  readonly koffi: Koffi;
  readonly f: Functions;
  /** The instance that runs now: one pair of callbacks serves all instances. */
  running: UnicornEvents | null = null;
  private readonly blockCallback: bigint;
  private readonly interruptCallback: bigint;
  private readonly closer = new FinalizationRegistry<Handle>((handle) => this.f.close(handle));

  constructor(koffi: Koffi, path: string) {
    this.koffi = koffi;
    const blockType = koffi.proto('void (intptr_t uc, uint64_t address, uint32_t size, intptr_t user)');
    const interruptType = koffi.proto('void (intptr_t uc, uint32_t vector, intptr_t user)');
    let version: number;
    try {
      const library = koffi.load(path);
      version = (library.func('uint uc_version(void *major, void *minor)') as Native)(null, null);
      this.f = declare(koffi, library, koffi.pointer(blockType), koffi.pointer(interruptType));
    } catch (error) {
      throw new UsageError({ what: `cannot be loaded as the Unicorn library: ${(error as Error).message}`, path });
    }
    const numbers = [version >>> 24, (version >>> 16) & 0xff, (version >>> 8) & 0xff];
    if (numbers[0] !== MAJOR_VERSION) {
      throw new UsageError({ what: `is Unicorn ${numbers.join('.')}; version 2 is needed`, path });
    }
    this.name = `Unicorn ${numbers.join('.')} (${path})`;
    this.blockCallback = koffi.register(
      (_uc: Handle, address: number, size: number) => this.running!.block(address, size),
      koffi.pointer(blockType),
    );
    this.interruptCallback = koffi.register(
      (_uc: Handle, vector: number) => this.running!.interrupt(vector),
      koffi.pointer(interruptType),
    );
  }

  open(memory: GuestMemory, events: UnicornEvents): UnicornInstance {
    const { f } = this;
    const handle: Handle[] = [0];
    this.check(f.open(UC_ARCH_X86, UC_MODE_32, handle), 'uc_open');
    const uc = handle[0]!;
    this.check(f.memMapPtr(uc, 0, MEMORY_BYTES, UC_PROT_ALL, new Uint8Array(memory.buffer)), 'uc_mem_map_ptr');
    this.check(f.memMap(uc, OWN_PAGE, 4096, UC_PROT_READ), 'uc_mem_map');
    const hook: Handle[] = [0];
    // A hook whose range ends before it begins covers everything.
    this.check(f.hookBlock(uc, hook, UC_HOOK_BLOCK, this.blockCallback, 0, 1, 0), 'uc_hook_add');
    this.check(f.hookInterrupt(uc, hook, UC_HOOK_INTR, this.interruptCallback, 0, 1, 0), 'uc_hook_add');
    const instance = new KoffiInstance(this, uc, memory, events);
    this.closer.register(instance, uc);
    return instance;
  }

  check(error: number, call: string): void {
    if (error !== 0) throw new InvariantError(`${call} failed in ${this.name}: ${this.f.strerror(error)}`);
  }
}

function declare(
  koffi: Koffi,
  library: ReturnType<Koffi['load']>,
  blockCallback: unknown,
  interruptCallback: unknown,
): Functions {
  const func = (definition: string): Native => library.func(definition) as unknown as Native;
  const hookAdd = (callback: unknown): Native =>
    library.func('uc_hook_add', 'int', [
      'intptr_t',
      koffi.out(koffi.pointer('intptr_t')),
      'int',
      callback as string,
      'intptr_t',
      'uint64_t',
      'uint64_t',
    ]) as unknown as Native;
  return {
    open: func('int uc_open(int arch, int mode, _Out_ intptr_t *uc)'),
    close: func('int uc_close(intptr_t uc)'),
    memMap: func('int uc_mem_map(intptr_t uc, uint64_t address, size_t size, uint perms)'),
    memMapPtr: func('int uc_mem_map_ptr(intptr_t uc, uint64_t address, size_t size, uint perms, void *bytes)'),
    memProtect: func('int uc_mem_protect(intptr_t uc, uint64_t address, size_t size, uint perms)'),
    regRead: func('int uc_reg_read(intptr_t uc, int id, void *value)'),
    regWrite: func('int uc_reg_write(intptr_t uc, int id, void *value)'),
    regReadBatch: func('int uc_reg_read_batch(intptr_t uc, void *ids, void *values, int count)'),
    regWriteBatch: func('int uc_reg_write_batch(intptr_t uc, void *ids, void *values, int count)'),
    start: func('int uc_emu_start(intptr_t uc, uint64_t begin, uint64_t until, uint64_t timeout, size_t count)'),
    stop: func('int uc_emu_stop(intptr_t uc)'),
    contextSize: func('size_t uc_context_size(intptr_t uc)'),
    contextAlloc: func('int uc_context_alloc(intptr_t uc, _Out_ void **context)'),
    contextFree: func('int uc_context_free(void *context)'),
    contextSave: func('int uc_context_save(intptr_t uc, void *context)'),
    contextRestore: func('int uc_context_restore(intptr_t uc, void *context)'),
    hookBlock: hookAdd(blockCallback),
    hookInterrupt: hookAdd(interruptCallback),
    ctl: func('int uc_ctl(intptr_t uc, uint control, ...)'),
    strerror: library.func('str uc_strerror(int code)') as unknown as (code: number) => string,
  };
}

class KoffiInstance implements UnicornInstance {
  private readonly library: KoffiUnicorn;
  private readonly f: Functions;
  private readonly uc: Handle;
  /** Unicorn points into it. */
  readonly memory: GuestMemory;
  private readonly events: UnicornEvents;
  private ownPageProtection = UC_PROT_READ;
  private hasExits = false;

  constructor(library: KoffiUnicorn, uc: Handle, memory: GuestMemory, events: UnicornEvents) {
    this.library = library;
    this.f = library.f;
    this.uc = uc;
    this.memory = memory;
    this.events = events;
  }

  registers(ids: readonly number[]): RegisterSet {
    const { f, uc, library } = this;
    const { koffi } = library;
    const count = ids.length;
    const idArray = Int32Array.from(ids);
    // The values stand outside of the JavaScript heap, for Unicorn wants their addresses.
    const native = koffi.alloc('int32_t', count);
    const values = new Int32Array(koffi.view(native, count * 4));
    const first = koffi.address(native);
    const pointers = BigInt64Array.from(ids, (_, i) => first + BigInt(i * 4));
    return {
      values,
      read: () => void f.regReadBatch(uc, idArray, pointers, count),
      write: () => library.check(f.regWriteBatch(uc, idArray, pointers, count), 'uc_reg_write_batch'),
    };
  }

  readWide(id: number, into: Uint8Array): void {
    this.library.check(this.f.regRead(this.uc, id, into), 'uc_reg_read');
  }

  writeWide(id: number, from: Uint8Array): void {
    this.library.check(this.f.regWrite(this.uc, id, from), `uc_reg_write of register ${id}`);
  }

  newContext(): Uint8Array {
    const { f, uc, library } = this;
    const bytes = new Uint8Array(f.contextSize(uc));
    const context: unknown[] = [null];
    library.check(f.contextAlloc(uc, context), 'uc_context_alloc');
    // The head of a uc_context is filled in by the allocation only.
    bytes.set(new Uint8Array(library.koffi.view(context[0], bytes.length)));
    f.contextFree(context[0]);
    return bytes;
  }

  saveContext(into: Uint8Array): void {
    this.library.check(this.f.contextSave(this.uc, into), 'uc_context_save');
  }

  restoreContext(from: Uint8Array): void {
    this.library.check(this.f.contextRestore(this.uc, from), 'uc_context_restore');
  }

  dropTranslations(page: number): void {
    const from = page * 4096;
    const error = this.f.ctl(this.uc, CTL_TB_REMOVE_CACHE, 'uint64_t', from, 'uint64_t', from + 4096);
    this.library.check(error, 'uc_ctl(UC_CTL_TB_REMOVE_CACHE)');
  }

  dropPageTables(): void {
    this.ownPageProtection ^= UC_PROT_ALL & ~UC_PROT_READ;
    this.library.check(this.f.memProtect(this.uc, OWN_PAGE, 4096, this.ownPageProtection), 'uc_mem_protect');
  }

  setExits(addresses: readonly number[]): void {
    const array = BigUint64Array.from(addresses, BigInt);
    this.useExits(true);
    const error = this.f.ctl(this.uc, CTL_EXITS, 'uint64_t *', array, 'size_t', array.length);
    this.library.check(error, 'uc_ctl(UC_CTL_UC_EXITS)');
    this.useExits(false);
    this.hasExits = array.length > 0;
  }

  private useExits(on: boolean): void {
    this.library.check(this.f.ctl(this.uc, CTL_USE_EXITS, 'int', on ? 1 : 0), 'uc_ctl(UC_CTL_UC_USE_EXITS)');
  }

  start(address: number): number {
    const { library } = this;
    if (this.hasExits) this.useExits(true);
    const outer = library.running;
    library.running = this.events;
    try {
      // An end of 0 is no end: Unicorn would otherwise look for translations there after every run.
      return this.f.start(this.uc, address, 0, 0, 0);
    } finally {
      library.running = outer;
    }
  }

  stop(): void {
    this.f.stop(this.uc);
    // When a run ends with exits in force, Unicorn forgets the translations in front of each. From here on it translates nothing.
    if (this.hasExits) this.useExits(false);
  }
}
