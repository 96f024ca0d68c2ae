/** Plays one case after another for main.ts, which watches it: a case that hangs can be ended only from outside. */
import type { CoverageRecord } from './calls/coverage.ts';
import { playSession, sessionOf, shrinkSession } from './calls/fuzz-calls.ts';
import { playProgram } from './code.ts';
import { playImage } from './images.ts';

export type FuzzKind = 'calls' | 'code' | 'elf';

export interface FuzzCase {
  readonly kind: FuzzKind;
  readonly seed: number;
  readonly index: number;
}

export interface FuzzReply {
  /** Calls, programs or files that were tried. */
  readonly count: number;
  readonly coverage?: CoverageRecord;
  /** What came of it, in a word, and how often. */
  readonly outcomes?: Readonly<Record<string, number>>;
  readonly failure?: { readonly error: string; readonly steps?: readonly number[] };
  readonly maxRssMiB: number;
}

function play({ kind, seed, index }: FuzzCase): Omit<FuzzReply, 'maxRssMiB'> {
  switch (kind) {
    case 'calls': {
      const { calls, coverage } = playSession(seed, index);
      return { count: calls, coverage };
    }
    case 'code':
      return { count: 1, outcomes: { [playProgram(seed, index)]: 1 } };
    case 'elf':
      return { count: 1, outcomes: { [playImage(seed, index)]: 1 } };
  }
}

function reply(wanted: FuzzCase): Omit<FuzzReply, 'maxRssMiB'> {
  try {
    return play(wanted);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const smaller = wanted.kind === 'calls' ? shrinkSession(sessionOf(wanted.seed, wanted.index)) : null;
    return { count: 0, failure: smaller ?? { error: text } };
  }
}

process.on('message', (wanted: FuzzCase) => {
  process.send!({ ...reply(wanted), maxRssMiB: process.resourceUsage().maxRSS / 1024 } satisfies FuzzReply);
});
