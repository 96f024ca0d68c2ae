import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { AddressSpace } from '../../../emu/memory/address-space.ts';
import { UC_EAX, UC_EIP } from '../../../emu/unicorn/binding.ts';
import { makeEngine } from '../../../src/host/engines.ts';
import { loadUnicornJs } from '../../../src/host/unicorn-js.ts';
import { findUnicorn } from '../../../src/host/unicorn-koffi.ts';

/** The package's class, as far as the adapter uses it: pages and registers as bytes, hooks called by `emu_start`. */
class FakeUnicorn {
  readonly pages = new Map<number, Uint8Array>();
  readonly registers = new Map<number, Uint8Array>();
  readonly hooks = new Map<number, (...args: number[]) => void>();
  failWith = 0;

  reg_write(id: number, bytes: ArrayLike<number>): void {
    this.registers.set(id, Uint8Array.from(bytes));
  }
  reg_read(id: number, sizeBytes: number): Uint8Array {
    const value = new Uint8Array(sizeBytes);
    value.set(this.registers.get(id)?.subarray(0, sizeBytes) ?? []);
    return value;
  }
  mem_map(address: number): void {
    if (this.pages.has(address)) throw 'Unicorn.js: Function uc_mem_map failed with code 11:\nmapped twice';
    this.pages.set(address, new Uint8Array(4096));
  }
  mem_unmap(address: number): void {
    this.pages.delete(address);
  }
  mem_write(address: number, bytes: Uint8Array): void {
    this.pages.get(address)!.set(bytes);
  }
  mem_read(address: number, sizeBytes: number): Uint8Array {
    return this.pages.get(address)!.slice(0, sizeBytes);
  }
  hook_add(type: number, callback: (...args: number[]) => void): void {
    this.hooks.set(type, callback);
  }
  emu_start(begin: number): void {
    this.hooks.get(8)!(1, begin | 0, 0, 7);
    this.hooks.get(1)!(1, 14);
    if (this.failWith) throw `Unicorn.js: Function uc_emu_start failed with code ${this.failWith}:\nsomething`;
  }
  emu_stop(): void {}
  close(): void {}
}

describe('the Unicorn bindings', () => {
  it('says what is wrong with a library that was named', () => {
    const folder = mkdtempSync(join(tmpdir(), 'coreback-'));
    try {
      expect(() => findUnicorn(join(folder, 'nothing.so'))).toThrow(UsageError);
      expect(() => findUnicorn(folder)).toThrow(/neither the Unicorn library nor a folder that holds it/);
      expect(() => makeEngine({ engine: 'unicorn', unicornLib: join(folder, 'x') })).toThrow(/--unicorn-lib/);
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(() => makeEngine({ engine: 'qemu' })).toThrow(/there is no engine 'qemu'/);
  });

  it('says what to install when the JavaScript package is not there', async () => {
    const absent = loadUnicornJs(() => Promise.reject(new Error('Cannot find package')));
    await expect(absent).rejects.toThrow(/npm install @alexaltea\/unicorn-js/);
    await expect(loadUnicornJs(() => Promise.resolve({ default: {} }))).rejects.toThrow(/no class Unicorn/);
  });

  it('drives the JavaScript package by its own interface', async () => {
    const fakes: FakeUnicorn[] = [];
    const Unicorn = class extends FakeUnicorn {
      constructor() {
        super();
        fakes.push(this);
      }
    };
    const library = await loadUnicornJs(() => Promise.resolve({ default: { Unicorn } }));
    const space = new AddressSpace();
    space.mapPage(0x8048, 7);
    const seen: string[] = [];
    const instance = library.open(space.memory, {
      block: (address, size) => seen.push(`block ${address.toString(16)} ${size}`),
      interrupt: (vector) => seen.push(`interrupt ${vector}`),
    });
    const fake = fakes[0]!;
    const set = instance.registers([UC_EAX, UC_EIP]);
    set.values.set([-2, 0x1234]);
    set.write();
    expect([...fake.registers.get(UC_EAX)!]).toEqual([0xfe, 0xff, 0xff, 0xff]);
    fake.reg_write(UC_EAX, [1, 2, 3, 4]);
    set.read();
    expect(set.values[0]).toBe(0x04030201);

    space.poke(0x08048010, Uint8Array.of(5));
    instance.pushPage!(0x8048);
    expect(fake.pages.get(0x08048000)![16]).toBe(5);
    fake.pages.get(0x08048000)![17] = 6;
    instance.pullPage!(0x8048);
    expect(space.u8[0x08048011]).toBe(6);
    instance.dropTranslations(0x8048);
    instance.dropPageTables();
    expect(fake.pages.get(0x08048000)![17]).toBe(6);

    expect(instance.start(0xbf800000)).toBe(0);
    fake.failWith = 10;
    expect(instance.start(0x1000)).toBe(10);
    expect(seen).toEqual(['block bf800000 7', 'interrupt 14', 'block 1000 7', 'interrupt 14']);
    space.dispose();
  });
});
