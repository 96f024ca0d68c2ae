import type { CpuId } from '../../emu/base/brand.ts';
import type { EventPlace, MachineEvent } from '../../emu/machine/events.ts';
import type { Pid, Signo, Tid } from '../abi/ids.ts';
import type { DetectedBy } from './fault-report.ts';

/** What the kernel reports: enough to draw the run, to judge it, and to hash it. */
export type KernelEvent = EventPlace &
  (
    | { readonly kind: 'boot'; readonly cores: number; readonly cycleNs: number; readonly seed: number }
    /** The core now runs this thread; pid 0 and tid 0: it is idle. */
    | { readonly kind: 'switch'; readonly pid: Pid; readonly tid: Tid; readonly name: string }
    | { readonly kind: 'fork'; readonly pid: Pid; readonly child: Pid; readonly how: string }
    | { readonly kind: 'thread-new'; readonly pid: Pid; readonly tid: Tid }
    | { readonly kind: 'thread-exit'; readonly pid: Pid; readonly tid: Tid }
    | { readonly kind: 'exec'; readonly pid: Pid; readonly path: string; readonly args: readonly string[] }
    | {
        readonly kind: 'exit';
        readonly pid: Pid;
        readonly name: string;
        readonly code: number;
        readonly signal: number;
        /** What the scheduler knew of it at the end: nice value, priority, CPUs it could run on. */
        readonly nice: number;
        readonly priority: number;
        readonly cpus: readonly number[];
      }
    | { readonly kind: 'signal'; readonly pid: Pid; readonly signo: Signo; readonly sender: number }
    | { readonly kind: 'stop'; readonly pid: Pid; readonly signo: Signo; readonly traced: boolean }
    | { readonly kind: 'continue'; readonly pid: Pid }
    /** Bytes that a process wrote to the console, as text (bytes above 0x7F as U+0080..U+00FF). */
    | { readonly kind: 'output'; readonly pid: Pid; readonly text: string }
    /** What the console shows of what is typed there, as text. */
    | { readonly kind: 'echo'; readonly text: string }
    | {
        readonly kind: 'priority';
        readonly pid: Pid;
        readonly tid: Tid;
        readonly nice: number;
        readonly priority: number;
      }
    | {
        readonly kind: 'affinity';
        readonly pid: Pid;
        readonly tid: Tid;
        readonly cpus: readonly number[];
        readonly why: string;
      }
    /** A runnable thread left the queue of one core for another's. */
    | {
        readonly kind: 'migrate';
        readonly pid: Pid;
        readonly tid: Tid;
        readonly from: number;
        readonly to: number;
        readonly why: string;
      }
    | {
        readonly kind: 'checkpoint';
        readonly pid: Pid;
        readonly file: string;
        readonly bytes: number;
        readonly pauseNs: number;
      }
    /**
     * The kernel has noticed a fault of `victim`, so long after it struck (-1: nothing had struck it) in time and in the core's own
     * instructions. `misses`: polls that it has not answered.
     */
    | {
        readonly kind: 'fault-detected';
        readonly victim: CpuId;
        readonly by: DetectedBy;
        readonly latencyNs: number;
        readonly latencyInstructions: number;
        readonly misses: number;
      }
    /** `replacedBy`: the spare core that takes its place in every CPU set; -1: none. */
    | {
        readonly kind: 'core-removed';
        readonly victim: CpuId;
        readonly cpusLeft: readonly number[];
        readonly replacedBy: number;
      }
    /** `pid` was running on the dead core: what it held in registers is gone. `file` is empty when no checkpoint exists. */
    | { readonly kind: 'recovery-start'; readonly pid: Pid; readonly victim: CpuId; readonly file: string }
    /** One step of the paper's restart; `pid` is the process being restored, `by` the one that restores it. */
    | {
        readonly kind: 'restart-step';
        readonly pid: Pid;
        readonly by: Pid;
        readonly step: string;
        readonly detail: string;
      }
    /** `pid` lives on, from its state at `fromNs`, in what was restored as process `body`, which is no process of its own any more. */
    | {
        readonly kind: 'recovery-done';
        readonly pid: Pid;
        readonly victim: CpuId;
        readonly fromNs: number;
        readonly body: Pid;
      }
    | { readonly kind: 'recovery-failed'; readonly pid: Pid; readonly victim: CpuId; readonly why: string }
    /** Without going back: what was wrong is right again, or of no importance. */
    | { readonly kind: 'roll-forward'; readonly pid: Pid; readonly victim: CpuId; readonly what: string }
    /** `pid`, offspring of `parent` from after the checkpoint to which that goes back, is to have never been: it will be made again. */
    | { readonly kind: 'discard'; readonly pid: Pid; readonly parent: Pid }
    /** One line of the kernel's message buffer. */
    | { readonly kind: 'log'; readonly text: string }
  );

export type TraceEvent = MachineEvent | KernelEvent;
export type TraceEventKind = TraceEvent['kind'];
