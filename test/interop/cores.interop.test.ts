/**
 * Cores that the machine writes, opened in the debuggers and binutils that FreeBSD people use. What the tools say must be what the
 * machine itself saw when the core was written: registers, stack, frames, a global. A missing tool is a failure.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultPlan } from '../../emu/faults/plan.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { signalName } from '../../kernel-sim/abi/signal.ts';
import { readCore, writeCore } from '../../kernel-sim/elf/core-file.ts';
import type { CoreImage, CoreLayout } from '../../kernel-sim/elf/core-image.ts';
import { readElf } from '../../kernel-sim/elf/elf32.ts';
import { checkGenuineCore } from '../../kernel-sim/elf/genuine-core.ts';
import { decodeVmmap } from '../../kernel-sim/elf/procstat-notes.ts';
import { readSymbols } from '../../kernel-sim/elf/symbols.ts';
import { coreImage } from '../../kernel-sim/kern/coredump.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { readFile } from '../../kernel-sim/vfs/memfs.ts';
import { inspectElfJson } from '../../src/report/inspect.ts';
import { System, type SystemConfig } from '../../src/system.ts';
import { gdbView, lldbView, ownView, type ProcessView } from '../support/debuggers.ts';
import { requireGdb, runQuietTool, runTool } from '../support/tools.ts';

const GUEST_BIN = fileURLToPath(new URL('../../guest/bin/', import.meta.url));

/** A core file, and the process as the machine saw it when the file was written. */
interface Taken {
  readonly bytes: Uint8Array;
  readonly view: ProcessView;
}

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'coreback-cores-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const program = (name: string): Uint8Array => readFileSync(path.join(GUEST_BIN, name));
const symbolsOf = (name: string) => readSymbols(readElf(program(name)));

function machineWith(names: readonly string[], config: SystemConfig): System {
  const system = new System({ cores: 2, consoleIsTty: false, ...config });
  for (const name of names) system.install({ path: `/bin/${name}`, bytes: program(name) });
  return system;
}

/** Runs the machine until `take` has answered on an event. */
function runUntil<T>(system: System, untilNs: number, take: (event: TraceEvent) => T | undefined): T {
  let taken: T | undefined;
  system.onEvent((event) => {
    taken ??= take(event);
  });
  for (let ns = system.machine.nowNs; taken === undefined && ns < untilNs; ) {
    ns += 1_000_000;
    if (system.run({ untilNs: ns }).reason === 'finished') break;
  }
  if (taken === undefined) throw new Error(`it did not happen: ${JSON.stringify(system.events.slice(-5))}`);
  return taken;
}

function fileOf(system: System, file: string): Uint8Array {
  const bytes = readFile(system.kernel, file);
  if (typeof bytes === 'number') throw new Error(`${file}: errno ${bytes}`);
  return bytes.slice();
}

/** The n-th periodic checkpoint that the kernel makes of a running program. */
function checkpoint(args: readonly string[], global: string, coreLayout: CoreLayout, n: number): Taken {
  const system = machineWith([args[0]], { coreLayout, checkpointEveryNs: 7_300_000 });
  const pid = system.spawn({ path: `/bin/${args[0]}`, args });
  return runUntil(system, 1e9, (event) => {
    if (event.kind !== 'checkpoint' || !event.file.endsWith(`.${n}`)) return undefined;
    return { bytes: fileOf(system, event.file), view: ownView(system.kernel, pid, symbolsOf(args[0]), global) };
  });
}

/** The first checkpoint of a process that has died with its core and been restored on another. */
function checkpointAfterRecovery(args: readonly string[], global: string, coreLayout: CoreLayout): Taken {
  const faults: FaultPlan = [{ model: 'fail-stop', trigger: { at: 'process', process: args[0], ns: 30_000_000 } }];
  const system = machineWith([args[0]], { coreLayout, checkpointEveryNs: 7_300_000, faults });
  const pid = system.spawn({ path: `/bin/${args[0]}`, args });
  let recovered = false;
  return runUntil(system, 1e9, (event) => {
    recovered ||= event.kind === 'recovery-done' && event.pid === pid;
    if (!recovered || event.kind !== 'checkpoint' || event.pid !== pid) return undefined;
    return { bytes: fileOf(system, event.file), view: ownView(system.kernel, pid, symbolsOf(args[0]), global) };
  });
}

