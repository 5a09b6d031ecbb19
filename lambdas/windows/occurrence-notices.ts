import * as z from 'zod';
import { noticeId, type OutboxKey } from '../framework/outbox.ts';
import { Environment, type Run } from '../framework/run.ts';
import { executionLink } from '../reports/console-links.ts';
import { capital, clock, day, stretch, words } from '../reports/format.ts';
import { titleOf } from '../reports/headline.ts';
import type { Occurrence } from './calendar.ts';
import type { Advance } from './due-notices.ts';
import { frozenInWords, type InForce } from './freeze.ts';
import { asciiSubject } from './notices.ts';

/** Notices about an occurrence of a window that no run has served: one that is planned, and one that a freeze keeps from running. */
const types = { planned: 'Maintenance Planned', frozen: 'Maintenance Frozen' } as const;

const Named = z.strictObject({ window: z.string(), occurrence: z.iso.datetime() });

/** The detail of such an event. Fields are added, never renamed or removed, within one version. */
const Detail = z.strictObject({
  version: z.literal(1),
  /** The same in the e-mail and in the event, and the same again when a notice is sent twice. */
  id: z.string().min(1),
  kind: z.enum(['planned', 'frozen']),
  environment: Environment,
  window: z.string().optional(),
  occurrence: z.iso.datetime().optional(),
  end: z.iso.datetime().optional(),
  operations: z.array(z.strictObject({ name: z.string() })),
  merged: z.array(Named),
  mergedInto: Named.optional(),
  freezes: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(['freeze', 'calendar', 'unknown']),
      from: z.string().optional(),
      until: z.string().optional(),
      reason: z.string().optional(),
    }),
  ),
  late: z.boolean(),
  execution: z.string().optional(),
  startedBy: z.enum(['schedule', 'hand']).optional(),
  reason: z.string().optional(),
});

/** What others can subscribe to, as EventBridge delivers it; docs/events.md describes it. */
export const OccurrenceEvent = z
  .object({
    source: z.literal('novacron.maintenance'),
    'detail-type': z.enum(Object.values(types)),
    detail: Detail,
  })
  .refine((event) => types[event.detail.kind] === event['detail-type'], {
    error: 'detail-type and detail.kind must say the same',
    path: ['detail-type'],
  });
export type OccurrenceEvent = z.infer<typeof OccurrenceEvent>;

/** A message to people and the same as an event to machines. */
export interface OccurrenceNotice {
  id: string;
  environment: Run['environment'];
  kind: keyof typeof types;
  subject: string;
  text: string;
  event: Pick<OccurrenceEvent, 'detail-type' | 'detail'>;
}

export interface PlannedFacts {
  environment: Run['environment'];
  advance: Advance;
  operations: string[];
  /** Occurrences of other windows that this one takes over. */
  merged: Occurrence[];
  /** The occurrence that takes this one over. */
  mergedInto?: Occurrence;
  /** What forbids maintenance at its start, or begins while it is open. */
  freezes: InForce[];
  /** Where the calendar lies. */
  calendar: string;
}

export const plannedKey = (environment: string, { window, start }: Occurrence): OutboxKey => ({
  environment,
  window,
  occurrence: start.toISOString(),
  kind: 'planned',
});

/** W10. The advance notice of a window. */
export function composePlanned({ environment, advance, ...facts }: PlannedFacts): OccurrenceNotice {
  const { operations, merged, mergedInto, freezes, calendar } = facts;
  const { window, start, end, due, late } = advance;
  const opening = { window, occurrence: start.toISOString(), end: end.toISOString() };
  const title = titleOn(environment, opening, operations);
  const frozen = freezes.some(({ from }) => !from);
  const sentence = `${frozen ? 'Planned, but frozen' : 'Planned'}: ${title}`;
  const id = noticeId(plannedKey(environment, advance));
  const lines = [
    `${sentence}.`,
    ...(late ? [`This notice is late: it was due on ${day(due.getTime())} at ${clock(due.getTime())} UTC.`] : []),
    ...freezes.map((freeze) => `${capital(frozenInWords(freeze))}.`),
    ...(frozen ? ['As things stand, this window will not run.'] : []),
    ...(!frozen && freezes.length > 0 ? ['What has not started by then will not be started.'] : []),
    '',
    `Window: ${stretch(opening.occurrence, opening.end)}`,
    `Operations: ${operations.map(words).join(', ')}`,
    ...merged.map((other) => `Takes over: ${openingOf(other)}; its operations run first.`),
    ...(mergedInto ? [`Is taken over by: ${openingOf(mergedInto)}, which runs these operations first.`] : []),
    '',
    `To skip it: add a freeze over its start to config/${environment}.yaml and deploy, or close a change calendar that is named there.`,
    `To stop it once it runs: stop its execution of the state machine novacron-${environment}-window in the Step Functions console.`,
    `Calendar: ${calendar}`,
    `Notice: ${id}`,
    '',
  ];
  return {
    ...{ id, environment, kind: 'planned', subject: asciiSubject(sentence), text: lines.join('\n') },
    event: {
      'detail-type': types.planned,
      detail: {
        ...{ version: 1, id, kind: 'planned', environment, ...opening },
        operations: operations.map((name) => ({ name })),
        merged: merged.map(named),
        ...(mergedInto && { mergedInto: named(mergedInto) }),
        ...{ freezes, late },
      },
    },
  };
}

