import * as z from 'zod';
import { snapshots, type Snapshot, type Source } from '../clients/snapshots.ts';
import { step } from '../framework/step.ts';
import { plural } from '../reports/format.ts';
import { outcomeOf, passed, waiting } from './outcome.ts';
import { expired, snapshotPlan } from './snapshot-plan.ts';

const subject = 'Snapshots before maintenance';

/**
 * C10, blocker. A snapshot of everything that the configuration names was made for this run and is complete. Makes what is missing,
 * and deletes those of earlier runs that were kept long enough once the new ones are complete.
 */
export const handler = step({
  input: z.strictObject({
    volumesByTag: z.strictObject({ key: z.string().min(1), value: z.string() }).optional(),
    rds: z.strictObject({ instances: z.array(z.string().min(1)), clusters: z.array(z.string().min(1)) }).optional(),
    /** How long the snapshots of earlier runs are kept, days. */
    keepDays: z.number().positive().default(14),
  }),
  uses: { snapshots },
  minutes: 0,
  // The first snapshot of a large volume takes longer: daily ones keep what is new since the last small.
  patience: 30,
  example: { done: 1, left: 0, failed: 0, numbers: { snapshots: 2, bytes: 128_849_018_880, deleted: 1 } },
  async run({ volumesByTag, rds, keepDays }, { snapshots, run: { tag, environment }, dryRun }) {
    if (!volumesByTag && !rds)
      return passed(subject, ['None is made: the configuration of this environment says `snapshots: none`.']);
    const volumes = volumesByTag ? await snapshots.volumes(volumesByTag) : [];
    if (volumesByTag && !volumes.length)
      return outcomeOf('critical', subject, [
        `No volume carries the tag ${volumesByTag.key}=${volumesByTag.value}: nothing can be set back. Tag the volumes, or mend snapshots.volumesByTag.`,
      ]);
    const sources: Source[] = [
      ...volumes.map((id) => ({ kind: 'volume' as const, id })),
      ...(rds?.instances ?? []).map((id) => ({ kind: 'database' as const, id })),
      ...(rds?.clusters ?? []).map((id) => ({ kind: 'cluster' as const, id })),
    ];
    const ours = await snapshots.ours(environment, rds !== undefined);
    const old = expired(ours, tag, keepDays, new Date());
    const { make, pending, complete, reasons } = snapshotPlan(sources, ours, tag);
    if (dryRun)
      return passed(subject, [
        ...make.map(({ source }) => `Would make a snapshot of ${source.id}.`),
        ...old.map(({ id }) => `Would delete ${id}, made more than ${keepDays} days ago.`),
      ]);
    if (reasons.length) return outcomeOf('critical', subject, reasons);

    // All are begun at once: what lies on them should be of one moment.
    const made = await Promise.all(
      make.map(({ source, attempt }) => snapshots.make(source, { environment, run: tag, attempt })),
    );
    const finished = [...complete, ...made.filter((one) => one?.state === 'complete')] as Snapshot[];
    if (finished.length < sources.length) {
      const [next] = [...pending, ...made.filter((one) => one?.state === 'pending')];
      const which = next ? `; ${next.id} of ${next.source.id} is under way` : '';
      return waiting(`${finished.length} of ${plural(sources.length, 'snapshot')} are complete${which}`);
    }
    const kept: string[] = [];
    for (const snapshot of old)
      await snapshots
        .remove(snapshot)
        .catch((error: Error) => kept.push(`${snapshot.id} is still there: ${error.message}`));
    return passed(subject, kept, {
      snapshots: finished.length,
      bytes: finished.reduce((sum, { gigabytes }) => sum + gigabytes * 2 ** 30, 0),
      deleted: old.length - kept.length,
    });
  },
});