/** The core that the kernel dumps when a program dies of a signal. */
function fatal(args: readonly string[], global: string, coreLayout: CoreLayout): Taken {
  const system = machineWith([args[0]], { coreLayout });
  const pid = system.spawn({ path: `/bin/${args[0]}`, args, cwd: '/tmp' });
  return runUntil(system, 1e9, (event) => {
    if (event.kind !== 'log' || !event.text.endsWith('(core dumped)')) return undefined;
    const bytes = fileOf(system, `/tmp/${args[0]}.core`);
    return { bytes, view: ownView(system.kernel, pid, symbolsOf(args[0]), global) };
  });
}

interface TakenByGcore extends Taken {
  /** What the kernel would have written of the process while gcore held it. */
  readonly kernelImage: CoreImage;
}

/** The core that the guest's own gcore makes of a running program, from user level. */
function gcore(args: readonly string[], global: string, layout: CoreLayout, afterNs: number): TakenByGcore {
  const system = machineWith([args[0], 'gcore'], {});
  const pid = system.spawn({ path: `/bin/${args[0]}`, args });
  system.run({ untilNs: afterNs });
  const flags = layout === '9.0' ? ['-9'] : [];
  const by = system.spawn({ path: '/bin/gcore', args: ['gcore', ...flags, String(pid)], cwd: '/tmp' });
  const held = runUntil(system, afterNs + 20e9, (event) => {
    // The last thing that gcore does to the process is to let it go.
    if (event.kind !== 'continue' || event.pid !== pid) return undefined;
    return { view: ownView(system.kernel, pid, symbolsOf(args[0]), global), image: imageOf(system, pid, layout) };
  });
  const isEnd = (event: TraceEvent): boolean => event.kind === 'exit' && event.pid === by;
  const ended = system.events.find(isEnd) ?? runUntil(system, afterNs + 40e9, (e) => (isEnd(e) ? e : undefined));
  expect(ended).toMatchObject({ code: 0, signal: 0 });
  return { bytes: fileOf(system, `/tmp/core.${pid}`), view: held.view, kernelImage: held.image };
}

/** A kernel's core image with memory of its own, so that it stays as it is when the process goes on. */
function imageOf(system: System, pid: Pid, layout: CoreLayout): CoreImage {
  const first = system.kernel.proc(pid).threads[0];
  const image = coreImage(system.kernel, pid, { layout, cursig: 0, first, sequence: 0 });
  return readCore(writeCore(image));
}

interface CoreCase {
  readonly title: string;
  readonly program: string;
  readonly global: string;
  readonly layout: CoreLayout;
  /** 0: none, the process was running. */
  readonly signo: number;
  /** Names at the outer end of the backtrace. `provoke` of segv is only there when it does not end in a tail call. */
  readonly through: readonly string[];
  readonly take: () => Taken;
}

const LAYOUTS: readonly CoreLayout[] = ['extended', '9.0'];

const fatalCase = (how: string, signo: number, through: readonly string[], layout: CoreLayout): CoreCase => ({
  title: `${signalName(signo)} of segv ${how} (${layout})`,
  program: 'segv',
  global: 'steps_done',
  layout,
  signo,
  through: [...through, 'main', '_start_c', '_start'],
  take: () => fatal(['segv', how], 'steps_done', layout),
});

