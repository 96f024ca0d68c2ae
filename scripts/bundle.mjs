#!/usr/bin/env node
/*
 * Makes of the sources what runs without them: `npm run build`, after `tsc -b` has checked the types and written the declarations. What is imported from
 * outside keeps its path; all else is in a few files that they share, as to open some four hundred modules takes longer than a short run.
 * Why rolldown: esbuild makes `var` of every constant at the top of a module, and the interpreter is a third slower.
 */
import { readdirSync, rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

/** The command, what package.json exports, and what is loaded as a worker: each has a file of its own in dist, at the same path. */
const ENTRIES = [
  'src/cli/main',
  'src/index',
  'src/scenario/builder',
  'src/host/node-folders',
  'src/host/testing/index',
  'src/host/testing/vitest',
  'src/host/campaign-worker',
  'src/host/check-worker',
  'src/host/sweep-worker',
];

const bundle = await rolldown({
  input: Object.fromEntries(ENTRIES.map((name) => [name, join(ROOT, `${name}.ts`)])),
  platform: 'node',
  // Packages are installed, not bundled.
  external: (id) => !id.startsWith('.') && !isAbsolute(id),
});
const { output } = await bundle.write({
  dir: DIST,
  format: 'esm',
  sourcemap: true,
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
});
await bundle.close();

const written = new Set(output.map(({ fileName }) => fileName));
for (const name of readdirSync(join(DIST, 'chunks')))
  if (!written.has(`chunks/${name}`)) rmSync(join(DIST, 'chunks', name));
