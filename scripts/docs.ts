/**
 * Writes the documents that are made from code: `npm run docs:generate`. With `--check` writes nothing and ends with 1 when one of
 * them is not what the code says.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { campaignSchema } from '../src/campaign/schema.ts';
import { scenarioSchema } from '../src/scenario/schema.ts';
import { isaPage } from './isa-page.ts';
import { outcomesPage } from './outcomes-page.ts';
import { syscallsPage } from './syscalls-page.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MADE = '<!-- Made by npm run docs:generate. Do not edit. -->\n\n';

/** A schema for editors: of what users write, where defaults may be left out. */
function jsonSchema(of: z.ZodType, path: string, title: string, page: string): string {
  const { $schema, ...schema } = z.toJSONSchema(of, { io: 'input' });
  const $id = `https://unpkg.com/coreback/${path}`;
  return `${JSON.stringify({ $schema, $id, title, description: `Described in ${page}.`, ...schema }, null, 2)}\n`;
}

const pages: Readonly<Record<string, () => string>> = {
  'docs/syscalls.md': () => MADE + syscallsPage(),
  'docs/isa.md': () => MADE + isaPage(),
  'docs/outcomes.md': () => MADE + outcomesPage(),
  'scenarios/scenario.schema.json': () =>
    jsonSchema(scenarioSchema, 'scenarios/scenario.schema.json', 'coreback scenario', 'docs/scenarios.md'),
  'docs/campaign.schema.json': () =>
    jsonSchema(campaignSchema, 'docs/campaign.schema.json', 'coreback campaign', 'docs/campaigns.md'),
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