export interface FrozenFacts {
  environment: Run['environment'];
  /** ARN of the execution that asked. */
  execution: string;
  startedBy: Run['startedBy'];
  reason: string;
  /** Absent where a person starts operations. */
  window?: string;
  occurrence?: string;
  end: string;
  operations: string[];
  merged: { window: string; occurrence: string }[];
  freezes: InForce[];
  /** It goes on asking: what forbids it may pass. */
  waits: boolean;
}

/** Once for an occurrence; a start outside of every occurrence stands for itself. */
export const frozenKey = ({
  environment,
  window = 'hand',
  occurrence,
  execution,
}: Pick<FrozenFacts, 'environment' | 'window' | 'occurrence' | 'execution'>): OutboxKey => ({
  environment,
  window,
  occurrence: occurrence ?? execution.split(':').at(-1)!,
  kind: 'frozen',
});

/** W11. A start that a freeze forbids. */
export function composeFrozen(facts: FrozenFacts): OccurrenceNotice {
  const { environment, execution, startedBy, reason, window, occurrence, end, operations, merged, freezes, waits } =
    facts;
  const opening = window && occurrence ? { window, occurrence, end } : undefined;
  const title = titleOn(environment, opening ?? { window }, operations);
  const sentence = `${waits ? 'Held back' : 'Frozen'}: ${title}`;
  const id = noticeId(frozenKey(facts));
  const lines = [
    `${sentence}.`,
    ...freezes.map((freeze) => `${capital(frozenInWords(freeze))}.`),
    waits
      ? `It asks again each minute and starts as soon as it may, at the latest while something still fits before ${clock(end)} UTC.`
      : 'Nothing was started and nothing was changed.',
    '',
    `Started by: ${startedBy === 'hand' ? 'a person, by hand' : 'the schedule'}: ${reason}`,
    `Operations: ${operations.map(words).join(', ')}`,
    ...merged.map((other) => `Would have taken over: ${words(other.window)} (${clock(other.occurrence)} UTC)`),
    `To run it after all: lift the freeze (config/${environment}.yaml and deploy, or the change calendar), then start it by hand.`,
    `Execution (asks for a login): ${executionLink(execution)}`,
    `Notice: ${id}`,
    '',
  ];
  return {
    ...{ id, environment, kind: 'frozen', subject: asciiSubject(sentence), text: lines.join('\n') },
    event: {
      'detail-type': types.frozen,
      detail: {
        ...{ version: 1, id, kind: 'frozen', environment, ...(opening ?? { ...(window && { window }) }) },
        operations: operations.map((name) => ({ name })),
        ...{ merged, freezes, late: false, execution, startedBy, reason },
      },
    },
  };
}

/** `production weekly maintenance on Sunday 29 November, 02:00-04:00 UTC`. */
function titleOn(
  environment: Run['environment'],
  { window, occurrence, end }: { window?: string; occurrence?: string; end?: string },
  operations: string[],
): string {
  const title = titleOf({ environment, window, operations: operations.map((name) => ({ name })) });
  if (!occurrence || !end) return title;
  const withoutYear = day(occurrence).replace(/ \d{4}$/, '');
  return `${title} on ${withoutYear}, ${clock(occurrence)}-${clock(end)} UTC`;
}

const openingOf = ({ window, start, end }: Occurrence) =>
  `${words(window)} (${clock(start.getTime())}-${clock(end.getTime())} UTC)`;

const named = ({ window, start }: Occurrence) => ({ window, occurrence: start.toISOString() });
