import {
  type CoreState,
  DR,
  EFLAGS,
  EIP,
  EXIT_ERROR_CODE,
  EXIT_VECTOR,
  FLAG_RF,
  FLAG_TF,
  SEG_ACCESS,
  SEG_BASE,
  SEG_CS,
  SEG_LIMIT,
} from '../core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET, EXIT_EXCEPTION, VECTOR_DB } from '../core/engine.ts';
import { ACCESS_BIG } from '../core/segments.ts';
import type { Insn } from '../isa/insn.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { Cpu, CpuFault } from './cpu.ts';
import { fetchAnywhere, InsnCache } from './insn-cache.ts';

/** DR6: the exception comes from single-stepping. */
const DR6_BS = 0x4000;

/**
 * The reference engine: what each row does, one instruction at a time.
 * Source of what happens between instructions: Intel SDM Vol. 3, Interrupt and Exception Handling; Debugging.
 */
export class Interpreter implements Engine {
  readonly name = 'interpreter';
  private readonly cpu = new Cpu();

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const { cpu } = this;
    cpu.attach(core, space);
    const cache = cacheOf(space);
    let retired = 0;
    try {
      while (retired < budget) {
        cpu.tsc = core.tscBase + retired;
        const insn = isFlatCode(core) ? cache.find(cpu, core.i32[EIP]) : fetchAnywhere(cpu, core.i32[EIP]);
        const exit = this.step(core, insn);
        retired++;
        if (exit !== EXIT_BUDGET) {
          core.retired = retired;
          return exit;
        }
      }
    } catch (fault) {
      if (!(fault instanceof CpuFault)) throw fault;
      core.retired = retired;
      return deliverFault(core, fault);
    }
    core.retired = retired;
    return EXIT_BUDGET;
  }

  /** One instruction with everything that belongs to it. A fault is thrown with EIP at the instruction. */
  private step(core: CoreState, insn: Insn): EngineExit {
    const { cpu } = this;
    const { i32 } = core;
    const before = i32[EFLAGS];
    cpu.inhibitTrap = false;
    i32[EIP] = insn.next;
    try {
      insn.row.exec(cpu, insn);
    } catch (fault) {
      i32[EIP] = insn.eip;
      throw fault;
    }
    if (before & FLAG_RF) i32[EFLAGS] &= ~FLAG_RF;
    // The trap belongs to the instruction that began with TF set; an INT goes to its handler first.
    if (before & FLAG_TF && !cpu.inhibitTrap && cpu.exit === EXIT_BUDGET) {
      i32[DR + 6] |= DR6_BS;
      cpu.trap(VECTOR_DB);
    }
    return cpu.exit;
  }
}

function isFlatCode({ i32 }: CoreState): boolean {
  return (
    i32[SEG_BASE + SEG_CS] === 0 && i32[SEG_LIMIT + SEG_CS] === -1 && (i32[SEG_ACCESS + SEG_CS] & ACCESS_BIG) !== 0
  );
}

function cacheOf(space: AddressSpace): InsnCache {
  if (space.codeCache instanceof InsnCache) return space.codeCache;
  const cache = new InsnCache(space);
  space.codeCache = cache;
  return cache;
}

/** A fault is delivered with RF set, so that the instruction is not stopped twice by one breakpoint. */
function deliverFault(core: CoreState, { vector, errorCode }: CpuFault): EngineExit {
  core.i32[EXIT_VECTOR] = vector;
  core.i32[EXIT_ERROR_CODE] = errorCode;
  core.i32[EFLAGS] |= FLAG_RF;
  return EXIT_EXCEPTION;
}
