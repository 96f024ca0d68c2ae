import { FSCALE } from '../abi/kinfo.ts';
import type { Kernel } from './kernel.ts';

/** FreeBSD loadav: a sample every five seconds. Differs: at even intervals, without the random second. */
const LOAD_SAMPLE_NS = 5_000_000_000;
/** FreeBSD cexp: exp(-1/12), exp(-1/60), exp(-1/180), times FSCALE, rounded down. */
const DECAY = [1884, 2014, 2036] as const;

/** Takes a sample of the number of runnable threads when one is due (sys/kern/kern_synch.c, loadav). Called at every stat tick. */
export function sampleLoad(k: Kernel): void {
  const nowNs = k.clockNs;
  if (nowNs < k.state.counters.nextLoadSampleNs) return;
  k.setCounters({ nextLoadSampleNs: nowNs + LOAD_SAMPLE_NS });
  const runnable = k.state.cpus.reduce((sum, cpu) => sum + cpu.load, 0);
  const average = (n: 0 | 1 | 2): number =>
    Math.floor((DECAY[n] * k.state.loadAverage[n] + runnable * FSCALE * (FSCALE - DECAY[n])) / FSCALE);
  k.state.loadAverage = [average(0), average(1), average(2)];
}
