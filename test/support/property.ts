/** Parameters of every property test: a fixed seed, so that a failure is seen again. */
export const property = { seed: 0x9e3779b9 | 0, numRuns: 200 };
