import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreback } from '../../support/cli.ts';
import { plantBug } from './planted-bug.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'coreback-check-'));
const GOOD = join(FOLDER, 'good.yaml');
const BAD = join(FOLDER, 'bad.json');
const FAILURES = join(FOLDER, 'failures');

beforeAll(() => {
  writeFileSync(
    GOOD,
    `name: good
about: count is brought back
machine: { cores: 2, checkpointEvery: 50ms }
script:
  - { at: 0s, run: count 8 20 }
  - { at: 60ms, fail: { process: count } }
expect:
  - { process: count, counts: [0, 7] }
  - { contractHolds: true }
`,
  );
  const bad = {
    name: 'bad',
    about: 'expects what is not so',
    script: [{ at: '0s', run: 'count 3 10' }],
    expect: [{ process: 'count', counts: [0, 9] }],
  };
  writeFileSync(BAD, JSON.stringify(bad));
}, 180_000);

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const check = (...args: string[]) => coreback(['check', ...args, '--failures', FAILURES]);

describe('coreback check', () => {
  it('runs a scenario in many ways, the same ones every time, and holds', () => {
    const args = [GOOD, '--runs', '5', '--jobs', '2', '--seed', '3', '--junit', join(FOLDER, 'good.xml')];
    const first = check(...args);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(/^ok {3}good +6 runs: /);
    expect(check(...args).stdout).toBe(first.stdout);
    const xml = readFileSync(join(FOLDER, 'good.xml'), 'utf8');
    const labels = [...xml.matchAll(/<testcase name="([^"]*)"/g)].map(([, name]) => name!.split(',')[0]!.split(' ')[0]);
    expect(labels).toEqual(['as', '1:', '2:', '3:', '4:', '5:']);
    expect(xml).toContain('other faults');
  });

  it('does in all shards together what it does in one', () => {
    const cases = (shard: string): string[] => {
      const file = join(FOLDER, `${shard.replace('/', '-')}.xml`);
      expect(check(GOOD, '--runs', '3', '--shard', shard, '--junit', file).status).toBe(0);
      return [...readFileSync(file, 'utf8').matchAll(/<testcase name="([^"]*)"/g)].map(([, name]) => name!);
    };
    expect([...cases('1/2'), ...cases('2/2')].sort()).toEqual(cases('1/1').sort());
  });

  it('says what fails, saves it, and runs it first the next time', () => {
    const { status, stdout } = check(GOOD, BAD, '--runs', '1', '--jobs', '1', '--github');
    expect(status).toBe(1);
    expect(stdout).toContain('expect[0]: count wrote');
    const [, saved] = /again: npx coreback replay (.*)/.exec(stdout)!;
    expect(stdout).toMatch(/^::error file=.*bad\.json,title=bad%2C as written::expect\[0\]: .*%0Aagain: /m);

    const replay = coreback(['replay', saved!]);
    expect(replay.status).toBe(1);
    expect(replay.stdout).toMatch(/^still fails: bad: /);

    const again = check(BAD, '--runs', '0', '--jobs', '1');
    expect(again.status).toBe(1);
    expect(again.stdout.split('\n')[0]).toMatch(/^FAIL .*bad\.json: saved failure /);
    const saves = readdirSync(FAILURES);
    expect(saves.every((name) => name.startsWith('bad-'))).toBe(true);

    // Mended: the saved run, made to expect what is so, holds.
    const text = readFileSync(saved!, 'utf8').replace('9\n', '2\n');
    writeFileSync(saved!, text);
    expect(coreback(['replay', saved!])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^holds: bad/) });
  });

  it('calls nothing good of which it had no time to run anything', () => {
    const { status, stdout } = check(GOOD, '--runs', '5', '--budget', '0', '--jobs', '1');
    expect(status).toBe(4);
    expect(stdout).toMatch(/^-- +\S+ +none of 6 runs\n/);
  });

  it('ends with 4 when the budget is over before all has been run', () => {
    const { status, stdout } = check(GOOD, '--runs', '200', '--budget', '1ms', '--jobs', '1');
    expect(status).toBe(4);
    expect(stdout).toMatch(/the budget of 1ms is over: \d+ of 201 runs were not made/);
  });

  it('ends with 3 when coreback itself fails, and so does the replay until that is mended', () => {
    const failures = join(FOLDER, 'bugs');
    const planted = plantBug(join(FOLDER, 'planted'));
    const args = [
      'check',
      GOOD,
      '--runs',
      '1',
      '--jobs',
      '1',
      '--failures',
      failures,
      '--junit',
      join(FOLDER, 'bug.xml'),
    ];
    const { status, stdout } = coreback(args, '', planted);
    expect({ status, stdout }).toEqual({ status: 3, stdout: expect.stringContaining('coreback itself failed: ') });
    expect(stdout).toContain('planted: who took the fault interrupt?');
    expect(readFileSync(join(FOLDER, 'bug.xml'), 'utf8')).toMatch(/<error [^>]*emulator-bug/);

    const saved = join(failures, readdirSync(failures)[0]!);
    const replay = coreback(['replay', saved], '', planted);
    expect(replay.status).toBe(3);
    expect(replay.stdout).toMatch(/^still fails: good: emulator-bug\n/);
    expect(coreback(['replay', saved])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^holds: good: /) });
  });

  it.each([
    [['check', GOOD, '--shard', '5/4'], 'write it like 1/2'],
    [['check', GOOD, '--budget', 'soon'], "--budget: 'soon' is no duration"],
    [['check', '/no/such'], '/no/such: does not exist'],
    [['check', GOOD, '--engine', 'magic'], "there is no engine 'magic'"],
    [['replay', GOOD], 'is not JSON'],
    [['replay', '/no/such'], '/no/such: does not exist'],
  ])('refuses %j with exit code 2', (args, message) => {
    const { status, stdout, stderr } = coreback(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
}, 240_000);
