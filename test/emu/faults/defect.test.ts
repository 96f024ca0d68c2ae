import { describe, expect, it } from 'vitest';
import type { AluUnit, FaultEffect, FaultPlan } from '../../../emu/faults/plan.ts';
import { type GuestProgram, program, Run, SCRATCH } from '../../support/guest-program.ts';

const from = (effect: FaultEffect, instruction = 0): FaultPlan => [
  { ...effect, trigger: { at: 'instruction', core: 0, instruction } },
];
const stuck = (register: 'eax' | 'ecx' | 'edx' | 'eflags', bit: number, value: 0 | 1): FaultEffect => ({
  model: 'stuck-at',
  register,
  bit,
  value,
});
const wrong = (unit: AluUnit, bit: number, value: 0 | 1): FaultEffect => ({ model: 'wrong-alu', unit, bit, value });

/** What the program logs when it runs to its end on one core. */
function logOf(build: (p: GuestProgram) => void, faults: FaultPlan): Record<string, number> {
  const run = new Run({ main: program(build) }, { faults });
  const pid = run.start('main');
  run.go(1e9);
  return run.logOf(pid);
}

const le = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join('');
/** Loads EAX and ECX, runs the bytes, keeps EAX, EDX and the arithmetic flags in memory with MOV alone. */
const operation =
  (a: number, c: number, bytes: string) =>
  (p: GuestProgram): unknown =>
    p
      .raw(`b8${le(a)} b9${le(c)} ba00000000 a9ffffffff`)
      .raw(bytes)
      .raw(`9c 8f05${le(SCRATCH + 8)}`)
      .raw(`8915${le(SCRATCH + 4)}`)
      .store(SCRATCH)
      .load(SCRATCH)
      .log('eax')
      .load(SCRATCH + 4)
      .log('edx')
      .load(SCRATCH + 8)
      .log('eflags')
      .exit(0);

const CF = 1;
const PF = 4;
const ZF = 64;
const SF = 128;
const OF = 2048;
const FLAGS = CF | PF | ZF | SF | OF;
/** EAX, EDX and the flags after an operation on a core whose unit gives out a wrong bit. The program's own `add esp` comes after. */
function result(
  effect: FaultEffect | null,
  a: number,
  c: number,
  bytes: string,
): { eax: number; edx: number; flags: number } {
  const log = logOf(operation(a, c, bytes), effect ? from(effect, 4) : []);
  return { eax: log.eax! >>> 0, edx: log.edx! >>> 0, flags: log.eflags! & FLAGS };
}

describe('a stuck bit of a register', () => {
  it('is there for every read, whatever is written', () => {
    const copies = (p: GuestProgram): unknown =>
      p.raw('b900000000').raw('89c8').log('zero').raw('83c9ff').raw('89c8').log('ones').exit(0);
    expect(logOf(copies, from(stuck('ecx', 9, 1)))).toEqual({ zero: 512, ones: -1 });
    expect(logOf(copies, from(stuck('ecx', 9, 0)))).toEqual({ zero: 0, ones: -1 ^ 512 });
  });

  it('starts where the fault says', () => {
    const log = logOf(
      (p) => p.raw('b900000000').raw('89c8').raw('90').log('before').raw('89c8').log('after').exit(0),
      from(stuck('ecx', 0, 1), 2),
    );
    expect(log).toEqual({ before: 0, after: 1 });
  });

  it('makes a loop run differently: a model of the loop agrees', () => {
    const model = (): number => {
      let ecx = 100 | 4;
      for (let turns = 1; ; turns++) {
        const result = ecx - 1;
        ecx = result | 4;
        if (result === 0 || turns > 5000) return turns;
      }
    };
    // ecx never gets below 4, and ZF is of the result before the bit sticks: the loop does not end.
    expect(model()).toBe(5001);
    const run = new Run({ main: program((p) => p.burn(100).exit(0)) }, { faults: from(stuck('ecx', 2, 1)) });
    const pid = run.start('main');
    run.go(10e6);
    expect(run.exitOf(pid)).toBeUndefined();
    expect(run.system.machine.cores[0]!.state.i32[1]! & 4).toBe(4);
  });

  it('of a flag decides every branch', () => {
    // With CF stuck at 1 every call seems to fail: the wrapper negates the result.
    expect(logOf((p) => p.sys('getpid').log('pid').exit(0), from(stuck('eflags', 0, 1)))).toEqual({ pid: -2 });
  });

  it('belongs to the core: a thread that moves away leaves it behind, one that comes gets it', () => {
    const reader = program((p) => p.raw('b900000000').burn(400).raw('b900000000').raw('89c8').log('ecx').exit(0));
    const faults: FaultPlan = [{ ...stuck('ecx', 3, 1), trigger: { at: 'time', core: 1, ns: 0 } }];
    const run = new Run({ reader }, { cores: 2, faults });
    const [first, second] = [run.start('reader', { affinity: 1 }), run.start('reader', { affinity: 2 })];
    run.go(10e6);
    expect(run.logOf(first)).toEqual({ ecx: 0 });
    // dec ecx goes 9, 8, 8 | 8: it never gets to 0.
    expect(run.exitOf(second)).toBeUndefined();
  });
});

