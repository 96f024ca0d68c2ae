import type { RunLimits, Stop } from '../../emu/machine/machine.ts';
import type { Pid } from '../../kernel-sim/abi/ids.ts';
import { CONSOLE } from '../../kernel-sim/tty/tty.ts';
import { consoleIsRead } from '../../kernel-sim/vfs/console.ts';
import type { System } from '../system.ts';

/** Virtual time between two looks at what the user typed, and the same in host time when a run keeps pace with the host's. */
const PIECE_NS = 20_000_000;
const PIECE_MS = PIECE_NS / 1e6;

/** Where the guest's input comes from. */
export interface HostInput {
  /** Resolves when the user has typed, or the input has ended. */
  more(): Promise<void>;
  ended(): boolean;
  /** The user has had enough of the machine. */
  left(): boolean;
}

export interface HostClock {
  nowMs(): number;
  /** Resolves after so many ms, at the earliest when the host has looked at its input. */
  wait(ms: number): Promise<void>;
}

export const HOST_CLOCK: HostClock = {
  nowMs: () => performance.now(),
  wait: (ms) => new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve))),
};

/**
 * Runs a system with somebody at its console, until `shell` has ended and so has the input, or the user leaves. `paced`: no faster than
 * the host's clock. Otherwise work is done as fast as it can be and idle time is skipped, unless a process reads from the console: somebody
 * who thinks about what to type must not find that what sleeps in the background has long ended.
 */
export async function runLive(
  system: System,
  shell: Pid,
  limits: RunLimits,
  input: HostInput,
  { paced, nowMs, wait }: HostClock & { readonly paced: boolean },
): Promise<Stop> {
  const { untilNs = Number.POSITIVE_INFINITY } = limits;
  for (;;) {
    const beganMs = nowMs();
    const { retired } = system.machine;
    const pieceEndNs = system.machine.nowNs + PIECE_NS;
    // A pause comes after the round, which an idle machine stretches to the next timer: only an end cuts it.
    let stop = system.run({ ...limits, untilNs: Math.min(untilNs, pieceEndNs) });
    if (stop.reason === 'time-limit' && pieceEndNs < untilNs && system.machine.nowNs >= pieceEndNs) {
      const idle = system.machine.retired === retired;
      const keepsPace = paced || (idle && consoleIsRead(system.kernel) && !input.ended());
      if (idle && !keepsPace) stop = system.run({ ...limits, pauseNs: system.machine.nowNs + 1 });
      else stop = { reason: 'paused', detail: '' };
      await wait(keepsPace ? PIECE_MS - (nowMs() - beganMs) : 0);
    } else if (stop.reason === 'waiting-for-input' && !input.ended()) await input.more();
    if (input.left()) return stop;
    if (!system.kernel.findProc(shell) && system.kernel.tty(CONSOLE).inputEnded) return stop;
    if (stop.reason !== 'paused' && stop.reason !== 'waiting-for-input') return stop;
  }
}
