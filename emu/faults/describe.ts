import { unreachable } from '../base/errors.ts';
import type { FaultEffect, FaultSpec, FaultTarget, FaultTrigger } from './plan.ts';

/** A fault in one line: what goes wrong, then when and where. */
export function describeFault(spec: FaultSpec): string {
  return `${describeEffect(spec)}: ${describeTrigger(spec.trigger)}`;
}

/** What goes wrong, in a few words. */
export function describeEffect(effect: FaultEffect): string {
  switch (effect.model) {
    case 'fail-stop':
      return 'the core stops for good';
    case 'hang':
      return 'the core hangs';
    case 'intermittent':
      return `the core is gone for ${effect.downNs} ns`;
    case 'slow':
      return `the core is ${effect.factor} times slower${effect.forNs === undefined ? '' : ` for ${effect.forNs} ns`}`;
    case 'bit-flip':
      return `bit ${effect.bit} of ${describeTarget(effect.target)} flips`;
    case 'stuck-at':
      return `bit ${effect.bit} of ${effect.register} is stuck at ${effect.value}`;
    case 'wrong-alu':
      return `output bit ${effect.bit} of the ${effect.unit} unit is stuck at ${effect.value}`;
    case 'machine-check':
      return `machine check: MC${effect.bank}_STATUS ${hexText(effect.status)}${effect.address === undefined ? '' : `, MC${effect.bank}_ADDR ${hexText(effect.address)}`}`;
    case 'lost-interrupt':
      return effect.count === 1
        ? 'the next interrupt for the core is lost'
        : `the next ${effect.count} interrupts for the core are lost`;
    case 'spurious-interrupt':
      return `spurious interrupt, vector ${effect.vector}`;
    case 'checkpoint-write':
      return describeWriteFailure(effect);
    default:
      return unreachable(effect);
  }
}

function describeWriteFailure({ failure, atByte, bit }: Extract<FaultEffect, { model: 'checkpoint-write' }>): string {
  switch (failure) {
    case 'torn':
      return `the file of a checkpoint ends at byte ${atByte}`;
    case 'error':
      return `a checkpoint cannot be written from byte ${atByte} on`;
    case 'bit-flip':
      return `bit ${bit} of byte ${atByte} of the file of a checkpoint is wrong`;
    default:
      return unreachable(failure);
  }
}

export function describeTarget(target: FaultTarget): string {
  switch (target.in) {
    case 'register':
      return target.register;
    case 'segment-base':
      return `the base of ${target.segment}`;
    case 'x87':
      return `x87 R${target.register}`;
    case 'xmm':
      return `xmm${target.register}`;
    case 'memory':
      return `the byte at 0x${hex(target.address)}${of(target.process)}`;
    case 'code-cache':
      return `the cached instruction byte at 0x${hex(target.address)}${of(target.process)}`;
    default:
      return unreachable(target);
  }
}

/** When and where, in a few words. */
export function describeTrigger(trigger: FaultTrigger): string {
  switch (trigger.at) {
    case 'instruction':
      return `core ${trigger.core} after ${trigger.instruction} instructions`;
    case 'time':
      return `core ${trigger.core} at ${trigger.ns} ns`;
    case 'process':
      return `the core that runs ${trigger.process} at ${trigger.ns} ns or next`;
    case 'pc':
      return `before execution ${trigger.hits} of 0x${hex(trigger.address)}${by(trigger.process)}${on(trigger.core)}`;
    case 'syscall':
      return `at system call ${trigger.nth}${trigger.name ? ` named ${trigger.name}` : ''}${by(trigger.process)}${on(trigger.core)}`;
    case 'checkpoint':
      return `${on(trigger.core).trimStart()}${trigger.core === undefined ? '' : ' '}during checkpoint ${trigger.nth}${of(trigger.process)}`;
    case 'recovery':
      return `${on(trigger.core).trimStart()}${trigger.core === undefined ? '' : ' '}in recovery ${trigger.nth} at step ${trigger.step}`;
    case 'rate':
      return `core ${trigger.core} every ${trigger.meanNs} ns on average (seed ${trigger.seed}${trigger.maxCount === undefined ? '' : `, at most ${trigger.maxCount} times`})`;
    default:
      return unreachable(trigger);
  }
}

export const hex = (n: number, width = 8): string => (n >>> 0).toString(16).padStart(width, '0');
const hexText = (digits: string): string => (digits.startsWith('0x') ? digits : `0x${digits}`);
const of = (process: string | undefined): string => (process === undefined ? '' : ` of ${process}`);
const by = (process: string | undefined): string => (process === undefined ? '' : ` by ${process}`);
const on = (core: number | undefined): string => (core === undefined ? '' : ` on core ${core}`);
