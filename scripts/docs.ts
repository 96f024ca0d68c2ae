/**
 * Writes the documents that are made from code: `npm run docs:generate`. With `--check` writes nothing and ends with 1 when one of
 * them is not what the code says.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { scenarioSchema } from '../src/scenario/schema.ts';
import { isaPage } from './isa-page.ts';
import { outcomesPage } from './outcomes-page.ts';
import { syscallsPage } from './syscalls-page.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MADE = '<!-- Made by npm run docs:generate. Do not edit. -->\n\n';

function scenarioJsonSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(scenarioSchema, { io: 'input' });
  const $id = 'https://unpkg.com/coreback/scenarios/scenario.schema.json';
  const titled = {
    $schema,
    $id,
    title: 'coreback scenario',
    description: 'Described in docs/scenarios.md.',
    ...schema,
  };
  return `${JSON.stringify(titled, null, 2)}\n`;
}

const pages: Readonly<Record<string, () => string>> = {
  'docs/syscalls.md': () => MADE + syscallsPage(),
  'docs/isa.md': () => MADE + isaPage(),
  'docs/outcomes.md': () => MADE + outcomesPage(),
  'scenarios/scenario.schema.json': scenarioJsonSchema,
};

const check = process.argv.includes('--check');
for (const [path, make] of Object.entries(pages)) {
  const file = join(ROOT, path);
  const text = make();
  if (existsSync(file) && readFileSync(file, 'utf8').replaceAll('\r\n', '\n') === text) continue;
  if (check) {
    process.stderr.write(`${path} is not what the code says: npm run docs:generate\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
    process.stdout.write(`${path} written\n`);
  }
}
