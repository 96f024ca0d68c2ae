import { describe, expect, it } from 'vitest';
import {
  DR,
  EAX,
  EBX,
  ECX,
  EDI,
  EFLAGS,
  EIP,
  ESI,
  ESP,
  FLAG_AC,
  FLAG_DF,
  FLAG_TF,
  FXSAVE_BYTE_OFFSET,
} from '../../../emu/core/core-state.ts';
import type { Engine } from '../../../emu/core/engine.ts';
import { Interpreter } from '../../../emu/interp/interpreter.ts';
import { PERM_R, PERM_X } from '../../../emu/memory/address-space.ts';
import { UnicornEngine } from '../../../emu/unicorn/unicorn-engine.ts';
import { loadUnicorn } from '../../../src/host/unicorn-koffi.ts';
import { CODE, DATA, Guest, hex, STACK_TOP } from '../guest-code.ts';

const library = loadUnicorn();
const unicorn = new UnicornEngine(library);

interface Prepared {
  readonly code: string;
  readonly gsBase?: number;
  readonly codeWritable?: boolean;
  readonly prepare?: (guest: Guest) => void;
}

/** What a run of `budget` instructions in slices of `slice` leaves behind. */
function traceOf(engine: Engine, { code, gsBase, codeWritable, prepare }: Prepared, budget: number, slice: number) {
  const guest = new Guest(code, {
    engine,
    ...(gsBase === undefined ? {} : { gsBase }),
    ...(codeWritable === undefined ? {} : { codeWritable }),
  });
  prepare?.(guest);
  guest.core.tscBase = 1000;
  const outcomes: string[] = [];
  for (let done = 0; done < budget; ) {
    const outcome = guest.outcome(Math.min(slice, budget - done));
    outcomes.push(outcome);
    done += guest.core.retired;
    guest.core.tscBase += guest.core.retired;
    if (!outcome.startsWith('budget')) break;
  }
  const trace = {
    outcomes,
    block: Buffer.from(guest.core.u8).toString('hex'),
    data: Buffer.from(guest.space.peek(DATA, 8192)).toString('hex'),
    stack: Buffer.from(guest.space.peek(STACK_TOP - 8192, 8192)).toString('hex'),
    dirty: guest.space.dirtyPages(),
  };
  guest.space.dispose();
  return trace;
}

/** Every budget up to `most`, whole and in slices: on Unicorn as on the interpreter. */
function expectAlike(program: Prepared, most: number): void {
  for (let budget = 1; budget <= most; budget++) {
    for (const slice of [budget, 1, 3]) {
      const expected = traceOf(new Interpreter(), program, budget, slice);
      expect(traceOf(unicorn, program, budget, slice), `budget ${budget}, slices of ${slice}`).toEqual(expected);
    }
  }
}

const data = DATA.toString(16).padStart(8, '0').match(/../g)!.reverse().join('');
const missing = '00002008';