describe('a wrong adder', () => {
  it.each([
    // add eax, ecx
    ['01c8', 0, 0, wrong('add', 4, 1), 16, 0],
    ['01c8', 5, 3, wrong('add', 3, 0), 0, PF | ZF],
    ['01c8', 0x7fffffff, 1, wrong('add', 31, 0), 0, PF | ZF | OF],
    ['01c8', 0xffffffff, 1, wrong('add', 0, 1), 1, CF],
    // sub eax, ecx; sbb; adc with CF clear
    ['29c8', 5, 5, wrong('add', 7, 1), 128, SF * 0],
    ['29c8', 3, 4, wrong('add', 31, 0), 0x7fffffff, CF | PF],
    ['19c8', 9, 1, wrong('add', 3, 0), 0, PF | ZF],
    ['11c8', 9, 1, wrong('add', 0, 1), 11, 0],
    // inc eax; dec eax; neg eax
    ['40', 1, 0, wrong('add', 1, 0), 0, PF | ZF],
    ['48', 1, 0, wrong('add', 0, 1), 1, 0],
    ['f7d8', 1, 0, wrong('add', 31, 0), 0x7fffffff, CF | PF],
    // add al, cl; add ax, cx: what is above the operand does not change
    ['00c8', 0x12345601, 1, wrong('add', 7, 1), 0x12345682, SF | PF],
    ['6601c8', 0x12340001, 1, wrong('add', 15, 1), 0x12348002, SF],
    ['00c8', 0x12345601, 1, wrong('add', 8, 1), 0x12345602, 0],
  ] as const)('%s of %i and %i', (bytes, a, c, effect, eax, flags) => {
    expect(result(effect, a, c, bytes)).toMatchObject({ eax, flags });
  });

  it('compares wrong, and changes nothing else', () => {
    // cmp eax, ecx
    expect(result(wrong('add', 2, 1), 7, 7, '39c8')).toMatchObject({ eax: 7, flags: 0 });
    expect(result(null, 7, 7, '39c8')).toMatchObject({ eax: 7, flags: PF | ZF });
  });

  it('adds to memory wrong', () => {
    // mov [SCRATCH+16], eax; add [SCRATCH+16], ecx; mov eax, [SCRATCH+16]
    const at = le(SCRATCH + 16);
    expect(result(wrong('add', 5, 1), 1, 2, `a3${at} 010d${at} a1${at}`)).toMatchObject({ eax: 35 });
  });

  it('exchanges and adds wrong: only the sum', () => {
    // xadd eax, ecx; mov edx, ecx
    expect(result(wrong('add', 6, 1), 1, 2, '0fc1c8 89ca')).toMatchObject({ eax: 67, edx: 1 });
  });

  it('is not used for addresses, stack, logic or the other units', () => {
    for (const bytes of ['8d0408', '50 58', '21c8', '31c8', 'f7e1', 'd1e0', '0fafc1', '91']) {
      expect(result(wrong('add', 0, 1), 6, 10, bytes)).toEqual(result(null, 6, 10, bytes));
    }
  });
});

