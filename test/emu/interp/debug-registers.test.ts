import { describe, expect, it } from 'vitest';
import {
  DR,
  EAX,
  EBX,
  ECX,
  EDI,
  EFLAGS,
  EIP,
  FLAG_RF,
  FLAG_TF,
  FXSAVE_BYTE_OFFSET,
  SEG_SELECTOR,
  SEG_SS,
} from '../../../emu/core/core-state.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { CODE, DATA, Guest } from '../guest-code.ts';

// Source of what is expected: Intel SDM Vol. 3, Debug Registers; Debug Exceptions.

const EXECUTE = 0;
const WRITE = 1;
const READ_OR_WRITE = 3;
const LEN = { 1: 0, 2: 1, 4: 3 } as const;
const BS = 0x4000;
/** DR6's bits that always read as 1. */
const RESERVED = 0xffff0ff0;

interface Breakpoint {
  readonly n?: 0 | 1 | 2 | 3;
  readonly at: number;
  readonly kind?: number;
  readonly length?: 1 | 2 | 4;
  readonly global?: boolean;
}

function guestWith(code: string, ...breakpoints: Breakpoint[]): Guest {
  const guest = new Guest(code, { engine: new Interpreter() });
  for (const { n = 0, at, kind = EXECUTE, length = 1, global = false } of breakpoints) {
    guest.r[DR + n] = at;
    guest.r[DR + 7] |= ((global ? 2 : 1) << (2 * n)) | (((LEN[length] << 2) | kind) << (16 + 4 * n));
  }
  guest.r[EBX] = DATA;
  return guest;
}

const status = (guest: Guest): number => (guest.r[DR + 6] & ~RESERVED) >>> 0;
const offset = (guest: Guest): number => guest.r[EIP] - CODE;

describe('instruction breakpoints', () => {
  it('are faults: EIP is at the instruction, nothing of it happened, RF is as it was', () => {
    const guest = guestWith('40 43', { n: 2, at: CODE + 1 });
    expect(guest.outcome(10)).toBe('#1(0x0)+1');
    expect([offset(guest), guest.r[EBX], status(guest)]).toEqual([1, DATA, 4]);
    expect(guest.r[EFLAGS] & FLAG_RF).toBe(0);
  });

  it('stop again unless RF is set, which lasts for one instruction', () => {
    const guest = guestWith('40 ebfd', { at: CODE });
    expect(guest.outcome(10)).toBe('#1(0x0)+0');
    expect(guest.outcome(10)).toBe('#1(0x0)+0');
    guest.r[EFLAGS] |= FLAG_RF;
    // inc, jmp back, and there it is again.
    expect(guest.outcome(10)).toBe('#1(0x0)+2');
    expect(guest.r[EAX]).toBe(1);
    expect(guest.r[EFLAGS] & FLAG_RF).toBe(0);
  });

  it('need the exact first byte, the enable bit and length 1', () => {
    expect(guestWith('b801000000 f4', { at: CODE + 1 }).outcome(1)).toBe('budget+1');
    const disabled = guestWith('40', { at: CODE });
    disabled.r[DR + 7] &= ~0xff;
    expect(disabled.outcome(1)).toBe('budget+1');
    expect(guestWith('40', { n: 3, at: CODE, global: true }).outcome(1)).toBe('#1(0x0)+0');
  });

  it('come before the faults of fetching and of executing', () => {
    const unmapped = guestWith('90', { at: CODE + 0x1000 });
    unmapped.r[EIP] = CODE + 0x1000;
    expect(unmapped.outcome()).toBe('#1(0x0)+0');
    expect(guestWith('0f0b', { at: CODE }).outcome()).toBe('#1(0x0)+0');
  });

  it('come after the single-step trap of the instruction before', () => {
    const guest = guestWith('90 90', { at: CODE + 1 });
    guest.r[EFLAGS] |= FLAG_TF;
    expect(guest.outcome(10)).toBe('#1(0x0)+1');
    expect(status(guest)).toBe(BS);
    expect(guest.outcome(10)).toBe('#1(0x0)+0');
    // BS stays until software clears it; the lower bits are those of this exception.
    expect(status(guest)).toBe(BS | 1);
  });

  it('stop before the first iteration of a repeated instruction only, wherever the slices end', () => {
    for (const slice of [1, 2, 100]) {
      const guest = guestWith('f3aa 40', { at: CODE });
      guest.r[ECX] = 5;
      guest.r[EDI] = DATA;
      expect(guest.outcome(slice)).toBe('#1(0x0)+0');
      guest.r[EFLAGS] |= FLAG_RF;
      let retired = 0;
      while (offset(guest) === 0) {
        expect(guest.run(Math.min(slice, 5 - retired))).toBe(0);
        retired += guest.core.retired;
      }
      expect([retired, guest.r[ECX], guest.r[EFLAGS] & FLAG_RF]).toEqual([5, 0, 0]);
    }
  });

  it('a fault of the instruction itself sets RF, so that going on does not stop at the breakpoint', () => {
    const guest = guestWith('c70500201008 00000000', { at: CODE });
    guest.r[EFLAGS] |= FLAG_RF;
    expect(guest.outcome()).toBe('#14(0x6)+0');
    expect(guest.r[EFLAGS] & FLAG_RF).toBe(FLAG_RF);
  });
});

