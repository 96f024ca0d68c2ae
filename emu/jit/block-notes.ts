import { GROUP_STARTS } from './locals.ts';
import { WINDOW_REACH } from './windows.ts';

/** What one memory access reaches from an unchanging start: [low, high) around the value that `key` names. */
interface Access {
  readonly key: string;
  readonly low: number;
  readonly high: number;
  readonly need: number;
  readonly inStack: boolean;
}

/** What matters for flags, in the order of execution. */
type FlagEvent =
  | { readonly what: 'access'; readonly access: number }
  | { readonly what: 'exit' }
  | { readonly what: 'read' }
  | { readonly what: FlagWrite; readonly write: number };

/** All six arithmetic flags; all but CF, as an increment writes them; some, or perhaps none. */
export type FlagWrite = 'write' | 'increment' | 'partial';

/** Of what an instruction writes. */
export type FlagsSeen = 'none' | 'carry' | 'all';

/** What a first writing of a block finds out for the second. */
export class BlockNotes {
  readonly accesses: Access[] = [];
  readonly events: FlagEvent[] = [];
  registersWritten = 0;
  registersUsed = 0;
  vectorsUsed = 0;
  vectorsWritten = 0;
  windowsUsed = 0;
  /** Takes or leaves the state of the flags that CF comes from after an increment. */
  usesCarryState = false;
  usesMxcsr = false;
  usesX87 = false;
  /** An x87 instruction meets an empty register, or a full one where it wants to push. */
  x87Fails = false;
  /** By access: what it checks for itself and later ones of the same start; null when an earlier one has done so. */
  checks: (Access | null)[] = [];
  /** By access: what is checked with others, and is in a local from the first of them on. */
  groups: (Group | null)[] = [];
  /** By flag write: what of it anybody can see. */
  seen: FlagsSeen[] = [];

  /** Takes in what another block needs. */
  include(other: BlockNotes): void {
    this.registersUsed |= other.registersUsed;
    this.registersWritten |= other.registersWritten;
    this.vectorsUsed |= other.vectorsUsed;
    this.vectorsWritten |= other.vectorsWritten;
    this.windowsUsed |= other.windowsUsed;
    this.usesCarryState ||= other.usesCarryState;
    this.usesMxcsr ||= other.usesMxcsr;
    this.usesX87 ||= other.usesX87;
    this.x87Fails ||= other.x87Fails;
  }

  /** Draws the conclusions. */
  conclude(): void {
    const leaders = leadersOf(this.accesses);
    this.checks = leaders.map(({ index, whole }, access) => (index === access ? whole : null));
    this.groups = groupsOf(leaders);
    let seen: FlagsSeen = 'all';
    for (const event of this.events.toReversed()) {
      switch (event.what) {
        case 'exit':
        case 'read':
          seen = 'all';
          break;
        case 'access':
          if (this.checks[event.access] !== null) seen = 'all';
          break;
        case 'write':
          this.seen[event.write] = seen;
          seen = 'none';
          break;
        case 'increment':
          this.seen[event.write] = seen === 'all' ? 'all' : 'none';
          if (seen === 'all') seen = 'carry';
          break;
        case 'partial':
          if (seen === 'carry') seen = 'all';
          this.seen[event.write] = seen;
      }
    }
  }
}

/** The first of several accesses, and what they all reach. */
interface Leader {
  readonly index: number;
  whole: Access;
}

/** Accesses that are checked together: the local that holds the address of what they reach, and how far that is from the value of their key. */
interface Group {
  readonly start: number;
  readonly low: number;
}

/** By access: accesses around the same start are checked together by the first of them, for all that they need, as long as a window's reach holds them all. */
function leadersOf(accesses: readonly Access[]): Leader[] {
  const leaders = new Map<string, Leader>();
  return accesses.map((access, index) => {
    const { key } = access;
    const leader = leaders.get(key);
    if (leader !== undefined) {
      const low = Math.min(leader.whole.low, access.low);
      const high = Math.max(leader.whole.high, access.high);
      if (high - low <= WINDOW_REACH) {
        leader.whole = { ...leader.whole, low, high, need: leader.whole.need | access.need };
        return leader;
      }
    }
    const own = { index, whole: access };
    leaders.set(key, own);
    return own;
  });
}

/** By access: null for those that are alone, and of those groups that there is no local for. */
function groupsOf(leaders: readonly Leader[]): (Group | null)[] {
  const groups = new Map<Leader, Group>();
  leaders.forEach((leader, access) => {
    if (leader.index === access || groups.has(leader) || groups.size === GROUP_STARTS.count) return;
    groups.set(leader, { start: GROUP_STARTS.first + groups.size, low: leader.whole.low });
  });
  return leaders.map((leader) => groups.get(leader) ?? null);
}
