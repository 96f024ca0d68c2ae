import { UsageError } from '../../emu/base/errors.ts';
import { checkFault, UNIT_BITS } from '../../emu/faults/check-plan.ts';
import type { FaultEffect, FaultSpec, FaultTrigger, Register } from '../../emu/faults/plan.ts';
import { parseDuration } from '../scenario/units.ts';
import type { FaultEntry } from './schema.ts';

/*
 * The fault space of one entry of a campaign: every effect at every point, numbered. A point is "just after a core has retired n
 * instructions", n from 1 to what the core retires in the run without faults; points go by core, then by n. Or the entry lists its points
 * as triggers of any kind. Fault number `effect * points + point`.
 */

/** What may go wrong, by number. */
export interface Effects {
  readonly count: number;
  at(n: number): FaultEffect;
  /** How many of them strike each target, by targetName. */
  readonly targets: ReadonlyMap<string, number>;
}

export interface FaultSpace {
  /** Model and target, as the report groups them: `bit-flip`, `eax`. */
  readonly model: string;
  readonly effects: Effects;
  readonly points: Points;
  /** Number of faults. */
  readonly size: number;
}

/** Where the faults of a space strike, by number. */
export interface Points {
  readonly count: number;
  at(n: number): FaultTrigger;
}

/** After every instruction of some cores. */
export class InstructionPoints implements Points {
  readonly count: number;
  private readonly cores: readonly { readonly core: number; readonly retired: number; readonly before: number }[];

  /** `retired`: instructions by core in the run without faults. */
  constructor(retired: readonly number[], cores: readonly number[]) {
    let before = 0;
    this.cores = cores.map((core) => {
      const entry = { core, retired: retired[core] ?? 0, before };
      before += entry.retired;
      return entry;
    });
    this.count = before;
  }

  at(n: number): FaultTrigger {
    const entry = this.cores.findLast(({ before, retired }) => before <= n && retired > 0)!;
    return { at: 'instruction', core: entry.core, instruction: n - entry.before + 1 };
  }

  /** The number of a point; -1 when its core is not among them. */
  numberOf(core: number, instruction: number): number {
    const entry = this.cores.find((each) => each.core === core);
    return entry ? entry.before + instruction - 1 : -1;
  }
}

/** CF PF AF ZF SF TF DF OF NT AC ID: what user mode can change. */
export const USER_EFLAGS_BITS = [0, 2, 4, 6, 7, 8, 10, 11, 14, 18, 21] as const;

