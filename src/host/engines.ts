import { UsageError } from '../../emu/base/errors.ts';
import type { Engine } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { UnicornEngine } from '../../emu/unicorn/unicorn-engine.ts';
import { loadUnicorn } from './unicorn-koffi.ts';

export interface EngineChoice {
  readonly engine: string;
  readonly unicornLib?: string;
}

export const ENGINE_NAMES = ['interpreter', 'unicorn'] as const;

/** The engine of that name. Errors: UsageError when there is none, or when Unicorn is not installed. */
export function makeEngine({ engine, unicornLib }: EngineChoice): Engine {
  switch (engine) {
    case 'interpreter':
      return new Interpreter();
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
