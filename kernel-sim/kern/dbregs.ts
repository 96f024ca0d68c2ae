import { DR } from '../../emu/core/core-state.ts';
import { DBREG_COUNT, dr7Access, dr7Enabled, dr7Length } from '../abi/dbreg.ts';
import { EINVAL } from '../abi/errno.ts';
import type { Errno, Tid } from '../abi/ids.ts';
import { VM_MAXUSER_ADDRESS } from '../abi/vmparam.ts';
import type { Kernel } from './kernel.ts';
import { regsOf } from './regs.ts';

// The debug registers of a thread: part of its state block. exec(2) resets them with all others; fork(2) copies them, as FreeBSD's
// cpu_fork does ("pcb_dr*: cloned above", sys/i386/i386/vm_machdep.c).

/** What a real DR6 and DR7 hold whatever is written (Intel SDM Vol. 3, Debug Registers). GD is of the kernel only. */
const DR6_ONES = 0xffff0ff0;
const DR6_MEANING = 0x0000e00f;
const DR7_ONES = 0x00000400;
const DR7_MEANING = 0xffff03ff;

/**
 * dr0 to dr7 of a stopped thread. A thread for which nobody ever set any has zeros in its pcb (FreeBSD has PCB_DBREGS clear then),
 * whatever the processor's own DR6 and DR7 hold.
 * Differs: FreeBSD remembers that they were set once; here registers that are all unused count as never set.
 */
export function userDbregs(k: Kernel, tid: Tid): number[] {
  const r = regsOf(k, tid);
  const dr = Array.from({ length: 8 }, (_, i) => r[DR + i]! >>> 0);
  const unused = dr[7] === DR7_ONES && dr.slice(0, DBREG_COUNT).every((address) => address === 0);
  return dr.map((value, i) => (unused || i === 4 || i === 5 ? 0 : value));
}

/**
 * Sets them. EINVAL for undefined R/W or LEN fields, of registers that are not enabled as well, and for an enabled register beyond
 * user memory. Source: FreeBSD 9.0 sys/i386/i386/machdep.c, set_dbregs.
 */
export function setUserDbregs(k: Kernel, tid: Tid, dr: readonly number[]): Errno | 0 {
  const dr7 = dr[7]!;
  for (let i = 0; i < DBREG_COUNT; i++) {
    if (dr7Access(dr7, i) === 2 || dr7Length(dr7, i) === 2) return EINVAL;
    if (dr7Enabled(dr7, i) && dr[i]! >= VM_MAXUSER_ADDRESS) return EINVAL;
  }
  const r = regsOf(k, tid);
  for (let i = 0; i < DBREG_COUNT; i++) r[DR + i] = dr[i]!;
  r[DR + 6] = (dr[6]! & DR6_MEANING) | DR6_ONES;
  r[DR + 7] = (dr7 & DR7_MEANING) | DR7_ONES;
  return 0;
}
