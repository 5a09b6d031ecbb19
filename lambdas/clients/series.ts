import type { Client } from '../framework/client.ts';
import type { Numbers } from '../framework/result.ts';
import type { RunOutcome } from '../framework/run.ts';
import { openTable, type Key, type Table } from './table.ts';

/**
 * What outlives the record of a run: numbers over time (O1), and how runs came out (W9).
 *
 *   METRIC#env#READING#target  sk hour         {at, gauges, counters, since}   kept for two weeks, then its day is enough
 *   METRIC#env#DAY             sk day#target   {period, target, hours, complete, numbers}
 *   METRIC#env#WEEK            sk week#target  the same, rolled up from days
 *   SUMMARY#env                sk openedAt#id  what the trends say of a run
 *
 * Whatever is written again replaces what was there. All targets of an environment lie in one partition by time, so that a report
 * reads them with one question.
 */
export interface Series {
  /** From one hour to another, both included: `2026-11-29T02`. */
  readings(environment: string, target: string, from: string, to: string): Promise<Reading[]>;
  /** A later one in the same hour replaces the earlier. */
  keepReading(environment: string, target: string, reading: Reading): Promise<void>;
  /** From one day or week to another, both included, in their order. */
  periods(environment: string, kind: PeriodKind, from: string, to: string): Promise<Period[]>;
  keepPeriods(environment: string, kind: PeriodKind, periods: Period[], keepDays: number, now: Date): Promise<void>;
  /** Of the runs opened since, in their order. */
  summaries(environment: string, since: Date, until: Date): Promise<RunSummary[]>;
  keepSummary(environment: string, summary: RunSummary, keepDays: number): Promise<void>;
}

/** What was seen of a target at one moment. */
export interface Reading {
  /** ISO 8601 UTC. */
  at: string;
  /** What is so at this moment: sizes, connections. */
  gauges: Numbers;
  /** What only grows, counted since `since`: transactions. */
  counters: Numbers;
  since?: string;
}

/** One number over a day or a week. The weight is that of its mean: samples, hours, or what a share is a share of. */
export interface Rolled {
  min: number;
  max: number;
  mean: number;
  last: number;
  weight: number;
}

export type PeriodKind = 'DAY' | 'WEEK';

/** The numbers of a target over a UTC day (`2026-11-29`) or an ISO week (`2026-W48`). What was not read is not there: never zero. */
export interface Period {
  period: string;
  target: string;
  /** Hours of it that were read. */
  hours: number;
  /** It is over and was read in full. */
  complete: boolean;
  numbers: Record<string, Rolled>;
  /** Made up, by the local system for its past. */
  sample?: true;
}

/** What the trends say of a run that was not a dry one. */
export interface RunSummary {
  id: string;
  /** Absent where operations were started by hand. */
  window?: string;
  openedAt: string;
  outcome: RunOutcome;
  /** From its opening to the end of its work. */
  minutes: number;
  operations: { operation: string; outcome: string; done: number; left: number; failed: number }[];
  /** Of the items done: how many times its forecast an item took, the median. */
  forecast?: { items: number; ratio: number };
  /** Made up, by the local system for its past. */
  sample?: true;
}

const readingDays = 14;
const dayMillis = 86_400_000;

/** The whole of `series` on a table. */
export function seriesOn(table: Table): Series {
  const put = (key: Key, item: object, from: string | Date, days: number) => {
    const expires = Math.floor((new Date(from).getTime() + days * dayMillis) / 1_000);
    return table.write([{ Put: { Item: { ...key, ...item, expires } } }]);
  };
  const read = async <T>(pk: string, from: string, to: string) =>
    (await table.range(pk, from, to)).map(({ pk: _pk, sk: _sk, expires: _expires, ...item }) => item as T);
  const readingsOf = (environment: string, target: string) => `METRIC#${environment}#READING#${target}`;
  const periodsOf = (environment: string, kind: PeriodKind) => `METRIC#${environment}#${kind}`;
  const summariesOf = (environment: string) => `SUMMARY#${environment}`;

  return {
    readings: (environment, target, from, to) => read(readingsOf(environment, target), from, to),
    async keepReading(environment, target, reading) {
      const hour = reading.at.slice(0, 'yyyy-mm-ddThh'.length);
      await put({ pk: readingsOf(environment, target), sk: hour }, reading, reading.at, readingDays);
    },
    periods: (environment, kind, from, to) => read(periodsOf(environment, kind), from, `${to}#\uffff`),
    async keepPeriods(environment, kind, periods, keepDays, now) {
      for (const period of periods)
        await put({ pk: periodsOf(environment, kind), sk: `${period.period}#${period.target}` }, period, now, keepDays);
    },
    summaries: (environment, since, until) =>
      read(summariesOf(environment), since.toISOString(), `${until.toISOString()}#\uffff`),
    async keepSummary(environment, summary, keepDays) {
      const sk = `${summary.openedAt}#${summary.id}`;
      await put({ pk: summariesOf(environment), sk }, summary, summary.openedAt, keepDays);
    },
  };
}

export const series: Client<Series> = {
  needs: 'series',
  async open() {
    return { ...seriesOn(await openTable()), async [Symbol.asyncDispose]() {} };
  },
};
