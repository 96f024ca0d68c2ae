import type { CpuId } from '../base/brand.ts';
import type { FaultModel } from '../faults/plan.ts';

/** Where and when: every event carries these three. */
export interface EventPlace {
  /** Virtual time in nanoseconds. */
  readonly ns: number;
  /** The core on which it happened; -1 when no core is concerned. */
  readonly core: number;
  /** Instructions that core had retired. */
  readonly instruction: number;
}

/** What the machine itself reports. The kernel's events add to this union: kernel-sim/kern/events.ts. */
export type MachineEvent = EventPlace &
  (
    | {
        /** A fault of the plan has struck, whether or not it changes anything. */
        readonly kind: 'core-fault';
        readonly victim: CpuId;
        readonly model: FaultModel;
        /** Index in the fault plan. */
        readonly fault: number;
        /** What has changed, in a few words. */
        readonly effect: string;
      }
    /** A core that was away for a while goes on. */
    | { readonly kind: 'core-back'; readonly victim: CpuId }
  );

export interface EventSink<E> {
  emit(event: E): void;
}
