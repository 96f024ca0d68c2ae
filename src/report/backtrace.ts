/**
 * Backtraces: from the registers of a thread, frame by frame, to where its program began.
 * A function that pushed %ebp and made it its frame is unwound through it; for one that did not (a system-call stub, the first
 * instructions of any function) the distance from %esp to the return address is found by reading its code from its first
 * instruction. Source of the frame layout: System V ABI, Intel386 supplement, Function Calling Sequence.
 */
import { EBP, ESP } from '../../emu/core/core-state.ts';
import { Decoder } from '../../emu/isa/decode.ts';
import { IMMEDIATE, IN_REGISTER, type Insn, NONE } from '../../emu/isa/insn.ts';
import { PF_W, PT_LOAD } from '../../kernel-sim/abi/elf.ts';
import type { Reg } from '../../kernel-sim/abi/reg.ts';
import type { CoreImage } from '../../kernel-sim/elf/core-image.ts';
import { type ElfFile, segmentData } from '../../kernel-sim/elf/elf32.ts';
import type { SymbolTable } from '../../kernel-sim/elf/symbols.ts';

/** Copies memory out; undefined when not all of it is there. */
export type ReadMemory = (address: number, length: number) => Uint8Array | undefined;

export interface Frame {
  /** Where the frame is: the next instruction of the innermost one, the return address in the others. */
  readonly pc: number;
  readonly esp: number;
  readonly ebp: number;
  /** Name of the function, '' when no symbol covers it; and how far into it. */
  readonly name: string;
  readonly offset: number;
}

const FRAMES_MAX = 1024;
const INSN_MAX = 15;
/** Of one function, not more code than this is read. */
const CODE_MAX = 65536;

/** The frames, innermost first; at least one. Ends where %ebp was cleared (the ABI's outermost frame) or memory is missing. */
export function backtrace(
  regs: Pick<Reg, 'r_eip' | 'r_esp' | 'r_ebp'>,
  read: ReadMemory,
  symbols: SymbolTable,
): Frame[] {
  const frames: Frame[] = [];
  let at = { pc: regs.r_eip, esp: regs.r_esp, ebp: regs.r_ebp };
  while (frames.length < FRAMES_MAX) {
    // A return address may be that of the next function, when the call was the last thing its own did.
    const found = symbols.at(frames.length === 0 ? at.pc : at.pc - 1);
    const start = found ? found.symbol.address : undefined;
    frames.push({ ...at, name: found?.symbol.name ?? '', offset: start === undefined ? 0 : at.pc - start });
    const caller = callerOf(at, start, read);
    // The stack grows down: a caller's frame is above, or this is no stack.
    if (!caller || caller.pc === 0 || caller.esp <= at.esp) break;
    at = caller;
  }
  return frames;
}

type Place = Pick<Frame, 'pc' | 'esp' | 'ebp'>;

function callerOf(at: Place, functionStart: number | undefined, read: ReadMemory): Place | undefined {
  const rule = functionStart === undefined ? IN_FRAME : frameRule(functionStart, at.pc, read);
  if (!rule) return undefined;
  /** The address above the return address: %esp of the caller once the call has returned. */
  const callerEsp = (rule.base === EBP ? at.ebp : at.esp) + rule.offset;
  const pc = word(read, callerEsp - 4);
  const ebp = rule.savedEbp === null ? at.ebp : word(read, callerEsp - rule.savedEbp);
  return pc === undefined || ebp === undefined ? undefined : { pc, esp: callerEsp, ebp };
}

/** How to get from a place in a function to its caller. */
interface FrameRule {
  /** The caller's %esp is `offset` above this register. */
  readonly base: typeof ESP | typeof EBP;
  readonly offset: number;
  /** The caller's %ebp stands so far below the caller's %esp; null: it is still in %ebp. */
  readonly savedEbp: number | null;
}

const ON_ENTRY: FrameRule = { base: ESP, offset: 4, savedEbp: null };
/** After `pushl %ebp; movl %esp, %ebp`. */
const IN_FRAME: FrameRule = { base: EBP, offset: 8, savedEbp: 8 };

