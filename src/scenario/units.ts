import { UsageError } from '../../emu/base/errors.ts';

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9 };

/** `5s`, `250ms`, `1.5s` or a bare number of seconds, as a whole number of ns. Errors: UsageError naming `key`. */
export function parseDuration(text: string, key: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m)?$/.exec(text.trim());
  if (!match) throw new UsageError({ what: `'${text}' is no duration`, key, hint: 'write it like 5s, 250ms or 1.5s' });
  const ns = Number(match[1]) * UNITS[match[2] ?? 's']!;
  const whole = Math.round(ns);
  if (Math.abs(ns - whole) > 1e-3 || !Number.isSafeInteger(whole)) {
    throw new UsageError({ what: `'${text}' is no whole number of nanoseconds`, key });
  }
  return whole;
}

/** A duration that is not 0: how often something happens. Errors: UsageError naming `key`. */
export function parsePeriod(text: string, key: string): number {
  const ns = parseDuration(text, key);
  if (ns === 0)
    throw new UsageError({
      what: `'${text}' is no period`,
      key,
      hint: 'longer than nothing; leave it out for the default',
    });
  return ns;
}

/** `0,1,3`, `0-2` or `all` as ascending CPU numbers below `cores`. Errors: UsageError naming `key`. */
export function parseCpuList(text: string, cores: number, key: string): number[] {
  if (text === 'all') return Array.from({ length: cores }, (_, n) => n);
  const cpus = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (!match) throw new UsageError({ what: `'${text}' is no list of CPUs`, key, hint: 'write it like 0,1,3 or 0-2' });
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last >= cores || first > last) {
      throw new UsageError({ what: `CPU ${part} does not exist: there are ${cores}, numbered from 0`, key });
    }
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}

/** Clock rate in MHz to the duration of an instruction in ns, which has to be whole. */
export function cycleNsOf(mhz: number, key: string): number {
  const cycleNs = 1000 / mhz;
  if (!Number.isInteger(cycleNs) || cycleNs < 1) {
    const hint = '1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 125, 200, 250, 500 or 1000';
    throw new UsageError({ what: `${mhz} MHz does not make a whole number of ns per instruction`, key, hint });
  }
  return cycleNs;
}
