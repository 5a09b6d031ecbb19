import * as z from 'zod';
import type { environments } from '../../lambdas/framework/run.ts';
import { list, rule, unique } from './rules.ts';
import { DatabaseId, TagKey, TagValue } from './shapes.ts';

const DatabaseIds = z
  .array(DatabaseId)
  .default([])
  .check(unique((id) => id));

/** What a window snapshots before it changes anything. */
const snapshotted = z
  .strictObject({
    volumesByTag: z.strictObject({ key: TagKey, value: TagValue }).optional(),
    rds: z.strictObject({ instances: DatabaseIds, clusters: DatabaseIds }).optional(),
  })
  .check(
    rule(({ volumesByTag, rds }) =>
      volumesByTag === undefined && list(rds?.instances).length + list(rds?.clusters).length === 0
        ? [{ path: [], message: 'volumesByTag, or rds with instances or clusters, or the word none' }]
        : [],
    ),
  );

/** In production it must be said: also that nothing is snapshotted. */
export function snapshots(environment: (typeof environments)[number]) {
  const either = z
    .union([z.literal('none'), snapshotted])
    .describe('what is snapshotted before a window (volumesByTag, rds), or the word none');
  return environment === 'production' ? either : either.default('none');
}
