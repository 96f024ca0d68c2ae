import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EIP, ESP } from '../../emu/core/core-state.ts';
import { Decoder } from '../../emu/isa/decode.ts';
import { readElf } from '../../kernel-sim/elf/elf32.ts';
import { readSymbols } from '../../kernel-sim/elf/symbols.ts';
import { regsOf, userRegs } from '../../kernel-sim/kern/regs.ts';
import { backtrace, type ReadMemory } from '../../src/report/backtrace.ts';
import { System } from '../../src/system.ts';

const program = (name: string): Uint8Array => readFileSync(new URL(`../../guest/bin/${name}`, import.meta.url));

/** Return addresses that calls have pushed and no return has taken yet, with where they stand; innermost last. */
type ShadowStack = { pc: number; at: number }[];

/** Runs a program one instruction at a time, and gives at each its backtrace and what a shadow stack says. */
function* stepThrough(name: string, args: readonly string[], instructionsMax: number) {
  const bytes = program(name);
  const symbols = readSymbols(readElf(bytes));
  const system = new System({ cores: 1, consoleIsTty: false });
  system.install({ path: `/bin/${name}`, bytes });
  const pid = system.spawn({ path: `/bin/${name}`, args: [name, ...args] });
  const { kernel, machine } = system;
  const [tid] = kernel.proc(pid).threads;
  const space = kernel.space(kernel.proc(pid).vmspace);
  const read: ReadMemory = (address, length) =>
    space.isResident(address >>> 12) && space.isResident((address + length - 1) >>> 12)
      ? space.peek(address, length)
      : undefined;
  const decoder = new Decoder();
  const shadow: ShadowStack = [];
  system.run({ instructions: 1 }); // the program is on its core now, just behind `xorl %ebp, %ebp`
  while (machine.retired < instructionsMax) {
    const regs = userRegs(kernel, tid);
    yield { frames: backtrace(regs, read, symbols), shadow: shadow.toReversed(), regs };
    const before = machine.retired;
    const insn = decoder.decode(space.peek(regs.r_eip, 15), 0, 15, regs.r_eip, true);
    if (system.run({ instructions: before + 1 }).reason === 'finished') return;
    if (machine.retired === before) continue;
    const after = regsOf(kernel, tid);
    const esp = after[ESP] >>> 0;
    if (insn?.row.mnemonic === 'CALL') shadow.push({ pc: insn.next >>> 0, at: esp });
    else if (insn?.row.mnemonic === 'RET') expect(shadow.pop()?.pc).toBe(after[EIP] >>> 0);
  }
}

describe('backtrace', () => {
  // Tail calls leave no return address of their own, so the shadow stack and the frames agree there as well.
  it.each([
    { name: 'count', args: ['3', '1'], instructions: 12_000 },
    { name: 'matrix', args: ['4', '2'], instructions: 12_000 },
    { name: 'malloctest', args: [], instructions: 12_000 },
  ])('has every return address, after every instruction of $name', ({ name, args, instructions }) => {
    let steps = 0;
    for (const { frames, shadow, regs } of stepThrough(name, args, instructions)) {
      const found = frames.map(({ pc, esp }) => ({ pc, at: esp - 4 }));
      expect(found.slice(1), `at 0x${regs.r_eip.toString(16)}, step ${steps}`).toEqual(shadow);
      expect(frames[0].pc).toBe(regs.r_eip);
      steps++;
    }
    expect(steps).toBeGreaterThan(1000);
  });

  it('names the functions by the call, not by what follows it', () => {
    // main's last instruction may be a call that never returns: the return address is then the next function's.
    for (const { frames } of stepThrough('false', [], 200)) {
      expect(frames.at(-1)?.name).toBe('_start');
    }
  });

  it('ends at a frame whose caller is not in memory, and at a stack that does not go up', () => {
    const symbols = readSymbols(readElf(program('count')));
    const regs = { r_eip: 0x08048536, r_esp: 0x1000, r_ebp: 0x1010 };
    const only =
      (memory: Map<number, number>): ReadMemory =>
      (address, length) => {
        const word = memory.get(address);
        return word === undefined || length !== 4 ? undefined : new Uint8Array(Uint32Array.of(word).buffer);
      };
    expect(backtrace(regs, () => undefined, symbols)).toHaveLength(1);
    const loop = only(
      new Map([
        [0x1010, 0x1010],
        [0x1014, 0x08048536],
      ]),
    );
    expect(backtrace(regs, loop, symbols)).toHaveLength(2);
  });
});
