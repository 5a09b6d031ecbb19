import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { seedNovacron } from '../../local/novacron/seed.ts';
import { type Cluster, startCluster } from '../../local/postgres/cluster.ts';
import { binariesOf, newest, type Version, versionsOf } from './versions.ts';

/** What test files are told of a cluster that all of them share. */
export interface SharedCluster {
  /** The superuser's URL of the database `postgres`, on each server. */
  primary: string;
  standby: string;
  passwords: { novacron: string; maintenance: string };
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** A version that this machine does not have says what to install, to the tests that want it. */
    clusters: Partial<Record<Version, SharedCluster | { missing: string }>>;
  }
}

/** Rows of the template: enough for a hundred dead ones, few enough for 50 ms a copy. */
const templateRows = 4_000;
const passwords = { novacron: 'novacron-password', maintenance: 'maintenance-password' };

const running: Cluster[] = [];
let folder: string | undefined;

/**
 * vitest's globalSetup: for each version one primary with a standby for all test files, with NovaCron's healthy database as
 * template. All at once, which takes hardly longer than one.
 */
export async function setup(project: TestProject): Promise<void> {
  folder = await mkdtemp(path.join(tmpdir(), 'novacron-test-'));
  // As root PostgreSQL runs as somebody else, who must get through.
  await chmod(folder, 0o755);
  const versions = [...new Set<Version>([...versionsOf(project.config.env?.['POSTGRES_VERSIONS']), newest])];
  const started = await Promise.allSettled(
    versions.map((version) => startShared(version, path.join(folder!, `${version}`))),
  );
  const failed = started.find((one) => one.status === 'rejected');
  if (failed) {
    await teardown();
    throw failed.reason;
  }
  const clusters = started.map((one, i) => [versions[i], (one as PromiseFulfilledResult<SharedCluster>).value]);
  project.provide('clusters', Object.fromEntries(clusters));
}

async function startShared(version: Version, folder: string): Promise<SharedCluster | { missing: string }> {
  let binaries: string;
  try {
    binaries = binariesOf(version);
  } catch (error) {
    return { missing: (error as Error).message };
  }
  const cluster = await startCluster({ folder, standby: true, binaries });
  running.push(cluster);
  const { primary, standby } = cluster;
  const admin = new pg.Client({ connectionString: primary.url('postgres') });
  await admin.connect();
  await admin.query('CREATE DATABASE novacron_template');
  await admin.end();
  await seedNovacron(primary.url('novacron_template'), {
    now: new Date('2026-11-24T08:00:00Z'),
    rows: templateRows,
    passwords,
    healthy: true,
  });
  return { primary: primary.url('postgres'), standby: standby?.url('postgres') ?? '', passwords };
}

export async function teardown(): Promise<void> {
  await Promise.all(running.splice(0).map((cluster) => cluster.stop()));
  if (folder) await rm(folder, { recursive: true });
}
