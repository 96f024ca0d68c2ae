import { assert, UsageError } from '../../emu/base/errors.ts';
import { ByteTable } from './byte-table.ts';

/*
 * Plain data (see sameValue) as JSON with the bytes beside it. What JSON has not is an object with one key that begins with `$`:
 * a Map {"$map": [[key, value], ...]}, bytes {"$bytes": index}, a number without a numeral in JSON {"$number": "-0"}.
 * Keys of objects are sorted, so equal values give equal texts.
 */

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** More than any state has; a file that nests deeper is not ours. */
const DEPTH_MAX = 100;

export interface Packed {
  /** ASCII. */
  readonly text: string;
  /** Each content once. */
  readonly blobs: readonly Uint8Array[];
}

export function pack(value: unknown): Packed {
  const table = new ByteTable();
  const toJson = (item: unknown, path: string): Json => {
    switch (typeof item) {
      case 'boolean':
      case 'string':
        return item;
      case 'number':
        return Number.isFinite(item) && !Object.is(item, -0)
          ? item
          : { $number: Object.is(item, -0) ? '-0' : `${item}` };
      case 'object':
        break;
      default:
        assert(false, `${path} is a ${typeof item}: it cannot be kept`);
    }
    if (item === null) return null;
    if (item instanceof Uint8Array) return { $bytes: table.indexOf(item) };
    if (item instanceof Map) {
      return { $map: [...item].map(([key, entry]) => [toJson(key, path), toJson(entry, `${path}[${key}]`)]) };
    }
    if (Array.isArray(item)) return item.map((entry, n) => toJson(entry, `${path}[${n}]`));
    assert(Object.getPrototypeOf(item) === Object.prototype, `${path} is no plain object: it cannot be kept`);
    const fields: Record<string, Json> = {};
    for (const key of Object.keys(item).sort()) {
      assert(!key.startsWith('$'), `${path}.${key}: keys with $ are taken`);
      const entry = Reflect.get(item, key);
      if (entry !== undefined) fields[key] = toJson(entry, `${path}.${key}`);
    }
    return fields;
  };
  const text = JSON.stringify(toJson(value, 'snapshot'));
  return {
    text: text.replace(/[\x7f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
    blobs: table.blobs,
  };
}

/** The inverse of `pack`. Bytes that are alike are one object. Errors: UsageError. */
export function unpack({ text, blobs }: Packed): unknown {
  const fromJson = (item: Json, depth: number): unknown => {
    if (depth > DEPTH_MAX) throw damaged('it nests too deep');
    if (typeof item !== 'object' || item === null) return item;
    if (isList(item)) return item.map((entry) => fromJson(entry, depth + 1));
    const [key, ...others] = Object.keys(item);
    if (key?.startsWith('$') && others.length === 0) return special(key, item[key]!, depth);
    return Object.fromEntries(Object.entries(item).map(([name, entry]) => [name, fromJson(entry, depth + 1)]));
  };
  const special = (key: string, item: Json, depth: number): unknown => {
    if (key === '$bytes' && typeof item === 'number' && blobs[item]) return blobs[item];
    if (key === '$number' && typeof item === 'string') return Number(item);
    if (key === '$map' && isList(item)) {
      return new Map(
        item.map((pair): [unknown, unknown] => {
          if (!isList(pair) || pair.length !== 2) throw damaged('a Map has an entry that is no pair');
          return [fromJson(pair[0]!, depth + 1), fromJson(pair[1]!, depth + 1)];
        }),
      );
    }
    throw damaged(`${key} stands for nothing`);
  };
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch (error) {
    throw damaged((error as Error).message);
  }
  return fromJson(json, 0);
}

const isList = (item: Json): item is readonly Json[] => Array.isArray(item);
const damaged = (why: string): UsageError => new UsageError({ what: `holds no state that can be read: ${why}` });
