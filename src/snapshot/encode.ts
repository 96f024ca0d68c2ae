import { UsageError } from '../../emu/base/errors.ts';
import { DEFAULT_CONFIG } from '../../kernel-sim/kern/config.ts';
import { System, type SystemSnapshot } from '../system.ts';
import { decode, encode } from './container.ts';

/** A snapshot as bytes: equal snapshots give equal bytes. The future of the run is in it, and nothing of the host's. */
export function encodeSnapshot(snapshot: SystemSnapshot): Uint8Array {
  return encode('SNAP', portable(snapshot));
}

/** The inverse of `encodeSnapshot`. Errors: UsageError with the byte offset when the bytes are no snapshot of this version. */
export function decodeSnapshot(bytes: Uint8Array): SystemSnapshot {
  return checkSnapshot(decode('SNAP', bytes));
}

/** The same snapshot, with no events but its own. */
export function portable(snapshot: SystemSnapshot): SystemSnapshot {
  const { list, count } = snapshot.events;
  return { ...snapshot, events: { list: list.slice(0, count), count } };
}

/** Compares what was read with what a system of this coreback has: the same fields everywhere but inside of lists and tables. */
export function checkSnapshot(value: unknown): SystemSnapshot {
  const config = isObject(value) && isObject(value.config) ? value.config : {};
  checkShape('config', DEFAULT_CONFIG, { ...DEFAULT_CONFIG, ...config }, Object.keys(config));
  const sample = new System(config).snapshot();
  checkShape('snapshot', sample, value);
  const snapshot = value as SystemSnapshot;
  if (snapshot.machine.cores.length !== sample.machine.cores.length) throw otherShape('cores are missing');
  return snapshot;
}

function checkShape(path: string, sample: unknown, value: unknown, optional: readonly string[] = []): void {
  // What is null in a system that has only just been made may be something else later.
  if (sample === null || sample === undefined) return;
  if (kindOf(sample) !== kindOf(value)) throw otherShape(`${path} is ${kindOf(value)}, not ${kindOf(sample)}`);
  if (!isObject(sample) || !isObject(value)) return;
  for (const key of Object.keys(value))
    if (!(key in sample) && !optional.includes(key)) throw otherShape(`${path} has ${key}`);
  for (const key of Object.keys(sample)) checkShape(`${path}.${key}`, sample[key], value[key]);
}

const isObject = (value: unknown): value is Record<string, unknown> => kindOf(value) === 'an object';

const kindOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'a list'
      : value instanceof Map
        ? 'a table'
        : value instanceof Uint8Array
          ? 'bytes'
          : typeof value === 'object'
            ? 'an object'
            : `a ${typeof value}`;

const otherShape = (why: string): UsageError =>
  new UsageError({ what: `was saved by another coreback: ${why}`, hint: 'save it again with this one' });
