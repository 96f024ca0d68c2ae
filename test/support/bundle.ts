import { execFileSync } from 'node:child_process';
import { ROOT } from './cli.ts';

/** Before all tests: what they start as `coreback` is what the sources say now. */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/bundle.mjs'], { cwd: ROOT, stdio: 'inherit' });
}
