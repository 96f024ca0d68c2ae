import { UsageError } from '../../emu/base/errors.ts';
import { checkScenario } from './check-scenario.ts';
import { type Scenario, scenarioSchema } from './schema.ts';
import { checkStructure, readStructured, type TextFormat } from './structured-text.ts';

/** Reads a scenario from text. Errors: UsageError with the key, or the line, that is wrong. */
export function parseScenario(text: string, path: string, format: TextFormat = 'json'): Scenario {
  return toScenario(readStructured(text, path, format), path);
}

/** Checks a value that is meant to be a scenario, and fills in its defaults. Errors: UsageError with the key that is wrong. */
export function toScenario(value: unknown, path: string): Scenario {
  const scenario = checkStructure(scenarioSchema, value, path, 'docs/scenarios.md lists every key');
  try {
    checkScenario(scenario);
  } catch (error) {
    throw error instanceof UsageError ? error.in(path) : error;
  }
  return scenario;
}
