import * as z from 'zod';
import type { Baselines } from '../clients/baselines.ts';
import { graveness } from '../clients/postgres/errors.ts';
import type { LeafPages } from '../clients/postgres/leaf-pages.ts';
import type { Survey } from '../clients/postgres/survey.ts';
import type { Leftover } from '../clients/postgres/survey/leftovers.ts';
import type { Postgres } from '../clients/postgres.ts';
import type { Context } from '../framework/step.ts';
import type { Change, Finding, Postponed, Result, Work } from '../framework/result.ts';
import { definitionOf, findingsOn, type Index, type Verdict, verdictOn } from './index-bloat.ts';

/** Settings of both steps; what the weekly one leaves as too small, the monthly one takes. */
export const rebuildSettings = (smallest: { minBytes: number; minWaste: number }) =>
  z.strictObject({
    /** Bytes of the smallest index that is rebuilt: a rebuild waits three times for other transactions. */
    minBytes: z.int().nonnegative().default(smallest.minBytes),
    /** Bytes that it must waste. */
    minWaste: z.int().positive().default(smallest.minWaste),
    /** Larger ones are for a person to plan: 100 GB. */
    maxBytes: z.int().positive().default(100_000_000_000),
    /** By the estimate: share that is waste. */
    minShare: z.number().positive().max(1).default(0.3),
    /** Times the bytes for each entry after the last rebuild. */
    growth: z.number().min(1).default(1.5),
    /** Share of the fill factor under which leaf pages are thin. */
    thin: z.number().positive().max(1).default(0.7),
    /** Share of pages without entries. */
    empty: z.number().positive().max(1).default(0.3),
    /** pgstatindex reads the whole index: up to 4 GB. */
    maxMeasured: z.int().nonnegative().default(4_000_000_000),
    /** Days within which an index is not rebuilt again. */
    restDays: z.number().nonnegative().default(10),
    /** Share of a table's rows that changed since they were counted, beyond which it is analysed first. */
    stale: z.number().positive().default(0.2),
    /** Rebuilt whatever the signals say: schema-qualified names, as SQL quotes them. */
    requested: z.array(z.string()).default([]),
    /** Processors of the server, which it does not tell. */
    cores: z.int().positive().default(2),
    /** Memory of the server, in bytes. */
    serverMemory: z
      .int()
      .positive()
      .default(8 * 1024 ** 3),
    /** Seconds after which another transaction is old: a rebuild would wait for it. */
    oldTransaction: z.number().positive().default(60),
  });
export type RebuildRules = z.output<ReturnType<typeof rebuildSettings>>;

type Surroundings = Pick<Context, 'run' | 'target' | 'each' | 'record' | 'deadline' | 'dryRun'> & {
  db: Pick<Postgres, 'survey' | 'measureIndex' | 'analyse' | 'reindex' | 'dropLeftover'>;
  baselines: Baselines;
};

type IndexWork = Work & ({ leftover: Leftover } | { verdict: Verdict });

/** Bytes that a rebuild gets through in a second before an index has a history of its own; and half as much again. */
const bytesPerMinute = (20_000_000 * 60) / 1.5;

/**
 * D6, D11, D21. Drops what earlier rebuilds left behind, then rebuilds what two signals call bloated, most waste first. What proves
 * corrupt, or a disk that is full, ends it: nothing more is begun, and a person is called.
 */
export async function rebuildBloated(rules: RebuildRules, surroundings: Surroundings): Promise<Result> {
  const { db, baselines, each, run, target } = surroundings;
  const { leftovers, ...surveyed } = await db.survey('leftovers', 'indexes', 'layouts');
  const known = await baselines.read(run.environment, target);
  const verdicts = await decided(indexesOf(surveyed), rules, known, surroundings);
  const left = new Set(leftovers.map(({ oid }) => oid));
  const chosen = verdicts.filter(({ decision }) => decision === 'rebuild').sort(worstFirst);
  const work: IndexWork[] = [
    ...leftovers.map((leftover) => ({
      item: leftover.name,
      does: `DROP INDEX CONCURRENTLY ${leftover.name}`,
      before: { bytes: leftover.bytes },
      minutes: 0.1,
      leftover,
    })),
    ...chosen.map((verdict) => ({ ...workFor(verdict), verdict })),
  ];

  let grave: Finding | undefined;
  const result = await each(
    work,
    async (one): Promise<Change | Postponed> => {
      if (grave) return { postponed: `not begun: ${grave.message}` };
      if ('leftover' in one) {
        const { oid, bytes } = one.leftover;
        return (await db.dropLeftover(oid)) ?? { before: { bytes }, after: { bytes: 0 } };
      }
      const { index, waste } = one.verdict;
      let rebuilt;
      try {
        rebuilt = await db.reindex(index.oid, { ...resources(rules), minutes: one.minutes ?? 1 });
      } catch (error) {
        grave = graveFinding(index, error as Error);
        throw error;
      }
      if ('postponed' in rebuilt) return rebuilt;
      const { bytesBefore, bytes, entries } = rebuilt;
      await baselines.keep(run.environment, target, index.name, {
        at: new Date().toISOString(),
        bytes,
        entries,
        predicted: waste,
        gained: bytesBefore - bytes,
        definition: definitionOf(index),
      });
      return { before: { bytes: bytesBefore, predicted: waste }, after: { bytes, predicted: 0 } };
    },
    {
      findings: [
        ...findingsOn(
          verdicts.filter(({ index }) => !left.has(index.oid)),
          known,
          rules,
          surveyed.server.role,
        ),
        ...unmeasured(verdicts),
      ].slice(0, 49),
      numbers: { indexes: verdicts.length },
    },
  );
  if (!grave) return result;
  const { wait: _wait, ...rest } = result;
  return { ...rest, left: 0, findings: [grave, ...(rest.findings ?? [])] };
}

