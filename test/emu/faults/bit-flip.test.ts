import { describe, expect, it } from 'vitest';
import { SEG_BASE, SEG_GS } from '../../../emu/core/core-state.ts';
import type { FaultPlan, FaultSpec, FaultTarget, FaultTrigger, Register } from '../../../emu/faults/plan.ts';
import { DATA, type GuestProgram, program, Run, SCRATCH } from '../../support/guest-program.ts';

const retired = (instruction: number): FaultTrigger => ({ at: 'instruction', core: 0, instruction });
const flip = (trigger: FaultTrigger, target: FaultTarget, bit: number): FaultSpec => ({
  model: 'bit-flip',
  target,
  bit,
  trigger,
});
const register = (name: Register): FaultTarget => ({ in: 'register', register: name });

function run(
  build: (p: GuestProgram) => void,
  faults: FaultPlan,
): { run: Run; pid: number; log: Record<string, number> } {
  const made = new Run({ main: program(build) }, { faults });
  const pid = made.start('main');
  made.go();
  return { run: made, pid, log: made.logOf(pid) };
}

const effects = (made: Run): string[] => made.events('core-fault').map(({ effect }) => effect);

describe('a flip of a general register', () => {
  const numbers = { eax: 0, ecx: 1, edx: 2, ebx: 3, ebp: 5, esi: 6, edi: 7 } as const;

  it.each(Object.entries(numbers))('%s: every bit, seen by the next instruction', (name, number) => {
    for (const bit of [0, 1, 7, 8, 15, 16, 30, 31]) {
      // mov reg, 0x12345678; nop; mov eax, reg
      const code = `${(0xb8 + number).toString(16)}78563412 90 89${(0xc0 + number * 8).toString(16)}`;
      const { log, run: made } = run(
        (p) => p.raw(code).log('value').exit(0),
        [flip(retired(2), register(name as Register), bit)],
      );
      expect(log.value).toBe(0x12345678 ^ (1 << bit));
      expect(made.events('core-fault')).toMatchObject([{ victim: 0, instruction: 2, model: 'bit-flip', fault: 0 }]);
    }
  });

  it('of the count of a loop changes how often it runs', () => {
    // mov ecx, 1000; then dec ecx, jnz: after 1 + 2 * 10 instructions ecx is 990 = 0b1111011110.
    const counting = (p: GuestProgram): unknown =>
      p.raw('31c0').raw('b9e8030000').raw('40').raw('49').raw('75fc').log('turns').exit(0);
    expect(run(counting, []).log.turns).toBe(1000);
    const sixMore = run(counting, [flip(retired(2 + 3 * 10), register('ecx'), 5)]);
    expect(sixMore.log.turns).toBe(1000 + 32);
    expect(effects(sixMore.run)).toEqual(['bit 5 of ecx flips: 0x000003de -> 0x000003fe']);
  });

  it('of esp moves the stack', () => {
    // push 1..4; the flip of bit 2 at a 8-aligned esp skips one; pop eax
    const { log } = run(
      (p) => p.raw('83e4f0').raw('6a01 6a02 6a03 6a04').raw('58').log('popped').raw('83c40c').exit(0),
      [flip(retired(5), register('esp'), 2)],
    );
    expect(log.popped).toBe(3);
  });

  it('is undone by a second one at the same place: nothing else has changed', () => {
    const sums = (p: GuestProgram): unknown => p.burn(200).eax(7).log('a').sleep(1000).burn(100).exit(3);
    const plain = run(sums, []);
    const events = (made: Run): unknown[] => made.system.events.filter(({ kind }) => kind !== 'core-fault');
    for (const name of ['eax', 'ecx', 'esp', 'eip', 'eflags'] as const) {
      for (const instruction of [1, 77, 250, 402]) {
        const twice = flip(retired(instruction), register(name), 4);
        const faulty = run(sums, [twice, twice]);
        expect(effects(faulty.run)).toHaveLength(2);
        expect(events(faulty.run)).toEqual(events(plain.run));
      }
    }
  });
});

