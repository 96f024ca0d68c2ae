import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../../kernel-sim/kern/events.ts';
import { EVENT_FIELDS, RunDigest } from '../../../src/report/digest.ts';
import { echoed, failedRecovery, handMadeRun, threadEvents } from './fixture.ts';

const SEED = 20120101;
const everyKind: readonly TraceEvent[] = [...handMadeRun().events, ...failedRecovery, ...threadEvents, echoed];

function digestOf(events: readonly TraceEvent[]): string {
  const digest = new RunDigest();
  for (const e of events) digest.update(e);
  return digest.hex();
}

/** The same event with one field another: every kind of value has a smallest change. */
function changed(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return `${value}x`;
  return [...(value as unknown[]), Array.isArray(value) && typeof value[0] === 'string' ? '' : 0];
}

describe('the digest of a run', () => {
  it('is stable', () => {
    const digest = new RunDigest();
    for (const e of everyKind) digest.update(e);
    digest.updateBytes('memory', Uint8Array.of(1, 2, 3));
    expect(digest.hex()).toBe('ed398b67d7e5f50bdf5f0721c4078301a7439bbdd27f3ab7045e1fb1f4b4be47');
  });

  it('covers each kind of event: the fixture has one of each', () => {
    expect([...new Set(everyKind.map((e) => e.kind))].sort()).toEqual(Object.keys(EVENT_FIELDS).sort());
  });

  it('changes when any field of any event changes', () => {
    const before = digestOf(everyKind);
    const seen = new Set([before]);
    const kinds = new Map(everyKind.map((e, i) => [e.kind, i]));
    let changes = 0;
    for (const i of kinds.values()) {
      for (const [name, value] of Object.entries(everyKind[i]!)) {
        if (name === 'kind') continue;
        const events = everyKind.with(i, { ...everyKind[i]!, [name]: changed(value) } as TraceEvent);
        seen.add(digestOf(events));
        changes++;
      }
    }
    expect(seen.size).toBe(changes + 1);
  });

  it('changes when an event is missing, doubled, or out of its order', () => {
    const digests = [
      digestOf(everyKind),
      digestOf(everyKind.slice(1)),
      digestOf([everyKind[0]!, ...everyKind]),
      digestOf([everyKind[1]!, everyKind[0]!, ...everyKind.slice(2)]),
    ];
    expect(new Set(digests).size).toBe(4);
  });

  it('does not depend on the order of the keys', () => {
    const turned = everyKind.map((e) => Object.fromEntries(Object.entries(e).reverse()) as unknown as TraceEvent);
    expect(digestOf(turned)).toBe(digestOf(everyKind));
  });

  it('tells integers of any size and sign apart', () => {
    const at = (n: number): string =>
      digestOf([{ ns: 0, core: -1, instruction: 0, kind: 'boot', cores: 1, cycleNs: 1, seed: n }]);
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        expect(at(a) === at(b)).toBe(a === b);
      }),
      { seed: SEED },
    );
    const edges = [0, 1, -1, 63, 64, -64, 127, 128, 8191, 8192, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1)];
    expect(new Set(edges.map(at)).size).toBe(edges.length);
  });

  it('tells texts apart, also those that UTF-8 cannot hold', () => {
    const log = (text: string): string => digestOf([{ ns: 0, core: 0, instruction: 0, kind: 'log', text }]);
    const texts = ['', '\0', '\ud800', '\udc00', '\ufffd', 'é', 'e\u0301'];
    expect(new Set(texts.map(log)).size).toBe(texts.length);
  });

  it('tells bytes from events, and labels from bytes', () => {
    const of = (label: string, bytes: number[]): string => {
      const digest = new RunDigest();
      digest.updateBytes(label, Uint8Array.from(bytes));
      return digest.hex();
    };
    expect(new Set([of('a', []), of('', [1, 97]), of('a', [0]), of('', [97]), digestOf([])]).size).toBe(5);
  });

  it('may be read on the way', () => {
    const digest = new RunDigest();
    for (const e of everyKind) {
      digest.update(e);
      digest.hex();
    }
    expect(digest.hex()).toBe(digestOf(everyKind));
  });

  it('refuses an event it does not know, and one with a field too many or of another type', () => {
    const update = (e: unknown): void => new RunDigest().update(e as TraceEvent);
    const log = { ns: 0, core: 0, instruction: 0, kind: 'log', text: '' };
    expect(() => update({ ...log, kind: 'new' })).toThrow('unknown event new');
    expect(() => update({ ...log, extra: 1 })).toThrow('log has 6 fields, expected 5');
    expect(() => update({ ...log, text: 5 })).toThrow('log.text must be a text, got 5');
    expect(() => update({ ...log, ns: 0.5 })).toThrow('log.ns must be a safe integer, got 0.5');
  });
});