/** Every index with its verdict; what is undecided is analysed or measured first, most waste first, while there is time. */
async function decided(
  indexes: readonly Index[],
  rules: RebuildRules,
  known: Awaited<ReturnType<Baselines['read']>>,
  { db, record, deadline, dryRun }: Surroundings,
): Promise<Verdict[]> {
  const now = new Date();
  const verdictOf = (index: Index, leaf?: LeafPages) => verdictOn(index, known.get(index.name), now, rules, leaf);
  const settled = await record.items();
  const analysed = new Set<number>();
  const verdicts: Verdict[] = [];
  for (let verdict of indexes.map((index) => verdictOf(index)).sort(worstFirst)) {
    const { index } = verdict;
    const outcome = settled.get(index.name)?.outcome;
    const undecided = (outcome === undefined || outcome === 'left') && deadline.fits(1);
    if (undecided && verdict.decision === 'analyse first' && !dryRun) {
      if (!analysed.has(index.table)) await db.analyse(index.table, { only: false });
      analysed.add(index.table);
      const again = indexesOf(await db.survey('indexes', 'layouts')).find(({ oid }) => oid === index.oid);
      if (again) verdict = verdictOf(again);
    }
    if (undecided && verdict.decision === 'measure') {
      const leaf = await db.measureIndex(index.oid);
      if (leaf) verdict = verdictOf(verdict.index, leaf);
    }
    // What failed in this run is not tried again in it, but still counts.
    verdicts.push(outcome === 'failed' ? { ...verdict, decision: 'rebuild' } : verdict);
  }
  return verdicts;
}

/** Those with bytes of their own: a partitioned index is rebuilt leaf by leaf. */
const indexesOf = ({ indexes, layouts }: Survey<'indexes' | 'layouts'>): Index[] =>
  indexes.flatMap((index) => {
    const layout = layouts.get(index.oid);
    return layout && !index.partitioned ? [{ ...index, ...layout }] : [];
  });

const worstFirst = (a: Verdict, b: Verdict) => b.waste - a.waste || (a.index.name < b.index.name ? -1 : 1);

function workFor({ index, waste }: Verdict): Work {
  return {
    item: index.name,
    does: `REINDEX INDEX CONCURRENTLY ${index.name}`,
    before: { bytes: index.bytes, predicted: waste },
    minutes: Math.max(0.1, Math.ceil((10 * index.bytes) / bytesPerMinute) / 10),
    size: index.bytes,
  };
}

/** A sort may have 5 % of the memory, up to 1 GB: the server has other work. */
const resources = ({ cores, serverMemory, oldTransaction }: RebuildRules) => ({
  memory: Math.min(1024 ** 3, serverMemory / 20),
  parallel: cores > 2 ? 2 : 0,
  oldTransaction,
});

function graveFinding({ name, tableName }: Index, error: Error): Finding | undefined {
  switch (graveness(error)) {
    case 'corrupt':
      return {
        severity: 'critical',
        subject: name,
        message: `${name} or its table ${tableName} is corrupt: ${error.message} Nothing more was rebuilt in this database. Take a backup as it is before anything is mended, keep the old index, and find out which rows contradict it (extension amcheck).`,
        remedy: `SELECT bt_index_check(${literal(name)}::regclass, true); SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off; -- then look for equal keys in ${tableName}`,
      };
    case 'disk full':
      return {
        severity: 'critical',
        subject: name,
        message: `The disk is full: ${error.message} Nothing more was rebuilt in this database. Free space or grow the volume before the next run.`,
      };
    default:
      return undefined;
  }
}

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Where pgstatindex is missing, indexes without a past have one signal alone. */
function unmeasured(verdicts: readonly Verdict[]): Finding[] {
  const waiting = verdicts.filter(({ decision }) => decision === 'measure');
  if (waiting.length === 0) return [];
  const names = waiting.slice(0, 10).map(({ index }) => index.name);
  return [
    {
      severity: 'information',
      subject: `${waiting.length} indexes`,
      message: `They look bloated by one signal alone and could not be measured, so they were left: ${names.join(', ')}${waiting.length > names.length ? ' …' : ''}. Measuring needs the extension pgstattuple and pg_stat_scan_tables (in pg_monitor).`,
      remedy: 'CREATE EXTENSION IF NOT EXISTS pgstattuple',
    },
  ];
}
