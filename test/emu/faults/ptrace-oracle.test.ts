import { describe, expect, it } from 'vitest';
import type { FaultSpec } from '../../../emu/faults/plan.ts';
import { PT_DETACH, PT_GETREGS, PT_SETREGS, PT_STEP, PT_TRACE_ME } from '../../../kernel-sim/abi/ptrace.ts';
import { type GuestProgram, program, Run, SCRATCH } from '../../support/guest-program.ts';

/*
 * What a flip does, told by a debugger: a tracer inside the machine steps a sound process to the same instruction, changes the register
 * through ptrace(2), and lets it go on. Both processes must end in the same way.
 */

/** Mixes everything into one number: rotate, add, xor, multiply, for some turns. */
const victim = program((p) =>
  p
    .raw('b801000000 bb02000000 be03000000 bf04000000 bd05000000 ba06000000')
    .raw('b914000000')
    .raw('c1c007 01d8 31f0 0fafc7 01e8 29d0 d1c3 46 83c702 4d 83c203')
    .raw('49 75e5')
    .log('mixed')
    .exit(0),
);

/** struct reg (freebsd-i386-abi.md): where a register stands, in doublewords. */
const FIELDS = { edi: 3, esi: 4, ebp: 5, ebx: 7, edx: 8, ecx: 9, eax: 10, eflags: 15 } as const;
type Field = keyof typeof FIELDS;

const REGS = SCRATCH + 0x100;
const PID = SCRATCH + 0x10;

/** Steps /bin/victim `steps` times from its first instruction, flips a bit of a register, detaches, waits. */
function tracer(steps: number, field: Field, bit: number): GuestProgram {
  return program((p) => {
    const path = p.text('/bin/victim');
    p.sys('fork').ifZero((child) => {
      child.sys('ptrace', PT_TRACE_ME, 0, 0, 0);
      child.sys('execve', path, child.vector('victim'), child.vector()).exit(9);
    });
    p.store(PID).wait('exec', { at: PID });
    p.repeat(steps, SCRATCH + 0x20, (q) =>
      q.sys('ptrace', PT_STEP, { at: PID }, 1, 0).sys('wait4', { at: PID }, SCRATCH + 0x24, 0, 0),
    );
    p.sys('ptrace', PT_GETREGS, { at: PID }, REGS, 0);
    const word = REGS + 4 * FIELDS[field];
    // xor dword [word], 1 << bit
    p.raw('8135')
      .raw(le(word))
      .raw(le(1 << bit));
    p.sys('ptrace', PT_SETREGS, { at: PID }, REGS, 0).log('set');
    p.sys('ptrace', PT_DETACH, { at: PID }, 1, 0).log('detach');
    return p.wait('end').exit(0);
  });
}

const le = (value: number): string =>
  [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join('');

describe('a bit flip', () => {
  const cases: readonly (readonly [number, Field, number])[] = [
    [3, 'ebx', 4],
    [17, 'eax', 31],
    [40, 'edi', 0],
    [55, 'esi', 13],
    [100, 'ebp', 7],
    [133, 'edx', 30],
    [150, 'ecx', 1],
    [151, 'ecx', 20],
    [45, 'eflags', 0],
    [90, 'eflags', 6],
  ];
  it.each(cases)('after %i instructions in %s, bit %i, does what a debugger does there', (steps, field, bit) => {
    const traced = new Run({ victim, tracer: tracer(steps, field, bit) });
    traced.start('tracer');
    traced.go(200e6);
    const child = traced.events('fork').find(({ how }) => how === 'fork')!.child;

    const spec: FaultSpec = {
      model: 'bit-flip',
      target: { in: 'register', register: field },
      bit,
      trigger: { at: 'instruction', core: 0, instruction: steps },
    };
    const faulty = new Run({ victim }, { faults: [spec] });
    const pid = faulty.start('victim');
    faulty.go(200e6);

    expect(faulty.events('core-fault')).toHaveLength(1);
    expect(faulty.logOf(pid, 'victim')).toEqual(traced.logOf(child, 'victim'));
    expect(faulty.exitOf(pid)).toEqual(traced.exitOf(child));
  });

  it('and the sound program ends otherwise: the comparison can tell', () => {
    const sound = new Run({ victim });
    const pid = sound.start('victim');
    sound.go();
    const logs = cases.slice(0, 8).map(([instruction, register, bit]) => {
      const run = new Run(
        { victim },
        {
          faults: [
            {
              model: 'bit-flip',
              target: { in: 'register', register },
              bit,
              trigger: { at: 'instruction', core: 0, instruction },
            },
          ],
        },
      );
      const other = run.start('victim');
      run.go(200e6);
      return run.logOf(other).mixed;
    });
    expect(logs.filter((mixed) => mixed !== sound.logOf(pid).mixed).length).toBeGreaterThan(5);
  });
});
