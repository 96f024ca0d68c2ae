import { z } from 'zod';
import { UsageError } from '../../emu/base/errors.ts';
import { checkFault } from '../../emu/faults/check-plan.ts';
import type { FaultSpec } from '../../emu/faults/plan.ts';
import type { DetectedBy } from '../../kernel-sim/kern/fault-report.ts';
import { OUTCOMES, type Outcome } from '../recovery/outcome.ts';
import { checkStructure } from '../scenario/structured-text.ts';
import { targetName } from './fault-space.ts';
import { campaignSchema } from './schema.ts';
import type { Policy } from './workload.ts';

/*
 * The file of a campaign: lines of JSON. The first says what the campaign is, each other one what came of one injection. Lines are only
 * ever appended, in any order; a last line without its end was cut off and does not count. Format: docs/campaigns.md.
 */

export const RECORDS_FORMAT = 'coreback-campaign';
export const RECORDS_VERSION = 1;

const count = z.int().min(0);

const headerSchema = z.strictObject({
  format: z.literal(RECORDS_FORMAT),
  version: z.literal(RECORDS_VERSION),
  coreback: z.string().describe('Version of coreback, with the commit when it runs from a checkout'),
  spec: campaignSchema,
  files: z
    .record(z.string(), z.string())
    .describe("SHA-256 of each file that was put into the guest's tree or read from folders of the host, by path"),
  golden: z
    .array(
      z.strictObject({
        policy: campaignSchema.shape.policies.unwrap().element,
        digest: z.string().describe('Digest of its results'),
        endNs: count,
        retired: z.array(count).describe('Instructions by core'),
      }),
    )
    .min(1)
    .describe('The run without faults under each policy'),
  entries: z
    .array(
      z.strictObject({
        model: z.string(),
        size: count.describe('Faults in its space'),
        drawn: count.describe('How many of them were drawn'),
        targets: z
          .array(
            z.strictObject({
              name: z.string(),
              size: count,
              masked: count.describe(
                'Drawn flips that are masked for sure, since nothing reads the bit. They are not run, and count under every policy',
              ),
            }),
          )
          .describe('Its parts, such as single registers'),
        injections: count.describe('Injections under each policy'),
      }),
    )
    .describe('What is known of each entry of "faults" before anything runs'),
  injections: count.describe('Number of records when complete'),
});

/** First line. Equal headers: equal campaigns. */
export type Header = z.infer<typeof headerSchema>;
export type GoldenSummary = Header['golden'][number];
export type EntrySummary = Header['entries'][number];

/** What came of one injection. */
export interface InjectionResult {
  readonly outcome: Outcome;
  /** What noticed a fault first; absent when nothing did. */
  readonly detectedBy?: DetectedBy;
  /** Time from the fault to its detection, in virtual ns and in instructions of the core that it struck; absent when nothing had struck that core. */
  readonly latencyNs?: number;
  readonly latencyInstructions?: number;
  /** Work since the checkpoint that was done again, in virtual ns, over all rollbacks. */
  readonly lostNs?: number;
  readonly rollbacks?: number;
  /** End of the run in virtual ns. */
  readonly endNs: number;
  /** Digest of what every process wrote and how it ended. */
  readonly digest: string;
  /** Of an emulator-bug: what broke. */
  readonly error?: string;
}

/** One line: fault number `fault` of entry `entry`, under one policy. */
export interface InjectionRecord extends InjectionResult {
  /** From 0; the order of a sorted file. */
  readonly id: number;
  readonly entry: number;
  /** Number in the entry's fault space. */
  readonly number: number;
  readonly policy: Policy;
  readonly fault: FaultSpec;
  /** Drawn faults that it stands for. */
  readonly weight: number;
}

export const lineOf = (value: Header | InjectionRecord): string => `${JSON.stringify(value)}\n`;

export interface RecordsFile {
  readonly header: Header;
  /** By id, in the file's order. */
  readonly records: ReadonlyMap<number, InjectionRecord>;
  /** Length of the part that counts, in characters: what comes after it was cut off. */
  readonly length: number;
}

