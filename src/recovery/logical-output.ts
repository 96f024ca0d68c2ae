import type { TraceEvent } from '../../kernel-sim/kern/events.ts';

/** What a process has written to the console, seen as the paper sees it: a rollback takes back what came after the checkpoint. */
export interface LogicalOutput {
  /** The output without the stretches that were written again. */
  readonly text: string;
  /** Characters that were taken back, in all rollbacks together. */
  readonly repeated: number;
  readonly rollbacks: number;
}

/**
 * Follows every process through its checkpoints and recoveries. A recovered process goes on from where its checkpoint was taken: what
 * it had written since then it will write again, so that stretch does not count.
 */
export function logicalOutputs(events: readonly TraceEvent[]): Map<number, LogicalOutput> {
  const texts = new Map<number, string>();
  const repeated = new Map<number, number>();
  const rollbacks = new Map<number, number>();
  const lengthAt = new Map<string, number>();
  const rollbackTo = new Map<number, number>();
  for (const event of events) {
    switch (event.kind) {
      case 'output':
        texts.set(event.pid, (texts.get(event.pid) ?? '') + event.text);
        break;
      case 'checkpoint':
        lengthAt.set(event.file, (texts.get(event.pid) ?? '').length);
        break;
      case 'exec':
        lengthAt.set(beginningOf(event.pid), (texts.get(event.pid) ?? '').length);
        break;
      case 'recovery-start':
        rollbackTo.set(event.pid, lengthAt.get(event.file || beginningOf(event.pid)) ?? 0);
        break;
      case 'discard':
        repeated.set(event.pid, (texts.get(event.pid) ?? '').length);
        texts.set(event.pid, '');
        break;
      case 'recovery-done': {
        const text = texts.get(event.pid) ?? '';
        const kept = text.slice(0, rollbackTo.get(event.pid) ?? 0);
        texts.set(event.pid, kept);
        repeated.set(event.pid, (repeated.get(event.pid) ?? 0) + text.length - kept.length);
        rollbacks.set(event.pid, (rollbacks.get(event.pid) ?? 0) + 1);
        break;
      }
      default:
        break;
    }
  }
  const pids = new Set([...texts.keys(), ...rollbacks.keys()]);
  return new Map(
    [...pids].map((pid) => [
      pid,
      { text: texts.get(pid) ?? '', repeated: repeated.get(pid) ?? 0, rollbacks: rollbacks.get(pid) ?? 0 },
    ]),
  );
}

/** Stands for the file of a process that executes its program again instead of going back to a checkpoint. */
const beginningOf = (pid: number): string => `pid ${pid}`;