describe('a flip of eip', () => {
  it('goes on somewhere else', () => {
    // jmp over; at an address that differs in bit 4 another value is loaded.
    const p = program((q) => q.raw('90'));
    while (p.here % 32 !== 0) p.raw('90');
    p.mark('here').eax(1).raw('eb09');
    while (p.here % 32 !== 16) p.raw('90');
    p.eax(2).log('way').exit(0);
    const steps = p.address('here') - 0x08048000;
    const straight = new Run({ main: p }, { faults: [flip(retired(steps), register('eip'), 4)] });
    const pid = straight.start('main');
    straight.go();
    expect(straight.logOf(pid).way).toBe(2);
    expect(straight.events('core-fault')).toMatchObject([{ instruction: steps }]);
  });

  it('to where there is nothing is a segmentation fault', () => {
    const { run: made, pid } = run((p) => p.burn(10).exit(0), [flip(retired(5), register('eip'), 30)]);
    expect(made.exitOf(pid)).toEqual({ code: 0, signal: 11 });
  });
});

describe('a flip of eflags', () => {
  it('of ZF takes the other way', () => {
    // xor eax,eax (ZF); jnz +5; mov eax, 1
    const choose = (p: GuestProgram): unknown => p.raw('31c0').raw('7505').eax(1).log('way').exit(0);
    expect(run(choose, []).log.way).toBe(1);
    expect(run(choose, [flip(retired(1), register('eflags'), 6)]).log.way).toBe(0);
  });

  it('of a bit that is not there changes nothing, and says so', () => {
    const { run: made, log } = run(
      (p) => p.raw('9c58').log('eflags').exit(0),
      [flip(retired(0), register('eflags'), 1), flip(retired(0), register('eflags'), 31)],
    );
    expect(log.eflags! & 2).toBe(2);
    expect(log.eflags! >>> 31).toBe(0);
    expect(effects(made)).toEqual([
      'bit 1 of eflags flips: no effect, there is no such bit',
      'bit 31 of eflags flips: no effect, there is no such bit',
    ]);
  });

  it('of IOPL, NT, AC and ID is seen by PUSHF', () => {
    for (const bit of [12, 13, 14, 18, 21]) {
      const { log } = run(
        (p) => p.raw('90 9c 58').log('eflags').raw('6a02 9d').exit(0),
        [flip(retired(1), register('eflags'), bit)],
      );
      expect((log.eflags! >>> bit) & 1).toBe(1);
    }
  });

  it('of AC makes an unaligned access fault', () => {
    const unaligned = (p: GuestProgram): unknown =>
      p
        .raw('90')
        .load(DATA + 1)
        .exit(0);
    expect(run(unaligned, []).run.events('exit')[0]).toMatchObject({ code: 0, signal: 0 });
    const faulty = run(unaligned, [flip(retired(1), register('eflags'), 18)]);
    expect(faulty.run.exitOf(faulty.pid)).toEqual({ code: 0, signal: 10 });
  });

  it('of TF is a trap after the next instruction', () => {
    const { run: made, pid } = run((p) => p.burn(10).exit(0), [flip(retired(3), register('eflags'), 8)]);
    expect(made.exitOf(pid)).toEqual({ code: 0, signal: 5 });
    expect(made.events('signal')[0]?.instruction).toBe(4);
  });

  it('of DF makes string instructions go down', () => {
    // mov edi, SCRATCH+16; mov al, 0xaa; stosb; mov eax, edi
    const down = (p: GuestProgram): unknown =>
      p.raw('bf').raw('10000608').raw('b0aa').raw('aa').raw('89f8').log('edi').raw('fc').exit(0);
    expect(run(down, []).log.edi).toBe(SCRATCH + 17);
    expect(run(down, [flip(retired(2), register('eflags'), 10)]).log.edi).toBe(SCRATCH + 15);
  });

  it('of VM, which hardware does not define, is a general-protection fault', () => {
    const { run: made, pid } = run((p) => p.burn(10).exit(0), [flip(retired(3), register('eflags'), 17)]);
    expect(made.exitOf(pid)).toEqual({ code: 0, signal: 10 });
    expect(made.events('signal')[0]?.instruction).toBe(3);
  });

  it('of IF makes a core that runs a program deaf: it is found dead, with no other process served', () => {
    const made = new Run(
      { main: program((p) => p.spin()) },
      { cores: 2, faults: [flip(retired(100), register('eflags'), 9)], recovery: 'none' },
    );
    const pid = made.start('main');
    made.go(100e6);
    expect(made.events('fault-detected')).toMatchObject([{ victim: 0, misses: 2 }]);
    expect(made.exitOf(pid)?.signal).toBe(9);
  });
});

