import { describe, expect, it } from 'vitest';
import { UsageError } from '../../emu/base/errors.ts';
import { spawnRestart } from '../../src/restart/spawn.ts';
import { program, Run } from '../support/guest-program.ts';

const CONSOLE_IS_GONE = program((p) => p.sys('unlink', '/dev/console').exit(0));

describe('a machine whose programs have removed the console', () => {
  it('starts no other, and says why', () => {
    const run = new Run({ main: CONSOLE_IS_GONE });
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