const kernelCases: readonly CoreCase[] = LAYOUTS.flatMap((layout) => [
  {
    title: `checkpoint of count, asleep (${layout})`,
    program: 'count',
    global: 'counter',
    layout,
    signo: 0,
    through: ['nanosleep', 'usleep', 'pause_ms', 'emit_number', 'main', '_start_c', '_start'],
    take: () => checkpoint(['count', '100', '5'], 'counter', layout, 3),
  },
  {
    title: `checkpoint of primes, computing (${layout})`,
    program: 'primes',
    global: 'prime_count',
    layout,
    signo: 0,
    through: ['search', 'main', '_start_c', '_start'],
    take: () => checkpoint(['primes'], 'prime_count', layout, 5),
  },
  {
    title: `checkpoint of primes after it was restored on another core (${layout})`,
    program: 'primes',
    global: 'prime_count',
    layout,
    signo: 0,
    through: ['search', 'main', '_start_c', '_start'],
    take: () => checkpointAfterRecovery(['primes'], 'prime_count', layout),
  },
  fatalCase('null', 11, ['store'], layout),
  fatalCase('divide', 8, ['divide'], layout),
  fatalCase('trap', 5, ['provoke'], layout),
]);

const gcoreCases: readonly CoreCase[] = LAYOUTS.flatMap((layout) => [
  {
    title: `gcore of count, asleep (${layout})`,
    program: 'count',
    global: 'counter',
    layout,
    signo: 0,
    through: ['nanosleep', 'usleep', 'pause_ms', 'emit_number', 'main', '_start_c', '_start'],
    take: () => gcore(['count', '1000', '50'], 'counter', layout, 120_000_000),
  },
  {
    title: `gcore of primes, computing (${layout})`,
    program: 'primes',
    global: 'prime_count',
    layout,
    signo: 0,
    through: ['search', 'main', '_start_c', '_start'],
    take: () => gcore(['primes'], 'prime_count', layout, 50_000_000),
  },
]);

describe.each([...kernelCases, ...gcoreCases])('$title', (c) => {
  const core = 'a.core';
  const executable = path.join(GUEST_BIN, c.program);
  let taken: Taken;
  beforeAll(() => {
    taken = c.take();
    writeFileSync(path.join(dir, core), taken.bytes);
  });

  it('is genuine, and says what the machine saw', () => {
    expect(checkGenuineCore(taken.bytes, c.layout)).toEqual([]);
    const names = taken.view.frames.map(({ name }) => name);
    expect(names.slice(-c.through.length)).toEqual(c.through);
    const report = inspectElfJson(taken.bytes, core, { program: { bytes: program(c.program), path: executable } });
    expect(report.problems).toEqual([]);
    const frames = report.core?.threads[0].backtrace?.map(({ name, pc, esp, ebp }) => ({ name, pc, esp, ebp }));
    expect(frames).toEqual(taken.view.frames);
  });

  it('shows gdb the same thread, registers, stack, frames and global', () => {
    const { out, ...view } = gdbView(requireGdb(), dir, executable, core, c.global);
    expect(view).toEqual(taken.view);
    expect(out).toMatch(/currently "FreeBSD"/);
    expect(out).not.toMatch(/warning|not a core dump/i);
    if (c.signo === 0) expect(out).not.toMatch(/terminated with signal/);
    else expect(out).toMatch(new RegExp(`Program terminated with signal ${signalName(c.signo)}`));
  });

  it('shows lldb the same thread, registers, stack, frames and global', () => {
    const { out, ...view } = lldbView(dir, executable, core, c.global, c.layout === '9.0');
    expect(view).toEqual(taken.view);
    // A core without a signal is one of a stopped process to lldb.
    const signal = c.signo === 0 ? 'SIGSTOP' : signalName(c.signo);
    expect(out).toMatch(new RegExp(`name = '${c.program}', stop reason = signal ${signal}`));
  });

  it('has a section per note and per segment in a FreeBSD objdump', () => {
    const out = runQuietTool('i686-kfreebsd-gnu-objdump', ['-h', core], dir);
    expect(out).toMatch(/file format elf32-i386-freebsd/);
    const { tid } = taken.view;
    expect(out).toMatch(new RegExp(`\\.reg/${tid} +0000004c`));
    expect(out).toMatch(new RegExp(`\\.reg2/${tid} +000000b0`));
    expect(out).toMatch(new RegExp(`\\.thrmisc/${tid} +00000018`));
    const loads = [...out.matchAll(/^ +\d+ load\d+ +(\w+) +(\w+)/gm)].map(([, size, at]) => [at, size]);
    const hex = (n: number): string => n.toString(16).padStart(8, '0');
    expect(loads).toEqual(readCore(taken.bytes).segments.map(({ vaddr, data }) => [hex(vaddr), hex(data.length)]));
  });

  it('is read by readelf without a complaint, and known to file(1)', () => {
    const out = runQuietTool('readelf', ['-hlnW', core], dir);
    expect(out).toMatch(/UNIX - FreeBSD[\s\S]*CORE \(Core file\)[\s\S]*NT_PRPSINFO[\s\S]*NT_PRSTATUS/);
    expect(out.includes('NT_PROCSTAT_AUXV')).toBe(c.layout === 'extended');
    const kind = runQuietTool('file', [core], dir);
    expect(kind).toMatch(/ELF 32-bit LSB core file, Intel 80386, version 1 \(FreeBSD\), FreeBSD-style/);
    expect(kind).toContain(`from '${c.program}'`);
  });
});

