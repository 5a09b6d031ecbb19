import * as z from 'zod';
import { postgres } from '../clients/postgres.ts';
import { step } from '../framework/step.ts';
import { found } from './findings.ts';
import { lagOf } from './replication-lag.ts';

/** D4. How far standbys and replicas are behind; over the limits it is a finding. */
export const handler = step({
  input: z.strictObject({
    /** Bytes of WAL not replayed; 128 MB is where the governor pauses all writing. */
    maxLagBytes: z.int().positive().default(134_217_728),
    /** Seconds behind, while anything is not replayed. */
    maxLagSeconds: z.number().positive().default(30),
  }),
  uses: { db: postgres },
  minutes: 1,
  example: {
    done: 1,
    left: 0,
    failed: 0,
    numbers: { standbys: 1, replicas: 1, replicationLagBytes: 180_000, replayLagMillis: 40, findings: 0 },
  },
  async run(rules, { db }) {
    const { replication } = await db.survey('replication');
    const replicas = await db.replicas();
    const { findings, numbers } = lagOf({ replication, replicas, systemIdentifier: db.systemIdentifier }, rules);
    return found(findings, numbers);
  },
});
