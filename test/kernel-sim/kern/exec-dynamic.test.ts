import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EIP } from '../../../emu/core/core-state.ts';
import { MAXDSIZ } from '../../../kernel-sim/abi/vmparam.ts';
import { kinfoVmmap } from '../../../kernel-sim/kern/kinfo.ts';
import { regsOf } from '../../../kernel-sim/kern/regs.ts';
import { readFile, vnodeAt } from '../../../kernel-sim/vfs/memfs.ts';
import { logicalOutputs } from '../../../src/recovery/logical-output.ts';
import { spawnRestart } from '../../../src/restart/spawn.ts';
import { System, type SystemConfig } from '../../../src/system.ts';
import { guestPrograms, guestTree } from '../../support/guest.ts';
import { program } from '../../support/guest-program.ts';
import { property } from '../../support/property.ts';

const PROGRAMS = ['/usr/bin/tally', '/usr/bin/tally-pie'];
const [AT_PHDR, AT_BASE, AT_ENTRY] = [3, 7, 9];
const RTLD = '/libexec/ld-elf.so.1';

function boot(config: SystemConfig = {}, without: readonly string[] = []): System {
  const system = new System({ cores: 2, paranoid: true, consoleIsTty: false, ...config });
  for (const file of [...guestTree(), ...guestPrograms('sh')]) {
    if (!without.includes(file.path)) system.install(file);
  }
  return system;
}

const outputOf = (system: System): string =>
  system.events.map((event) => (event.kind === 'output' ? event.text : '')).join('');

const exits = (system: System) =>
  system.events.flatMap((e) => (e.kind === 'exit' ? [{ name: e.name, code: e.code, signal: e.signal }] : []));

/** What tally prints. */
function tally(steps: number): string {
  const lines = ['addresses agree, sorted 9 6 3, home /root'];
  let total = 1000;
  for (let n = 0; n < steps; n++) {
    total = n % 2 ? total ^ n : total + n;
    lines.push(`${n % 2 ? 'xor' : 'add'} ${total}`);
  }
  return `${[...lines, `total ${total}, last ${total}`].join('\n')}\n`;
}

describe('a dynamic program', () => {
  it.each(PROGRAMS)('%s is linked at run time with libraries that call back and share data with it', (path) => {
    const system = boot();
    system.spawn({ path, args: ['tally', '7', '1'] });
    expect(system.run({ untilNs: 5e9 }).reason).toBe('finished');
    expect(outputOf(system)).toBe(tally(7));
    expect(exits(system)).toEqual([{ name: path.slice(9), code: 0, signal: 0 }]);
  });

  it.each([
    ['/usr/bin/tally', 0x08048000, 0x08049000, 0x0804a000],
    ['/usr/bin/tally-pie', 0x01001000, 0x01002000, 0x01003000],
  ])('%s begins at its interpreter, which stands where mmap would put it', (path, base, entry, data) => {
    const system = boot();
    const pid = system.spawn({ path, args: ['tally'] });
    const { kernel } = system;
    const p = kernel.proc(pid);
    const aux = new Map(p.auxv);
    const rtld = data + MAXDSIZ;
    expect([AT_BASE, AT_ENTRY, AT_PHDR].map((type) => aux.get(type))).toEqual([rtld, entry, base + 0x34]);
    expect(regsOf(kernel, p.threads[0]!)[EIP]! - rtld).toBe(entryOf(readFile(kernel, RTLD) as Uint8Array));
    const files = kinfoVmmap(kernel, p)!.filter(({ kve_path }) => kve_path !== '');
    expect(files.map(({ kve_path, kve_start, kve_protection }) => [kve_path, kve_start, kve_protection])).toEqual([
      [path, base, 1],
      [path, base + 0x1000, 5],
      [RTLD, rtld, 1],
      [RTLD, rtld + 0x1000, 5],
    ]);
    const { textAddr, dataAddr } = kernel.vmspace(p.vmspace);
    expect([textAddr, dataAddr]).toEqual([entry, data]);
  });

  it('may be the interpreter itself, of which AT_BASE says where it is', () => {
    const system = boot();
    system.install({ path: '/root/rtld', bytes: branded(readFile(system.kernel, RTLD) as Uint8Array) });
    const pid = system.spawn({ path: '/root/rtld', args: ['rtld'] });
    expect(new Map(system.kernel.proc(pid).auxv).get(AT_BASE)).toBe(0x01001000);
  });
});

const entryOf = (elf: Uint8Array): number => new DataView(elf.buffer, elf.byteOffset).getUint32(24, true);
/** The same file with EI_OSABI of FreeBSD. */
const branded = (elf: Uint8Array): Uint8Array => elf.map((byte, at) => (at === 7 ? 9 : byte));

