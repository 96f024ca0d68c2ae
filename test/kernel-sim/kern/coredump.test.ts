import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCore } from '../../../kernel-sim/elf/core-file.ts';
import { checkGenuineCore } from '../../../kernel-sim/elf/genuine-core.ts';
import { readFile } from '../../../kernel-sim/vfs/memfs.ts';
import { inspectElfJson } from '../../../src/report/inspect.ts';
import { System, type SystemConfig } from '../../../src/system.ts';

const program = readFileSync(new URL('../../../guest/bin/segv', import.meta.url));

/** The core that segv leaves. */
function coreOf(config: SystemConfig): { bytes: Uint8Array; pid: number } {
  const system = new System({ cores: 1, consoleIsTty: false, ...config });
  system.install({ path: '/bin/segv', bytes: program });
  const pid = system.spawn({ path: '/bin/segv', args: ['segv', 'null'], cwd: '/tmp' });
  system.run();
  const bytes = readFile(system.kernel, '/tmp/segv.core');
  if (typeof bytes === 'number') throw new Error(`no core: errno ${bytes}`);
  return { bytes, pid };
}

describe('the core of a fatal signal', () => {
  it('says in the extended layout which process it was, what was mapped and open, and the limits', () => {
    const { bytes, pid } = coreOf({});
    expect(checkGenuineCore(bytes, 'extended')).toEqual([]);
    const { core, problems } = inspectElfJson(bytes, 'segv.core', { program: { bytes: program, path: 'segv' } });
    expect(problems).toEqual([]);
    const map = core?.process.memoryMap?.map(({ protection, path }) => `${protection} ${path}`);
    expect(map).toEqual(['r-x /bin/segv', 'rw- ', 'rwx ']);
    expect(core?.process).toMatchObject({ groups: [0], umask: 0o22, osrel: 900044, openFiles: 6 });
    expect(core?.process.rlimits).toContainEqual({ name: 'stack', cur: '67108864', max: '67108864' });
    const proc = readCore(bytes).procstat?.proc?.records ?? new Uint8Array(48);
    // ki_pid is the doubleword at 40: FreeBSD 9.0 sys/user.h.
    expect(new DataView(proc.buffer, proc.byteOffset).getUint32(40, true)).toBe(pid);
    expect(core?.threads[0].backtrace?.map(({ name }) => name)).toEqual(['store', 'main', '_start_c', '_start']);
  });

  it('says nothing in the 9.0 layout that 9.0 does not', () => {
    const { bytes } = coreOf({ coreLayout: '9.0' });
    expect(checkGenuineCore(bytes, '9.0')).toEqual([]);
    const { procstat, coreback } = readCore(bytes);
    expect({ procstat, coreback }).toEqual({ procstat: undefined, coreback: undefined });
  });
});
