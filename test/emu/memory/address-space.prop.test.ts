import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AddressSpace,
  PAGE_SIZE,
  PERM_R,
  PERM_W,
  PERM_X,
  type SpaceSnapshot,
} from '../../../emu/memory/address-space.ts';
import { property } from '../../support/property.ts';

/** What a space should be. */
type Model = Map<number, { perm: number; first: number; clean: boolean }>;

const PERMS = [0, PERM_R, PERM_R | PERM_W, PERM_R | PERM_X, PERM_R | PERM_W | PERM_X];
const page = fc.integer({ min: 16, max: 19 });
const perm = fc.constantFrom(...PERMS);
const step = fc.oneof(
  fc.record({ do: fc.constant('map' as const), page, perm }),
  fc.record({ do: fc.constant('unmap' as const), page }),
  fc.record({ do: fc.constant('protect' as const), page, perm }),
  fc.record({ do: fc.constant('store' as const), page, value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ do: fc.constant('poke' as const), page, value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ do: fc.constant('code' as const), page }),
  fc.record({ do: fc.constant('clean' as const) }),
  fc.record({ do: fc.constant('snapshot' as const) }),
  fc.record({ do: fc.constant('restore' as const), which: fc.nat(), fresh: fc.boolean() }),
  fc.record({ do: fc.constant('try' as const), anew: fc.nat(3) }),
  fc.record({ do: fc.constant('end' as const), keep: fc.boolean() }),
);

/** What may happen on trial. */
const ON_TRIAL = ['store', 'poke', 'code', 'end'];

/** Pages with code that an engine believes to know, with their first byte: a stale one is a bug. */
class Cache {
  readonly known = new Map<number, number>();
  dropPage(dropped: number): void {
    this.known.delete(dropped);
  }
}

const copyOf = (model: Model): Model => new Map([...model].map(([n, entry]) => [n, { ...entry }]));

const sameModel = (a: Model, b: Model): boolean =>
  a.size === b.size &&
  [...a].every(([n, { perm, first, clean }]) => {
    const other = b.get(n);
    return other?.perm === perm && other.first === first && other.clean === clean;
  });

/** What a store by the guest does: an engine looks at `perm`, then asks. */
function store(space: AddressSpace, n: number, value: number): boolean {
  if (!(space.perm[n]! & PERM_W) && !space.resolveWrite(n)) return false;
  space.u8[n * PAGE_SIZE] = value;
  return true;
}

function check(space: AddressSpace, model: Model, cache: Cache): void {
  const pages = [...model.keys()].sort((a, b) => a - b);
  expect(space.residentPages()).toEqual(pages);
  expect(space.dirtyPages()).toEqual(pages.filter((n) => !model.get(n)!.clean));
  for (const [n, entry] of model) {
    expect(space.u8[n * PAGE_SIZE]).toBe(entry.first);
    expect(space.permOf(n)).toBe(entry.perm);
    // The effective permission may lack W, never have more.
    expect(space.perm[n]! & ~entry.perm).toBe(0);
    expect(space.perm[n]! | PERM_W).toBe(entry.perm | PERM_W);
  }
  for (const [n, first] of cache.known) expect(space.u8[n * PAGE_SIZE]).toBe(first);
}