describe('a wrong multiplier', () => {
  it.each([
    // mul ecx
    ['f7e1', 6, 7, wrong('mul', 0, 1), 43, 0, PF],
    ['f7e1', 6, 7, wrong('mul', 33, 1), 42, 2, CF | OF],
    ['f7e1', 0x80000000, 2, wrong('mul', 32, 0), 0, 0, PF | ZF],
    // imul ecx: -1 * 1 = ffffffff:ffffffff
    ['f7e9', 0xffffffff, 1, wrong('mul', 63, 0), 0xffffffff, 0x7fffffff, CF | OF | SF | PF],
    // mul cl, mul cx
    ['f6e1', 3, 5, wrong('mul', 9, 1), 0x20f, 0, CF | OF | PF],
    ['66f7e1', 3, 5, wrong('mul', 16, 1), 15, 1, CF | OF | PF],
    // imul eax, ecx; imul eax, ecx, 3
    ['0fafc1', 3, 5, wrong('mul', 31, 1), 0x8000000f, 0, CF | OF | SF | PF],
    ['6bc103', 0, 5, wrong('mul', 3, 0), 7, 0, 0],
    // imul ax, cx, 3
    ['666bc103', 0x10000, 5, wrong('mul', 1, 0), 0x1000d, 0, 0],
  ] as const)('%s of %i and %i', (bytes, a, c, effect, eax, edx, flags) => {
    expect(result(effect, a, c, bytes)).toEqual({ eax, edx, flags });
  });
});

describe('a wrong shifter', () => {
  it.each([
    // shl eax, 1; shr eax, 1; sar eax, cl
    ['d1e0', 3, 0, wrong('shift', 0, 1), 7, 0],
    ['d1e8', 2, 0, wrong('shift', 0, 0), 0, PF | ZF],
    ['d1e8', 3, 0, wrong('shift', 31, 1), 0x80000001, CF | SF],
    ['d3f8', 0x80000000, 31, wrong('shift', 0, 0), 0xfffffffe, SF],
    // a count of 0 (or 32) does not use it
    ['d3e0', 3, 32, wrong('shift', 4, 1), 3, PF],
    // shl al, 1: bits above the operand are not there
    ['d0e0', 0x181, 0, wrong('shift', 8, 0), 0x102, CF | OF],
    // shld eax, ecx, 4
    ['0fa4c804', 0x12345678, 0xf0000000, wrong('shift', 0, 0), 0x2345678e, CF | PF],
  ] as const)('%s of %i and %i', (bytes, a, c, effect, eax, flags) => {
    const found = result(effect, a, c, bytes);
    // OF is undefined for counts other than 1.
    const defined = bytes.startsWith('d1') || bytes.startsWith('d0') ? FLAGS : FLAGS & ~OF;
    expect({ eax: found.eax, flags: found.flags & defined }).toEqual({ eax, flags: flags & defined });
  });

  it('rotates wrong and leaves sign, zero and parity alone', () => {
    // rol eax, 4
    expect(result(wrong('shift', 31, 1), 0x12345678, 0, 'c1c004')).toMatchObject({ eax: 0xa3456781 });
    const flags = result(wrong('shift', 31, 1), 0x12345678, 0, 'c1c004').flags & (SF | ZF | PF);
    expect(flags).toBe(result(null, 0x12345678, 0, 'c1c004').flags & (SF | ZF | PF));
  });
});

describe('a core with a defect', () => {
  it('keeps it in recovery: the process is wrong there and right elsewhere', () => {
    const sum = program((p) =>
      p.raw('31c0').raw('b9e8030000').mark('t').raw('40').raw('49').raw('75fc').log('sum').exit(0),
    );
    const faults: FaultPlan = [
      { ...wrong('add', 12, 1), trigger: { at: 'instruction', core: 0, instruction: 0 } },
      { model: 'fail-stop', trigger: { at: 'instruction', core: 0, instruction: 1000 } },
    ];
    const run = new Run({ sum }, { cores: 2, faults, checkpointEveryNs: 1e9 });
    const pid = run.start('sum');
    run.go();
    expect(run.logOf(pid)).toEqual({ sum: 1000 });
    expect(run.events('recovery-done')).toHaveLength(1);
  });

  it('has the time-stamp counter of a sound one', () => {
    const stamps = (p: GuestProgram): unknown => p.raw('0f31').log('first').burn(30).raw('0f31').log('second').exit(0);
    const sound = logOf(stamps, []);
    expect(logOf(stamps, from(stuck('edx', 30, 0)))).toEqual(sound);
  });
});
