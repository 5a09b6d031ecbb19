import * as z from 'zod';
import { archives } from '../clients/archives.ts';
import { postgres } from '../clients/postgres.ts';
import type { Finding } from '../framework/result.ts';
import { step } from '../framework/step.ts';
import { leftToOwnJobs, shortened } from './findings.ts';
import { orphanWork, type OrphanWork, unfit } from './orphans.ts';
import { removeOrphans } from './remove-orphans.ts';

const Relation = z.strictObject({
  /** The table whose rows are orphans, with its schema, as SQL names it. */
  child: z.string().min(1),
  /** Its column that names a row of the other. */
  column: z.string().min(1),
  parent: z.string().min(1),
  parentColumn: z.string().min(1).default('id'),
  /** The child's column with the time at which a row came to be. */
  createdAt: z.string().min(1).default('created_at'),
  /** Younger rows stay, in days: their parent may not be committed yet. */
  minAgeDays: z.number().positive().default(1),
  /** Triggers of the child that may fire for each row deleted. */
  triggers: z.array(z.string()).default([]),
  /** A person has looked: more than a fifth or a million may go. */
  confirm: z.boolean().default(false),
});

/** D7. Removes rows whose parent is gone: found once, archived and verified in S3, deleted by key where they are as they were found. */
export const handler = step({
  input: z.strictObject({
    /** The relations that no foreign key guards. */
    relations: z.array(Relation).default([
      Relation.parse({
        child: 'public.task_executions',
        column: 'task_id',
        parent: 'public.tasks',
        createdAt: 'started_at',
      }),
      Relation.parse({ child: 'public.audit_logs', column: 'user_id', parent: 'public.users', minAgeDays: 30 }),
    ]),
    /** Share of a table's rows above which a relation needs `confirm`. */
    maxShare: z.number().positive().max(1).default(0.2),
    /** Rows above which it does. */
    maxRows: z.int().positive().default(1_000_000),
    /** Rows archived and deleted of a table in one run; what is left over, the next finds. */
    rowsPerRun: z.int().positive().default(500_000),
    /** Rows in one object of the archive. */
    rowsPerArchive: z.int().positive().default(100_000),
  }),
  uses: { db: postgres, archives },
  minutes: 3,
  example: { done: 2, left: 0, failed: 0, numbers: { orphans: 41_000 } },
  async run({ relations, rowsPerRun, rowsPerArchive, ...rules }, { db, archives, run, each }) {
    const findings: Finding[] = leftToOwnJobs((await db.survey()).server);
    const work: OrphanWork[] = [];
    for (const names of relations) {
      const facts = await db.relationFacts(names);
      const why = unfit(names, facts);
      if (why || !facts.relation) {
        if (why) findings.push(why);
        continue;
      }
      const counts = await db.countOrphans(facts.relation, names.minAgeDays);
      const found = orphanWork(names, facts.relation, counts, rules);
      if (!found) continue;
      if ('item' in found) work.push(found);
      else findings.push(found);
    }
    const sizes = { most: rowsPerRun, part: rowsPerArchive };
    return each(work, (one) => removeOrphans({ db, archives, run }, one, sizes), { findings: shortened(findings) });
  },
});
