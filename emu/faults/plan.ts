/**
 * Hardware faults to inject, as data. A fail-stop core retires no further instruction and answers nobody; what it held in registers
 * is lost. Where a fault is placed:
 */
export type FaultTrigger =
  /** Just after the core has retired so many instructions since power-on. */
  | { readonly at: 'instruction'; readonly core: number; readonly instruction: number }
  /** At a virtual time. */
  | { readonly at: 'time'; readonly core: number; readonly ns: number }
  /** The core that runs a process of this name at `ns`, or the first to run it after that. */
  | { readonly at: 'process'; readonly process: string; readonly ns: number };

export interface FaultSpec {
  readonly model: 'fail-stop';
  readonly trigger: FaultTrigger;
}

export type FaultPlan = readonly FaultSpec[];
