import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

export default defineConfig({
  root,
  cacheDir: `${root}node_modules/.cache/vite`,
  test: {
    include: ['src/**/*.test.ts', 'providers/**/*.test.ts', 'fixtures/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    // A process for each file: what one leaves behind cannot reach the next, and signals can be tested.
    pool: 'forks',
    // A file waits for half of its time: for a server, a process, a limit. Vitest's own choice leaves a core unused.
    maxWorkers: availableParallelism() + 1,
    // More than several of the waits within a test one after the other: a machine that stalls delays, and fails nothing.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    reporters: ['default', 'json'],
    outputFile: { json: `${root}node_modules/.cache/vitest-report.json` },
  },
});
