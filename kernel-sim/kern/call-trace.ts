import type { SyscallRow } from '../sys/row.ts';
import type { KernelCore } from './kernel.ts';
import type { SigInfo, Thread } from './state.ts';
import type { SyscallEntry, SyscallResult } from './syscall-result.ts';

/** What a trace needs to know of a call; of a number that nobody knows there is but a name. */
export type TracedCall = Pick<SyscallRow, 'name' | 'args' | 'returns'>;

/** How a call went on; `gone`: its thread has ended, or left the core for another reason than sleep. */
export type CallEnd = SyscallResult | { readonly kind: 'gone' };

/**
 * Told of what threads ask of the kernel. It must change nothing: it may read kernel state and pages that are resident, and must not
 * fault any in. Between `enter` and `leave` of a core lies one run of a handler; a call that sleeps is entered again when it goes on.
 */
export interface CallTracer {
  enter(core: KernelCore, td: Thread, call: TracedCall, args: readonly number[], entry: SyscallEntry): void;
  leave(core: KernelCore, end: CallEnd): void;
  /** A signal takes effect: `handler` is an address, or 0 for the default action. */
  signal(core: KernelCore, td: Thread, info: SigInfo, handler: number): void;
}
