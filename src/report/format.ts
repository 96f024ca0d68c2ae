/** Numbers and times as people read them. No locale: the same bytes everywhere. */

/** `1,234,567` */
export function grouped(n: number): string {
  const digits = String(Math.abs(Math.trunc(n)));
  const withCommas = digits.replace(/\B(?=(\d{3})+$)/g, ',');
  return n < 0 ? `-${withCommas}` : withCommas;
}

/** Nanoseconds as seconds with `decimals` (0..9) places, cut, not rounded: 12011000000 -> `12.011000000`. */
export function secondsDigits(ns: number, decimals = 9): string {
  const sign = ns < 0 ? '-' : '';
  const magnitude = Math.abs(ns);
  const fraction = magnitude % 1e9;
  const whole = String((magnitude - fraction) / 1e9);
  if (decimals === 0) return sign + whole;
  return `${sign}${whole}.${String(fraction).padStart(9, '0').slice(0, decimals)}`;
}

/** `12.000000000 s`: a moment, exact. */
export const moment = (ns: number): string => `${secondsDigits(ns)} s`;

/** `12.5 s`: a moment, exact, without the zeros at its end. */
export const shortMoment = (ns: number): string => `${secondsDigits(ns).replace(/\.?0+$/, '')} s`;

/** A length of time to three digits: `11.0 ms`, `2.50 s`, `870 ns`. */
export function duration(ns: number): string {
  if (ns < 0) return `-${duration(-ns)}`;
  if (ns < 1000) return `${ns} ns`;
  if (ns < 999_500) return `${threeDigits(ns / 1e3)} µs`;
  if (ns < 999_500_000) return `${threeDigits(ns / 1e6)} ms`;
  return `${threeDigits(ns / 1e9)} s`;
}

/** Bytes in decimal multiples to three digits: `1.23 MB`. */
export function byteSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_500) return `${threeDigits(bytes / 1e3)} kB`;
  if (bytes < 999_500_000) return `${threeDigits(bytes / 1e6)} MB`;
  return `${threeDigits(bytes / 1e9)} GB`;
}

/** `42.0 %` */
export const percent = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;

/** Nanoseconds as microseconds, exact: 1500 -> `1.500`, 2000 -> `2`. */
export function microsecondsExact(ns: number): string {
  const fraction = ns % 1000;
  const whole = String((ns - fraction) / 1000);
  return fraction === 0 ? whole : `${whole}.${String(fraction).padStart(3, '0')}`;
}

/** `0, 1 and 3` */
export function listed(items: readonly (string | number)[]): string {
  if (items.length <= 1) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`;
}

/** `0, 1 and 3`; three and more in a row as a range: `0-21 and 23-31`. */
export function coreRanges(cores: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cores.length; ) {
    let end = i;
    while (end + 1 < cores.length && cores[end + 1] === cores[end]! + 1) end++;
    if (end - i >= 2) parts.push(`${cores[i]}-${cores[end]}`);
    else for (let j = i; j <= end; j++) parts.push(String(cores[j]));
    i = end + 1;
  }
  return listed(parts);
}

/** `1 process`, `2 processes` */
export const counted = (n: number, one: string, many = `${one}s`): string => `${grouped(n)} ${n === 1 ? one : many}`;

/** A step of 1, 2 or 5 times a power of ten ns that cuts `spanNs` into at most `ticksMax` parts. */
export function tickStepNs(spanNs: number, ticksMax: number): number {
  const atLeast = spanNs / Math.max(1, ticksMax);
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) if (digit * power >= atLeast) return digit * power;
  }
}

/** How many decimals of a second a multiple of `stepNs` needs. */
export function tickDecimals(stepNs: number): number {
  let decimals = 9;
  for (let unit = 10; decimals > 0 && stepNs % unit === 0; unit *= 10) decimals--;
  return decimals;
}

function threeDigits(n: number): string {
  if (n < 9.995) return n.toFixed(2);
  return n < 99.95 ? n.toFixed(1) : n.toFixed(0);
}