/** Which bits of a register an entry means. */
export function registerBits(register: Register, bits: readonly number[] | undefined): readonly number[] {
  return bits ?? (register === 'eflags' ? USER_EFLAGS_BITS : upTo(32));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** The fault space of an entry. Errors: UsageError naming `key` for impossible effects and triggers, cores that do not exist, or a space beyond 2^53. */
export function faultSpace(entry: FaultEntry, retired: readonly number[], key: string): FaultSpace {
  const effects = effectsOf(entry, key);
  // Of units, where some may have the bit and others not; everything else has at least one.
  if (effects.count === 0) throw new UsageError({ what: 'names no bit that its units have', key: `${key}.bits` });
  const points = entry.triggers
    ? listedPoints(entry, effects, retired.length, key)
    : instructionPoints(entry, retired, key);
  const size = effects.count * points.count;
  if (!Number.isSafeInteger(size)) throw new UsageError({ what: 'has more than 2^53 faults', key });
  if (size === 0) throw new UsageError({ what: 'holds no fault: these cores retire no instruction', key });
  // Effects of one entry differ in places and bits, which its schema has checked.
  checkFault({ ...effects.at(0), trigger: points.at(0) }, retired.length, key);
  return { model: entry.model, effects, points, size };
}

function instructionPoints(entry: FaultEntry, retired: readonly number[], key: string): InstructionPoints {
  const cores = entry.cores ?? upTo(retired.length);
  const missing = cores.find((core) => core >= retired.length);
  if (missing !== undefined) {
    throw new UsageError({ what: `there is no core ${missing}: there are ${retired.length}`, key: `${key}.cores` });
  }
  return new InstructionPoints(
    retired,
    [...cores].sort((a, b) => a - b),
  );
}

function listedPoints({ cores, triggers }: FaultEntry, effects: Effects, coreCount: number, key: string): Points {
  if (cores)
    throw new UsageError({ what: 'is given beside triggers, which say where they strike', key: `${key}.cores` });
  const list = triggers as readonly FaultTrigger[];
  list.forEach((trigger, n) => {
    checkFault({ ...effects.at(0), trigger }, coreCount, `${key}.triggers[${n}]`);
  });
  return { count: list.length, at: (n) => list[n]! };
}

/** Fault number n of a space. */
export function faultAt({ effects, points }: FaultSpace, n: number): FaultSpec {
  return { ...effects.at(Math.floor(n / points.count)), trigger: points.at(n % points.count) };
}

function listed(effects: readonly FaultEffect[]): Effects {
  const targets = new Map<string, number>();
  for (const effect of effects) targets.set(targetName(effect), (targets.get(targetName(effect)) ?? 0) + 1);
  return { count: effects.length, at: (n) => effects[n]!, targets };
}

function effectsOf(entry: FaultEntry, key: string): Effects {
  switch (entry.model) {
    case 'bit-flip':
      return flips(entry, key);
    case 'stuck-at':
      return listed(
        entry.registers.flatMap((register) =>
          registerBits(register, entry.bits).flatMap((bit) =>
            entry.values.map((value) => ({ model: 'stuck-at' as const, register, bit, value })),
          ),
        ),
      );
    case 'wrong-alu':
      return listed(
        entry.units.flatMap((unit) =>
          (entry.bits ?? upTo(UNIT_BITS[unit]))
            .filter((bit) => bit < UNIT_BITS[unit])
            .flatMap((bit) => entry.values.map((value) => ({ model: 'wrong-alu' as const, unit, bit, value }))),
        ),
      );
    case 'intermittent':
      return listed([{ model: 'intermittent', downNs: parseDuration(entry.down, `${key}.down`) }]);
    case 'slow': {
      const forNs = entry.for === undefined ? {} : { forNs: parseDuration(entry.for, `${key}.for`) };
      return listed([{ model: 'slow', factor: entry.factor, ...forNs }]);
    }
    case 'machine-check': {
      const { model, bank, status, address } = entry;
      return listed([{ model, bank, status, ...(address === undefined ? {} : { address }) }]);
    }
    case 'checkpoint-write': {
      const { model, failure, bytes } = entry;
      if (entry.bits && failure !== 'bit-flip')
        throw new UsageError({ what: `has no meaning with ${failure}`, key: `${key}.bits` });
      return listed(
        bytes.flatMap((atByte): FaultEffect[] =>
          failure === 'bit-flip'
            ? (entry.bits ?? upTo(8)).map((bit) => ({ model, failure, atByte, bit }))
            : [{ model, failure, atByte }],
        ),
      );
    }
    case 'lost-interrupt':
      return listed([{ model: 'lost-interrupt', count: entry.count }]);
    case 'spurious-interrupt':
      return listed([{ model: 'spurious-interrupt', vector: entry.vector }]);
    default:
      return listed([{ model: entry.model }]);
  }
}

function flips(entry: Extract<FaultEntry, { model: 'bit-flip' }>, key: string): Effects {
  const model = 'bit-flip';
  switch (entry.in) {
    case 'register':
      return listed(
        entry.registers.flatMap((register) =>
          registerBits(register, entry.bits).map(
            (bit) => ({ model, target: { in: 'register', register }, bit }) as const,
          ),
        ),
      );
    case 'segment-base':
      return listed(
        entry.segments.flatMap((segment) =>
          (entry.bits ?? upTo(32)).map((bit) => ({ model, target: { in: 'segment-base', segment }, bit }) as const),
        ),
      );
    case 'x87':
    case 'xmm':
      return listed(
        entry.registers.flatMap((register) =>
          (entry.bits ?? upTo(entry.in === 'x87' ? 80 : 128)).map(
            (bit) => ({ model, target: { in: entry.in, register }, bit }) as const,
          ),
        ),
      );
    default: {
      const { from, to, process } = entry;
      if (to <= from) throw new UsageError({ what: 'does not come after "from"', key: `${key}.to` });
      const chosen = entry.bits ?? upTo(8);
      const owner = process === undefined ? {} : { process };
      const count = (to - from) * chosen.length;
      return {
        count,
        targets: new Map([[entry.in, count]]),
        at: (n) => {
          const at = { in: entry.in, address: from + Math.floor(n / chosen.length), ...owner };
          return { model, target: at, bit: chosen[n % chosen.length]! };
        },
      };
    }
  }
}

/** What a fault strikes, as a row of the report. */
export function targetName(effect: FaultEffect): string {
  switch (effect.model) {
    case 'bit-flip':
      return effect.target.in === 'register'
        ? effect.target.register
        : effect.target.in === 'segment-base'
          ? `${effect.target.segment} base`
          : effect.target.in;
    case 'stuck-at':
      return effect.register;
    case 'wrong-alu':
      return `${effect.unit} unit`;
    case 'checkpoint-write':
      return 'checkpoint file';
    default:
      return 'core';
  }
}
