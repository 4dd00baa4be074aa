import { defineConfig } from 'vitest/config';

// The lab suites share one bridge, one storage and one Docker template: they run one file at a time, in
// their own project. Everything else runs in parallel.
const lab = ['test/**/*.lab.test.ts'];

export default defineConfig({
  test: {
    // Most tests wait for sockets and processes rather than for the processor.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...lab, '**/node_modules/**', '**/dist/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'lab',
          include: lab,
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
});
