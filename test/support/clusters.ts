import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { seedNovacron } from '../../local/novacron/seed.ts';
import { type Cluster, startCluster } from '../../local/postgres/cluster.ts';

/** What test files are told of the cluster that all of them share. */
export interface SharedCluster {
  /** The superuser's URL of the database `postgres`, on each server. */
  primary: string;
  standby: string;
  passwords: { novacron: string; maintenance: string };
}

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: SharedCluster;
  }
}

/** Rows of the template: enough for a hundred dead ones, few enough for 50 ms a copy. */
const templateRows = 4_000;
const passwords = { novacron: 'novacron-password', maintenance: 'maintenance-password' };

let cluster: Cluster | undefined;
let folder: string | undefined;

/** vitest's globalSetup: one primary with a standby for all test files, with NovaCron's healthy database as template. */
export async function setup(project: TestProject): Promise<void> {
  folder = await mkdtemp(path.join(tmpdir(), 'novacron-test-'));
  cluster = await startCluster({ folder, standby: true });
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
  project.provide('cluster', { primary: primary.url('postgres'), standby: standby?.url('postgres') ?? '', passwords });
}

export async function teardown(): Promise<void> {
  await cluster?.stop();
  if (folder) await rm(folder, { recursive: true });
}
