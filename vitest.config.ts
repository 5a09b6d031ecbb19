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
      part('longer', [longer], { exclude: ['test/lambdas/**', 'test/hosts/**'], testTimeout: 600_000 }),
      part('longer-hosts', ['test/hosts/**/*.full.test.ts'], { exclude: [], testTimeout: 600_000 }),
      part('longer-steps', ['test/lambdas/**/*.full.test.ts'], {
        globalSetup: ['test/support/clusters.ts'],
        exclude: [],
        testTimeout: 600_000,
      }),
      // Only what is said for each version of PostgreSQL, on those that the unit tests leave out.
      part('other-versions', ['test/lambdas/{database,clients/postgres}/**/*.test.ts', 'test/bin/restore.test.ts'], {
        globalSetup: ['test/support/clusters.ts'],
        env: { POSTGRES_VERSIONS: '15,17' },
      }),
    ],
  },
});