describe('a program whose interpreter cannot be loaded', () => {
  const cases: readonly [string, (system: System) => void, string][] = [
    ['is not there', () => {}, 'ENOENT'],
    ['may not be executed', (s) => put(s, treeFile(RTLD), 0o644), 'EACCES'],
    ['is no ELF file', (s) => put(s, new TextEncoder().encode('#!/bin/sh\n'), 0o755), 'ENOEXEC'],
    ['is where the program stands', (s) => put(s, treeFile('/usr/bin/tally'), 0o755), 'EINVAL'],
  ];
  const put = (system: System, bytes: Uint8Array, mode: number): void => system.install({ path: RTLD, bytes, mode });
  const treeFile = (path: string): Uint8Array => guestTree().find((file) => file.path === path)!.bytes;

  it.each(cases)('%s: is refused, and ends a process that executes it by SIGABRT', (_what, install, errno) => {
    const system = boot({}, [RTLD]);
    install(system);
    expect(() => system.spawn({ path: '/usr/bin/tally', args: ['tally'] })).toThrow(`cannot be executed: ${errno}`);
    system.spawn({ path: '/bin/sh', args: ['sh', '-c', '/usr/bin/tally; true'] });
    system.run({ untilNs: 5e9 });
    expect(exits(system)).toContainEqual({ name: 'sh', code: 0, signal: 6 });
    expect(outputOf(system)).toContain('Abort trap');
    const logs = system.events.flatMap((event) => (event.kind === 'log' ? [event.text] : []));
    expect(logs).toContain('exec: /usr/bin/tally: ELF interpreter /libexec/ld-elf.so.1 not found');
  });

  it('as another executable at an address of its own: that one begins', () => {
    const system = boot({}, [RTLD]);
    put(system, program((p) => p.exit(9)).elf(), 0o755);
    system.spawn({ path: '/usr/bin/tally-pie', args: ['tally'] });
    system.run({ untilNs: 5e9 });
    expect(exits(system)).toEqual([{ name: 'tally-pie', code: 9, signal: 0 }]);
  });
});

describe('a dynamic program or interpreter with wrong headers', () => {
  it('begins, or is refused; whatever it does, the kernel holds', () => {
    // Words of the ELF and program headers, and values that lie on borders.
    const change = fc.record({
      path: fc.constantFrom(...PROGRAMS, RTLD),
      at: fc.nat(80).map((n) => 4 * n),
      value: fc.oneof(
        fc.constantFrom(0, 1, 3, 0x1000, 0x7fffffff, 0x80000000, 0xbfbff000, 0xbfc00000, 0xfffff000, 0xffffffff),
        fc.nat(0xffffffff),
      ),
    });
    fc.assert(
      fc.property(fc.constantFrom(...PROGRAMS), fc.array(change, { minLength: 1, maxLength: 3 }), (path, changes) => {
        const system = boot();
        for (const { path: changed, at, value } of changes) {
          const bytes = (readFile(system.kernel, changed) as Uint8Array).slice();
          new DataView(bytes.buffer).setUint32(at, value, true);
          system.install({ path: changed, bytes });
        }
        system.spawn({ path: '/bin/sh', args: ['sh', '-c', `${path} 1 0; true`] });
        system.run({ untilNs: 1e9, instructions: 100_000 });
      }),
      property(25),
    );
  });
});

describe('a dynamic program that comes back from a checkpoint', () => {
  /** Libraries in a folder that only the environment names. */
  const elsewhere = { env: ['HOME=/root', 'LD_LIBRARY_PATH=/opt/lib'] };
  function moved(config: SystemConfig): System {
    const system = boot(
      config,
      guestTree()
        .map(({ path }) => path)
        .filter((path) => /lib[a-z]+\.so/.test(path)),
    );
    for (const { path, bytes } of guestTree())
      if (/lib[a-z]+\.so/.test(path)) system.install({ path: path.replace(/.*\//, '/opt/lib/'), bytes });
    return system;
  }

  it.each(PROGRAMS)('%s goes on with its libraries when its core dies', (path) => {
    const system = moved({
      checkpointEveryNs: 20e6,
      faults: [{ model: 'fail-stop', trigger: { at: 'process', process: path.slice(9), ns: 90e6 } }],
    });
    const pid = system.spawn({ path, args: ['tally', '20', '5'], ...elsewhere });
    expect(system.run({ untilNs: 20e9 }).reason).toBe('finished');
    expect(system.events.filter((event) => event.kind === 'recovery-done')).toHaveLength(1);
    expect(logicalOutputs(system.events).get(pid)?.text).toBe(tally(20));
  });

  it.each(['extended', '9.0'] as const)(
    'is restarted on another machine from a core in the layout %s',
    (coreLayout) => {
      const first = moved({ checkpointEveryNs: 30e6, coreLayout });
      first.spawn({ path: '/usr/bin/tally', args: ['tally', '20', '5'], ...elsewhere });
      first.run({ untilNs: 100e6 });
      const cores = first.filesMatching(/^\/var\/checkpoint\/core\./);
      const core = readFile(first.kernel, cores.at(-1)!) as Uint8Array;
      const printed = outputOf(first).split('\n').length - 1;

      const second = moved({});
      second.install({ path: '/root/core', bytes: core });
      expect(vnodeAt(second.kernel, '/lib/libc.so.7')).toBeNull();
      const options = { executable: '/usr/bin/tally', core: '/root/core', args: ['tally'] };
      spawnRestart(second.kernel, options);
      expect(second.run({ untilNs: 20e9 }).reason).toBe('finished');
      const rest = outputOf(second);
      expect(tally(20).endsWith(rest)).toBe(true);
      expect(rest.split('\n').length - 1).toBeGreaterThanOrEqual(tally(20).split('\n').length - 1 - printed);
      expect(exits(second)).toContainEqual({ name: 'tally', code: 0, signal: 0 });
    },
  );
});
