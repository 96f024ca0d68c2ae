/**
 * What a JSON value that comes from a file must be, written down as the functions that read it.
 * Of our own because the kernel always needs it, to load and to run: zod alone took a fifth of the start of a short program.
 */

/** Reads a value as a T; `path` says where it stands. Errors: ShapeError. */
export type Shape<T> = (value: unknown, path: string) => T;

/** What a shape reads. */
export type Read<S> = S extends Shape<infer T> ? T : never;

/** The value is not of the shape. The message says at which path, and what should be there. */
export class ShapeError extends Error {
  constructor(path: string, problem: string) {
    super(path === '' ? `: ${problem}` : ` at ${path}: ${problem}`);
    this.name = 'ShapeError';
  }
}

const under = (path: string, key: string | number): string => (path === '' ? `${key}` : `${path}.${key}`);

export const text: Shape<string> = (value, path) => {
  if (typeof value !== 'string') throw new ShapeError(path, 'not a text');
  return value;
};

/** An integer of at most 53 bits within these bounds. */
export function integer(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, path) => {
    if (!Number.isSafeInteger(value)) throw new ShapeError(path, 'not an integer');
    const number = value as number;
    if (number < min || number > max) throw new ShapeError(path, `not within ${min} .. ${max}`);
    return number;
  };
}

export function exactly<T extends number>(wanted: T): Shape<T> {
  return (value, path) => {
    if (value !== wanted) throw new ShapeError(path, `not ${wanted}`);
    return wanted;
  };
}

/** An array, of any length unless one is given. */
export function list<T>(item: Shape<T>, length?: number): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, 'not an array');
    if (length !== undefined && value.length !== length) throw new ShapeError(path, `not ${length} elements`);
    return value.map((each, n) => item(each, under(path, n)));
  };
}

/** An object of exactly these fields; what is read has them in this order. */
export function record<F extends Readonly<Record<string, Shape<unknown>>>>(
  fields: F,
): Shape<{ readonly [K in keyof F]: Read<F[K]> }> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new ShapeError(path, 'not an object');
    const found = value as Readonly<Record<string, unknown>>;
    const read = Object.entries(fields).map(([key, shape]) => {
      if (!Object.hasOwn(found, key)) throw new ShapeError(under(path, key), 'missing');
      return [key, shape(found[key], under(path, key))];
    });
    const unknown = Object.keys(found).find((key) => !Object.hasOwn(fields, key));
    if (unknown !== undefined) throw new ShapeError(path, `no field has the name ${JSON.stringify(unknown)}`);
    return Object.fromEntries(read);
  };
}
