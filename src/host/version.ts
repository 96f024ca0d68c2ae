import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './guest-programs.ts';

/** Version of coreback, as package.json has it. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** The version; in a checkout with its commit: `0.1.0+4f3c2e1`. */
export function versionAndCommit(): string {
  const root = packageRoot();
  if (!existsSync(join(root, '.git'))) return packageVersion();
  try {
    const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return `${packageVersion()}+${commit.trim()}`;
  } catch {
    // No git here: then nobody can check a commit out either.
    return packageVersion();
  }
}
