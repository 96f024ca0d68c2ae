import { encodeDbreg } from '../../../kernel-sim/abi/dbreg.ts';
import * as pt from '../../../kernel-sim/abi/ptrace.ts';
import { encodeReg } from '../../../kernel-sim/abi/reg.ts';
import { userDbregs } from '../../../kernel-sim/kern/dbregs.ts';
import { fxsaveOf, userRegs } from '../../../kernel-sim/kern/regs.ts';
import type { Proc } from '../../../kernel-sim/kern/state.ts';
import type { Draft } from './draft.ts';

// biome-ignore format: by family
const REQUESTS = [
  pt.PT_READ_I, pt.PT_READ_D, pt.PT_WRITE_I, pt.PT_WRITE_D, pt.PT_IO, pt.PT_LWPINFO, pt.PT_GETNUMLWPS, pt.PT_GETLWPLIST,
  pt.PT_CONTINUE, pt.PT_CONTINUE, pt.PT_CONTINUE, pt.PT_STEP, pt.PT_TO_SCE, pt.PT_TO_SCX, pt.PT_SYSCALL, pt.PT_DETACH, pt.PT_KILL,
  pt.PT_SETSTEP, pt.PT_CLEARSTEP, pt.PT_SUSPEND, pt.PT_RESUME, pt.PT_RESUME, pt.PT_FOLLOW_FORK,
  pt.PT_GETREGS, pt.PT_SETREGS, pt.PT_GETFPREGS, pt.PT_SETFPREGS, pt.PT_GETXMMREGS, pt.PT_SETXMMREGS, pt.PT_GETDBREGS, pt.PT_SETDBREGS,
];

/** A request to a process that the caller traces, if there is one; otherwise it mostly begins to trace. */
export function drawPtrace(d: Draft): readonly number[] {
  const tracees = [...d.k.state.procs.values()].filter((p) => p.traced && p.ppid === d.p.pid && p.threads.length > 0);
  if (tracees.length === 0 || d.oneIn(8)) {
    const victim = d.child();
    return d.pick([
      [pt.PT_TRACE_ME, 0, 0, 0],
      [pt.PT_ATTACH, victim, 0, 0],
      [pt.PT_ATTACH, victim, 0, 0],
      [d.raw(), d.pid(), d.pointer(), d.raw()],
    ]);
  }
  const tracee = d.pick(tracees);
  const target = d.oneIn(3) ? d.pick(tracee.threads) : tracee.pid;
  const request = d.oneIn(24) ? d.raw() : d.pick(REQUESTS);
  return [request, target, ...drawRest(d, request, tracee)];
}

/** addr and data. */
function drawRest(d: Draft, request: number, tracee: Proc): [number, number] {
  const tid = tracee.threads[0]!;
  switch (request) {
    case pt.PT_IO:
      return [d.words(d.pick([1, 2, 3, 4, d.raw()]), d.mapped(), d.room(64), d.pick([0, 4, 64, 5000, d.raw()])), 0];
    case pt.PT_LWPINFO:
      return [d.room(pt.LWPINFO_SIZE), d.pick([pt.LWPINFO_SIZE, 12, d.raw()])];
    case pt.PT_GETLWPLIST:
      return [d.room(64), d.pick([1, 16, d.raw()])];
    case pt.PT_SETREGS:
      return [d.place(mutated(d, encodeReg(userRegs(d.k, tid)))), 0];
    case pt.PT_SETXMMREGS:
    case pt.PT_SETFPREGS:
      return [d.place(mutated(d, fxsaveOf(d.k, tid).slice())), 0];
    case pt.PT_SETDBREGS:
      return [d.place(mutated(d, encodeDbreg(userDbregs(d.k, tid)))), 0];
    case pt.PT_GETREGS:
    case pt.PT_GETFPREGS:
    case pt.PT_GETXMMREGS:
    case pt.PT_GETDBREGS:
      return [d.room(512), 0];
    case pt.PT_CONTINUE:
    case pt.PT_STEP:
    case pt.PT_TO_SCE:
    case pt.PT_TO_SCX:
    case pt.PT_SYSCALL:
    case pt.PT_DETACH:
      return [d.oneIn(8) ? d.pointer() : 1, d.oneIn(2) ? 0 : d.signo()];
    default:
      return [d.mapped(), d.raw()];
  }
}

/** Half of the time as it is, otherwise with a few words changed. */
function mutated(d: Draft, bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (d.oneIn(2)) return bytes;
  for (let n = d.below(3); n >= 0; n--) view.setInt32(4 * d.below(bytes.length >> 2), d.raw(), true);
  return bytes;
}
