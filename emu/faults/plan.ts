/*
 * Hardware faults to inject, as JSON data: what goes wrong (the model), and when and where (the trigger). All numbers are integers.
 * docs/faults.md has a paragraph on each model: what hardware does and what of it is modelled.
 */

/** When and where a fault strikes. A trigger fires once, but for `rate`. */
export type FaultTrigger =
  /** Just after the core has retired so many instructions since power-on. */
  | { readonly at: 'instruction'; readonly core: number; readonly instruction: number }
  /** At a virtual time. */
  | { readonly at: 'time'; readonly core: number; readonly ns: number }
  /** The core that runs a process of this name at `ns`, or the first to run it after that. */
  | { readonly at: 'process'; readonly process: string; readonly ns: number }
  /** Just before the `hits`-th execution (from 1) of the instruction at a linear address: by anybody, or by this core or this process. */
  | {
      readonly at: 'pc';
      readonly address: number;
      readonly hits: number;
      readonly core?: number;
      readonly process?: string;
    }
  /** On entry to the n-th (from 1) of the system calls that match: the core that makes it. */
  | {
      readonly at: 'syscall';
      readonly nth: number;
      readonly name?: string;
      readonly process?: string;
      readonly core?: number;
    }
  /** While the file of the n-th (from 1) checkpoint, of any process or of this one, is being written. Core absent: the one that writes. */
  | { readonly at: 'checkpoint'; readonly nth: number; readonly core?: number; readonly process?: string }
  /** In the n-th (from 1) recovery, at its k-th restart step (from 1) or at the step of this name. Core absent: the one that does the step. */
  | { readonly at: 'recovery'; readonly nth: number; readonly step: number | string; readonly core?: number }
  /** Again and again: a Poisson process with exponential gaps of this mean, in virtual time. */
  | {
      readonly at: 'rate';
      readonly core: number;
      readonly meanNs: number;
      readonly seed: number;
      readonly maxCount?: number;
    };

export const REGISTERS = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip', 'eflags'] as const;
export type Register = (typeof REGISTERS)[number];
export const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
export type Segment = (typeof SEGMENTS)[number];

/** Where a bit flips. */
export type FaultTarget =
  /** Bits 0 to 31. */
  | { readonly in: 'register'; readonly register: Register }
  /** The hidden base address of a segment register; bits 0 to 31. */
  | { readonly in: 'segment-base'; readonly segment: Segment }
  /** Physical R0 to R7, not relative to the top of the stack; bits 0 to 79. */
  | { readonly in: 'x87'; readonly register: number }
  /** XMM0 to XMM7; bits 0 to 127. */
  | { readonly in: 'xmm'; readonly register: number }
  /** The byte at a linear address of this process, or of the one that the core runs; bits 0 to 7. */
  | { readonly in: 'memory'; readonly address: number; readonly process?: string }
  /** An instruction byte as the core has it in its instruction cache, not in memory; bits 0 to 7. */
  | { readonly in: 'code-cache'; readonly address: number; readonly process?: string };

export const ALU_UNITS = ['add', 'mul', 'shift'] as const;
export type AluUnit = (typeof ALU_UNITS)[number];

/** What goes wrong. */
export type FaultEffect =
  /** The core retires nothing more and answers nobody, for good; what it held in registers is lost. */
  | { readonly model: 'fail-stop' }
  /** The same to everybody else, but the core is there: its registers can still be read. */
  | { readonly model: 'hang' }
  /** Gone for a while with its state kept; then it goes on where it was, unless it has been taken out meanwhile. */
  | { readonly model: 'intermittent'; readonly downNs: number }
  /** Every instruction, every answer takes `factor` times as long: for `forNs`, or for good. */
  | { readonly model: 'slow'; readonly factor: number; readonly forNs?: number }
  /** A transient upset: one bit changes. */
  | { readonly model: 'bit-flip'; readonly target: FaultTarget; readonly bit: number }
  /** From now on this bit of this register (not of eip) has this value, whatever is written. */
  | {
      readonly model: 'stuck-at';
      readonly register: Exclude<Register, 'eip'>;
      readonly bit: number;
      readonly value: 0 | 1;
    }
  /** From now on this output bit of the adder, the multiplier or the shifter has this value. */
  | { readonly model: 'wrong-alu'; readonly unit: AluUnit; readonly bit: number; readonly value: 0 | 1 }
  /** An uncorrected error that the core itself reports: MCi_STATUS and MCi_ADDR of this bank, in hexadecimal. */
  | { readonly model: 'machine-check'; readonly bank: number; readonly status: string; readonly address?: string }
  /** The next `count` interrupts for this core (timer, poll of the fault interrupt generator) never reach it. */
  | { readonly model: 'lost-interrupt'; readonly count: number }
  /** An interrupt that no device asked for. */
  | { readonly model: 'spurious-interrupt'; readonly vector: number }
  /**
   * What happens to the file of the checkpoint that triggers the fault, or of the next one: it ends at a byte although the writer was
   * told otherwise, it cannot be written, or a bit of it is wrong.
   */
  | {
      readonly model: 'checkpoint-write';
      readonly failure: 'torn' | 'error' | 'bit-flip';
      readonly atByte: number;
      readonly bit?: number;
    };

export type FaultModel = FaultEffect['model'];
export type FaultSpec = FaultEffect & { readonly trigger: FaultTrigger };
export type FaultPlan = readonly FaultSpec[];

/** After a fault of this model the core retires nothing more, ever. */
export const stopsForGood = (model: FaultModel): boolean => model === 'fail-stop' || model === 'hang';

/** After a fault of this model the core retires nothing: for good, until it is back, or until the kernel has dealt with it. */
export const silences = (model: FaultModel): boolean =>
  stopsForGood(model) || model === 'intermittent' || model === 'machine-check';
