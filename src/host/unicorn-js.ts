import { UsageError } from '../../emu/base/errors.ts';
import {
  type GuestMemory,
  type RegisterSet,
  UC_PROT_ALL,
  type UnicornEvents,
  type UnicornInstance,
  type UnicornLibrary,
} from '../../emu/unicorn/binding.ts';

/*
 * Unicorn compiled to JavaScript: the package @alexaltea/unicorn-js, for those who can install it. It runs in browsers too.
 * It has memory of its own, which the engine keeps in step with the guest's, page by page; and no contexts, so that an instance in
 * which an exception has come is replaced by a new one.
 */

/** What we use of the package, as its wrapper (src/unicorn-wrapper.js there) has it. Errors are thrown as strings. */
export interface UnicornJsModule {
  readonly Unicorn: new (arch: number, mode: number) => UnicornJsInstance;
}

export interface UnicornJsInstance {
  reg_write(id: number, bytes: ArrayLike<number>): void;
  reg_read(id: number, sizeBytes: number): Uint8Array;
  mem_map(address: number, sizeBytes: number, perms: number): void;
  mem_unmap(address: number, sizeBytes: number): void;
  mem_write(address: number, bytes: Uint8Array): void;
  mem_read(address: number, sizeBytes: number): Uint8Array;
  hook_add(type: number, callback: (...args: number[]) => void): unknown;
  emu_start(begin: number, until: number, timeout: number, count: number): void;
  emu_stop(): void;
  close(): void;
}

const UC_ARCH_X86 = 4;
const UC_MODE_32 = 1 << 2;
const UC_HOOK_INTR = 1 << 0;
const UC_HOOK_BLOCK = 1 << 3;
const PAGE_BYTES = 4096;
const PACKAGE = '@alexaltea/unicorn-js';
const FAILED_WITH_CODE = /failed with code (\d+)/;

/** Loads the package. Errors: UsageError when it is not installed. */
export async function loadUnicornJs(
  importPackage: () => Promise<unknown> = () => import(PACKAGE),
): Promise<UnicornLibrary> {
  let loaded: unknown;
  try {
    loaded = await importPackage();
  } catch (error) {
    throw new UsageError({
      what: `the package ${PACKAGE} cannot be loaded: ${(error as Error).message}`,
      path: '--engine unicorn',
      hint: `npm install ${PACKAGE}, or use the native library`,
    });
  }
  const module = ((loaded as { default?: unknown }).default ?? loaded) as UnicornJsModule;
  if (typeof module.Unicorn !== 'function') {
    throw new UsageError({ what: `has no class Unicorn`, path: PACKAGE, hint: 'another version of it is needed' });
  }
  return {
    name: `Unicorn in JavaScript (${PACKAGE})`,
    open: (memory, events) => new JsInstance(new module.Unicorn(UC_ARCH_X86, UC_MODE_32), memory, events),
  };
}

class JsInstance implements UnicornInstance {
  private readonly uc: UnicornJsInstance;
  private readonly bytes: Uint8Array;
  private readonly mapped = new Set<number>();

  constructor(uc: UnicornJsInstance, memory: GuestMemory, events: UnicornEvents) {
    this.uc = uc;
    this.bytes = new Uint8Array(memory.buffer);
    // The upper half of a 64-bit address is an argument of its own, and always 0.
    uc.hook_add(UC_HOOK_BLOCK, (_uc, address, _high, sizeBytes) => events.block(address! >>> 0, sizeBytes!));
    uc.hook_add(UC_HOOK_INTR, (_uc, vector) => events.interrupt(vector!));
  }

  registers(ids: readonly number[]): RegisterSet {
    const values = new Int32Array(ids.length);
    const view = new DataView(values.buffer);
    return {
      values,
      read: () =>
        ids.forEach((id, i) => {
          values[i] = new DataView(this.uc.reg_read(id, 4).slice().buffer).getInt32(0, true);
        }),
      write: () =>
        ids.forEach((id, i) => {
          this.uc.reg_write(id, new Uint8Array(view.buffer, i * 4, 4));
        }),
    };
  }

  readWide(id: number, into: Uint8Array): void {
    into.set(this.uc.reg_read(id, into.length));
  }

  writeWide(id: number, from: Uint8Array): void {
    this.uc.reg_write(id, from);
  }

  /** Mapped anew, the page's translations and cached page-table entries are gone. */
  dropTranslations(page: number): void {
    if (!this.mapped.delete(page)) return;
    this.uc.mem_unmap(page * PAGE_BYTES, PAGE_BYTES);
    this.pushPage(page);
  }

  /** All that is mapped is mapped anew, which drops them. */
  dropPageTables(): void {
    for (const page of this.mapped) this.uc.mem_unmap(page * PAGE_BYTES, PAGE_BYTES);
    const pages = [...this.mapped];
    this.mapped.clear();
    for (const page of pages) this.pushPage(page);
  }

  pushPage(page: number): void {
    const at = page * PAGE_BYTES;
    if (!this.mapped.has(page)) this.uc.mem_map(at, PAGE_BYTES, UC_PROT_ALL);
    this.mapped.add(page);
    // A copy: the package hands it to a compiler's heap, which takes no shared memory.
    this.uc.mem_write(at, this.bytes.slice(at, at + PAGE_BYTES));
  }

  pullPage(page: number): void {
    const at = page * PAGE_BYTES;
    if (this.mapped.has(page)) this.bytes.set(this.uc.mem_read(at, PAGE_BYTES), at);
  }

  start(address: number): number {
    try {
      this.uc.emu_start(address, 0, 0, 0);
      return 0;
    } catch (error) {
      const code = FAILED_WITH_CODE.exec(String(error))?.[1];
      if (code === undefined) throw error;
      return Number(code);
    }
  }

  stop(): void {
    this.uc.emu_stop();
  }
}
