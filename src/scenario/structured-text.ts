import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { UsageError } from '../../emu/base/errors.ts';

/** How a structured text is written. */
export type TextFormat = 'json' | 'yaml';

/** The format that the name of a file says. */
export const formatOf = (path: string): TextFormat => (/\.ya?ml$/i.test(path) ? 'yaml' : 'json');

/** A value from text. Errors: UsageError naming the path. */
export function readStructured(text: string, path: string, format: TextFormat): unknown {
  return format === 'json' ? readJson(text, path) : readYaml(text, path);
}

function readJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError({ what: `is not JSON: ${printable((error as Error).message)}`, path });
  }
}

function readYaml(text: string, path: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new UsageError({ what: `is not YAML: ${printable(problem.message.split('\n')[0]!)}`, path });
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that grow without bound.
    throw new UsageError({ what: `is no YAML that makes sense: ${(error as Error).message}`, path });
  }
}

/** The parsers quote what they found, which may be anything. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

/** A value as a schema has it, its defaults filled in. Errors: UsageError with the path of the key that is wrong. */
export function checkStructure<T>(schema: z.ZodType<T>, value: unknown, path: string, hint: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = deepest(worst(result.error.issues), []);
  throw new UsageError({ what: issue.message, path, key: keyOf(issue.path), hint });
}

type Issue = z.core.$ZodIssue;

/** Beside a key that does not exist, a missing one is the smaller news. */
const worst = (issues: readonly Issue[]): Issue =>
  issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]!;

/** Where one of several forms was meant, the complaint of the form that came closest says more than "invalid input". */
function deepest(issue: Issue, above: readonly PropertyKey[]): { message: string; path: PropertyKey[] } {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union') return { message: issue.message, path };
  if (issue.errors.length === 0) return { message: discriminatorMessage(issue), path };
  const closest = issue.errors.reduce((a, b) => (isCloser(b, a) ? b : a));
  const first = worst(closest);
  if (first && isOfOtherKind(first) && !issue.errors.every(([each]) => each?.code === 'invalid_value'))
    return { message: 'has none of the forms that it may have', path };
  if (first?.code === 'invalid_value')
    return { message: oneOfMessage(issue.errors, first), path: [...path, ...first.path] };
  return first ? deepest(first, path) : { message: issue.message, path };
}

/** Of all forms that only want another word at the same place, the words. */
function oneOfMessage(forms: readonly (readonly Issue[])[], first: Issue): string {
  const samePlace = (issue: Issue): boolean => issue.path.join('.') === first.path.join('.');
  const words = forms.flatMap((form) =>
    form.flatMap((issue) => (issue.code === 'invalid_value' && samePlace(issue) ? issue.values : [])),
  );
  return noneOf([...new Set(words)]);
}

const noneOf = (values: readonly unknown[]): string =>
  `is none of ${values.map((each) => `'${String(each)}'`).join(', ')}`;

function discriminatorMessage(issue: Issue & { code: 'invalid_union' }): string {
  const options = 'options' in issue ? (issue.options as readonly unknown[]) : [];
  return options.length > 0 ? noneOf(options) : 'is none of the known ones';
}

/** Fewer complaints; among as many, those that are about what stands deeper: the rest was understood. */
const isCloser = (a: readonly Issue[], b: readonly Issue[]): boolean =>
  distance(a) < distance(b) || (distance(a) === distance(b) && depth(a) > depth(b));

const depth = (issues: readonly Issue[]): number => Math.max(...issues.map(({ path }) => path.length));

const distance = (issues: readonly Issue[]): number => issues.reduce((sum, issue) => sum + weightOf(issue), 0);

function weightOf(issue: Issue): number {
  if (issue.code === 'unrecognized_keys') return issue.keys.length;
  return isOfOtherKind(issue) ? FAR : 1;
}

/** Farther than any value that only has wrong keys. */
const FAR = 1000;
const isOfOtherKind = ({ code, path }: Issue): boolean =>
  path.length === 0 && (code === 'invalid_value' || code === 'invalid_type');

const keyOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (key, part) => (typeof part === 'number' ? `${key}[${part}]` : key ? `${key}.${String(part)}` : String(part)),
    '',
  );
