import type { Baseline } from '../clients/baselines.ts';
import type { LeafPages } from '../clients/postgres/leaf-pages.ts';
import type { IndexFacts } from '../clients/postgres/survey/indexes.ts';
import type { IndexLayout } from '../clients/postgres/survey/layouts.ts';
import type { Finding } from '../framework/result.ts';
import { rebuiltBytes } from './index-size.ts';
import { invalidIndex } from './trouble/indexes.ts';

/** An index with what its size is judged by. */
export type Index = IndexFacts & IndexLayout;

export interface BloatRules {
  /** Smaller ones are not worth three waits for other transactions, larger ones are a person's decision. Bytes. */
  minBytes: number;
  maxBytes: number;
  /** By the estimate: share of the index that is waste, 0 to 1, and bytes. */
  minShare: number;
  minWaste: number;
  /** Times the bytes that an entry had after the last rebuild. */
  growth: number;
  /** Share of the fill factor under which leaf pages are thin, and share of pages without entries. */
  thin: number;
  empty: number;
  /** pgstatindex reads the whole index: not beyond this size, in bytes. */
  maxMeasured: number;
  /** Days within which an index is not rebuilt again. */
  restDays: number;
  /** Share of a table's rows that changed since they were counted, beyond which it is analysed first. */
  stale: number;
  /** Rebuilt whatever the signals say, of any access method: schema-qualified, as SQL quotes them. */
  requested: readonly string[];
}

export const signals = ['estimate', 'baseline', 'leaf pages'] as const;
export type Signal = (typeof signals)[number];

/** What is known of one index, and what follows. */
export interface Verdict {
  index: Index;
  /** Those that call it bloated, and those that could be asked at all. */
  bloated: Signal[];
  known: Signal[];
  /** Bytes that a rebuild is expected to give back. */
  waste: number;
  decision: 'rebuild' | 'measure' | 'analyse first' | 'leave';
}

/** Two signals must agree: each is wrong sometimes, and a needless rebuild costs as much as one that was needed (D21). */
const agreeing = 2;
/** Longer keys are compressed, shortened or moved away, so their mean width says little. Bytes. */
const longestKey = 100;
/** An estimate whose last promise was kept by less than this is not believed again for that index. */
const keptPromise = 0.5;

/**
 * Whether to rebuild one index (D6, D21). Without `leaf`, what pgstatindex measured, the answer may be to measure it first; never
 * for a signal alone.
 */
export function verdictOn(
  index: Index,
  baseline: Baseline | undefined,
  now: Date,
  rules: BloatRules,
  leaf?: LeafPages,
): Verdict {
  const own = baseline?.definition === definitionOf(index) ? baseline : undefined;
  const judged = judge(index, own, rules, leaf);
  const decide = (decision: Verdict['decision']): Verdict => ({ index, ...judged, decision });
  if (refusalOf(index) || index.busy) return decide('leave');
  if (own && now.getTime() - Date.parse(own.at) < rules.restDays * 86_400_000) return decide('leave');
  if (rules.requested.includes(index.name)) return decide('rebuild');
  if (index.accessMethod !== 'btree' || index.bytes < rules.minBytes || index.bytes > rules.maxBytes)
    return decide('leave');
  if (judged.bloated.length > 0 && index.changedShare > rules.stale) return decide('analyse first');
  if (judged.bloated.length >= agreeing) return decide('rebuild');
  const measurable = leaf === undefined && index.bytes <= rules.maxMeasured;
  return decide(judged.bloated.length === agreeing - 1 && measurable ? 'measure' : 'leave');
}

function judge(index: Index, own: Baseline | undefined, rules: BloatRules, leaf: LeafPages | undefined) {
  const { bytes } = index;
  const wasteBy: Partial<Record<Signal, number>> = {};
  const bloated: Signal[] = [];
  const estimated = estimatedBytes(index);
  if (estimated !== undefined && !hasDisappointed(own)) {
    wasteBy.estimate = bytes - estimated;
    if (wasteBy.estimate >= Math.max(rules.minWaste, rules.minShare * bytes)) bloated.push('estimate');
  }
  if (own && own.entries > 0 && index.estimatedTuples > 0) {
    const before = (own.bytes / own.entries) * index.estimatedTuples;
    wasteBy.baseline = bytes - before;
    if (bytes >= rules.growth * before && wasteBy.baseline >= rules.minWaste) bloated.push('baseline');
  }
  if (leaf) {
    wasteBy['leaf pages'] = bytes - filledBytes(index, leaf);
    if (leaf.density < rules.thin * fillfactorOf(index) || leaf.empty / leaf.pages > rules.empty)
      bloated.push('leaf pages');
  }
  const known = signals.filter((signal) => wasteBy[signal] !== undefined);
  // What was measured is believed before what was remembered, and that before what was computed.
  const best = known.at(-1);
  return { bloated, known, waste: Math.max(0, Math.round((best && wasteBy[best]) ?? 0)) };
}