describe('Unicorn engine', () => {
  it('stops exactly where the budget ends, in loops too', () => {
    // mov ecx, 4; inc eax; dec ecx; jnz -4; int 0x80
    expectAlike({ code: 'b9 04000000 40 49 75 fc cd80' }, 16);
  });

  it('counts each iteration of a repeated instruction, and a count of zero as one', () => {
    const at = (guest: Guest): void => {
      guest.r[EDI] = DATA;
      guest.r[ESI] = DATA + 100;
    };
    // mov ecx, 5; rep stosb; nop; rep movsd; mov ecx, 3; repe cmpsb; nop; int3
    expectAlike({ code: 'b9 05000000 f3aa 90 f3a5 b9 03000000 f3a6 90 cc', prepare: at }, 18);
  });

  it('leaves an instruction that faults without effect', () => {
    // inc eax; push eax; mov [missing], eax
    expectAlike({ code: `40 50 a3 ${missing}` }, 4);
    // add [missing], eax is a write; cmp [missing], eax a read; a doubleword across the end of the stack
    expectAlike({ code: `40 0105 ${missing}` }, 3);
    expectAlike({ code: `40 3905 ${missing}` }, 3);
    expectAlike({ code: '40 a1 fefffbbf', prepare: () => {} }, 3);
    // div by zero; bound; jump to nowhere
    expectAlike({ code: '31c9 f7f1' }, 3);
    expectAlike({ code: '40 e9 00000001' }, 3);
  });

  it('delivers software interrupts, #UD and #GP', () => {
    for (const code of [
      'cd80',
      'cc',
      'cd03',
      'cd55',
      'cd0e',
      'f1',
      '0f0b',
      'fa',
      'f4',
      'e4 60',
      '0f20c0',
      '9a 00000000 0700',
    ])
      expectAlike({ code: `40 ${code} 40` }, 3);
    // INTO with and without OF: mov al, 0x7f; into; inc al; into
    expectAlike({ code: 'b07f ce fec0 ce' }, 5);
  });

  it('traps after one instruction when TF is set', () => {
    const traced = (guest: Guest): void => {
      guest.r[EFLAGS] |= FLAG_TF;
    };
    // mov eax, ss; mov ss, eax holds the trap back
    for (const code of ['40 40', '8cd0 8ed0 40', 'f3aa', 'cd80', '9c', '9d']) expectAlike({ code, prepare: traced }, 2);
  });

  it('takes time-stamp counter and CPUID from our machine', () => {
    // rdtsc; push eax; rdtsc; mov eax, 1; cpuid; int3
    expectAlike({ code: '0f31 50 0f31 b8 01000000 0fa2 cc' }, 7);
    // cpuid of leaf 0; str eax; smsw eax
    expectAlike({ code: '31c0 0fa2 0f00c8 cc' }, 4);
    expectAlike({ code: '0f01e0 cc' }, 2);
  });

  it('reaches thread data through %gs, and loads segment registers', () => {
    expectAlike({ code: '65a1 04000000 65a3 08000000 cc', gsBase: DATA }, 3);
    // mov eax, 0x1b; mov fs, ax; fs: mov eax, [8]; push fs; pop gs; a selector beyond the table
    expectAlike({ code: 'b8 1b000000 8ee0 64a1 08000000 0fa0 0fa9 b8 ff0f0000 8ed8', gsBase: DATA }, 7);
    // A null selector can be loaded, not used.
    expectAlike({ code: '31c0 8ee8 65a1 00000000' }, 3);
  });

  it('finds system calls in pages that came later', () => {
    const guest = new Guest('90', { engine: unicorn });
    guest.r[EIP] = 0x0a000000;
    expect(guest.outcome(5)).toBe('#14(0x4)+0');
    guest.space.mapPage(0x0a000, 5);
    guest.space.poke(0x0a000000, Uint8Array.of(0xcd, 0x80));
    expect(guest.outcome(5)).toBe('syscall+1');
  });

  it('notices code that is written, even by itself', () => {
    // mov byte [CODE+7], 0x48; inc eax (becomes dec eax); int3
    expectAlike({ code: 'c605 07800408 48 40 cc', codeWritable: true }, 4);
    // The same one, executed first: inc eax; mov byte [CODE], 0x48; jmp CODE
    expectAlike({ code: '40 c605 00800408 48 ebf6', codeWritable: true }, 8);
  });

  it('notices code that the kernel writes, and pages that it takes away', () => {
    const [expected, got] = [new Interpreter(), unicorn].map((engine) => {
      const guest = new Guest('40 40 ebfc', { engine });
      const seen = [guest.outcome(10), guest.r[EAX]];
      guest.space.poke(CODE, Uint8Array.of(0x48));
      seen.push(guest.outcome(10), guest.r[EAX]);
      guest.space.protectPage(CODE >>> 12, 1);
      seen.push(guest.outcome(10), guest.r[EAX], guest.r[EIP]);
      guest.space.protectPage(CODE >>> 12, 5);
      seen.push(guest.outcome(10), guest.r[EAX]);
      guest.space.unmapPage(CODE >>> 12);
      seen.push(guest.outcome(10), guest.r[EIP]);
      return seen;
    });
    expect(got).toEqual(expected);
  });

  it('tracks the first write to a clean page', () => {
    const clean = (guest: Guest): void => guest.space.clearDirty();
    expectAlike({ code: `a3 ${data} 50 f3aa cc`, prepare: clean }, 4);
    // setz [data]: its flags must outlive the fault. cmp eax, 1; setz [data]; jz
    expectAlike({ code: `83f801 0f9405 ${data} 7401 40 cc`, prepare: clean }, 5);
  });

  it('leaves modes that Unicorn has not to the reference', () => {
    const checked = (guest: Guest): void => {
      guest.r[EFLAGS] |= FLAG_AC | FLAG_DF;
      guest.r[EDI] = DATA + 1;
    };
    expectAlike({ code: '40 aa ab', prepare: checked }, 3);
    const watched = (guest: Guest): void => {
      guest.r[DR] = CODE + 1;
      guest.r[DR + 7] = 0x401;
    };
    expectAlike({ code: '40 40 40', prepare: watched }, 3);
  });

  it('carries x87 and SSE state through runs', () => {
    const filled = (guest: Guest): void => {
      for (let i = 160; i < 288; i++) guest.core.u8[FXSAVE_BYTE_OFFSET + i] = i;
    };
    // movups [data], xmm1; movd xmm0, eax; fld1; fld1; faddp; movhlps xmm2, xmm1; int3
    expectAlike({ code: `0f110d ${data} 660f6ec0 d9e8 d9e8 dec1 0f12d1 cc`, prepare: filled }, 7);
  });

  it('runs two cores in one space', () => {
    const guest = new Guest(`ff05 ${data} ebf8`, { engine: unicorn });
    const second = new Guest('90', { engine: unicorn });
    second.r[ECX] = 7;
    second.r[ESP] = guest.r[ESP] - 64;
    for (let i = 0; i < 10; i++) {
      unicorn.run(guest.core, guest.space, 20);
      unicorn.run(second.core, guest.space, 20);
    }
    expect(guest.read32(DATA)).toBe(200);
    expect(second.r[ECX]).toBe(7);
  });

  it('gives memory that has served another engine its own page tables', () => {
    for (let round = 0; round < 3; round++) {
      const engine = new UnicornEngine(library);
      const guest = new Guest(`a1 ${missing}`, { engine });
      if (round % 2 === 0) guest.space.mapPage(0x08200, 3);
      expect(guest.outcome(1)).toBe(round % 2 === 0 ? 'budget+1' : '#14(0x4)+0');
      guest.space.dispose();
    }
  });

  it.each([
    ['in the middle of a block', '40 f03803 40'],
    ['with other prefixes', '40 2ef066813b00000000 40'],
    ['where a jump leads into another instruction', '40 eb01 b8 ffebfeff 40'],
    ['behind a return address', '68 0a800408 c3 909090 90 ffdb 40'],
    ['of a string instruction', '40 f0f3a7 40'],
  ])('survives what Unicorn aborts on: %s', (_, code) => {
    const prepare = (guest: Guest): void => {
      guest.r[EBX] = DATA;
    };
    expectAlike({ code, prepare }, 4);
    expectAlike({ code, prepare, codeWritable: true }, 4);
  });

  it('survives it in code that the program has just written, and that goes on in the next page', () => {
    // mov word [CODE + 0x20], 0x38f0; mov byte [CODE + 0x22], 3; jmp CODE + 0x20
    expectAlike({ code: '66c705 20800408 f038 c605 22800408 03 eb0e', codeWritable: true }, 4);
    const prepare = (guest: Guest): void => {
      guest.space.mapPage((CODE >>> 12) + 1, PERM_R | PERM_X);
      guest.space.poke(CODE + 0xffe, hex('40 f0 3803 40'));
      guest.r[EIP] = CODE + 0xffe;
    };
    expectAlike({ code: '90', prepare }, 4);
  });

  it.each(['e1', 'e0', 'e2', 'e3'])('keeps flags through a branch on the count, opcode %s', (opcode) => {
    for (const count of [0, 1, 2]) {
      const prepare = (guest: Guest): void => {
        guest.r[ECX] = count;
        guest.r[EFLAGS] = 0xad7;
      };
      // or eax, 3; loop .. + 2; nop; inc edx; cpuid
      expectAlike({ code: `83c803 ${opcode}01 90 42 0fa2`, prepare }, 5);
    }
  });

  it('takes the last of the prefixes F2 and F3', () => {
    const prepare = (guest: Guest): void => {
      guest.r[ECX] = 3;
      guest.r[ESI] = DATA;
      guest.r[EDI] = DATA + 1;
      guest.write32(DATA, 0x04030200);
    };
    // repe cmpsb; repne cmpsb; movsd xmm0, [esi]
    for (const code of ['f2f3a6 40', 'f3f2a6 40', 'f3f20f1006 40']) expectAlike({ code, prepare }, 5);
  });

  it('loads and stores 16 bytes as a whole or not at all', () => {
    const prepare = (guest: Guest): void => {
      guest.r[EDI] = DATA + 8192 - 8;
    };
    // pcmpeqd xmm0, xmm0; movups [edi], xmm0; movdqu [edi - 1], xmm0
    expectAlike({ code: '660f76c0 0f1107', prepare }, 3);
    expectAlike({ code: '660f76c0 f30f7f47ff', prepare }, 3);
    // movups xmm0, [edi]
    expectAlike({ code: '660f76c0 0f1007', prepare }, 3);
  });
});
