import { defineConfig } from 'vitest/config';

// Interop tests need debuggers and a compiler; they run with COREBACK_INTEROP=1.
const withInterop = process.env.COREBACK_INTEROP === '1';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', ...(withInterop ? [] : ['**/*.interop.test.ts'])],
    globalSetup: ['test/support/bundle.ts'],
    setupFiles: ['test/support/default-engine.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    reporters: ['default'],
  },
});
