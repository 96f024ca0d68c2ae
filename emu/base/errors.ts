/** Our own mistake. Only the outermost loop catches it, and prints what is needed to replay it. */
export class InvariantError extends Error {
  override name = 'InvariantError';
}

/** Where and what of a user's mistake: the parts of the one line that the user reads. */
export interface UsageErrorParts {
  /** What is wrong. */
  what: string;
  /** The file, option or scenario in which it is. */
  path?: string | undefined;
  /** Byte offset in the file. */
  offset?: number | undefined;
  /** Key inside a structured document, for example `faults[0].core`. */
  key?: string | undefined;
  /** What to do about it. */
  hint?: string | undefined;
}

/** The user's mistake (bad scenario, unreadable core): printed as one line without a stack, exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
  readonly parts: UsageErrorParts;

  constructor(parts: UsageErrorParts) {
    super(formatUsageError(parts));
    this.parts = parts;
  }

  /** The same error, placed in a file or option that the thrower did not know. */
  in(path: string): UsageError {
    return new UsageError({ ...this.parts, path: this.parts.path ?? path });
  }
}

function formatUsageError({ what, path, offset, key, hint }: UsageErrorParts): string {
  const where = [path, key, offset === undefined ? undefined : `at byte 0x${offset.toString(16)}`].filter(Boolean);
  const prefix = where.length > 0 ? `${where.join(': ')}: ` : '';
  return `${prefix}${what}${hint ? ` (${hint})` : ''}`;
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Ends a switch over a union: a new case is then a compile error here. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable case: ${String(value)}`);
}