describe('a flip of the base of a segment', () => {
  // mov eax, gs:[0] with gs based at 0 reads the page at 0; the flip moves the window onto the data.
  const readThroughGs = (p: GuestProgram): unknown =>
    p.set(SCRATCH, 77).raw('90').raw('65a1').raw('00000008').log('value').exit(0);

  it('moves what is behind it until the register is loaded again', () => {
    // gs:[0x08000000 ^ ...]: base bits 17 and 18 make 0x00060000
    const faults = [17, 18].map((bit) => flip(retired(2), { in: 'segment-base', segment: 'gs' } as const, bit));
    const { log, run: made } = run(readThroughGs, faults);
    expect(log.value).toBe(77);
    expect(effects(made)).toEqual([
      'bit 17 of the base of gs flips: 0x00000000 -> 0x00020000',
      'bit 18 of the base of gs flips: 0x00020000 -> 0x00060000',
    ]);
    expect(made.system.machine.cores[0]!.state.i32[SEG_BASE + SEG_GS]).toBe(0);
  });

  it('is gone after the next way through the kernel', () => {
    const throughKernel = (p: GuestProgram): unknown =>
      p.set(SCRATCH, 77).sys('getpid').raw('65a1').raw('00000608').log('value').exit(0);
    const faults = [flip(retired(1), { in: 'segment-base', segment: 'gs' }, 20)];
    expect(run(throughKernel, faults).log.value).toBe(77);
  });
});

describe('a flip of the FPU', () => {
  it('hits the physical x87 register, whatever the top of the stack is', () => {
    // fld1 twice: R7 = ST(1), R6 = ST(0). The flip of bit 63 + ... of R7: exponent bit 0 (bit 64) makes 1.0 into 0.5.
    const sum = (p: GuestProgram): unknown =>
      p
        .raw('d9e8 d9e8 90')
        .raw('d8c9')
        .raw('d9c9')
        .raw('ddd8')
        .raw('d91d')
        .raw('00000608')
        .load(SCRATCH)
        .log('product')
        .exit(0);
    expect(run(sum, []).log.product).toBe(0x3f800000);
    const bitOf = (n: number, bit: number): FaultPlan => [flip(retired(3), { in: 'x87', register: n }, bit)];
    expect(run(sum, bitOf(7, 64)).log.product).toBe(0x3f000000);
    expect(run(sum, bitOf(6, 64)).log.product).toBe(0x3f000000);
    expect(run(sum, bitOf(7, 79)).log.product).toBe(0xbf800000 | 0);
    expect(run(sum, bitOf(5, 64)).log.product).toBe(0x3f800000);
  });

  it('hits any bit of an XMM register', () => {
    // movups xmm3, [SCRATCH]; nop; movups [SCRATCH+16], xmm3
    const copy = (p: GuestProgram): unknown => {
      for (let n = 0; n < 4; n++) p.set(SCRATCH + 4 * n, 0x01010101 * (n + 1));
      p.raw('0f101d').raw('00000608').raw('90').raw('0f111d').raw('10000608');
      for (let n = 0; n < 4; n++) p.load(SCRATCH + 16 + 4 * n).log(`w${n}`);
      return p.exit(0);
    };
    for (const bit of [0, 31, 64, 127]) {
      const { log } = run(copy, [flip(retired(6), { in: 'xmm', register: 3 }, bit)]);
      for (let n = 0; n < 4; n++) {
        const hit = Math.floor(bit / 32) === n ? 1 << (bit % 32) : 0;
        expect(log[`w${n}`]).toBe((0x01010101 * (n + 1)) ^ hit);
      }
    }
  });
});

