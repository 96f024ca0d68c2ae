import { assert } from '../../emu/base/errors.ts';
import { type FaultSpace, InstructionPoints } from './fault-space.ts';
import { type FlipClass, TRACED_REGISTERS } from './register-trace.ts';
import type { Selection } from './selection.ts';
import type { TraceCollector } from './trace-run.ts';

/** Flips of registers after every instruction. */
export interface PrunableSpace extends FaultSpace {
  readonly points: InstructionPoints;
}

/** Whether an entry's faults are flips of registers that the trace follows; eip is read by every instruction, so nothing is alike. */
export function isPrunable(space: FaultSpace): space is PrunableSpace {
  const first = space.effects.at(0);
  return space.points instanceof InstructionPoints && first.model === 'bit-flip' && first.target.in === 'register';
}

const REGISTER_COUNT = TRACED_REGISTERS.length;

/**
 * Collects, while the fault-free run is traced, which of the drawn flips of one space have to be injected. `drawn` null means all of them.
 */
export class PruningCollector implements TraceCollector {
  private readonly space: PrunableSpace;
  /** Effect number of each bit of each traced register; -1 when the space has none. */
  private readonly effectOf = new Int32Array(REGISTER_COUNT * 32).fill(-1);
  /** Bits of each register that the space has. */
  private readonly wanted = new Int32Array(REGISTER_COUNT);
  private readonly drawn: readonly number[] | null;
  /** Drawn flips by point, until the trace comes by. */
  private readonly ahead = new Map<number, number[]>();
  /** Drawn flips whose class is open, by thread. */
  private readonly open = new Map<number, OpenFlips>();
  private readonly chosen = new Map<number, number>();
  /** By register. */
  private readonly masked = new Float64Array(REGISTER_COUNT);

  constructor(space: PrunableSpace, drawn: readonly number[] | null) {
    this.space = space;
    this.drawn = drawn;
    for (let n = 0; n < space.effects.count; n++) {
      const effect = space.effects.at(n);
      assert(effect.model === 'bit-flip' && effect.target.in === 'register', 'only flips of registers are pruned');
      const register = (TRACED_REGISTERS as readonly string[]).indexOf(effect.target.register);
      if (register < 0) continue;
      this.effectOf[register * 32 + effect.bit] = n;
      this.wanted[register]! |= 1 << effect.bit;
    }
    const { count } = space.points;
    for (const fault of drawn ?? []) {
      if (this.registerOf(fault) < 0) this.choose(fault, 1);
      else {
        const list = this.ahead.get(fault % count);
        if (list) list.push(fault);
        else this.ahead.set(fault % count, [fault]);
      }
    }
    if (drawn === null) this.chooseUntraced();
  }

  /** Every flip of eip stands for itself. */
  private chooseUntraced(): void {
    const { effects, points } = this.space;
    for (let n = 0; n < effects.count; n++) {
      if (this.registerOf(n * points.count) >= 0) continue;
      for (let point = 0; point < points.count; point++) this.choose(n * points.count + point, 1);
    }
  }

  private registerOf(fault: number): number {
    const effect = this.space.effects.at(Math.floor(fault / this.space.points.count));
    if (effect.model !== 'bit-flip' || effect.target.in !== 'register') return -1;
    return (TRACED_REGISTERS as readonly string[]).indexOf(effect.target.register);
  }

  private choose(fault: number, weight: number): void {
    this.chosen.set(fault, (this.chosen.get(fault) ?? 0) + weight);
  }

  /** To be called at each point of the trace, before the classes that end there. */
  point(core: number, instruction: number, thread: number, ordinal: number): void {
    if (this.drawn === null) return;
    const number = this.space.points.numberOf(core, instruction);
    const faults = number < 0 ? undefined : this.ahead.get(number);
    if (!faults) return;
    this.ahead.delete(number);
    let open = this.open.get(thread);
    if (!open) {
      open = new OpenFlips();
      this.open.set(thread, open);
    }
    for (const fault of faults) {
      const effect = this.space.effects.at(Math.floor(fault / this.space.points.count));
      const bit = (effect as { bit: number }).bit;
      open.add(this.registerOf(fault), bit, ordinal);
    }
  }

  /** To be called for each class that ends. */
  flips({ register, mask, weight, used, core, instruction, thread, after, upTo }: Readonly<FlipClass>): void {
    const open = this.drawn === null ? null : (this.open.get(thread) ?? NOTHING_OPEN);
    let bits = mask & this.wanted[register]! & (open ? open.masks[register]! : -1);
    for (; bits !== 0; bits &= bits - 1) {
      const bit = 31 - Math.clz32(bits & -bits);
      const here = open ? open.take(register, bit, after, upTo) : this.weightHere(core, weight);
      if (here === 0) continue;
      if (!used) this.masked[register]! += here;
      else {
        const point = this.space.points.numberOf(core, instruction);
        this.choose(this.effectOf[register * 32 + bit]! * this.space.points.count + point, here);
      }
    }
  }

  /** A class lies on one core; with that core left out of the space nothing of it counts. */
  private weightHere(core: number, weight: number): number {
    return this.space.points.numberOf(core, 1) < 0 ? 0 : weight;
  }

  /** The result, when the trace has finished. */
  selection(): Selection {
    assert(this.ahead.size === 0, 'a drawn point that the traced run never came by');
    const faults = [...this.chosen.keys()].sort((a, b) => a - b);
    const weights = faults.map((fault) => this.chosen.get(fault)!);
    const drawn = this.drawn?.length ?? this.space.size;
    const masked = new Map(
      TRACED_REGISTERS.map((name, register) => [name, this.masked[register]!] as const).filter(([, n]) => n > 0),
    );
    const sum = [...weights, ...masked.values()].reduce((total, weight) => total + weight, 0);
    assert(sum === drawn, `${drawn} flips were drawn, but the classes hold ${sum}`);
    return { drawn, masked, faults, weights };
  }
}

/** Drawn flips of one thread in classes that have not ended. */
class OpenFlips {
  /** Bits of each register that have any. */
  readonly masks = new Int32Array(REGISTER_COUNT);
  private readonly ordinals = new Map<number, number[]>();

  add(register: number, bit: number, ordinal: number): void {
    this.masks[register]! |= 1 << bit;
    const key = register * 32 + bit;
    const list = this.ordinals.get(key);
    if (list) list.push(ordinal);
    else this.ordinals.set(key, [ordinal]);
  }

  /** Removes those in a class and counts them. All that are open lie in it, as the class is the first to end. */
  take(register: number, bit: number, after: number, upTo: number): number {
    const key = register * 32 + bit;
    const list = this.ordinals.get(key)!;
    assert(
      list.every((ordinal) => ordinal > after && ordinal <= upTo),
      'a drawn flip outside its class',
    );
    this.ordinals.delete(key);
    this.masks[register]! &= ~(1 << bit);
    return list.length;
  }
}

const NOTHING_OPEN = new OpenFlips();
