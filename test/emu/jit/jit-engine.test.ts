import { describe, expect, it } from 'vitest';
import { EAX, EBX, ECX, EDI, EIP, ESI, EXIT_VECTOR } from '../../../emu/core/core-state.ts';
import { EXIT_EXCEPTION, VECTOR_BP, VECTOR_PF } from '../../../emu/core/engine.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { JitEngine, type JitOptions } from '../../../emu/jit/jit-engine.ts';
import { PERM_R, PERM_W, PERM_X } from '../../../emu/memory/address-space.ts';
import { CODE, DATA, Guest, hex } from '../guest-code.ts';

const EAGER: JitOptions = { sampleEvery: 1, samples: 1, eager: true };

function eagerGuest(code: string, options: { codeWritable?: boolean } = {}): { guest: Guest; engine: JitEngine } {
  const engine = new JitEngine(EAGER);
  return { guest: new Guest(code, { engine, ...options }), engine };
}

/** inc eax; inc dword [ebx]; jmp to the start */
const COUNTING = '40 / ff03 / ebfb';

describe('translated code', () => {
  it('retires exactly the budget, whatever it is', () => {
    const { guest, engine } = eagerGuest(COUNTING);
    const reference = new Guest(COUNTING, { engine: new Interpreter() });
    for (const g of [guest, reference]) g.r[EBX] = DATA;
    for (let budget = 1; budget < 200; budget++) {
      expect([guest.outcome(budget), guest.r[EIP], guest.r[EAX], guest.read32(DATA)]).toEqual([
        reference.outcome(budget),
        reference.r[EIP],
        reference.r[EAX],
        reference.read32(DATA),
      ]);
    }
    expect(engine.statistics.translated).toBeGreaterThan(10_000);
  });

  it('is left and entered within a block, once budgets have ended there often, and goes when the page is written', () => {
    // A block of 12: add to EAX, store it, count; then back.
    const code =
      '05 01000000 / 8903 / 05 02000000 / 894304 / 05 04000000 / 894308 / 43 / 4b / 05 08000000 / 89430c / 41 / ebdc';
    const { guest, engine } = eagerGuest(code);
    const reference = new Guest(code, { engine: new Interpreter() });
    for (const g of [guest, reference]) g.r[EBX] = DATA;
    const runBoth = (turns: number): void => {
      for (let n = 0; n < turns; n++) {
        for (const g of [guest, reference]) expect(g.outcome(5 + (n % 13))).toBe(`budget+${5 + (n % 13)}`);
        expect(guest.core.i32).toEqual(reference.core.i32);
      }
    };
    runBoth(400);
    const expectAllTranslated = (): void => {
      const { cold } = engine.statistics;
      runBoth(400);
      expect(engine.statistics.cold).toBe(cold);
    };
    expectAllTranslated();
    // The last addition is of 16 now.
    for (const g of [guest, reference]) g.space.poke(CODE + 26, Uint8Array.of(16));
    runBoth(400);
    expectAllTranslated();
  });

  it('is not run any more when a breakpoint is written over it', () => {
    const { guest } = eagerGuest(COUNTING);
    guest.r[EBX] = DATA;
    guest.run(3000);
    guest.space.poke(CODE + 1, Uint8Array.of(0xcc));
    expect(guest.run(3000)).toBe(EXIT_EXCEPTION);
    expect(guest.r[EXIT_VECTOR]).toBe(VECTOR_BP);
    expect(guest.r[EIP]).toBe(CODE + 2);
    guest.space.poke(CODE + 1, Uint8Array.of(0xff));
    guest.r[EIP] = CODE + 1;
    expect(guest.outcome(3000)).toBe('budget+3000');
  });

  it('faults at the very store when a page is taken away', () => {
    const { guest } = eagerGuest(COUNTING);
    guest.r[EBX] = DATA;
    guest.run(3000);
    const count = guest.read32(DATA);
    guest.space.protectPage(DATA >>> 12, PERM_R);
    expect(guest.run(3000)).toBe(EXIT_EXCEPTION);
    expect([guest.r[EXIT_VECTOR], guest.r[EIP], guest.read32(DATA)]).toEqual([VECTOR_PF, CODE + 1, count]);
  });

  it('has all flags of an ADC where the increment behind it faults, and CF of one whose other flags an increment replaces', () => {
    // adc eax, ecx; inc edx; adc eax, ecx; inc dword [ebx]; back to the start
    const code = '11c8 / 42 / 11c8 / ff03 / ebf7';
    const { guest } = eagerGuest(code);
    const reference = new Guest(code, { engine: new Interpreter() });
    for (const g of [guest, reference]) {
      g.r[EBX] = DATA;
      g.r[ECX] = 0x4f0f0f0f;
    }
    for (let n = 0; n < 50; n++) {
      for (const access of [PERM_R | PERM_W, PERM_R]) {
        for (const g of [guest, reference]) g.space.protectPage(DATA >>> 12, access);
        expect(guest.outcome(300 + n)).toBe(reference.outcome(300 + n));
        expect(guest.core.i32).toEqual(reference.core.i32);
      }
    }
  });

  it('faults when its own page may not be executed any more', () => {
    const { guest } = eagerGuest(COUNTING);
    guest.r[EBX] = DATA;
    guest.run(3000);
    guest.space.protectPage(CODE >>> 12, PERM_R);
    expect(guest.run(3000)).toBe(EXIT_EXCEPTION);
    expect(guest.r[EXIT_VECTOR]).toBe(VECTOR_PF);
  });

  it.each([new JitEngine(EAGER), new Interpreter()])(
    'faults when a snapshot is restored in which its page may not be executed ($name)',
    (engine) => {
      const guest = new Guest(COUNTING, { engine });
      guest.r[EBX] = DATA;
      guest.space.protectPage(CODE >>> 12, PERM_R);
      const before = guest.space.snapshot();
      guest.space.protectPage(CODE >>> 12, PERM_R | PERM_X);
      guest.run(3000);
      guest.space.restore(before);
      expect([guest.outcome(3000), guest.r[EXIT_VECTOR]]).toEqual(['#14(0x5)+0', VECTOR_PF]);
    },
  );

  it('notes the first write of a page after clearDirty', () => {
    const { guest } = eagerGuest(COUNTING);
    guest.r[EBX] = DATA;
    guest.run(3000);
    guest.space.clearDirty();
    guest.run(3000);
    expect(guest.space.dirtyPages()).toEqual([DATA >>> 12]);
  });

  it('sees what it has just written into its own loop', () => {
    // inc byte [CODE+7]; add eax, imm8, whose immediate that is; dec ecx; jnz
    const code = `fe05 ${'07800408'} / 83c0 00 / 49 / 75f4`;
    const { guest } = eagerGuest(code, { codeWritable: true });
    const reference = new Guest(code, { engine: new Interpreter(), codeWritable: true });
    for (const g of [guest, reference]) {
      g.r[ECX] = 200;
      g.space.poke(CODE + 8, hex('00'));
      g.run(700);
    }
    expect(Array.from(guest.core.i32)).toEqual(Array.from(reference.core.i32));
  });

  it('is not made for a page that changes all the time, until it has been left alone for as long', () => {
    const engine = new JitEngine();
    const guest = new Guest(COUNTING, { engine });
    guest.r[EBX] = DATA;
    const translatedIn = (instructions: number): number => {
      const before = engine.statistics.translated;
      guest.run(instructions);
      return engine.statistics.translated - before;
    };
    const change = (): void => guest.space.poke(CODE + 100, Uint8Array.of(1));
    for (let n = 0; n < 40; n++) {
      guest.run(100_000);
      change();
    }
    expect(translatedIn(100_000)).toBe(0);
    guest.run(10_000_000);
    expect(translatedIn(100_000)).toBeGreaterThan(90_000);
    // As often again, in a space that has a long life.
    for (let n = 0; n < 40; n++) {
      change();
      guest.run(6_000_000);
    }
    expect(translatedIn(100_000)).toBeGreaterThan(90_000);
  });

  it('ends REP MOVS at the budget and goes on with it', () => {
    const { guest } = eagerGuest('f3a4 / ebfc');
    guest.r[ESI] = DATA;
    guest.r[EDI] = DATA + 0x1000;
    guest.r[ECX] = 0x800;
    expect(guest.outcome(5)).toBe('budget+5');
    expect([guest.r[ECX], guest.r[EIP]]).toEqual([0x7fb, CODE]);
    expect(guest.outcome(0x7fb)).toBe('budget+2043');
    expect([guest.r[ECX], guest.r[EIP], guest.r[EDI]]).toEqual([0, CODE + 2, DATA + 0x1800]);
  });

  it('returns to where it was called from, or wherever the stack says', () => {
    // call f; inc eax; call f; inc ebx; push CODE+19; jmp f; inc esi; back to the start. f: inc ecx; ret
    const code = 'e811000000 / 40 / e80b000000 / 43 / 6813800408 / eb03 / 46 / ebea / 41 / c3';
    const { guest, engine } = eagerGuest(code);
    const reference = new Guest(code, { engine: new Interpreter() });
    for (let n = 0; n < 300; n++) {
      for (const g of [guest, reference]) expect(g.outcome(100 + n)).toBe(`budget+${100 + n}`);
      expect(guest.core.i32).toEqual(reference.core.i32);
    }
    expect(guest.r[ESI]).toBeGreaterThan(1000);
    expect(engine.statistics.translated).toBeGreaterThan(20_000);
  });

  it('is taken over by another space with the same bytes, and not by one with others', () => {
    const engine = new JitEngine(EAGER);
    const run = (code: string): number => {
      const guest = new Guest(code, { engine });
      guest.r[EBX] = DATA;
      guest.run(3000);
      return guest.r[EAX];
    };
    const first = run(COUNTING);
    const { regions } = engine.statistics;
    expect(run(COUNTING)).toBe(first);
    expect(engine.statistics.regions).toBe(regions);
    expect(engine.statistics.reused).toBeGreaterThan(0);
    // dec eax instead.
    expect(run(COUNTING.replace('40', '48'))).toBe(-first);
  });

  it('belongs to its engine: another one, or the interpreter, goes on in the same space', () => {
    const { guest } = eagerGuest(COUNTING);
    guest.r[EBX] = DATA;
    const engines = [guest.engine, new JitEngine(EAGER), new Interpreter(), new JitEngine(EAGER), guest.engine];
    for (const engine of engines) engine.run(guest.core, guest.space, 3000);
    expect([guest.r[EAX], guest.read32(DATA), guest.r[EIP]]).toEqual([5000, 5000, CODE]);
  });

  it('is thrown away when there is too much of it, and comes back', () => {
    const engine = new JitEngine({ ...EAGER, moduleBytesMax: 1500 });
    const guest = new Guest(COUNTING, { engine });
    guest.r[EBX] = DATA;
    for (let i = 0; i < 40; i++) {
      const at = CODE + 0x40 * i;
      guest.space.poke(at, hex(COUNTING));
      guest.r[EIP] = at;
      expect(guest.outcome(300)).toBe('budget+300');
    }
    expect(guest.r[EAX]).toBe(4000);
    expect(engine.statistics.evictions).toBeGreaterThan(2);
  });

  it('does not depend on when it is made: hot after one instruction, or after thousands', () => {
    const end = (options: JitOptions): number[] => {
      const guest = new Guest(COUNTING, { engine: new JitEngine(options) });
      guest.r[EBX] = DATA;
      for (let i = 0; i < 50; i++) guest.run(1001);
      return Array.from(guest.core.i32);
    };
    expect(end(EAGER)).toEqual(end({ sampleEvery: 100, samples: 3 }));
    expect(end(EAGER)).toEqual(end({ sampleEvery: 1_000_000 }));
  });

  it('runs in pages that are readable, writable and executable at once', () => {
    const { guest } = eagerGuest(COUNTING, { codeWritable: true });
    guest.r[EBX] = CODE + 0x800;
    expect(guest.outcome(3000)).toBe('budget+3000');
    expect(guest.read32(CODE + 0x800)).toBe(1000);
    expect(guest.space.permOf(CODE >>> 12)).toBe(PERM_R | PERM_W | PERM_X);
  });
});
