import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EAX, EBX, ECX, EDI, EIP, ESI } from '../../../emu/core/core-state.ts';
import type { Engine } from '../../../emu/core/engine.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine } from '../../../emu/jit/jit-engine.ts';
import { PERM_R, PERM_W } from '../../../emu/memory/address-space.ts';
import { CODE, DATA, Guest, hex } from '../guest-code.ts';

// What translated code may access, when that changes between two slices of one loop: translated code asks once for whole ranges of pages.

const PAGES = 6;
const END = DATA + PAGES * 0x1000;

/** The same guest twice, with PAGES pages of data. */
class Pair {
  readonly guests: readonly Guest[];

  constructor(code: string) {
    const make = (engine: Engine): Guest => {
      const guest = new Guest(code, { engine });
      for (let page = DATA >>> 12; page < END >>> 12; page++) {
        if (!guest.space.isResident(page)) guest.space.mapPage(page, PERM_R | PERM_W);
      }
      return guest;
    };
    this.guests = [make(new JitEngine({ sampleEvery: 1, samples: 1, eager: true })), make(new Interpreter())];
  }

  /** Does something to both and compares all that can be seen of them. */
  step(what: (guest: Guest) => unknown): unknown {
    const [first, second] = this.guests.map((guest) => ({
      result: what(guest),
      state: Array.from(guest.core.i32),
      pages: guest.space
        .residentPages()
        .map((page) => Buffer.from(guest.space.peek(page << 12, 4096)).toString('base64')),
      dirty: guest.space.dirtyPages(),
    }));
    expect(first).toEqual(second);
    return second!.result;
  }

  /** Runs until something else than the budget ends it. */
  finish(slice: number): unknown {
    return this.step((guest) => {
      for (;;) {
        const outcome = guest.outcome(slice);
        if (!outcome.startsWith('budget')) return outcome;
      }
    });
  }
}

/** add [ebx], eax; add ebx, 4; dec ecx; jnz; int3 */
const SWEEP = '0103 / 83c304 / 49 / 75f8 / cc';
/** mov eax, [ebx-200]; mov [ebx+40], eax; add ebx, 4; dec ecx; jnz; int3 */
const COPY = '8b8338ffffff / 894328 / 83c304 / 49 / 75f1 / cc';
const BREAKPOINT = /^#3/;
const PAGE_FAULT = /^#14/;

function at(ebx: number, ecx: number) {
  return (guest: Guest): void => {
    guest.r[EIP] = CODE;
    guest.r[EAX] = 3;
    guest.r[EBX] = ebx;
    guest.r[ECX] = ecx;
  };
}

