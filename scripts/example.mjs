#!/usr/bin/env node
/*
 * Runs examples/ci-recovery-tests as a stranger would: packs coreback, installs the tarball and what the example asks for into a temporary
 * copy, type-checks it, runs its tests and its check. Nothing of this clone is in reach of it. Ends with 1 when anything fails.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'coreback-example-'));
const run = (cwd, command, ...args) => {
  process.stdout.write(`$ ${command} ${args.join(' ')}\n`);
  execFileSync(command, args, { cwd, stdio: 'inherit', env: { ...process.env, CI: '1' } });
};

try {
  const example = join(folder, 'example');
  cpSync(join(ROOT, 'examples/ci-recovery-tests'), example, {
    recursive: true,
    filter: (path) => !path.includes('node_modules'),
  });
  // `prepare` would compile again; what is packed is what stands in dist.
  run(ROOT, 'npm', 'pack', '--ignore-scripts', '--pack-destination', folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));

  const file = join(example, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  manifest.devDependencies.coreback = `file:${join(folder, tarball)}`;
  // The versions that this clone is tested with.
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const name of ['fast-check', 'vitest', 'typescript']) manifest.devDependencies[name] = own.devDependencies[name];
  writeFileSync(file, JSON.stringify(manifest, null, 2));

  run(example, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts');
  run(example, 'npx', 'tsc');
  run(example, 'npm', 'test');
  run(example, 'npm', 'run', 'check');
} catch (error) {
  process.stderr.write(`the example fails: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
