// For `node --import`: a mistake in coreback itself. It trips over its own feet as soon as a dead core has been found.
import { InvariantError } from '../../../dist/emu/base/errors.js';
import { KernelTrapHandler } from '../../../dist/kernel-sim/kern/trap.js';

KernelTrapHandler.prototype.faultInterrupt = () => {
  throw new InvariantError('planted: who took the fault interrupt?');
};
