import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { sameValue } from '../../../emu/base/same-value.ts';
import { finishedRun } from '../../../src/recovery/finished-run.ts';
import { buildResult } from '../../../src/result.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../src/snapshot/encode.ts';
import { pack, unpack } from '../../../src/snapshot/plain-data.ts';
import { decodeSavedRun } from '../../../src/snapshot/saved-run.ts';
import { System } from '../../../src/system.ts';
import { property } from '../../support/property.ts';
import { boot, LIMITS, WORKLOADS } from '../../support/workloads.ts';

// Seconds on a quiet host; a loaded one takes ten times as long.
vi.setConfig({ testTimeout: 300_000 });

const digestAtEnd = (system: System): string =>
  buildResult(system, finishedRun(system, system.run(LIMITS), []), null).digest;

const usageError = (work: () => unknown): UsageError => {
  try {
    work();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe.each(WORKLOADS)('a snapshot as bytes: $name', (workload) => {
  const whole = boot(workload, 1);
  const digest = digestAtEnd(whole);

  it('reads back as what it was, byte for byte, and goes on to the same end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.machine.retired - 1 }), (instruction) => {
        const system = boot(workload, 1);
        system.run({ ...LIMITS, pauseInstructions: instruction });
        const bytes = encodeSnapshot(system.snapshot());
        const snapshot = decodeSnapshot(bytes);
        expect(sameValue(encodeSnapshot(snapshot), bytes)).toBe(true);
        expect(digestAtEnd(System.from(snapshot))).toBe(digest);
      }),
      property(3),
    );
  });

  it('never changes, whatever the system does afterwards', () => {
    const system = boot(workload, 1);
    system.run({ ...LIMITS, pauseInstructions: whole.machine.retired >>> 1 });
    const snapshot = system.snapshot();
    const bytes = encodeSnapshot(snapshot);
    system.run(LIMITS);
    system.restore(snapshot);
    system.run(LIMITS);
    expect(sameValue(encodeSnapshot(snapshot), bytes)).toBe(true);
  });
});

describe('plain data', () => {
  const leaf = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value')),
      fc.dictionary(fc.stringMatching(/^[a-z]\w*$/), tie('value'), { noNullPrototype: true }),
      fc.array(fc.tuple(fc.oneof(fc.integer(), fc.string()), tie('value'))).map((entries) => new Map(entries)),
    ),
  }));

  it('comes back from JSON and bytes as it was', () => {
    fc.assert(
      fc.property(value, (data) => {
        const packed = pack(data);
        expect(packed.text).toMatch(/^[\x20-\x7e]*$/);
        expect(sameValue(unpack(packed), data)).toBe(true);
      }),
      property(300),
    );
  });

  it('keeps each content once', () => {
    const { blobs } = pack([Uint8Array.of(1, 2), Uint8Array.of(1, 2), Uint8Array.of(2, 1), new Uint8Array(0)]);
    expect(blobs).toEqual([Uint8Array.of(1, 2), Uint8Array.of(2, 1), new Uint8Array(0)]);
  });
});

describe('a file that is no saved state', () => {
  const system = boot(WORKLOADS[1]!, 1);
  system.run({ pauseInstructions: 20_000 });
  const good = encodeSnapshot(system.snapshot());

  it('is refused with the place, wherever it is cut off or changed', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = good.slice();
        changed[at]! ^= flip;
        const cut = good.subarray(0, at);
        for (const bad of [changed, cut]) {
          const { parts, message } = usageError(() => decodeSnapshot(bad));
          expect(parts.offset).toBeLessThanOrEqual(bad.length);
          expect(message).not.toContain('\n');
        }
      }),
      property(60),
    );
  });

  it('is refused when somebody has put a right checksum under wrong contents', () => {
    const end = good.length - 32;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = good.slice();
        for (const [at, byte] of changes) changed[at] = byte;
        changed.set(sha256(changed.subarray(0, end)), end);
        try {
          decodeSnapshot(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      property(150),
    );
  });

  it.each([
    ['random bytes', Uint8Array.from({ length: 500 }, (_, n) => (n * 37) & 255), 0],
    ['nothing', new Uint8Array(0), 0],
    ['a name and nothing more', good.slice(0, 8), 8],
    ['another version', Uint8Array.from(good, (byte, n) => (n === 8 ? 99 : byte)), 8],
  ])('is refused: %s', (_, bytes, offset) => {
    expect(usageError(() => decodeSnapshot(bytes)).parts.offset).toBe(offset);
  });

  it('is refused when it holds something else', () => {
    expect(usageError(() => decodeSavedRun(good)).message).toContain("holds a 'SNAP', not a 'RUN'");
  });
});
