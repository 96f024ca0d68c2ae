import { describe, expect, it } from 'vitest';
import {
  CR0,
  CR2,
  DR,
  EAX,
  EBP,
  ECX,
  EDI,
  EFLAGS,
  EIP,
  ESI,
  ESP,
  EXIT_VECTOR,
  FLAG_TF,
} from '../../../emu/core/core-state.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { PERM_R, PERM_W, PERM_X } from '../../../emu/memory/address-space.ts';
import { CODE, DATA, Guest, hex, STACK_TOP } from '../guest-code.ts';

/** First address after the mapped data pages. */
const DATA_END = DATA + 0x2000;
const STACK_BOTTOM = STACK_TOP - 0x2000;

for (const fast of [true, false]) {
  const guestOf = (code: string, options = {}): Guest =>
    new Guest(code, { engine: new Interpreter({ fast }), ...options });

  describe(`exceptions (${fast ? 'hot loop' : 'rows only'})`, () => {
    it.each([
      ['ud2', '0f0b', '#6(0x0)+0'],
      ['hlt', 'f4', '#13(0x0)+0'],
      ['cli', 'fa', '#13(0x0)+0'],
      ['in al, dx', 'ec', '#13(0x0)+0'],
      ['mov eax, cr0', '0f20c0', '#13(0x0)+0'],
      ['lock nop', 'f090', '#6(0x0)+0'],
      ['lock add eax, ecx', 'f001c8', '#6(0x0)+0'],
      ['lock cmp [eax], ecx', 'f03908', '#6(0x0)+0'],
      ['mov cs, eax', '8ec8', '#6(0x0)+0'],
      ['lea eax, eax', '8dc0', '#6(0x0)+0'],
      ['cmpxchg8b eax', '0fc7c8', '#6(0x0)+0'],
      ['d9 d1, no x87 instruction', 'd9d1', '#6(0x0)+0'],
      ['lock fld1', 'f0d9e8', '#6(0x0)+0'],
      ['int3', 'cc', '#3(0x0)+1'],
      ['int 3', 'cd03', '#3(0x0)+1'],
      ['int 4', 'cd04', '#4(0x0)+1'],
      ['int 0x21', 'cd21', '#13(0x10a)+0'],
      ['int 0x80', 'cd80', 'syscall+1'],
      ['lcall $7, $0', '9a 00000000 0700', 'syscall+1'],
      ['icebp', 'f1', '#1(0x0)+1'],
      ['aam 0', 'd400', '#0(0x0)+0'],
      ['15 bytes', '66666666666666666666666666 89c0', 'budget+1'],
      ['16 bytes', '6666666666666666666666666666 89c0', '#13(0x0)+0'],
      ['mov ds, ax with a kernel selector', '66b82000 8ed8', '#13(0x20)+1'],
      ['mov ss, ax with a null selector', '31c0 8ed0', '#13(0x0)+1'],
    ])('%s', (_name, code, outcome) => {
      expect(guestOf(code).outcome(outcome.endsWith('+1') && outcome.startsWith('#13') ? 2 : 1)).toBe(outcome);
    });

    it('sets CR2 and the error code of a page fault and leaves EIP at the instruction', () => {
      const reading = guestOf('8b05 00201008');
      expect(reading.outcome()).toBe('#14(0x4)+0');
      expect([reading.r[CR2], reading.r[EIP]]).toEqual([DATA_END, CODE]);
      const writing = guestOf('8905 00800408');
      expect(writing.outcome()).toBe('#14(0x7)+0');
      const fetching = guestOf('e9 fb7f0b00');
      expect(fetching.outcome(2)).toBe('#14(0x5)+1');
      expect(fetching.r[EIP]).toBe(DATA);
    });

    it('writes nothing when a write crosses into a page that refuses', () => {
      const guest = guestOf('8905 fe1f1008');
      guest.r[EAX] = -1;
      expect(guest.outcome()).toBe('#14(0x6)+0');
      expect(guest.r[CR2]).toBe(DATA_END);
      expect([...guest.space.peek(DATA_END - 2, 2)]).toEqual([0, 0]);
    });

    it.each([
      ['push', '50'],
      ['call', 'e800000000'],
      ['pushad', '60'],
      ['enter', 'c8100003'],
      ['pushfd', '9c'],
    ])('%s on a stack that ends changes nothing', (_name, code) => {
      const guest = guestOf(code);
      guest.r[ESP] = STACK_BOTTOM + 2;
      guest.r[EBP] = STACK_BOTTOM + 0x100;
      const before = guest.core.save();
      expect(guest.outcome()).toBe('#14(0x6)+0');
      guest.r[EFLAGS] &= ~0x10000;
      guest.r[CR2] = 0;
      guest.r[EXIT_VECTOR] = 0;
      guest.r[45] = 0;
      expect(guest.core.save()).toEqual(before);
      expect([...guest.space.peek(STACK_BOTTOM, 16)]).toEqual(new Array(16).fill(0));
    });

    it('stops rep movsd at the exact iteration and goes on after the page is there', () => {
      const guest = guestOf('f3a5 90');
      guest.r[ESI] = DATA;
      guest.r[EDI] = DATA_END - 12;
      guest.r[ECX] = 6;
      expect(guest.outcome(100)).toBe('#14(0x6)+3');
      expect([guest.r[ESI], guest.r[EDI], guest.r[ECX], guest.r[EIP]]).toEqual([DATA + 12, DATA_END, 3, CODE]);
      guest.space.mapPage(DATA_END >>> 12, PERM_R | PERM_W);
      expect(guest.outcome(3)).toBe('budget+3');
      expect([guest.r[ECX], guest.r[EIP]]).toEqual([0, CODE + 2]);
    });

    it('counts each iteration of a repeated instruction, and one when the count is zero', () => {
      const guest = guestOf('f3aa 90');
      guest.r[EDI] = DATA;
      guest.r[ECX] = 10;
      expect(guest.outcome(4)).toBe('budget+4');
      expect([guest.r[ECX], guest.r[EIP]]).toEqual([6, CODE]);
      expect(guest.outcome(6)).toBe('budget+6');
      expect(guest.r[EIP]).toBe(CODE + 2);
      guest.r[EIP] = CODE;
      expect(guest.outcome(1)).toBe('budget+1');
      expect(guest.r[EIP]).toBe(CODE + 2);
    });

    it('retires exactly the budget in a loop', () => {
      const guest = guestOf('40 ebfd');
      for (const budget of [1, 2, 3, 1000, 1001]) {
        const before = guest.r[EAX];
        const atStart = guest.r[EIP] === CODE;
        expect(guest.outcome(budget)).toBe(`budget+${budget}`);
        expect(guest.r[EAX] - before).toBe(atStart ? Math.ceil(budget / 2) : Math.floor(budget / 2));
      }
    });

    it('executes what the previous instruction has just written', () => {
      // mov byte [CODE+7], 0x41 (inc ecx); then at CODE+7: inc eax
      const guest = guestOf('c605 07800408 41 40', { codeWritable: true });
      expect(guest.outcome(2)).toBe('budget+2');
      expect([guest.r[EAX], guest.r[ECX]]).toEqual([0, 1]);
      guest.r[EIP] = CODE + 7;
      guest.run(1);
      expect(guest.r[ECX]).toBe(2);
    });

    it('traps after each instruction when TF is set, and not after mov ss', () => {
      const guest = guestOf('8cd0 8ed0 40 41');
      guest.r[EFLAGS] |= FLAG_TF;
      expect(guest.outcome(10)).toBe('#1(0x0)+1');
      expect([guest.r[EIP], guest.r[DR + 6] & 0x4000]).toEqual([CODE + 2, 0x4000]);
      expect(guest.outcome(10)).toBe('#1(0x0)+2');
      expect(guest.r[EIP]).toBe(CODE + 5);
    });

    it('sets TF by popfd so that the instruction after it traps', () => {
      const guest = guestOf('9d 90 90');
      guest.write32(guest.r[ESP], 0x302);
      expect(guest.outcome(10)).toBe('#1(0x0)+2');
      expect(guest.r[EIP]).toBe(CODE + 2);
    });

    it('keeps IF and IOPL from popfd', () => {
      const guest = guestOf('9d');
      guest.write32(guest.r[ESP], 0x253cff);
      guest.run(1);
      expect(guest.r[EFLAGS]).toBe(0x240ed7 & ~0x100);
    });

    it('adds the base of GS', () => {
      const guest = guestOf('65a1 10000000 65 8b0c85 00000000', { gsBase: DATA });
      guest.write32(DATA + 0x10, 3);
      guest.write32(DATA + 12, 77);
      expect(guest.outcome(2)).toBe('budget+2');
      expect([guest.r[EAX], guest.r[ECX]]).toEqual([3, 77]);
    });

    it('faults on a null segment and runs on through the others', () => {
      const guest = guestOf('31c0 8ed8 8b0d 00001008');
      expect(guest.outcome(3)).toBe('#13(0x0)+2');
    });

    it('checks alignment when AC and CR0.AM are set', () => {
      const guest = guestOf('8b0d 01001008');
      guest.r[EFLAGS] |= 0x40000;
      expect(guest.r[CR0] & 0x40000).not.toBe(0);
      expect(guest.outcome()).toBe('#17(0x0)+0');
    });

    it('reads the time-stamp counter as base plus retired instructions', () => {
      const guest = guestOf('9090 0f31');
      guest.core.tscBase = 2 ** 40 + 5;
      guest.run(3);
      expect([guest.r[EAX], guest.r[2]]).toEqual([7, 256]);
    });

    it('faults when an instruction goes on in a page that cannot be fetched, and then runs it', () => {
      const guest = guestOf('90');
      guest.space.poke(CODE + 0xffe, hex('b844'));
      guest.r[EIP] = CODE + 0xffe;
      expect(guest.outcome()).toBe('#14(0x4)+0');
      expect(guest.r[CR2]).toBe(CODE + 0x1000);
      guest.space.mapPage((CODE >>> 12) + 1, PERM_R | PERM_X);
      guest.space.poke(CODE + 0x1000, hex('332211'));
      expect(guest.outcome()).toBe('budget+1');
      expect(guest.r[EAX]).toBe(0x11223344);
    });

    it('does not raise a faulting fetch before its turn', () => {
      const guest = guestOf('90');
      guest.r[EIP] = CODE + 0xfff;
      guest.space.poke(CODE + 0xfff, hex('90'));
      expect(guest.outcome(1)).toBe('budget+1');
      expect(guest.outcome(1)).toBe('#14(0x4)+0');
    });

    it('gives a read-modify-write of a read-only page no effect at all', () => {
      const guest = guestOf('0105 00800408');
      guest.r[EFLAGS] = 0xad7;
      expect(guest.outcome()).toBe('#14(0x7)+0');
      expect(guest.r[EFLAGS] & 0xffff).toBe(0xad7);
    });
  });
}
