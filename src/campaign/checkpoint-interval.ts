import { log } from './elementary.ts';

/*
 * The interval between checkpoints that makes a long computation end soonest, for failures with exponential gaps. All times in one
 * unit: `cost` of a checkpoint, `mtbf` mean time between failures. The interval is the work between two checkpoints, their cost not
 * counted.
 */

/** Young, "A first order approximation to the optimum checkpoint interval", CACM 17(9), 1974: sqrt(2 C M). */
export const youngInterval = (cost: number, mtbf: number): number => Math.sqrt(2 * cost * mtbf);

/**
 * Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps", FGCS 22(3), 2006, equation 37:
 * sqrt(2CM) (1 + sqrt(C / 2M) / 3 + (C / 2M) / 9) - C for C < 2M; M otherwise.
 */
export function dalyInterval(cost: number, mtbf: number): number {
  if (cost >= 2 * mtbf) return mtbf;
  const ratio = cost / (2 * mtbf);
  return Math.sqrt(2 * cost * mtbf) * (1 + Math.sqrt(ratio) / 3 + ratio / 9) - cost;
}

/** Quantile p of an exponential distribution of this mean. */
export const exponentialQuantile = (p: number, mean: number): number => -mean * log(1 - p);
