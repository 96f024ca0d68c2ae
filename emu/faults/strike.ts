import { unreachable } from '../base/errors.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { describeEffect, hex } from './describe.ts';
import type { CoreFaultState } from './fault-state.ts';
import { applyStuckBits, flipInCore, noteWrongBase } from './flip.ts';
import type { FaultEffect } from './plan.ts';
import type { FaultSite, FaultyCore } from './world.ts';

type Flip = Extract<FaultEffect, { model: 'bit-flip' }>;
/** What a checkpoint's file has waits for one; an interrupt that nobody asked for changes nothing of the core. */
type CoreEffect = Exclude<FaultEffect, { model: 'checkpoint-write' } | { model: 'spurious-interrupt' }>;

/** Changes what a fault changes about a core. Returns it in words; null when there was nothing to be hit. */
export function strikeCore(
  effect: CoreEffect,
  core: FaultyCore,
  faults: CoreFaultState,
  site: FaultSite,
  ns: number,
): string | null {
  switch (effect.model) {
    case 'fail-stop':
      silence(core, ns, true);
      break;
    case 'hang':
    case 'machine-check':
      silence(core, ns, false);
      break;
    case 'intermittent':
      silence(core, ns, false);
      faults.backNs = ns + effect.downNs;
      break;
    case 'slow':
      core.slowdown = effect.factor;
      shows(core, ns);
      faults.slowUntilNs = effect.forNs === undefined ? null : ns + effect.forNs;
      break;
    case 'bit-flip':
      return flip(effect, core, faults, site);
    case 'stuck-at':
      faults.stuckBits = [...faults.stuckBits, { register: effect.register, bit: effect.bit, value: effect.value }];
      if (site.guestOn(core) !== null) applyStuckBits(core.state, faults.stuckBits);
      break;
    case 'wrong-alu':
      faults.wrongUnits = [...faults.wrongUnits, { unit: effect.unit, bit: effect.bit, value: effect.value }];
      break;
    case 'lost-interrupt':
      faults.lostInterrupts += effect.count;
      shows(core, ns);
      break;
    default:
      return unreachable(effect);
  }
  return describeEffect(effect);
}

function silence(core: FaultyCore, ns: number, registersLost: boolean): void {
  core.failed = true;
  shows(core, ns);
  core.registersLost = registersLost;
}

/** From now on its silence can be put down to this fault. */
function shows(core: FaultyCore, ns: number): void {
  core.failedAtNs = ns;
  core.struck = { ns, instruction: core.retired };
}

function flip(effect: Flip, core: FaultyCore, faults: CoreFaultState, site: FaultSite): string | null {
  const { target, bit } = effect;
  const what = describeEffect(effect);
  const guest = site.guestOn(core);
  if (target.in === 'memory' || target.in === 'code-cache') {
    const space = target.process === undefined ? (guest?.space ?? null) : site.guestNamed(target.process);
    if (space === null || !space.isResident(target.address >>> 12)) return null;
    if (target.in === 'memory') return `${what}: ${flipInMemory(space, target.address, bit)}`;
    // A core has in its cache only what it runs.
    if (space !== guest?.space) return null;
    return `${what}: ${flipInCache(faults, space, target.address, bit)}`;
  }
  if (guest === null) return `${what}: no effect, the core runs no program`;
  const told = flipInCore(core.state, target, bit);
  if (target.in === 'segment-base') {
    faults.wrongBases = [...faults.wrongBases, noteWrongBase(core.state, target.segment, bit)];
  }
  return `${what}: ${told}`;
}

function flipInMemory(space: AddressSpace, address: number, bit: number): string {
  const before = space.u8[address]!;
  const after = before ^ (1 << bit);
  space.poke(address, Uint8Array.of(after));
  return `0x${hex(before, 2)} -> 0x${hex(after, 2)}`;
}

function flipInCache(faults: CoreFaultState, space: AddressSpace, address: number, bit: number): string {
  const memory = space.u8[address]!;
  const before = faults.cachedBytes.find((byte) => byte.address === address)?.cached ?? memory;
  const cached = before ^ (1 << bit);
  const others = faults.cachedBytes.filter((byte) => byte.address !== address);
  faults.cachedBytes = cached === memory ? others : [...others, { address, memory, cached }];
  return `0x${hex(before, 2)} -> 0x${hex(cached, 2)}`;
}
