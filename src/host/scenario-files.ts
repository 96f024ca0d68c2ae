import { readdirSync, statSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../../emu/base/errors.ts';
import { parseScenario, toScenario } from '../scenario/parse-scenario.ts';
import type { Scenario } from '../scenario/schema.ts';
import { readHostFile } from './files.ts';
import { foldersFrom } from './node-folders.ts';

/** A scenario and the file that it stands in. */
export interface ScenarioFile {
  readonly path: string;
  readonly scenario: Scenario;
}

const TEXTS = ['.json', '.yaml', '.yml'];
const TYPESCRIPT = ['.ts', '.mts'];
const MODULES = [...TYPESCRIPT, '.js', '.mjs'];

/**
 * Reads scenario files; a folder stands for those in it (not in folders below). A module gives its default export: one scenario, or a list.
 * Errors: UsageError with the path and the key that is wrong. All are read before any is returned: a mistake in the last one shows at once.
 */
export async function readScenarios(paths: readonly string[]): Promise<ScenarioFile[]> {
  const files: ScenarioFile[] = [];
  for (const path of paths.flatMap(expand)) {
    for (const scenario of await readOne(path)) files.push({ path, scenario: withFolders(scenario, path) });
  }
  return files;
}

/** The folders that a scenario mounts are named from its file on. Errors: UsageError when one is not there. */
function withFolders(scenario: Scenario, path: string): Scenario {
  return { ...scenario, mounts: foldersFrom(dirname(path), scenario.mounts) };
}

function expand(path: string): string[] {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch {
    throw new UsageError({ what: 'does not exist', path, hint: 'name scenario files or a folder of them' });
  }
  if (!isFolder) return [path];
  const known = [...TEXTS, ...MODULES];
  const found = readdirSync(path)
    .filter((name) => known.includes(extname(name)) && !name.endsWith('.schema.json') && !name.endsWith('.d.ts'))
    .sort();
  if (found.length === 0) throw new UsageError({ what: `holds no scenario (${known.join(' ')})`, path });
  return found.map((name) => join(path, name));
}

async function readOne(path: string): Promise<Scenario[]> {
  const extension = extname(path);
  if (!MODULES.includes(extension)) {
    const text = new TextDecoder('utf-8').decode(readHostFile(path));
    return [parseScenario(text, path, extension === '.yaml' || extension === '.yml' ? 'yaml' : 'json')];
  }
  readHostFile(path);
  const exported = defaultOf(await importModule(path, extension));
  if (exported === undefined) {
    const hint = "export default scenario('name', 'what it shows', (s) => { ... })";
    throw new UsageError({ what: 'has no default export', path, hint });
  }
  return (Array.isArray(exported) ? exported : [exported]).map((value) => toScenario(value, path));
}

interface Module {
  readonly default?: unknown;
}

/** Where no package.json says "type": "module", tsx makes CommonJS of a file: its exports are then the default export. */
function defaultOf(module: Module): unknown {
  const exported = module.default as (Module & { readonly __esModule?: boolean }) | undefined;
  return exported?.__esModule ? exported.default : exported;
}

/** Node 20 knows no TypeScript: tsx strips the types. */
async function importModule(path: string, extension: string): Promise<Module> {
  const url = pathToFileURL(resolve(path)).href;
  try {
    if (!TYPESCRIPT.includes(extension)) return await import(url);
    const { tsImport } = await import('tsx/esm/api');
    return await tsImport(url, import.meta.url);
  } catch (error) {
    if (error instanceof UsageError) throw error.in(path);
    const { message, stack } = error as Error;
    const where = stack?.split('\n').find((line) => line.includes(url));
    throw new UsageError({ what: `cannot be loaded: ${message}`, path, ...(where ? { hint: where.trim() } : {}) });
  }
}
