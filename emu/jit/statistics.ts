/** What the translating engine did. Instructions are counted as `CoreState.retired` counts them. */
export interface JitStatistics {
  /** Instructions by translated code. */
  translated: number;
  /** By the interpreter, because translated code left them to it. */
  assisted: number;
  /** By the interpreter, in code that was not hot. */
  cold: number;
  /** By the interpreter, in modes that translated code does not know: single-stepping, breakpoints, segments that are not flat. */
  special: number;
  /** Regions translated. */
  regions: number;
  /** Translations that a further address space took over. */
  reused: number;
  /** Times that all translations were thrown away because they had become too many. */
  evictions: number;
  /** Bytes of all modules. */
  moduleBytes: number;
  /** `assisted` by mnemonic. */
  readonly assistedBy: Map<string, number>;
}

export function newStatistics(): JitStatistics {
  return {
    translated: 0,
    assisted: 0,
    cold: 0,
    special: 0,
    regions: 0,
    reused: 0,
    evictions: 0,
    moduleBytes: 0,
    assistedBy: new Map(),
  };
}

const SHOWN_MAX = 12;

/** Lines for people: what `--engine-stats` prints. */
export function statisticsText(s: JitStatistics): string {
  const total = s.translated + s.assisted + s.cold + s.special;
  const part = (n: number): string => `${n} (${total === 0 ? 0 : ((100 * n) / total).toFixed(2)} %)`;
  const lines = [
    `engine jit: ${total} instructions`,
    `  translated   ${part(s.translated)}`,
    `  interpreted  ${part(s.cold)} where code was not hot, ${part(s.special)} in special modes`,
    `  assisted     ${part(s.assisted)} inside translated code`,
    `  regions      ${s.regions}, taken over ${s.reused} times, ${s.moduleBytes} bytes of modules, ${s.evictions} evictions`,
  ];
  const assisted = [...s.assistedBy]
    .filter(([, count]) => count > 0)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, SHOWN_MAX)
    .map(([mnemonic, count]) => `${mnemonic} ${count}`);
  if (assisted.length > 0) lines.push(`  assisted by  ${assisted.join(', ')}`);
  return `${lines.join('\n')}\n`;
}
