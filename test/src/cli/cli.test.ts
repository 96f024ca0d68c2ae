import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coreback, ROOT } from '../../support/cli.ts';

describe('coreback run', () => {
  it('prints what the guest prints and ends with its exit code', () => {
    const { status, stdout } = coreback(['run', 'count', '3', '10']);
    expect(stdout).toBe('0\n1\n2\n');
    expect(status).toBe(0);
    expect(coreback(['run', 'false']).status).toBe(1);
    expect(coreback(['run', 'segv']).status).toBe(128 + 11);
  });

  it('traces system calls to a file or to standard error, and the run is the same', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'coreback-')), 'new', 'strace.txt');
    const plain = coreback(['run', 'echo', 'hi', '--json']);
    const traced = coreback(['run', 'echo', 'hi', '--json', '--strace', file]);
    expect(traced.stdout).toBe(plain.stdout);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('  write(1, "hi\\n", 3) = 3\n');
    expect(coreback(['run', 'echo', 'hi', '--json', '--strace', '-']).stderr).toBe(text);
    expect(coreback(['run', 'echo', 'hi', '--strace', tmpdir()])).toMatchObject({ status: 2 });
  });

  it('recovers a process whose core fails, the same way for the same seed', () => {
    const args = [
      'run',
      'count',
      '40',
      '--cores',
      '4',
      '--checkpoint-every',
      '2s',
      '--fail',
      'count@5s',
      '--seed',
      '7',
      '--json',
    ];
    const first = coreback(args);
    const result = JSON.parse(first.stdout);
    expect(result.outcome).toBe('recovered-at-least-once');
    expect(result.faults[0].detectedAtNs).toBeGreaterThan(result.faults[0].atNs);
    expect(result.processes[0]).toMatchObject({ name: 'count', exit: 0 });
    expect(result.processes[0].affinity).not.toContain(result.faults[0].core);
    expect(coreback(args).stdout).toBe(first.stdout);
    expect(JSON.parse(coreback([...args, '--seed', '8']).stdout).digest).not.toBe(result.digest);
  });

  it.each([
    [['run', '/no/such/program'], '/no/such/program: does not exist'],
    [['run', 'count', '--fail', 'core9@1s'], '--fail: there is no core 9'],
    [['run', 'count', '--fail', 'nonsense'], "--fail: 'nonsense' is no fault"],
    [['run', 'count', '--mhz', '3'], '--mhz: 3 MHz'],
    [['run', 'count', '--max-instructions', '-5'], 'not an integer from 1'],
    [['run', 'count', '--important-nice', '99'], 'not an integer from -20 to 20'],
    [['run', 'count', '--checkpoint-every', '0s'], "--checkpoint-every: '0s' is no period"],
    [['run', 'count', '--self-test-every', '0'], "--self-test-every: '0' is no period"],
    [['run', 'count', '--duplicate', ''], '--duplicate: names no program'],
    [['run', 'count', '--out', ''], 'names nothing'],
    [['run', 'count', '--seed', ''], 'not an integer'],
    [['run', ''], 'the name of the program is empty'],
    [['help', 'fly'], "there is no command 'fly'"],
    [['run', 'count', '--cores', '33'], '--cores: a machine has 1 to 32 cores'],
    [['run', join(ROOT, 'package.json')], 'cannot be executed: ENOEXEC'],
    [['inspect', join(ROOT, 'package.json')], 'package.json'],
    [['scenario', '/no/such/folder'], '/no/such/folder: does not exist'],
    [['frobnicate'], 'unknown command'],
  ])('refuses %j with one line and exit code 2', (args, message) => {
    const { status, stdout, stderr } = coreback(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('writes reports and core files that restart elsewhere', () => {
    const out = mkdtempSync(join(tmpdir(), 'coreback-'));
    const { status } = coreback(['run', 'count', '20', '--checkpoint-every', '1s', '--out', out]);
    expect(status).toBe(0);
    const names = readdirSync(out).sort();
    for (const name of [
      'core.2.0',
      'core.2.1',
      'report.html',
      'result.json',
      'timeline.svg',
      'timeline.txt',
      'trace.json',
    ]) {
      expect(names).toContain(name);
    }
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    const again = coreback(['restart', 'count', join(out, 'core.2.2')]);
    expect(again.status).toBe(0);
    expect(again.stdout).toMatch(/^(9|10|11)\n.*\n19\n$/s);
    const atMain = coreback(['restart', '--main', 'count', join(out, 'core.2.2')]);
    expect(atMain.stdout).toBe(again.stdout);
    expect(coreback(['inspect', join(out, 'core.2.2')]).stdout).toContain('NT_PRSTATUS');
  });

  it('refuses damaged cores with one line', () => {
    const out = mkdtempSync(join(tmpdir(), 'coreback-'));
    coreback(['run', 'count', '5', '--checkpoint-every', '1s', '--out', out]);
    const bytes = readFileSync(join(out, 'core.2.0'));
    writeFileSync(join(out, 'short'), bytes.subarray(0, 5000));
    const { status, stderr } = coreback(['restart', 'count', join(out, 'short')]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/short.*at byte 0x[0-9a-f]+/);
  });
}, 120_000);

describe('coreback shell through a pipe', () => {
  it('continues a killed count from the core that gcore wrote', () => {
    const script = [
      'count &',
      'sleep 3',
      'gcore $!',
      'kill -INT $!',
      'restart /bin/count core.$!',
      'echo ended with $?',
    ];
    const { status, stdout } = coreback(['shell'], `${script.join('\n')}\n`);
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.pop()).toBe('ended with 0');
    const numbers = lines.filter((line) => /^\d+$/.test(line)).map(Number);
    const back = numbers.findIndex((n, i) => i > 0 && n <= numbers[i - 1]!);
    expect(numbers.slice(0, back)).toEqual(Array.from({ length: back }, (_, n) => n));
    const resumed = back === -1 ? numbers : numbers.slice(back);
    expect(resumed.at(-1)).toBe(99);
    expect(resumed).toEqual(Array.from({ length: resumed.length }, (_, n) => resumed[0]! + n));
    expect(numbers[back - 1]! - resumed[0]!).toBeLessThan(3);
  });

  it('keeps a restarted process off the cores that cpuset denies it', () => {
    const out = mkdtempSync(join(tmpdir(), 'coreback-'));
    const script = [
      'count 30 &',
      'sleep 2',
      'gcore $!',
      'kill -INT $!',
      'primes 60000 > /dev/null &',
      'primes 60000 > /dev/null &',
    ];
    script.push('cpuset -l 0,1,3 restart /bin/count core.$1', 'wait', 'exit');
    const typed = script.join('\n').replace('$1', '3');
    const { status } = coreback(['shell', '--mhz', '1', '--out', out], `${typed}\n`);
    expect(status).toBe(0);
    const result = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'));
    const restored = result.processes.filter((row: { name: string }) => row.name === 'count').at(-1);
    expect(restored).toMatchObject({ exit: 0, affinity: [0, 1, 3] });
    expect(restored.cpusUsed).not.toContain(2);
    expect(restored.output.trimEnd().split('\n').at(-1)).toBe('29');
  });
}, 120_000);
