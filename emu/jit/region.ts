import { decodeFlat } from '../interp/fetch.ts';
import { IN_STRING, type Insn, TARGET } from '../isa/insn.ts';
import type { AddressSpace } from '../memory/address-space.ts';

// A region: the instructions that one WebAssembly function translates, cut into basic blocks.

const BLOCK_INSTRUCTIONS_MAX = 60;

/** How a block ends. */
export const Ending = {
  /** Falls into `next`. */
  Falls: 0,
  /** Jumps to `target`. */
  Jump: 1,
  /** To `target` when the condition of the last instruction holds, else to `next`. A repeated string instruction branches to itself. */
  Branch: 2,
  /** To `target`, with `next` as return address. */
  Call: 3,
  /** To an address that is known at run time; `next` is the return address of an indirect call, or 0. */
  Indirect: 4,
  /** The interpreter does the instruction at `next`, which is not part of the block. */
  Interpreted: 5,
} as const;
export type Ending = (typeof Ending)[keyof typeof Ending];

export interface Block {
  readonly eip: number;
  readonly insns: readonly Insn[];
  readonly ending: Ending;
  readonly target: number;
  readonly next: number;
  /** With `Interpreted`: where that instruction leads when nothing happens; else 0. */
  readonly resume: number;
  /** Where an indirect jump, or a RET, may lead. */
  readonly targets: readonly number[];
  /** Of a single step (steps.ts): a block that begins with it and that control goes through instead when the budget reaches to its end. */
  readonly whole?: Block;
}

export interface Region {
  readonly head: number;
  /** By EIP, in the order in which they were found; the head comes first. */
  readonly blocks: ReadonlyMap<number, Block>;
  /** Where control comes in from outside. */
  readonly entries: ReadonlySet<number>;
  /** Linear address ranges of the instructions: what the translation was made of. */
  readonly pages: readonly number[];
  readonly instructions: number;
  /** Instructions that have no translation and stand in the way. */
  readonly interpreted: number;
  /** Its blocks are single steps (steps.ts). Jumps back to the head leave it, as there may be a faster translation. */
  readonly isOfSteps: boolean;
}

export interface RegionSource {
  readonly space: AddressSpace;
  /** Whether the instruction at an EIP has a translation. */
  readonly translates: (insn: Insn) => boolean;
  /** Whether control has been seen there: other places are left out. */
  readonly wanted: (eip: number) => boolean;
  /** Where the indirect jump at an EIP has been seen to lead. */
  readonly targetsOf: (eip: number) => Iterable<number>;
  /** Whether what falls through to an EIP leaves the region. */
  readonly stopsAt: (eip: number) => boolean;
  readonly instructionsMax: number;
}

const JCC = /^J(?!MP)/;
const LOOP = /^LOOP/;

/** How an instruction that may end a block does so; null when it does not. */
function endingOf(insn: Insn): Ending | null {
  const { mnemonic } = insn.row;
  const direct = insn.operands[0]?.kind === TARGET;
  if (mnemonic === 'JMP') return direct ? Ending.Jump : Ending.Indirect;
  if (mnemonic === 'CALL') return direct ? Ending.Call : Ending.Indirect;
  if (mnemonic === 'RET') return Ending.Indirect;
  if ((JCC.test(mnemonic) || LOOP.test(mnemonic)) && direct) return Ending.Branch;
  return null;
}

/** A repeated string instruction stays where it is until it has finished: its own block. */
export function isRepeated(insn: Insn): boolean {
  return insn.rep !== 0 && insn.operands.some(({ kind }) => kind === IN_STRING);
}

