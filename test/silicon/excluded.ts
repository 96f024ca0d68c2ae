/** Instructions that are not tried on the real CPU at all. */
export const EXCLUDED: readonly { readonly mnemonic: string; readonly reason: string }[] = [
  { mnemonic: 'RDTSC', reason: 'the time is another' },
  { mnemonic: 'RDPMC', reason: 'Linux may allow it; the counters are others' },
  { mnemonic: 'CPUID', reason: 'the processor is another' },
  { mnemonic: 'SGDT', reason: 'UMIP: Linux answers in the place of the CPU' },
  { mnemonic: 'SIDT', reason: 'UMIP: Linux answers in the place of the CPU' },
  { mnemonic: 'SLDT', reason: 'UMIP: Linux refuses or answers; the selector is another' },
  { mnemonic: 'STR', reason: 'UMIP: Linux refuses or answers; the selector is another' },
  { mnemonic: 'SMSW', reason: 'UMIP: Linux answers in the place of the CPU' },
];
