import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { FailureStore } from '../testing/check-recovery.ts';
import { readHostFile, writeHostFile } from './files.ts';

/** Where failures are kept when nobody says otherwise, below the current folder. */
export const FAILURES_FOLDER = join('.coreback', 'failures');

/** Keeps failures as files `<check>-<hash>.json` in a folder; the same failure is one file. Nothing is ever removed: that is the user's. */
export class FolderStore implements FailureStore {
  private readonly folder: string;

  constructor(folder: string = FAILURES_FOLDER) {
    this.folder = folder;
  }

  load(name: string): { path: string; text: string }[] {
    const beginning = `${slugOf(name)}-`;
    return this.names()
      .filter((each) => each.startsWith(beginning) && /^[0-9a-f]{12}\.json$/.test(each.slice(beginning.length)))
      .map((each) => join(this.folder, each))
      .map((path) => ({ path, ms: statSync(path).mtimeMs }))
      .sort((a, b) => a.ms - b.ms || (a.path < b.path ? -1 : 1))
      .map(({ path }) => ({ path, text: new TextDecoder().decode(readHostFile(path)) }));
  }

  save(name: string, text: string): string {
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
    const path = join(this.folder, `${slugOf(name)}-${hash}.json`);
    writeHostFile(path, text);
    return relative(process.cwd(), path) || path;
  }

  private names(): string[] {
    try {
      return readdirSync(this.folder);
    } catch {
      return [];
    }
  }
}

const SLUG_MAX = 60;

/** `count 20 50 + primes` as `count-20-50-primes`. */
const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, SLUG_MAX) || 'check';