/** Finds what can be reached from `head` by direct jumps, calls and fall-through. Null when the first instruction has no translation. */
export function findRegion(head: number, source: RegionSource): Region | null {
  const insns = new Map<number, Insn>();
  const decode = (eip: number): Insn | null => {
    const known = insns.get(eip);
    if (known !== undefined) return known;
    const insn = decodeFlat(source.space, eip);
    if (insn !== null) insns.set(eip, insn);
    return insn;
  };

  const leaders = new Set<number>([head]);
  const entries = new Set<number>([head]);
  const seen = new Set<number>();
  const queue = [head];
  const interpreted = new Set<number>();
  const lead = (eip: number, isEntry: boolean): void => {
    if (!source.wanted(eip)) return;
    if (isEntry) entries.add(eip);
    if (leaders.has(eip)) return;
    leaders.add(eip);
    queue.push(eip);
  };
  for (let i = 0; i < queue.length && seen.size < source.instructionsMax; i++) {
    for (let eip = queue[i]!; !seen.has(eip); ) {
      const insn = decode(eip);
      if (insn === null) break;
      if (!source.translates(insn)) {
        interpreted.add(eip);
        lead(insn.next, true);
        break;
      }
      seen.add(eip);
      const ending = endingOf(insn);
      if (ending === Ending.Jump || ending === Ending.Branch || ending === Ending.Call) {
        lead(insn.operands[0]!.value, false);
      }
      if (ending === Ending.Branch) lead(insn.next, false);
      if (insn.row.mnemonic === 'CALL') lead(insn.next, true);
      if (ending === Ending.Indirect) for (const target of source.targetsOf(eip)) lead(target, true);
      if (ending !== null) break;
      if (isRepeated(insn)) {
        leaders.add(eip);
        entries.add(eip);
        lead(insn.next, false);
        break;
      }
      if (seen.size >= source.instructionsMax || source.stopsAt(insn.next)) break;
      eip = insn.next;
    }
  }

  const blocks = new Map<number, Block>();
  for (const eip of leaders) {
    if (!seen.has(eip)) continue;
    const block = cutBlock(eip, insns, leaders, seen, source);
    blocks.set(eip, block);
    // A block that was cut for its length goes on in another.
    if (block.ending === Ending.Falls && seen.has(block.next)) leaders.add(block.next);
  }
  if (!blocks.has(head)) return null;
  const pages = new Set<number>();
  let instructions = 0;
  for (const block of blocks.values()) {
    instructions += block.insns.length;
    for (const insn of block.insns) {
      pages.add(insn.eip >>> 12);
      pages.add((insn.eip + insn.length - 1) >>> 12);
    }
  }
  for (const entry of entries) if (!blocks.has(entry)) entries.delete(entry);
  return {
    head,
    blocks,
    entries,
    pages: [...pages].sort((a, b) => a - b),
    instructions,
    interpreted: interpreted.size,
    isOfSteps: false,
  };
}

function cutBlock(
  start: number,
  insns: ReadonlyMap<number, Insn>,
  leaders: ReadonlySet<number>,
  seen: ReadonlySet<number>,
  source: RegionSource,
): Block {
  const list: Insn[] = [];
  for (let eip = start; ; ) {
    const insn = insns.get(eip);
    if (list.length > 0 && (leaders.has(eip) || !seen.has(eip) || list.length >= BLOCK_INSTRUCTIONS_MAX)) {
      const interpreted = insn !== undefined && !seen.has(eip) && !source.translates(insn);
      return {
        eip: start,
        insns: list,
        ending: interpreted ? Ending.Interpreted : Ending.Falls,
        target: 0,
        next: eip,
        resume: interpreted ? insn.next : 0,
        targets: [],
      };
    }
    list.push(insn!);
    const ending = endingOf(insn!);
    if (ending !== null) {
      const direct = ending !== Ending.Indirect;
      const returns = ending !== Ending.Indirect || insn!.row.mnemonic === 'CALL';
      return {
        eip: start,
        insns: list,
        ending,
        target: direct ? insn!.operands[0]!.value : 0,
        next: returns ? insn!.next : 0,
        resume: 0,
        targets: direct ? [] : [...source.targetsOf(insn!.eip)],
      };
    }
    if (isRepeated(insn!)) {
      return {
        eip: start,
        insns: list,
        ending: Ending.Branch,
        target: start,
        next: insn!.next,
        resume: 0,
        targets: [],
      };
    }
    eip = insn!.next;
  }
}
