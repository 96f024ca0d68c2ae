import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { coreback, ROOT } from '../../support/cli.ts';

vi.setConfig({ testTimeout: 300_000 });

const FOLDER = mkdtempSync(join(tmpdir(), 'coreback-mounts-'));
const TREE = join(ROOT, 'guest/tree');

beforeAll(() => {
  mkdirSync(join(FOLDER, 'data'));
  writeFileSync(join(FOLDER, 'data/file'), 'from the host\n');
}, 180_000);
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

describe('folders of the host on the command line', () => {
  it('--root runs a dynamic program of a tree, and recovers it', () => {
    const plain = coreback(['run', '--root', TREE, '/usr/bin/tally', '20', '5']);
    expect(plain).toMatchObject({ status: 0, stdout: expect.stringMatching(/agree[\s\S]*total 1064/) });
    const args = ['--checkpoint-every', '30ms', '--fail', 'tally@70ms', '--json'];
    const { status, stdout } = coreback(['run', '--root', TREE, ...args, '/usr/bin/tally', '20', '5']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: expect.stringMatching(/^recovered-/) });
  });

  it('programs of a tree come before ours, and are found where FreeBSD has them', () => {
    const tree = join(FOLDER, 'tree');
    mkdirSync(join(tree, 'usr/bin'), { recursive: true });
    writeFileSync(join(tree, 'usr/bin/primes'), '#!/bin/sh\necho "primes of the tree"\n', { mode: 0o755 });
    const { stdout } = coreback(['run', '--root', tree, 'sh', '--', '-c', 'primes 10; echo $PATH']);
    expect(stdout).toBe('primes of the tree\n/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin\n');
  });

  it('a core of it is restarted with the same tree, by the path in it', () => {
    const out = join(FOLDER, 'out');
    const run = ['--root', TREE, '/usr/bin/tally-pie', '20', '5'];
    coreback(['run', '--checkpoint-every', '30ms', '--until', '70ms', '--out', out, ...run]);
    const core = readdirSync(out)
      .filter((name) => name.startsWith('core.'))
      .sort()
      .at(-1)!;
    const { status, stdout } = coreback(['restart', '--root', TREE, '/usr/bin/tally-pie', join(out, core)]);
    expect(stdout).toMatch(/total 1064, last 1064\n$/);
    expect(status).toBe(0);
  });

  it('--mount shows a folder at a path; changes stay in the guest, or are refused', () => {
    const script = 'cat /data/file; echo new > /data/file && cat /data/file';
    const cow = coreback(['run', '--mount', `${FOLDER}/data:/data`, 'sh', '--', '-c', script]);
    expect(cow).toMatchObject({ status: 0, stdout: 'from the host\nnew\n' });
    const ro = coreback(['run', '--mount', `${FOLDER}/data:/data:ro`, 'sh', '--', '-c', script]);
    expect(ro.stdout).toMatch(/^from the host\n.*Read-only file system/s);
    expect(ro.status).not.toBe(0);
    expect(readFileSync(join(FOLDER, 'data/file'), 'utf8')).toBe('from the host\n');
  });

  it('a saved run goes on with what it has read, and looks for the rest where it was', () => {
    const state = join(FOLDER, 'state');
    const save = ['--save-state', state, '--save-at', '60ms'];
    expect(coreback(['run', '--root', TREE, ...save, '/usr/bin/tally', '20', '5']).status).toBe(3);
    expect(coreback(['resume', state])).toMatchObject({ status: 0, stdout: expect.stringMatching(/total 1064/) });
  });

  it('a scenario names folders from its own file on', () => {
    const scenario = {
      name: 'mounted',
      about: 'a folder beside the scenario',
      mounts: ['data:/data:ro'],
      script: [{ at: '0s', run: 'cat /data/file' }],
      expect: [{ process: 'cat', exit: 0 }],
    };
    const file = join(FOLDER, 'mounted.json');
    writeFileSync(file, JSON.stringify(scenario));
    expect(coreback(['scenario', file])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^ok/) });
    // A program of the folder's own is not replaced by one that we ship.
    mkdirSync(join(FOLDER, 'data/bin'), { recursive: true });
    writeFileSync(join(FOLDER, 'data/bin/cat'), readFileSync(join(ROOT, 'guest/bin/false')), { mode: 0o755 });
    const own = { ...scenario, mounts: ['data:/'], expect: [{ process: 'cat', exit: 1 }] };
    writeFileSync(file, JSON.stringify(own));
    expect(coreback(['scenario', file])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^ok/) });
    writeFileSync(file, JSON.stringify({ ...scenario, mounts: ['none:/data'] }));
    expect(coreback(['scenario', file])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('does not exist'),
    });
  });

  it.each([
    [['--root', join(FOLDER, 'none')], 'does not exist'],
    [['--mount', FOLDER], 'does not say what is to be seen where'],
  ])('%j is bad input', (options, message) => {
    expect(coreback(['run', ...options, 'true'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(message),
    });
  });
});
