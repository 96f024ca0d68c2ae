import type { Tid } from '../abi/ids.ts';
import { PRI_MAX_BATCH, PRI_MIN_BATCH, PRI_MIN_IDLE, RQ_NQS, RQ_PPQ } from '../abi/priority.ts';
import type { RunQueues } from './state.ts';

/*
 * The three run queues of a CPU, as values: FreeBSD struct tdq of sys/kern/sched_ule.c over sys/kern/kern_switch.c. Real-time and
 * interactive threads stand in `realtime` by priority, batch threads in the circular `timeshare`, idle-class threads in `idle`.
 */

const EMPTY: readonly Tid[] = [];
const EMPTY_QUEUE: readonly (readonly Tid[])[] = new Array(RQ_NQS).fill(EMPTY);
export const EMPTY_QUEUES: RunQueues = {
  realtime: EMPTY_QUEUE,
  timeshare: EMPTY_QUEUE,
  idle: EMPTY_QUEUE,
  insertIndex: 0,
  removeIndex: 0,
};

const PRI_BATCH_RANGE = PRI_MAX_BATCH - PRI_MIN_BATCH + 1;

type QueueName = 'realtime' | 'timeshare' | 'idle';

function withList(queues: RunQueues, name: QueueName, index: number, list: readonly Tid[]): RunQueues {
  const queue = queues[name].slice();
  queue[index] = list;
  return { ...queues, [name]: queue };
}

/** FreeBSD tdq_runq_add. `preempted`: the thread did not use up its slice and goes to the head of its queue. */
export function enqueue(queues: RunQueues, tid: Tid, priority: number, preempted: boolean): RunQueues {
  let name: QueueName;
  let index: number;
  if (priority < PRI_MIN_BATCH) {
    name = 'realtime';
    index = Math.floor(priority / RQ_PPQ);
  } else if (priority < PRI_MIN_IDLE) {
    name = 'timeshare';
    const { insertIndex, removeIndex } = queues;
    if (preempted) index = removeIndex;
    else {
      // All batch priorities are spread over the whole queue.
      const scaled = Math.floor((RQ_NQS * (priority - PRI_MIN_BATCH)) / PRI_BATCH_RANGE);
      index = (scaled + insertIndex) % RQ_NQS;
      // The queue being emptied takes no newcomer: it would run before those that have waited for the next turn.
      if (removeIndex !== insertIndex && index === removeIndex) index = (index + RQ_NQS - 1) % RQ_NQS;
    }
  } else {
    name = 'idle';
    index = Math.floor(priority / RQ_PPQ);
  }
  const list = queues[name][index]!;
  return withList(queues, name, index, preempted ? [tid, ...list] : [...list, tid]);
}

/** The queues without a thread; the same object when it stands in none. */
export function dequeue(queues: RunQueues, tid: Tid): RunQueues {
  for (const name of ['realtime', 'timeshare', 'idle'] as const) {
    for (let index = 0; index < RQ_NQS; index++) {
      const list = queues[name][index]!;
      if (list.length === 0 || !list.includes(tid)) continue;
      const next = withList(
        queues,
        name,
        index,
        list.filter((other) => other !== tid),
      );
      return name === 'timeshare' ? advanceRemove(next) : next;
    }
  }
  return queues;
}

/** Once the queue being emptied is empty, the remove index follows the insert index (tdq_runq_rem). */
function advanceRemove(queues: RunQueues): RunQueues {
  const { insertIndex, removeIndex, timeshare } = queues;
  if (removeIndex === insertIndex || timeshare[removeIndex]!.length > 0) return queues;
  return { ...queues, removeIndex: (removeIndex + 1) % RQ_NQS };
}

/** FreeBSD tdq_choose: the thread to run next; undefined when all queues are empty. */
export function chooseFrom(queues: RunQueues): Tid | undefined {
  for (let index = 0; index < RQ_NQS; index++)
    if (queues.realtime[index]!.length > 0) return queues.realtime[index]![0];
  for (let n = 0; n < RQ_NQS; n++) {
    const list = queues.timeshare[(queues.removeIndex + n) % RQ_NQS]!;
    if (list.length > 0) return list[0];
  }
  for (let index = 0; index < RQ_NQS; index++) if (queues.idle[index]!.length > 0) return queues.idle[index]![0];
  return undefined;
}

/** All queued threads, in the order in which they would be chosen. */
export function queued(queues: RunQueues): Tid[] {
  const all: Tid[] = [];
  for (const list of queues.realtime) all.push(...list);
  for (let n = 0; n < RQ_NQS; n++) all.push(...queues.timeshare[(queues.removeIndex + n) % RQ_NQS]!);
  for (const list of queues.idle) all.push(...list);
  return all;
}

/** Once per stat tick: the insert index moves on, at most one lap ahead of the remove index (sched_clock). */
export function tickQueues(queues: RunQueues): RunQueues {
  if (queues.insertIndex !== queues.removeIndex) return queues;
  const insertIndex = (queues.insertIndex + 1) % RQ_NQS;
  const removeIndex = queues.timeshare[queues.removeIndex]!.length === 0 ? insertIndex : queues.removeIndex;
  return { ...queues, insertIndex, removeIndex };
}
