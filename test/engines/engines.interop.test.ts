import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Engine, VECTOR_UD } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { LockstepEngine } from '../../emu/lockstep/lockstep-engine.ts';
import { UnicornEngine } from '../../emu/unicorn/unicorn-engine.ts';
import { readFile } from '../../kernel-sim/vfs/memfs.ts';
import { shippedPrograms } from '../../src/host/guest-programs.ts';
import { loadUnicorn } from '../../src/host/unicorn-koffi.ts';
import { spawnRestart } from '../../src/restart/spawn.ts';
import { System } from '../../src/system.ts';
import { COMMANDS, runCommandLine, runScenarioOn, scenarios } from './programs.ts';
import { compareOnRandomCases } from './random.ts';
import { runRandomCode } from './random-code.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const library = loadUnicorn();

const coreback = (...args: string[]): string =>
  spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...args], { encoding: 'utf8' }).stdout;

/** Each run on the other engine than the one before: nothing of the state may be anywhere but in the core and the space. */
function alternating(): Engine {
  const engines: Engine[] = [new Interpreter(), new UnicornEngine(library)];
  let turn = 0;
  return { name: 'alternating', run: (core, space, budget) => engines[turn++ % 2]!.run(core, space, budget) };
}

const smallScenario = (await scenarios()).find(({ name }) => name === 'last-core-fails')!;

describe('interpreter and Unicorn', () => {
  it.each(['forktree', 'signals', 'stackgrow', 'ls /bin', 'sh -c true', 'segv'])(
    'agree after every run of %s, with nothing disputed',
    (command) => {
      const unicorn = new UnicornEngine(library);
      const lockstep = new LockstepEngine(new Interpreter(), unicorn);
      runCommandLine(command, lockstep);
      expect(lockstep.instructions).toBeGreaterThan(100);
      expect(lockstep.divergences).toEqual([]);
      expect(unicorn.disputes).toEqual([]);
    },
  );

  it('run every program that we ship in lockstep, in npm run test:engines', () => {
    const words = new Set(COMMANDS.flatMap((command) => command.split(/[ ;]+/)));
    const names = shippedPrograms().map(({ path }) => path.replace('/bin/', ''));
    expect(names.filter((name) => !words.has(name))).toEqual([]);
  });

  it('give a scenario the same digest, also when they take turns', () => {
    const expected = runScenarioOn(smallScenario, new Interpreter()).digest;
    expect(runScenarioOn(smallScenario, new UnicornEngine(library)).digest).toBe(expected);
    expect(runScenarioOn(smallScenario, alternating()).digest).toBe(expected);
  });

  it.each(['doubles', 'doubles-sse2', 'long-doubles'])('give %s the same digest when they take turns', (command) => {
    const { digest } = runCommandLine(command, new Interpreter());
    expect(runCommandLine(command, alternating()).digest).toBe(digest);
  });

  it('agree on random bytes run as code, none of which takes the process down', { timeout: 60_000 }, () => {
    const result = runRandomCode(0, 400, 1);
    expect(result.differences).toEqual([]);
    expect(result.programs).toBe(400);
    expect(result.instructions).toBeGreaterThan(5000);
    // #UD by the hundred: what exists and what does not is what this is about.
    expect(result.vectors[VECTOR_UD]).toBeGreaterThan(500);
  });

  it('agree on random instructions and states', () => {
    const result = compareOnRandomCases(2, 300, 1);
    expect(result.cases).toBeGreaterThan(1000);
    expect(result.mismatches).toEqual([]);
  });

  it.each([
    ['unicorn', 'interpreter'],
    ['interpreter', 'unicorn'],
  ])('a checkpoint taken on %s goes on on %s', (from, to) => {
    const make = (name: string): Engine => (name === 'unicorn' ? new UnicornEngine(library) : new Interpreter());
    const first = new System({ cores: 1, engine: make(from), checkpointEveryNs: 500_000_000 });
    for (const file of shippedPrograms()) first.install(file);
    first.spawn({ path: '/bin/count', args: ['count', '8'] });
    first.run({ untilNs: 900_000_000 });
    const taken = first.events.findLast((event) => event.kind === 'checkpoint');
    if (taken?.kind !== 'checkpoint') throw new Error('no checkpoint was taken');
    const bytes = readFile(first.kernel, taken.file);
    if (typeof bytes === 'number') throw new Error(`no file ${taken.file}`);

    const second = new System({ cores: 1, engine: make(to) });
    for (const file of [...shippedPrograms(), { path: '/root/core', bytes, mode: 0o600 }]) second.install(file);
    spawnRestart(second.kernel, { executable: '/bin/count', core: '/root/core', args: ['count'] });
    second.run({ untilNs: 60_000_000_000 });
    const output = (system: System): string =>
      system.events.map((event) => (event.kind === 'output' ? event.text : '')).join('');
    const before = output(first).trim().split('\n').map(Number);
    const after = output(second).trim().split('\n').map(Number);
    expect(after.at(-1)).toBe(7);
    expect(after[0]).toBeGreaterThan(0);
    expect(after[0]).toBeLessThanOrEqual(before.at(-1)! + 1);
  });

  it.each([
    ['unicorn', 'interpreter'],
    ['interpreter', 'unicorn'],
  ])('a run on %s goes on on %s by the commands', { timeout: 60_000 }, (from, to) => {
    const folder = mkdtempSync(join(tmpdir(), 'coreback-engines-'));
    try {
      const limits = ['--checkpoint-every', '500ms', '--until', '900ms', '--out', folder];
      const before = coreback('run', '--engine', from, ...limits, 'count', '8')
        .trim()
        .split('\n')
        .map(Number);
      const core = readdirSync(folder)
        .filter((name) => name.startsWith('core.'))
        .sort()
        .at(-1)!;
      const after = coreback('restart', '--engine', to, 'count', join(folder, core)).trim().split('\n').map(Number);
      expect(before[0]).toBe(0);
      expect(after[0]).toBeGreaterThan(0);
      expect(after[0]).toBeLessThanOrEqual(before.at(-1)! + 1);
      expect(after.at(-1)).toBe(7);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    ['unicorn', 'interpreter'],
    ['interpreter', 'unicorn'],
    ['jit', 'unicorn'],
  ])(
    'a run that is saved on %s goes on on %s to the digest of one that was never stopped',
    { timeout: 60_000 },
    (from, to) => {
      const folder = mkdtempSync(join(tmpdir(), 'coreback-engines-'));
      try {
        const saved = join(folder, 'half.state');
        const whole = JSON.parse(coreback('run', 'doubles-sse2', '--json'));
        coreback('run', '--engine', from, '--save-state', saved, '--save-at-instruction', '90001', 'doubles-sse2');
        const resumed = JSON.parse(coreback('resume', '--engine', to, '--json', saved));
        expect(resumed.digest).toBe(whole.digest);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
