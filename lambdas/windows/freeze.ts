import * as z from 'zod';
import type { CalendarState, CalendarStates, Closure } from '../clients/change-calendar.ts';

/** A freeze of the configuration. */
export const Freeze = z.strictObject({
  name: z.string(),
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  reason: z.string().optional(),
});
export type Freeze = z.infer<typeof Freeze>;

/** Why nothing may be maintained. */
export interface InForce {
  name: string;
  /** `unknown`: a change calendar could not be asked, which counts as closed. */
  kind: 'freeze' | 'calendar' | 'unknown';
  /** When it begins, where it is yet to begin; ISO 8601 UTC. */
  from?: string;
  /** When it ends, where that is known; ISO 8601 UTC. */
  until?: string;
  reason?: string;
}

/**
 * W11. What forbids maintenance at `from` or later, before `to`; without `to` at that moment. It holds from its beginning up to, and
 * not at, its end. `calendars` is what the change calendars say of `from`, or the error with which they could not be asked.
 */
export function inForce(
  freezes: readonly Freeze[],
  calendars: readonly CalendarState[] | Error,
  from: Date,
  to = new Date(from.getTime() + 1),
): InForce[] {
  const configured = freezes
    .filter((freeze) => Date.parse(freeze.from) < to.getTime() && Date.parse(freeze.to) > from.getTime())
    .map((freeze): InForce => ({
      name: freeze.name,
      kind: 'freeze',
      ...(Date.parse(freeze.from) > from.getTime() && { from: freeze.from }),
      until: freeze.to,
      ...(freeze.reason && { reason: freeze.reason }),
    }));
  if (calendars instanceof Error)
    return [...configured, { name: 'change calendar', kind: 'unknown', reason: calendars.message }];
  const closed = calendars.flatMap(({ calendar: name, closed, until }): InForce[] => {
    if (closed) return [{ name, kind: 'calendar', ...(until && { until }) }];
    return until && Date.parse(until) < to.getTime() ? [{ name, kind: 'calendar', from: until }] : [];
  });
  return [...configured, ...closed];
}

/** The closures of change calendars that forbid maintenance at `from` or later, before `to`. */
export const closedIn = (closures: readonly Closure[], from: Date, to: Date): InForce[] =>
  closures
    .filter(
      (one) => (!one.from || Date.parse(one.from) < to.getTime()) && (!one.to || Date.parse(one.to) > from.getTime()),
    )
    .map(({ calendar: name, from: begins, to: until }) => ({
      ...{ name, kind: 'calendar' as const },
      ...(begins && Date.parse(begins) > from.getTime() && { from: begins }),
      ...(until && { until }),
    }));

/** What forbids it, with the calendars asked. One that cannot be asked forbids maintenance too. */
export async function askInForce(
  freezes: readonly Freeze[],
  calendars: CalendarStates,
  from: Date,
  to?: Date,
): Promise<InForce[]> {
  const states = await calendars.at(from).catch((error: unknown) => error as Error);
  return inForce(freezes, states, from, to);
}

/** One of them in a sentence without its full stop: `the freeze Black Friday holds until 2026-11-30 06:00 UTC: most orders of the year`. */
export function frozenInWords({ name, kind, from, until, reason }: InForce): string {
  if (kind === 'unknown') return `a change calendar could not be asked, which counts as closed: ${reason}`;
  const what = kind === 'freeze' ? `the freeze ${name} holds` : `the change calendar ${name} is closed`;
  const when = [from && `from ${minuteOf(from)}`, until ? `until ${minuteOf(until)}` : !from && 'without an end'];
  return `${what} ${when.filter(Boolean).join(' ')}${reason ? `: ${reason}` : ''}`;
}

const minuteOf = (moment: string) => `${new Date(moment).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
