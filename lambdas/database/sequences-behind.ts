import { furthest, positionPast } from '../clients/postgres/sequence-position.ts';
import type { SequenceState } from '../clients/postgres/sequences.ts';
import { ownershipGrant } from '../clients/postgres/statements.ts';
import type { ServerFacts } from '../clients/postgres/survey/server.ts';
import type { Finding, Work } from '../framework/result.ts';
import { leftToOwnJobs, shortened } from './findings.ts';

export interface SequenceRules {
  /** A sequence is not moved to where more than this share of what its type or its columns hold is used up. */
  shareOfLimit: number;
}

export interface SequenceWork extends Work {
  oid: number;
}

/** The largest value of a column's type; its smallest is one more the other way. */
const largest: Record<string, bigint> = { smallint: 2n ** 15n - 1n, integer: 2n ** 31n - 1n, bigint: 2n ** 63n - 1n };

/**
 * Sequences that would give out a value that is there already, farthest behind first. By the catalog, never by name; in their own
 * direction and step; for a sequence that several columns share, past the farthest of them. D15.
 */
export function sequencesBehind(
  server: ServerFacts,
  sequences: readonly SequenceState[],
  rules: SequenceRules,
): { work: SequenceWork[]; findings: Finding[] } {
  const findings = leftToOwnJobs(server);
  const behind: { sequence: SequenceState; to: bigint; distance: bigint }[] = [];
  for (const sequence of sequences) {
    const unread = unreadOf(sequence);
    if (unread) {
      findings.push({
        severity: 'information',
        subject: sequence.name,
        message: `Whether it is behind is not known: ${unread}.`,
      });
      continue;
    }
    const end = furthest(sequence, sequence.columns);
    const to = positionPast(sequence, end);
    if (to === undefined) continue;
    const why = unmovable(sequence, to, end!, rules);
    if (why) {
      findings.push(why);
      continue;
    }
    behind.push({ sequence, to, distance: abs(to - sequence.issued) });
    if (!sequence.owned) {
      findings.push({
        severity: 'warning',
        subject: sequence.name,
        message: `It is behind, but it belongs to ${sequence.owner}: ${server.role} may not move it.`,
        remedy: ownershipGrant(sequence.owner, server.role),
      });
    }
  }
  if (behind.length > 0) findings.push(usualCause(behind.map(({ sequence }) => sequence)));
  behind.sort((a, b) => (b.distance > a.distance ? 1 : b.distance < a.distance ? -1 : 0));
  return {
    work: behind.map(({ sequence: { oid, name }, to, distance }) => ({
      item: name,
      does: `SELECT setval('${name.replaceAll("'", "''")}', ${to}, true)`,
      before: { behind: Number(distance) },
      minutes: 0.1,
      oid,
    })),
    findings: shortened(findings),
  };
}

const abs = (value: bigint) => (value < 0n ? -value : value);

/** What a person has to decide: a sequence that begins again on purpose, and one that would be used up. */
function unmovable(
  sequence: SequenceState,
  to: bigint,
  end: bigint,
  { shareOfLimit }: SequenceRules,
): Finding | undefined {
  const { name, issued, increment, cycle } = sequence;
  if (cycle) {
    return {
      severity: 'information',
      subject: name,
      message: `It begins again at its end (CYCLE), so that values it comes upon are there already on purpose: it was left at ${issued}.`,
    };
  }
  const limit = limitOf(sequence);
  if (abs(to) <= BigInt(Math.floor(shareOfLimit * 1_000)) * (abs(limit) / 1_000n)) return undefined;
  return {
    severity: 'critical',
    subject: name,
    message:
      `It stands at ${issued}, while ${columnsOf(sequence)} already holds ${end}: inserts will meet values that are there. It was not moved, because past that value ` +
      `hardly any are left before its end at ${limit}, and at the end every insert fails. Often a single row was given such a number by hand.`,
    remedy: `Renumber that row, or make the column and the sequence bigint; then: SELECT setval('${name.replaceAll("'", "''")}', <largest value>, true); it counts by ${increment}`,
  };
}

/** The last value that the sequence and all of its columns can hold, in its direction. */
function limitOf({ increment, min, max, columns }: SequenceState): bigint {
  const up = increment > 0n;
  const ofTypes = columns.flatMap(({ type }) => largest[type] ?? []).map((most) => (up ? most : -most - 1n));
  return [up ? max : min, ...ofTypes].reduce((one, other) => (up === other < one ? other : one));
}

const columnsOf = ({ columns }: SequenceState) => columns.map(({ name }) => name).join(' or ');

function unreadOf({ lastIsKnown, columns }: SequenceState): string | undefined {
  if (!lastIsKnown) return 'it is locked, or its value may not be read';
  const column = columns.find(({ unread }) => unread);
  return column && `${column.name}: ${column.unread}`;
}

function usualCause(behind: SequenceState[]): Finding {
  const kept = behind.filter(({ cache }) => cache > 1n).map(({ name }) => name);
  return {
    severity: 'information',
    subject: `${behind.length} sequence${behind.length === 1 ? '' : 's'} behind`,
    message:
      `Rows came with numbers of their own: from a restore, an import, or a subscriber that was promoted, since logical replication before PostgreSQL 19 does not bring sequences. ` +
      `Until they are moved, inserts fail with "duplicate key". ${behind.map(({ name }) => name).join(', ')}`.slice(
        0,
        1_600,
      ) +
      (kept.length > 0
        ? `. Values that sessions drew in advance (CACHE: ${kept.join(', ')}) are forgotten with the move.`.slice(
            0,
            300,
          )
        : ''),
  };
}
