import { type CoreState, EFLAGS, EIP, FLAG_RF } from '../core/core-state.ts';
import { type EngineExit, EXIT_BUDGET } from '../core/engine.ts';
import { Cpu, CpuFault } from '../interp/cpu.ts';
import { fetchAnywhere } from '../interp/fetch.ts';
import type { AddressSpace } from '../memory/address-space.ts';

/** What came of one instruction run by the reference. */
export interface Assisted {
  readonly fault: CpuFault | null;
  readonly exit: EngineExit;
  /** A single-step trap that is due now waits for the next instruction. */
  readonly inhibitTrap: boolean;
}

/** Runs single instructions as their rows say, for what Unicorn cannot know. */
export class Assistant {
  private readonly cpu = new Cpu();
  /** Instructions run so, by mnemonic: how far from Unicorn's a run is. */
  readonly counts = new Map<string, number>();

  /** After a fault nothing has changed. `tsc` is the time-stamp counter at this instruction. */
  run(core: CoreState, space: AddressSpace, tsc: number): Assisted {
    const { cpu } = this;
    const { i32 } = core;
    const eip = i32[EIP];
    cpu.attach(core, space);
    cpu.tsc = tsc;
    cpu.inhibitTrap = false;
    try {
      const insn = fetchAnywhere(cpu, eip);
      this.counts.set(insn.row.mnemonic, (this.counts.get(insn.row.mnemonic) ?? 0) + 1);
      i32[EIP] = insn.next;
      // An IRET may set it again.
      i32[EFLAGS] &= ~FLAG_RF;
      insn.row.exec(cpu, insn);
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault;
      i32[EIP] = eip;
      cpu.storeX87();
      return { fault, exit: EXIT_BUDGET, inhibitTrap: false };
    }
    cpu.storeX87();
    return { fault: null, exit: cpu.exit, inhibitTrap: cpu.inhibitTrap };
  }
}
