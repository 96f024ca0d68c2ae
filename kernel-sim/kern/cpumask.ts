/** A set of CPUs as a 32-bit mask, unsigned: bit n is CPU n. */
export const cpuBit = (cpu: number): number => (1 << cpu) >>> 0;
export const hasCpu = (mask: number, cpu: number): boolean => ((mask >>> cpu) & 1) !== 0;
export const allCpus = (count: number): number => (count >= 32 ? 0xffffffff : (1 << count) - 1);

/** The CPUs of a mask, ascending. */
export function cpusOf(mask: number): number[] {
  const cpus: number[] = [];
  for (let cpu = 0; cpu < 32; cpu++) if (hasCpu(mask, cpu)) cpus.push(cpu);
  return cpus;
}

export const maskOf = (cpus: readonly number[]): number => cpus.reduce((mask, cpu) => (mask | cpuBit(cpu)) >>> 0, 0);