describe('data breakpoints', () => {
  it.each([
    ['mov [ebx], eax', '8903', WRITE, true],
    ['mov [ebx], eax', '8903', READ_OR_WRITE, true],
    ['mov eax, [ebx]', '8b03', WRITE, false],
    ['mov eax, [ebx]', '8b03', READ_OR_WRITE, true],
    ['add [ebx], eax', '0103', WRITE, true],
    ['cmp [ebx], eax', '3903', WRITE, false],
    ['lea eax, [ebx]', '8d03', READ_OR_WRITE, false],
    ['push dword [ebx]', 'ff33', READ_OR_WRITE, true],
    ['xlatb', 'd7', READ_OR_WRITE, true],
    ['cmpxchg8b [ebx]', '0fc70b', READ_OR_WRITE, true],
    ['movups [ebx], xmm0', '0f1103', WRITE, true],
    ['movups xmm0, [ebx]', '0f1003', WRITE, false],
    ['fxrstor [ebx]', '0fae0b', READ_OR_WRITE, true],
    ['fstp qword [ebx]', 'dd1b', WRITE, true],
  ])('%s (%s) with R/W %i', (_name, code, kind, stops) => {
    const guest = guestWith(`${code} 90`, { n: 1, at: DATA, kind, length: 4 });
    expect(guest.outcome(1)).toBe(stops ? '#1(0x0)+1' : 'budget+1');
    expect(status(guest)).toBe(stops ? 2 : 0);
    // A trap: the instruction is done.
    expect(offset(guest)).toBe(code.length / 2);
  });

  it.each([
    // Breakpoint at, length; access of 4 bytes at; met?
    [DATA + 4, 1, DATA, false],
    [DATA + 3, 1, DATA, true],
    [DATA, 1, DATA, true],
    [DATA + 3, 1, DATA + 4, false],
    [DATA + 6, 2, DATA + 3, true],
    [DATA + 6, 2, DATA + 8, false],
    // The bits below the length do not count: this one is at DATA + 4.
    [DATA + 7, 4, DATA + 1, true],
    [DATA + 7, 4, DATA, false],
  ] as const)('at %i of length %i, access at %i: %s', (at, length, access, met) => {
    const guest = guestWith('8903', { at, kind: WRITE, length });
    guest.r[EBX] = access;
    expect(guest.outcome()).toBe(met ? '#1(0x0)+1' : 'budget+1');
  });

  it('all that were met are reported, with single-stepping, in one exception', () => {
    const guest = guestWith(
      '0103',
      { n: 0, at: DATA, kind: WRITE, length: 4 },
      { n: 1, at: DATA + 2, kind: READ_OR_WRITE, length: 2 },
      { n: 3, at: DATA + 4, kind: READ_OR_WRITE, length: 4 },
    );
    guest.r[EFLAGS] |= FLAG_TF;
    expect(guest.outcome(10)).toBe('#1(0x0)+1');
    expect(status(guest)).toBe(BS | 0b0011);
  });

  it('trap after the iteration of a repeated instruction that touched the bytes', () => {
    const guest = guestWith('f3ab 90', { at: DATA + 8, kind: WRITE, length: 4 });
    guest.r[ECX] = 5;
    guest.r[EDI] = DATA;
    expect(guest.outcome(100)).toBe('#1(0x0)+3');
    expect([guest.r[ECX], guest.r[EDI], offset(guest)]).toEqual([2, DATA + 12, 0]);
    expect(guest.outcome(3)).toBe('budget+3');
    expect([guest.r[ECX], offset(guest)]).toEqual([0, 3]);
  });

  it('do not come when the instruction faults', () => {
    // movs: reads the watched bytes, writes where nothing is.
    const guest = guestWith('a5', { at: DATA, kind: READ_OR_WRITE, length: 4 });
    guest.r[6] = DATA;
    guest.r[EDI] = 0x1000;
    expect(guest.outcome()).toBe('#14(0x6)+0');
    expect(status(guest)).toBe(0);
  });

  it('do not come for what ENTER only checks', () => {
    const guest = guestWith('c8 1000 00', { at: 0, kind: WRITE, length: 4 });
    const top = guest.r[4];
    guest.r[DR] = top - 4 - 0x10;
    expect(guest.outcome()).toBe('budget+1');
    const pushed = guestWith('c8 1000 00', { at: top - 4, kind: WRITE, length: 4 });
    expect(pushed.outcome()).toBe('#1(0x0)+1');
  });

  it('come for the bytes that a masked store stores, not for the others', () => {
    // xmm1's top byte of the lowest dword is set: one byte is stored, at edi + 3.
    const storing = (at: number): Guest => {
      const guest = guestWith('660ff7c1', { at, kind: WRITE, length: 1 });
      guest.r[EDI] = DATA;
      guest.core.u8[FXSAVE_BYTE_OFFSET + 160 + 16 + 3] = 0x80;
      return guest;
    };
    expect(storing(DATA + 2).outcome()).toBe('budget+1');
    expect(storing(DATA + 3).outcome()).toBe('#1(0x0)+1');
  });

  it('cost other cores nothing: one engine serves cores with and without', () => {
    const engine = new Interpreter();
    const watched = guestWith('8903', { at: DATA, kind: WRITE, length: 4 });
    const plain = new Guest('40 ebfd', { engine });
    expect(plain.outcome(1000)).toBe('budget+1000');
    expect(engine.run(watched.core, watched.space, 10)).toBe(1);
    expect(plain.outcome(1000)).toBe('budget+1000');
  });
});