describe('accesses of translated code', () => {
  it('fault at the first address that is not mapped, above and below', () => {
    const pair = new Pair(COPY);
    pair.step(at(DATA + 200, 4000));
    expect(pair.finish(500)).toMatch(BREAKPOINT);
    pair.step(at(DATA + 2000, 100_000));
    expect(pair.finish(500)).toMatch(PAGE_FAULT);
    pair.step(at(DATA + 199, 100));
    expect(pair.finish(500)).toMatch(PAGE_FAULT);
    pair.step(at(END - 43, 100));
    expect(pair.finish(500)).toMatch(PAGE_FAULT);
  });

  it('fault at the very instruction when a page in the middle is protected or taken away, and go on when it is back', () => {
    for (const change of [
      (guest: Guest) => guest.space.protectPage((DATA >>> 12) + 3, PERM_R),
      (guest: Guest) => guest.space.protectPage((DATA >>> 12) + 3, 0),
      (guest: Guest) => guest.space.unmapPage((DATA >>> 12) + 3),
    ]) {
      const pair = new Pair(SWEEP);
      pair.step(at(DATA, (PAGES * 4096) / 4));
      // So long that the range has been asked for, and begun.
      for (let i = 0; i < 40; i++) pair.step((guest) => guest.outcome(101));
      pair.step(change);
      expect(pair.finish(1001)).toMatch(PAGE_FAULT);
      pair.step((guest) => {
        const page = (DATA >>> 12) + 3;
        if (guest.space.isResident(page)) guest.space.protectPage(page, PERM_R | PERM_W);
        else guest.space.mapPage(page, PERM_R | PERM_W);
      });
      expect(pair.finish(1001)).toMatch(BREAKPOINT);
    }
  });

  it('note which pages they write after every clearDirty', () => {
    const pair = new Pair(SWEEP);
    pair.step(at(DATA, (PAGES * 4096) / 4));
    for (let i = 0; i < 12; i++) {
      pair.step((guest) => guest.outcome(1777));
      pair.step((guest) => guest.space.clearDirty());
    }
    expect(pair.finish(1001)).toMatch(BREAKPOINT);
  });

  it('leave a snapshot as it was', () => {
    const pair = new Pair(SWEEP);
    pair.step(at(DATA, (PAGES * 4096) / 4));
    pair.step((guest) => guest.outcome(4000));
    const snapshots = pair.guests.map((guest) => guest.space.snapshot());
    pair.step((guest) => guest.outcome(4000));
    pair.step((guest) => guest.space.restore(snapshots[pair.guests.indexOf(guest)]!));
    expect(pair.finish(1001)).toMatch(BREAKPOINT);
  });

  it('are those of the interpreter whatever happens to pages between slices', () => {
    const change = fc.record({
      page: fc.nat(PAGES - 1),
      to: fc.constantFrom('none', 'read', 'write', 'unmap', 'clean', 'back'),
      slice: fc.integer({ min: 1, max: 3000 }),
    });
    fc.assert(
      fc.property(fc.constantFrom(SWEEP, COPY), fc.array(change, { minLength: 1, maxLength: 12 }), (code, changes) => {
        const pair = new Pair(code);
        pair.step(at(DATA + 208, 5800));
        for (const { page, to, slice } of changes) {
          pair.step((guest) => guest.outcome(slice));
          pair.step(({ space }) => {
            const number = (DATA >>> 12) + page;
            if (to === 'clean') space.clearDirty();
            else if (to === 'unmap') space.unmapPage(number);
            else if (!space.isResident(number)) space.mapPage(number, PERM_R | PERM_W);
            else space.protectPage(number, to === 'none' ? 0 : to === 'read' ? PERM_R : PERM_R | PERM_W);
          });
        }
        pair.finish(2000);
      }),
      { numRuns: 40, seed: 6 },
    );
  });
});

describe('translated REP MOVS and REP STOS', () => {
  it('copy and fill across pages, over themselves and up to what is not mapped', () => {
    const place = fc.integer({ min: DATA - 16, max: END + 16 });
    fc.assert(
      fc.property(
        fc.constantFrom('f3a4', 'f366a5', 'f3a5', 'f3aa', 'f366ab', 'f3ab'),
        fc.tuple(
          place,
          fc.oneof(place, fc.integer({ min: -70, max: 70 })),
          fc.nat(3000),
          fc.integer({ min: 1, max: 5000 }),
        ),
        fc.constantFrom(0, 0x55555555, 0x12345678),
        (code, [from, to, count, slice], value) => {
          const pair = new Pair(`${code} / cc`);
          pair.step((guest) => {
            const pattern = Uint8Array.from({ length: PAGES * 4096 }, (_, i) => i * 7 + (i >> 8));
            guest.space.poke(DATA, pattern);
          });
          // Twice, so that it is hot.
          for (let i = 0; i < 2; i++) {
            pair.step((guest) => {
              guest.r[EIP] = CODE;
              guest.r[EAX] = value;
              guest.r[ESI] = from;
              guest.r[EDI] = Math.abs(to) <= 70 ? from + to : to;
              guest.r[ECX] = count;
            });
            pair.finish(slice);
          }
        },
      ),
      { numRuns: 150, seed: 6 },
    );
  });

  it('leave nothing to the interpreter when elements lie across pages', () => {
    const engine = new JitEngine({ sampleEvery: 1, samples: 1, eager: true });
    const guest = new Guest(hex('f3a5 / ebfc'), { engine });
    guest.run(50);
    const before = engine.statistics.assisted;
    for (let i = 0; i < 5; i++) {
      guest.r[EIP] = CODE;
      guest.r[ESI] = DATA + 1;
      guest.r[EDI] = DATA + 0x803;
      guest.r[ECX] = 0x5f0;
      guest.run(0x5f0);
    }
    expect(guest.r[ECX]).toBe(0);
    expect(engine.statistics.assisted).toBe(before);
  });
});
