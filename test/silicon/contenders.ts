import { Interpreter } from '../../emu/interp/interpreter.ts';
import type { Contender } from './campaign.ts';
import { EmulatedMachine } from './machine.ts';

/** The interpreter in its ways; slices of a prime length end anywhere in a block. */
export function contenders(): Contender[] {
  return [
    { name: 'careful', machine: new EmulatedMachine(new Interpreter({ fast: false })) },
    { name: 'fast', machine: new EmulatedMachine(new Interpreter()) },
    { name: 'fast, slices of 3', machine: new EmulatedMachine(new Interpreter(), 3) },
  ];
}