describe('an address space', () => {
  it('is what its history says, through snapshots, restores and trials in any order', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        let space = new AddressSpace();
        let model: Model = new Map();
        let cache = new Cache();
        space.codeCache = cache;
        /** On trial: what it was when that began. */
        let before: Model | null = null;
        const kept: { snapshot: SpaceSnapshot; model: Model; text: string }[] = [];
        for (const s of steps) {
          const entry = 'page' in s ? model.get(s.page) : undefined;
          if (before && !ON_TRIAL.includes(s.do)) continue;
          if (s.do === 'map' && !entry) {
            space.mapPage(s.page, s.perm);
            model.set(s.page, { perm: s.perm, first: 0, clean: false });
          } else if (s.do === 'unmap') {
            space.unmapPage(s.page);
            model.delete(s.page);
          } else if (s.do === 'protect') {
            space.protectPage(s.page, s.perm);
            if (entry) entry.perm = s.perm;
          } else if (s.do === 'store') {
            const stored = store(space, s.page, s.value);
            expect(stored).toBe(((entry?.perm ?? 0) & PERM_W) !== 0);
            if (stored) Object.assign(entry!, { first: s.value, clean: false });
          } else if (s.do === 'poke' && entry) {
            space.poke(s.page * PAGE_SIZE, Uint8Array.of(s.value));
            Object.assign(entry, { first: s.value, clean: false });
          } else if (s.do === 'code' && entry) {
            cache.known.set(s.page, entry.first);
            space.markCode(s.page);
          } else if (s.do === 'clean') {
            space.clearDirty();
            for (const each of model.values()) each.clean = true;
          } else if (s.do === 'snapshot') {
            const snapshot = space.snapshot();
            kept.push({ snapshot, model: copyOf(model), text: textOf(snapshot) });
          } else if (s.do === 'restore' && kept.length > 0) {
            const { snapshot, model: then } = kept[s.which % kept.length]!;
            if (s.fresh) {
              space.dispose();
              space = new AddressSpace();
              cache = new Cache();
              space.codeCache = cache;
            }
            space.restore(snapshot);
            model = copyOf(then);
          } else if (s.do === 'try') {
            if (s.anew === 0) space.endTrials();
            space.beginTrial();
            before = copyOf(model);
          } else if (s.do === 'end' && before) {
            space.endTrial(s.keep);
            if (!s.keep) model = before;
            before = null;
          }
          check(space, model, cache);
          for (const { snapshot, model: then } of kept) expect(space.equals(snapshot)).toBe(sameModel(model, then));
        }
        for (const { snapshot, text } of kept) expect(textOf(snapshot)).toBe(text);
        space.dispose();
      }),
      property(600),
    );
  });

  it('copies only what was written since the last snapshot', () => {
    const space = new AddressSpace();
    for (let n = 16; n < 32; n++) space.mapPage(n, PERM_R | PERM_W);
    const first = space.snapshot();
    expect(store(space, 20, 1)).toBe(true);
    const second = space.snapshot();
    expect(second.bytes.filter((bytes, n) => bytes !== first.bytes[n])).toHaveLength(1);
    space.restore(first);
    expect(space.snapshot().bytes).toEqual(first.bytes);
    expect(space.snapshot().bytes.every((bytes, n) => bytes === first.bytes[n])).toBe(true);
    space.dispose();
  });
});

describe('a trial', () => {
  it('copies pages that were written before, until there are no trials any more', () => {
    const space = new AddressSpace();
    for (let n = 16; n < 32; n++) space.mapPage(n, PERM_R | PERM_W);
    space.beginTrial();
    for (const n of [16, 20, 24]) expect(store(space, n, 1)).toBe(true);
    space.endTrial(false);
    expect([16, 20, 24].map((n) => space.u8[n * PAGE_SIZE])).toEqual([0, 0, 0]);
    // Their permission bytes let the guest write from now on.
    expect([16, 18, 20].map((n) => space.perm[n]! & PERM_W)).toEqual([PERM_W, 0, PERM_W]);
    expect(space.trialPages).toBe(3);
    space.endTrials();
    expect([16, 18].map((n) => space.perm[n]! & PERM_W)).toEqual([PERM_W, PERM_W]);
    expect(space.trialPages).toBe(0);
    space.beginTrial();
    expect(store(space, 16, 2)).toBe(true);
    space.endTrial(true);
    expect([space.u8[16 * PAGE_SIZE], space.trialPages]).toEqual([2, 1]);
    space.dispose();
  });
});

const textOf = ({ pages, attributes, bytes }: SpaceSnapshot): string =>
  JSON.stringify([pages, [...attributes], bytes.map((each) => each[0])]);
