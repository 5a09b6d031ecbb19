import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { found } from './findings.ts';
import { driftOf } from './settings-drift.ts';

/** D16. The runbook's eight settings against what is in force. Never changes one. */
export const handler = step({
  input: z.strictObject({
    /** Values as ALTER SYSTEM takes them; for an RDS instance put in what its size wants. */
    expected: z.record(z.string().regex(/^[a-z_.]+$/), z.string()).default({
      max_connections: '400',
      shared_buffers: '8GB',
      effective_cache_size: '24GB',
      maintenance_work_mem: '2GB',
      checkpoint_completion_target: '0.9',
      wal_buffers: '16MB',
      default_statistics_target: '100',
      random_page_cost: '1.1',
    }),
    /** Memory of the server in bytes, which it does not tell: with it, whether the values fit is told, too. */
    memoryBytes: z.int().positive().optional(),
  }),
  uses: { db: postgres },
  minutes: 1,
  example: { done: 1, left: 0, failed: 0, numbers: { settings: 8, findings: 0 } },
  async run(rules, { db }) {
    const { server, settings } = await db.survey('settings');
    const findings = driftOf({ server, settings, replicas: await db.replicas() }, rules);
    return found(findings, { settings: Object.keys(rules.expected).length });
  },
});