/** The rule that holds just before `pc`; undefined in the outermost function, which clears %ebp. */
function frameRule(start: number, pc: number, read: ReadMemory): FrameRule | undefined {
  const decoder = new Decoder();
  let rule: FrameRule = ON_ENTRY;
  /** What holds in the middle of the function, to return to after an early way out of it. */
  let body: FrameRule = ON_ENTRY;
  for (let eip = start; eip < pc && eip - start < CODE_MAX; ) {
    const code = codeAt(read, eip);
    const insn = code && decoder.decode(code, 0, code.length, eip, true);
    if (!insn) return IN_FRAME;
    if (clearsEbp(insn)) return undefined;
    const next = afterInsn(rule, insn);
    if (next.base === EBP) body = next;
    rule = next === LEFT ? body : next;
    eip += insn.length;
  }
  return rule;
}

/** The code up to the end of readable memory, at most one instruction's worth. */
function codeAt(read: ReadMemory, eip: number): Uint8Array | undefined {
  return read(eip, INSN_MAX) ?? read(eip, 4096 - (eip & 4095));
}

/** What comes after a return or a jump is reached from elsewhere. */
const LEFT: FrameRule = { base: ESP, offset: 0, savedEbp: null };

function afterInsn(rule: FrameRule, insn: Insn): FrameRule {
  const [first, second] = insn.operands;
  const onEbp = first?.kind === IN_REGISTER && first.reg === EBP && first.size === 4;
  const onEsp = first?.kind === IN_REGISTER && first.reg === ESP && first.size === 4;
  const moved = (bytes: number): FrameRule => (rule.base === ESP ? { ...rule, offset: rule.offset + bytes } : rule);
  switch (insn.row.mnemonic) {
    case 'PUSH': {
      const pushed = moved(insn.operandSize);
      return onEbp && rule.base === ESP && rule.savedEbp === null ? { ...pushed, savedEbp: pushed.offset } : pushed;
    }
    case 'PUSHF':
      return moved(insn.operandSize);
    case 'POP':
    case 'LEAVE':
      if (onEbp || insn.row.mnemonic === 'LEAVE') {
        // %esp is now just above where %ebp had been saved.
        return rule.savedEbp === null ? moved(-4) : { base: ESP, offset: rule.savedEbp - 4, savedEbp: null };
      }
      return moved(-insn.operandSize);
    case 'POPF':
      return moved(-insn.operandSize);
    case 'MOV':
      return onEbp && second?.kind === IN_REGISTER && second.reg === ESP && rule.base === ESP
        ? { ...rule, base: EBP }
        : rule;
    case 'SUB':
      return onEsp && second?.kind === IMMEDIATE ? moved(second.value) : rule;
    case 'ADD':
      return onEsp && second?.kind === IMMEDIATE ? moved(-second.value) : rule;
    case 'LEA':
      return onEsp && insn.base === ESP && insn.index === NONE ? moved(-insn.disp) : rule;
    case 'RET':
    case 'JMP':
      return LEFT;
    default:
      return rule;
  }
}

function clearsEbp({ row, operands }: Insn): boolean {
  return row.mnemonic === 'XOR' && operands.every(({ kind, reg }) => kind === IN_REGISTER && reg === EBP);
}

function word(read: ReadMemory, address: number): number | undefined {
  const bytes = read(address, 4);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/**
 * The memory of a core: its segments, and for what no core holds (read-only text) the program's.
 * The program must be the one that was running; nothing in a core says which it was, byte for byte.
 */
export function coreMemory(core: CoreImage, program: ElfFile): ReadMemory {
  const text = program.programHeaders.filter((ph) => ph.p_type === PT_LOAD && (ph.p_flags & PF_W) === 0);
  const parts = [
    ...core.segments.map(({ vaddr, data }) => ({ vaddr, data })),
    ...text.map((ph) => ({ vaddr: ph.p_vaddr, data: segmentData(program, ph) })),
  ];
  return (address, length) => {
    const part = parts.find(({ vaddr, data }) => address >= vaddr && address + length <= vaddr + data.length);
    return part?.data.subarray(address - part.vaddr, address - part.vaddr + length);
  };
}
