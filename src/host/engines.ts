import { UsageError } from '../../emu/base/errors.ts';
import type { Engine } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { JitEngine } from '../../emu/jit/jit-engine.ts';
import { statisticsText } from '../../emu/jit/statistics.ts';
import { UnicornEngine } from '../../emu/unicorn/unicorn-engine.ts';
import { useBranchHints } from './branch-hints.ts';
import { loadUnicorn } from './unicorn-koffi.ts';

export interface EngineChoice {
  readonly engine: string;
  readonly unicornLib?: string;
  readonly engineStats?: boolean;
}

/** What runs the guest when no option says so: COREBACK_ENGINE, or the translating engine. */
export const DEFAULT_ENGINE = process.env.COREBACK_ENGINE ?? 'jit';

export const ENGINE_NAMES = ['jit', 'interpreter', 'unicorn'] as const;

/** The engine of that name. Errors: UsageError when there is none, or when Unicorn is not installed. */
export function makeEngine({ engine, unicornLib, engineStats }: EngineChoice): Engine {
  switch (engine) {
    case 'interpreter':
      return new Interpreter();
    case 'jit': {
      useBranchHints();
      const jit = new JitEngine();
      if (engineStats) process.on('exit', () => process.stderr.write(statisticsText(jit.statistics)));
      return jit;
    }
    case 'unicorn':
      return new UnicornEngine(loadUnicorn(unicornLib));
    default:
      throw new UsageError({
        what: `there is no engine '${engine}'`,
        path: '--engine',
        hint: ENGINE_NAMES.map((name) => `'${name}'`).join(' or '),
      });
  }
}
