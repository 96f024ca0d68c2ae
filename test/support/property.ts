/**
 * How property tests run: one seed for all, so that CI is repeatable; fast-check prints it with a failure.
 * COREBACK_SEED and COREBACK_RUNS try others.
 */
export interface PropertyParameters {
  readonly seed: number;
  readonly numRuns: number;
}

/** Parameters for `fc.assert`; choose `numRuns` for a test of about a second. */
export function property(numRuns = 200): PropertyParameters {
  return {
    seed: Number(process.env.COREBACK_SEED ?? 20120112),
    numRuns: Number(process.env.COREBACK_RUNS ?? numRuns),
  };
}
