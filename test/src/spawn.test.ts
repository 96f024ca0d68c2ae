import { describe, expect, it } from 'vitest';
import { UsageError } from '../../emu/base/errors.ts';
import { spawnRestart } from '../../src/restart/spawn.ts';
import { program, Run } from '../support/guest-program.ts';

const REMOVED = program((p) => p.sys('unlink', '/dev/console').exit(0));
const REPLACED = program((p) =>
  p.sys('posix_openpt', 2).sys('unlink', '/dev/console').sys('symlink', '/dev/pts/0', '/dev/console').exit(0),
);

describe.each([
  ['removed the console', REMOVED],
  ['put a pseudo-terminal in its place, which is gone', REPLACED],
])('a machine whose programs have %s', (_, main) => {
  it('starts no other, and says why', () => {
    const run = new Run({ main });
    run.start('main');
    run.go();
    expect(() => run.start('main')).toThrow(UsageError);
    expect(() => spawnRestart(run.system.kernel, { executable: '/bin/main', core: '/core', args: [] })).toThrow(
      '/dev/console',
    );
    run.system.kernel.state.procs.forEach((p) => {
      expect(p.pid).toBe(1);
    });
  });
});