/** Bytes after a rebuild by the planner's statistics; undefined where they do not say it. */
export function estimatedBytes(index: Index): number | undefined {
  const { accessMethod, columns, estimatedTuples: entries, deduplicates } = index;
  if (accessMethod !== 'btree' || !columns || entries < 0) return undefined;
  if (columns.some(({ width, varies }) => varies && width > longestKey)) return undefined;
  return rebuiltBytes({ entries, columns, fillfactor: fillfactorOf(index), deduplicates, page });
}

/** Bytes of a page, as PostgreSQL is built everywhere. */
const page = 8_192;
const fillfactorOf = ({ options }: Index) => Number(options['fillfactor'] ?? 90);

/** Why an index is not rebuilt here, whatever its state. */
export function refusalOf({ valid, ready, live, exclusion, owned }: Index) {
  if (!valid || !ready || !live) return 'invalid';
  if (exclusion) return 'exclusion constraint';
  return owned ? undefined : 'not granted';
}

/** What it indexes: an index of the same name that indexes something else has another past. */
export const definitionOf = ({
  table,
  unique,
  keys,
  included,
  operatorClasses,
  collations,
  keyOptions,
  expressions,
  predicate,
}: Index) => [table, unique, keys, included, operatorClasses, collations, keyOptions, expressions, predicate].join('|');

const hasDisappointed = (own: Baseline | undefined) =>
  own?.predicted !== undefined && own.gained !== undefined && own.gained < keptPromise * own.predicted;

/** What lies in the leaves, at their fill factor. */
const filledBytes = (index: Index, { leaves, density }: LeafPages) => (leaves * page * density) / fillfactorOf(index);

/** What a person should know of indexes that nobody rebuilds here. */
export function findingsOn(
  verdicts: readonly Verdict[],
  baselines: ReadonlyMap<string, Baseline>,
  rules: BloatRules,
  role: string,
) {
  return verdicts.flatMap(({ index, bloated, waste }): Finding[] => {
    if (refusalOf(index) === 'invalid') return index.busy ? [] : [invalidIndex(index)];
    if (refusalOf(index) === 'not granted' && bloated.length > 0) return [notGranted(index, role)];
    if (index.bytes > rules.maxBytes && bloated.length > 0) return [tooLarge(index, waste)];
    if (index.accessMethod !== 'btree' && hasDoubled(index, baselines.get(index.name))) return [grown(index)];
    return [];
  });
}

/** Access methods other than btree have no estimate: only their own past says something. */
function hasDoubled(index: Index, own: Baseline | undefined): boolean {
  if (!own || own.definition !== definitionOf(index) || own.entries <= 0 || index.estimatedTuples <= 0) return false;
  return index.bytes / index.estimatedTuples >= 2 * (own.bytes / own.entries);
}

const rebuildStatement = ({ name }: Index) => `REINDEX INDEX CONCURRENTLY ${name}`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1_000_000).toLocaleString('en')} MB`;

const notGranted = ({ name, tableName, owner }: Index, role: string): Finding => ({
  severity: 'warning',
  subject: name,
  message: `It looks bloated, but it belongs to ${owner}: ${role} may not rebuild it on ${tableName}, nor clean up after a rebuild that failed.`,
  remedy: `GRANT ${owner} TO ${role}`,
});

const tooLarge = (index: Index, waste: number): Finding => ({
  severity: 'information',
  subject: index.name,
  message: `It looks bloated by ${megabytes(waste)}, but with ${megabytes(index.bytes)} its rebuild is for a person to plan: it takes hours and as much room again.`,
  remedy: rebuildStatement(index),
});

const grown = (index: Index): Finding => ({
  severity: 'information',
  subject: index.name,
  message: `The ${index.accessMethod} index has more than twice the bytes for each row that it had after its last rebuild. It is rebuilt when it stands under "requested" in the step's settings.`,
  remedy: rebuildStatement(index),
});
