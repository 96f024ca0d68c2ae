import { Interpreter } from '../../emu/interp/interpreter.ts';
import type { Contender } from './campaign.ts';
import { EmulatedMachine } from './machine.ts';

/** The interpreter in both of its ways. */
export function contenders(): Contender[] {
  return [
    { name: 'fast', machine: new EmulatedMachine(new Interpreter()) },
    { name: 'careful', machine: new EmulatedMachine(new Interpreter({ fast: false })) },
  ];
}
