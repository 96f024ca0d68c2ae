import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { IntervalStore } from '../campaign/golden.ts';
import type { Interval } from '../campaign/interval.ts';

interface News {
  readonly index: number;
  readonly interval: Interval | null;
}

/** What the workers of a campaign find out about the intervals of one golden run, each of which is the same in all of them. */
export class SharedIntervals implements IntervalStore {
  private readonly known = new Map<number, Interval | null>();
  private readonly channel: BroadcastChannel;

  /** `name`: of the channel, the same in all threads that share. */
  constructor(name: string) {
    this.channel = new BroadcastChannel(name);
    // What comes between two tasks; what comes in the midst of one is fetched.
    this.channel.onmessage = (event: unknown): void => this.learn((event as { data: News }).data);
    this.channel.unref();
  }

  get(index: number): Interval | null | undefined {
    for (;;) {
      // Node takes a channel too; its types do not say so.
      const received = receiveMessageOnPort(this.channel as unknown as MessagePort);
      if (!received) return this.known.get(index);
      this.learn(received.message as News);
    }
  }

  set(index: number, interval: Interval | null): void {
    this.known.set(index, interval);
    this.channel.postMessage({ index, interval } satisfies News);
  }

  private learn({ index, interval }: News): void {
    this.known.set(index, interval);
  }
}
