import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { UsageError } from '../../emu/base/errors.ts';
import { checkScenario } from './check-scenario.ts';
import { type Scenario, scenarioSchema } from './schema.ts';

/** How the text of a scenario is written. */
export type ScenarioFormat = 'json' | 'yaml';

/** Reads a scenario from text. Errors: UsageError with the key, or the line, that is wrong. */
export function parseScenario(text: string, path: string, format: ScenarioFormat = 'json'): Scenario {
  return toScenario(format === 'json' ? readJson(text, path) : readYaml(text, path), path);
}

/** Checks a value that is meant to be a scenario, and fills in its defaults. Errors: UsageError with the key that is wrong. */
export function toScenario(value: unknown, path: string): Scenario {
  const result = scenarioSchema.safeParse(value);
  if (!result.success) {
    const issue = deepest(result.error.issues[0]!, []);
    const hint = 'docs/scenarios.md lists every key';
    throw new UsageError({ what: issue.message, path, key: keyOf(issue.path), hint });
  }
  try {
    checkScenario(result.data);
  } catch (error) {
    throw error instanceof UsageError ? error.in(path) : error;
  }
  return result.data;
}

function readJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError({ what: `is not JSON: ${(error as Error).message}`, path });
  }
}

function readYaml(text: string, path: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new UsageError({ what: `is not YAML: ${problem.message.split('\n')[0]}`, path });
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that grow without bound.
    throw new UsageError({ what: `is no YAML that makes sense: ${(error as Error).message}`, path });
  }
}

type Issue = z.core.$ZodIssue;

/** Where one of several forms was meant, the complaint of the form that came closest says more than "invalid input". */
function deepest(issue: Issue, above: readonly PropertyKey[]): { message: string; path: PropertyKey[] } {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union') return { message: issue.message, path };
  if (issue.errors.length === 0) return { message: discriminatorMessage(issue), path };
  const closest = issue.errors.reduce((a, b) => (isCloser(b, a) ? b : a));
  // Beside a key that does not exist, a missing one is the smaller news.
  const first = closest.find((each) => each.code === 'unrecognized_keys') ?? closest[0];
  return first ? deepest(first, path) : { message: issue.message, path };
}

function discriminatorMessage(issue: Issue & { code: 'invalid_union' }): string {
  const options = 'options' in issue ? (issue.options as readonly unknown[]) : [];
  return options.length > 0
    ? `is none of ${options.map((each) => `'${String(each)}'`).join(', ')}`
    : 'is none of the known ones';
}

/** Fewer complaints; among as many, those that are about what stands deeper: the rest was understood. */
const isCloser = (a: readonly Issue[], b: readonly Issue[]): boolean =>
  distance(a) < distance(b) || (distance(a) === distance(b) && depth(a) > depth(b));

const depth = (issues: readonly Issue[]): number => Math.max(...issues.map(({ path }) => path.length));

const distance = (issues: readonly Issue[]): number =>
  issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);

const keyOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (key, part) => (typeof part === 'number' ? `${key}[${part}]` : key ? `${key}.${String(part)}` : String(part)),
    '',
  );