describe('MOV SS and POP SS', () => {
  // mov ss, [ebx]; inc eax; inc eax, with SS in memory as it is
  const prepared = (...breakpoints: Breakpoint[]): Guest => {
    const guest = guestWith('8e13 40 40', ...breakpoints);
    guest.write32(DATA, guest.r[SEG_SELECTOR + SEG_SS]!);
    return guest;
  };
  const onSelector = { n: 1, at: DATA, kind: READ_OR_WRITE, length: 2 } as const;

  it.each([10, 1])('hold back what they met until after the next instruction, in slices of %d', (slice) => {
    const guest = prepared(onSelector);
    let outcome = 'budget+0';
    while (outcome.startsWith('budget')) outcome = guest.outcome(slice);
    expect(outcome).toMatch(/^#1\(0x0\)/);
    expect([offset(guest), guest.r[EAX], status(guest)]).toEqual([3, 1, 2]);
    expect(guest.outcome(1)).toBe('budget+1');
  });

  it('report it together with what the next instruction meets, and its single step', () => {
    const guest = prepared(onSelector);
    guest.r[EFLAGS] |= FLAG_TF;
    expect(guest.outcome(10)).toBe('#1(0x0)+2');
    expect(status(guest)).toBe(BS | 2);
  });

  it('suppress an instruction breakpoint on the next instruction', () => {
    const guest = prepared({ at: CODE + 2 }, { n: 3, at: CODE + 3 });
    expect(guest.outcome(10)).toBe('#1(0x0)+2');
    expect([offset(guest), status(guest)]).toEqual([3, 8]);
  });

  it('forget what they met when the debugger takes its breakpoints away', () => {
    const guest = prepared(onSelector);
    expect(guest.outcome(1)).toBe('budget+1');
    guest.r[DR + 7] = 0;
    expect(guest.outcome(1)).toBe('budget+1');
    guest.r[DR + 7] = 0x1;
    expect(guest.outcome(1)).toBe('budget+1');
  });
});
