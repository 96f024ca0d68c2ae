/** What a process looks like: to gdb and lldb from a core file, and to the machine itself at the moment it was written. */
import type { Pid, Tid } from '../../kernel-sim/abi/ids.ts';
import { REG_FIELDS, type RegField } from '../../kernel-sim/abi/reg.ts';
import type { SymbolTable } from '../../kernel-sim/elf/symbols.ts';
import type { Kernel } from '../../kernel-sim/kern/kernel.ts';
import { userRegs } from '../../kernel-sim/kern/regs.ts';
import { backtrace } from '../../src/report/backtrace.ts';
import { runTool } from './tools.ts';

export interface FrameView {
  readonly name: string;
  readonly pc: number;
  readonly esp: number;
  readonly ebp: number;
}

export interface ProcessView {
  readonly tid: number;
  /** The registers that debuggers show: r_isp, r_trapno and r_err are not among them. */
  readonly registers: Readonly<Record<string, number>>;
  /** 16 doublewords from %esp upwards. */
  readonly stack: readonly number[];
  /** Innermost first, up to the program's entry. Frames that a debugger only infers from tail calls are left out: no stack holds them. */
  readonly frames: readonly FrameView[];
  /** Value of the global that was asked for. */
  readonly global: number;
}

const STACK_WORDS = 16;
const SHOWN_REGISTERS: readonly RegField[] = REG_FIELDS.filter((f) => !['r_isp', 'r_trapno', 'r_err'].includes(f));

/** The machine's own view of a process's first thread, now. */
export function ownView(k: Kernel, pid: Pid, symbols: SymbolTable, global: string): ProcessView {
  const p = k.proc(pid);
  const space = k.space(p.vmspace);
  const tid: Tid = p.threads[0];
  const regs = userRegs(k, tid);
  const read = (address: number, length: number): Uint8Array | undefined => {
    const resident = space.isResident(address >>> 12) && space.isResident((address + length - 1) >>> 12);
    return resident ? space.peek(address, length) : undefined;
  };
  const words = (address: number, count: number): number[] => [
    ...new Uint32Array(space.peek(address, count * 4).buffer),
  ];
  const symbol = symbols.find(global);
  if (!symbol) throw new Error(`the program has no ${global}`);
  return {
    tid,
    registers: Object.fromEntries(SHOWN_REGISTERS.map((field) => [field.slice(2), regs[field]])),
    stack: words(regs.r_esp, STACK_WORDS),
    frames: backtrace(regs, read, symbols).map(({ name, pc, esp, ebp }) => ({ name, pc, esp, ebp })),
    global: words(symbol.address, 1)[0],
  };
}

/** What gdb says of a core. `out` is all that it printed. */
export function gdbView(
  gdb: string,
  cwd: string,
  program: string,
  core: string,
  global: string,
): ProcessView & { readonly out: string } {
  const commands = [
    'set width 0',
    'set backtrace past-main on',
    'set backtrace past-entry on',
    `file ${program}`,
    `core-file ${core}`,
    'show osabi',
    'info threads',
    'info registers',
    `x/${STACK_WORDS}xw $esp`,
    'bt',
    'frame apply all -q info frame',
    'frame apply all -q printf "frame %x %x %x\\n", $pc, $sp, $ebp',
    `p/u ${global}`,
  ];
  const out = runTool(gdb, ['-nx', '-batch', ...commands.flatMap((c) => ['-ex', c])], cwd);
  const kinds = out.split(/^Stack level \d+, /m).slice(1);
  const names = kinds.map((text) => text.match(/ in (\w+)/)?.[1] ?? '');
  const frames = [...out.matchAll(/^frame (\w+) (\w+) (\w+)$/gm)].map(([, pc, esp, ebp], i) => ({
    name: names[i],
    pc: hex(pc),
    esp: hex(esp),
    ebp: hex(ebp),
  }));
  return {
    out,
    tid: Number(out.match(/^\* \d+ +LWP (\d+)/m)?.[1]),
    registers: registersIn(out, /^(\w+) +0x(\w+) /gm),
    stack: wordsIn(out),
    frames: frames.filter((_, i) => !/^ tail call frame/m.test(kinds[i])),
    global: Number(out.match(/^\$1 = (\d+)/m)?.[1]),
  };
}

/** In lldb's own template language: one line a frame, `artificial` in those that no stack holds. */
const LLDB_FRAME =
  'frame{ artificial %{frame.is-artificial}} %{frame.pc} %{frame.sp} %{frame.fp} in %{function.name}\\n'.replaceAll(
    '%',
    '$',
  );

/** What lldb says of a core. `place` is where the program goes, for cores that do not say it: the strict 9.0 layout. */
export function lldbView(
  cwd: string,
  program: string,
  core: string,
  global: string,
  place: boolean,
): ProcessView & { readonly out: string } {
  const commands = [
    `settings set frame-format "${LLDB_FRAME}"`,
    `target create --core ${core} ${program}`,
    ...(place ? [`target modules load --file ${program} --slide 0`] : []),
    'thread list',
    'register read',
    `memory read -fx -s4 -c${STACK_WORDS} $esp`,
    'bt',
    `target variable -f u ${global}`,
  ];
  const out = runTool('lldb', ['-x', '-b', ...commands.flatMap((c) => ['-o', c])], cwd);
  return {
    out,
    tid: Number(out.match(/^\* thread #1: tid = (\d+)/m)?.[1]),
    registers: registersIn(out, /^ +(\w+) = 0x(\w+)/gm),
    stack: wordsIn(out),
    frames: [...out.matchAll(/frame 0x(\w+) 0x(\w+) 0x(\w+) in (\w+)/g)].map(([, pc, esp, ebp, name]) => ({
      name,
      pc: hex(pc),
      esp: hex(esp),
      ebp: hex(ebp),
    })),
    global: Number(out.match(/\) \w+ = (\d+)/)?.[1]),
  };
}

const hex = (text: string): number => Number.parseInt(text, 16);

function registersIn(out: string, line: RegExp): Record<string, number> {
  const found = new Map([...out.matchAll(line)].map(([, name, value]) => [name, hex(value)]));
  return Object.fromEntries(SHOWN_REGISTERS.map((field) => [field.slice(2), found.get(field.slice(2)) ?? Number.NaN]));
}

/** Lines of four doublewords after their address, as both debuggers print them. */
function wordsIn(out: string): number[] {
  return [...out.matchAll(/^0x\w+:((?:\s0x\w{8}){4})$/gm)].flatMap(([, words]) =>
    words.trim().split(/\s+/).map(Number),
  );
}
