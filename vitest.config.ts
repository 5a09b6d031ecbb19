import { defineConfig } from 'vitest/config';

const longer = 'test/**/*.full.test.ts';

/** A part of the suite: which files, and whether two of them may run at once. */
const part = (
  name: string,
  include: string[],
  { exclude = [longer], ...more }: Record<string, unknown> & { exclude?: string[] } = {},
) => ({
  test: { name, include, exclude, testTimeout: 30_000, hookTimeout: 180_000, ...more },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      part('unit', ['test/**/*.test.ts'], {
        globalSetup: ['test/support/clusters.ts'],
        exclude: [longer, 'test/end-to-end/**', 'test/local/**', 'test/hosts/**'],
      }),
      part('local', ['test/local/**/*.test.ts']),
      part('hosts', ['test/hosts/**/*.test.ts']),
      part('end-to-end', ['test/end-to-end/**/*.test.ts'], { testTimeout: 180_000 }),
      part('longer', [longer], { exclude: [], testTimeout: 600_000 }),
    ],
  },
});