describe('info proc of gdb', () => {
  it('tells the process id, arguments, map and open files of an extended core', () => {
    const core = path.join(dir, 'proc.core');
    writeFileSync(core, fatal(['segv', 'null'], 'steps_done', 'extended').bytes);
    const commands = [`file ${path.join(GUEST_BIN, 'segv')}`, `core-file ${core}`, 'info proc all'];
    const out = runTool(requireGdb(), ['-nx', '-batch', ...commands.flatMap((c) => ['-ex', c])], dir);
    expect(out).toMatch(/cmdline = 'segv'\s+cwd = '\/tmp'\s+exe = '\/bin\/segv'/);
    expect(out).toMatch(/0xbfbe0000 0xbfc00000 +0x20000 +0x0 +rwx -+D/);
    expect(out).toMatch(/r-x C\S+ \/bin\/segv/);
    expect(out).toMatch(/2 +chr +0x0 rw-+ \/dev\/console/);
    expect(out).toMatch(/Name: segv\s+(State: .*\s+)?Process ID: 2\s+Parent process: 1/);
  });
});

describe.each(LAYOUTS)('two roads for a checkpoint (%s)', (layout) => {
  it('agree but for what gcore does differently', () => {
    const { bytes, kernelImage } = gcore(['primes'], 'prime_count', layout, 50_000_000);
    const byGcore = readCore(bytes);
    // gcore marks every segment readable and writable (abi E.1), and knows nothing of our own note.
    expect(byGcore.segments.map(({ vaddr, data }) => [vaddr, data.length])).toEqual(
      kernelImage.segments.map(({ vaddr, data }) => [vaddr, data.length]),
    );
    for (const [i, { data, flags }] of byGcore.segments.entries()) {
      expect(flags).toBe(kernelImage.segments[i].flags | 6);
      expect(Buffer.compare(data, kernelImage.segments[i].data)).toBe(0);
    }
    const withoutBases = kernelImage.threads.map(({ segbases: _segbases, ...thread }) => thread);
    expect(byGcore.threads).toEqual(withoutBases);
    expect(byGcore.psinfo).toEqual(kernelImage.psinfo);
    expect(byGcore.coreback).toBeUndefined();
    if (layout === 'extended') {
      // The process record has its own time of reading and the tracer as parent, the map counts resident pages, which gcore's
      // reading makes more of, and gcore does not ask for the limits.
      const { proc, rlimits: _rlimits, vmmap, ...others } = kernelImage.procstat ?? {};
      const { proc: procByGcore, vmmap: vmmapByGcore, ...othersByGcore } = byGcore.procstat ?? {};
      expect(othersByGcore).toEqual(others);
      expect(vmmapByGcore && decodeVmmap(vmmapByGcore)).toEqual(vmmap && decodeVmmap(vmmap));
      expect(procByGcore?.records.length).toBe(proc?.records.length);
    }
    // In the strict layout nothing else is left: byte for byte what gcore's own rules make of the kernel's image.
    else expect(Buffer.compare(bytes, writeCore({ ...kernelImage, flavor: 'gcore' }))).toBe(0);
  });
});