/** Reads a file of records. Errors: UsageError naming `path` for what is none, or contradicts itself. */
export function readRecords(text: string, path: string): RecordsFile {
  const length = text.lastIndexOf('\n') + 1;
  const lines = text.slice(0, length).split('\n').slice(0, -1);
  const header = checkStructure(headerSchema, parseLine(lines[0] ?? '', path, 1), path, HEADER_HINT);
  const records = new Map<number, InjectionRecord>();
  lines.slice(1).forEach((line, n) => {
    addRecord(records, checkRecord(parseLine(line, path, n + 2), header, path, n + 2), path);
  });
  return { header, records, length };
}

const HEADER_HINT = 'is it a file of coreback campaign run, of this version of coreback?';

function parseLine(line: string, path: string, number: number): object {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new UsageError({
    what: `line ${number} is no JSON object`,
    path,
    hint: HEADER_HINT,
  });
}

/** What of a record others rely on. Not by a schema: there may be millions. */
function checkRecord(value: object, header: Header, path: string, line: number): InjectionRecord {
  const record = value as Partial<InjectionRecord>;
  const wrong = (key: string): UsageError =>
    new UsageError({ what: `line ${line} is no record of this campaign`, path, key });
  for (const [key, isFine] of RECORD_KEYS) if (!isFine(record[key], header)) throw wrong(key);
  const { entry, fault } = value as InjectionRecord;
  try {
    checkFault(fault, header.spec.machine.cores, 'fault');
  } catch (error) {
    if (error instanceof UsageError) throw wrong(error.parts.key!);
    throw error;
  }
  const { model, targets } = header.entries[entry]!;
  if (fault.model !== model || !targets.some(({ name }) => name === targetName(fault))) throw wrong('fault');
  return value as InjectionRecord;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const mayBeCount = (value: unknown): boolean => value === undefined || isCount(value);
const RECORD_KEYS: readonly (readonly [keyof InjectionRecord, (value: unknown, header: Header) => boolean])[] = [
  ['id', (id, { injections }) => isCount(id) && (id as number) < injections],
  ['entry', (entry, { entries }) => isCount(entry) && (entry as number) < entries.length],
  ['number', isCount],
  ['policy', (policy, { spec }) => (spec.policies as unknown[]).includes(policy)],
  ['weight', (weight) => isCount(weight) && weight !== 0],
  ['outcome', (outcome) => (OUTCOMES as readonly unknown[]).includes(outcome)],
  ['latencyNs', mayBeCount],
  ['latencyInstructions', mayBeCount],
  ['rollbacks', mayBeCount],
  ['lostNs', mayBeCount],
  ['endNs', isCount],
];

/** The same injection may be there twice when two runs overlapped; then both must say the same. */
function addRecord(records: Map<number, InjectionRecord>, record: InjectionRecord, path: string): void {
  const known = records.get(record.id);
  if (known && JSON.stringify(known) !== JSON.stringify(record)) {
    throw new UsageError({ what: `has two different results of injection ${record.id}`, path });
  }
  records.set(record.id, record);
}

/** The lines of complete or partial files of one campaign, sorted. Errors: UsageError when they are of different campaigns. */
export function mergeRecords(files: readonly { readonly path: string; readonly file: RecordsFile }[]): {
  header: Header;
  records: InjectionRecord[];
} {
  const [first] = files;
  if (!first) throw new UsageError({ what: 'there is nothing to merge' });
  const all = new Map<number, InjectionRecord>();
  for (const { path, file } of files) {
    const key = differentKey(first.file.header, file.header);
    if (key) throw new UsageError({ what: `is of another campaign than ${first.path}`, path, key });
    for (const record of file.records.values()) addRecord(all, record, path);
  }
  return { header: first.file.header, records: [...all.values()].sort((a, b) => a.id - b.id) };
}

/** The path of the first key in which two headers differ, or null. */
export const differentKey = (a: Header, b: Header): string | null => firstDifference(a, b, '');

function firstDifference(a: unknown, b: unknown, path: string): string | null {
  if (JSON.stringify(a) === JSON.stringify(b)) return null;
  if (!isRecord(a) || !isRecord(b)) return path;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = firstDifference(a[key], b[key], path === '' ? key : `${path}.${key}`);
    if (found !== null) return found;
  }
  // The same keys in another order.
  return path;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
