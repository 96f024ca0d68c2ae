import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { logicalOutputs } from '../../src/recovery/logical-output.ts';
import { System, type SystemConfig } from '../../src/system.ts';

/*
 * Programs as oracles: the same C source built for the guest and for the host (32-bit), the host's own processor judging. Each is built at
 * three optimisation levels for three processors, so that the compiler uses different instructions for the same work.
 */

const SOURCES = fileURLToPath(new URL('../../guest/compute/', import.meta.url));
const LEVELS = ['-O0', '-O2', '-O3'] as const;
const PROCESSORS = {
  i386: ['-march=i386', '-mfpmath=387', '-mno-sse'],
  i686: ['-march=i686', '-mfpmath=387', '-mno-sse'],
  sse2: ['-march=pentium4', '-msse2', '-mfpmath=sse'],
} as const;
// biome-ignore format: by kind
const PROGRAMS = [
  'sha256', 'crc32', 'quicksort', 'integers', 'bytecode', 'rep-moves',
  'doubles', 'long-doubles', 'printf-doubles',
] as const;
/** Those of guest/bin, by the source and the processor that guest/build.mjs builds them for. */
const SHIPPED: readonly (readonly [name: string, source: string, flags: readonly string[]])[] = [
  ...PROGRAMS.map((name) => [name, name, PROCESSORS.i386] as const),
  ['doubles', 'doubles', PROCESSORS.i686],
  ['doubles-sse2', 'doubles', PROCESSORS.sse2],
];

const folder = mkdtempSync(join(tmpdir(), 'coreback-programs-'));
afterAll(() => rmSync(folder, { recursive: true }));

// biome-ignore format: flags in groups
const COMMON = [
  '-std=c11', '-ffreestanding', '-fno-builtin-memcpy', '-fno-builtin-memset', '-fno-pic', '-fno-stack-protector', '-mstackrealign',
  '-fno-asynchronous-unwind-tables', '-nostdlib', '-static', '-fuse-ld=lld', '-Wl,--build-id=none', '-w',
];

function build(name: string, target: string, flags: readonly string[], out: string): string {
  const path = join(folder, out);
  const sources = ['shim.c', 'shim-doubles.c', `${name}.c`].map((file) => join(SOURCES, file));
  execFileSync('clang', [`--target=${target}`, ...COMMON, ...flags, ...sources, '-o', path]);
  return path;
}

describe('the compute programs that we ship', () => {
  it.each(SHIPPED)('%s prints what its source prints on the host', (name, source, flags) => {
    const host = build(source, 'i386-unknown-linux-gnu', [...flags, '-O2'], `${name}.shipped.linux`);
    const guest = fileURLToPath(new URL(`../../guest/bin/${name}`, import.meta.url));
    expect(runGuest(guest)).toBe(execFileSync(host, { encoding: 'utf8' }));
  });
});

describe('printf of doubles', () => {
  it('is what JavaScript makes of the same bits', () => {
    const host = build('printf-doubles', 'i386-unknown-linux-gnu', [...PROCESSORS.sse2, '-O2'], 'printf.javascript');
    const lines = execFileSync(host, { encoding: 'utf8' }).trim().split('\n');
    expect(lines.length).toBeGreaterThan(30);
    for (const line of lines) {
      const [bits, ...texts] = line.split(' ');
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, BigInt(`0x${bits}`));
      const value = view.getFloat64(0);
      if (!Number.isFinite(value)) continue;
      // As C has it: a sign for -0, two digits of exponent. toFixed gives up at 1e21.
      const sign = Object.is(value, -0) ? '-' : '';
      const scientific = value.toExponential(16).replace(/e([+-])(\d)$/, 'e$10$2');
      const fixed = Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
      expect(texts.slice(0, 2)).toEqual([sign + scientific, sign + fixed]);
      expect(Number(texts[2]) + 0).toBe(Number(value.toPrecision(6)) + 0);
    }
  });
});

function runGuest(path: string, config: SystemConfig = { cores: 1 }): string {
  const system = new System(config);
  system.install({ path: '/bin/program', bytes: new Uint8Array(readFileSync(path)) });
  system.spawn({ path: '/bin/program', args: ['program'] });
  const stop = system.run({ instructions: 400_000_000 });
  const exit = system.events.findLast((event) => event.kind === 'exit');
  const output = [...logicalOutputs(system.events).values()].map(({ text }) => text).join('');
  return stop.reason === 'finished' && exit?.kind === 'exit' && exit.signal === 0
    ? output
    : `${output}${JSON.stringify(exit ?? stop)}`;
}

describe.each(PROGRAMS)('%s gives on the guest what it gives on the host', (name) => {
  for (const [processor, flags] of Object.entries(PROCESSORS)) {
    for (const level of LEVELS) {
      it(`built with ${level} for ${processor}`, () => {
        const all = [...flags, level];
        const host = build(name, 'i386-unknown-linux-gnu', all, `${name}.${processor}${level}.linux`);
        const guest = build(name, 'i386-unknown-freebsd9.0', all, `${name}.${processor}${level}.freebsd`);
        const expected = execFileSync(host, { encoding: 'utf8' });
        expect(expected).toMatch(/\n$/);
        expect(runGuest(guest)).toBe(expected);
      });
    }
  }
});

describe.each(['doubles', 'long-doubles'] as const)('%s survives the death of its core', (name) => {
  it.each(Object.keys(PROCESSORS) as (keyof typeof PROCESSORS)[])('built for %s', (processor) => {
    const flags = [...PROCESSORS[processor], '-O2'];
    const host = build(name, 'i386-unknown-linux-gnu', flags, `${name}.${processor}.fault.linux`);
    const guest = build(name, 'i386-unknown-freebsd9.0', flags, `${name}.${processor}.fault.freebsd`);
    const expected = execFileSync(host, { encoding: 'utf8' });
    for (let instruction = 1000; instruction < 60_000; instruction += 4567) {
      const trigger = { at: 'instruction', core: 0, instruction } as const;
      const config = {
        cores: 2,
        cycleNs: 1000,
        checkpointEveryNs: 7_000_000,
        faults: [{ model: 'fail-stop', trigger }],
      } as const;
      expect(runGuest(guest, config)).toBe(expected);
    }
  });
});