describe('a flip of memory', () => {
  it('is seen by the next read, and only in that process', () => {
    const reader = (p: GuestProgram): unknown => p.set(SCRATCH, 0x100).burn(2000).load(SCRATCH).log('value').exit(0);
    const made = new Run(
      { main: program(reader), other: program(reader) },
      {
        cores: 2,
        faults: [flip({ at: 'time', core: 1, ns: 100_000 }, { in: 'memory', address: SCRATCH, process: 'main' }, 3)],
      },
    );
    const [main, other] = [made.start('main'), made.start('other')];
    made.go();
    expect(made.logOf(main, 'main').value).toBe(0x108);
    expect(made.logOf(other, 'other').value).toBe(0x100);
    expect(made.events('core-fault')[0]?.effect).toBe('bit 3 of the byte at 0x08060000 of main flips: 0x00 -> 0x08');
  });

  it('of an instruction that has run already changes what runs next', () => {
    // loop: inc eax (0x40) ... bit 3 makes it dec eax (0x48)
    const counting = program((p) =>
      p.raw('31c0').raw('b964000000').mark('inc').raw('40').raw('49').raw('75fc').log('eax').exit(0),
    );
    const faults = [flip(retired(2 + 3 * 50), { in: 'memory', address: counting.address('inc') }, 3)];
    const made = new Run({ main: counting }, { faults });
    const pid = made.start('main');
    made.go();
    expect(made.logOf(pid).eax).toBe(0);
  });

  it('where no page is does not come to pass', () => {
    const { run: made } = run(
      (p) => p.burn(10).exit(0),
      [
        flip(retired(5), { in: 'memory', address: 0x70000000 }, 0),
        flip(retired(5), { in: 'memory', address: DATA, process: 'nobody' }, 0),
      ],
    );
    expect(made.events('core-fault')).toEqual([]);
  });
});

describe('a flip in the instruction cache', () => {
  const counting = program((p) =>
    p.raw('31c0').raw('b964000000').mark('inc').raw('40').raw('49').raw('75fc').log('eax').load(0x08048004).exit(0),
  );
  const cached = (address: number, bit: number): FaultSpec =>
    flip(retired(2 + 3 * 50), { in: 'code-cache', address }, bit);

  it('is executed but not read', () => {
    const address = counting.address('inc');
    const reading = program((p) => {
      p.raw('31c0').raw('b964000000').mark('inc').raw('40').raw('49').raw('75fc').log('eax');
      return p
        .raw('0fb605')
        .raw([0, 8, 16, 24].map((s) => ((p.address('inc') >>> s) & 255).toString(16).padStart(2, '0')).join(''))
        .log('byte')
        .exit(0);
    });
    const made = new Run({ main: reading }, { faults: [cached(address, 3)] });
    const pid = made.start('main');
    made.go();
    expect(made.logOf(pid)).toMatchObject({ eax: 0, byte: 0x40 });
  });

  it('goes away when the core has run something else', () => {
    const sleeping = program((p) => {
      p.raw('31c0').set(SCRATCH, 0).raw('90').mark('call');
      p.repeat(2, SCRATCH + 4, (q) => q.mark('inc').raw('ff05').raw('00000608').sleep(1_000_000));
      return p.load(SCRATCH).log('count').exit(0);
    });
    // inc dword [SCRATCH]: ff 05; bit 3 of the second byte makes it dec (ff 0d). Hit in the first turn only.
    const faults = [flip(retired(3), { in: 'code-cache', address: sleeping.address('inc') + 1 }, 3)];
    const made = new Run({ main: sleeping }, { faults });
    const pid = made.start('main');
    made.go();
    expect(made.events('core-fault')).toHaveLength(1);
    expect(made.logOf(pid).count).toBe(0);
  });
});

describe('a core that runs no program', () => {
  it('has nothing that a flip could change, and says so', () => {
    const made = new Run(
      { main: program((p) => p.sleep(10_000_000).exit(0)) },
      { cores: 2, faults: [flip({ at: 'time', core: 1, ns: 5_000_000 }, register('eax'), 0)] },
    );
    const pid = made.start('main');
    made.go();
    expect(effects(made)).toEqual(['bit 0 of eax flips: no effect, the core runs no program']);
    expect(made.exitOf(pid)?.code).toBe(0);
  });
});

describe('a flip on entry to a system call', () => {
  it('comes before the kernel looks at the registers', () => {
    // getpid is 20, getuid 24: bits 2 and 3.
    const faults = [2, 3].map((bit) => flip({ at: 'syscall', nth: 1, name: 'getpid' }, register('eax'), bit));
    const { log } = run((p) => p.sys('getpid').log('id').exit(0), faults);
    expect(log.id).toBe(0);
  });
});
