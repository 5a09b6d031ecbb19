import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  composeFrozen,
  composePlanned,
  frozenKey,
  OccurrenceEvent,
  type FrozenFacts,
  type PlannedFacts,
} from '../../../lambdas/windows/occurrence-notices.ts';

const start = new Date('2026-11-29T02:00:00Z');
const end = new Date('2026-11-29T04:00:00Z');
const planned: PlannedFacts = {
  environment: 'production',
  advance: { window: 'weekly', start, end, due: new Date('2026-11-28T02:00:00Z'), late: false },
  operations: ['database_optimization', 'cache_cleanup'],
  merged: [],
  freezes: [],
  calendar: 's3://reports-of-production/calendar/production.ics',
};
const freeze = { name: 'Black Friday', kind: 'freeze' as const, until: '2026-11-30T06:00:00Z', reason: 'most orders' };
const frozen: FrozenFacts = {
  environment: 'production',
  execution: 'arn:aws:states:eu-west-1:123456789012:execution:novacron-production-window:run-1',
  startedBy: 'schedule',
  reason: 'the schedule opened weekly',
  window: 'weekly',
  occurrence: start.toISOString(),
  end: end.toISOString(),
  operations: ['database_optimization'],
  merged: [],
  freezes: [freeze],
  waits: false,
};

describe('W10: the notice of a planned window', () => {
  it('says first what is planned, and when', () => {
    expect(composePlanned(planned).subject).toBe(
      'Planned: production weekly maintenance on Sunday 29 November, 02:00-04:00 UTC',
    );
  });

  it('says what runs, how to skip it, how to stop it, and where the calendar is', () => {
    const { text } = composePlanned(planned);
    expect(text).toContain('Operations: database optimization, cache cleanup');
    expect(text).toContain('To skip it: add a freeze over its start to config/production.yaml');
    expect(text).toContain('stop its execution of the state machine novacron-production-window');
    expect(text).toContain('Calendar: s3://reports-of-production/calendar/production.ics');
    expect(text).toContain('Notice: production/weekly/2026-11-29T02:00:00.000Z/planned');
  });

  it('W11: says that a freeze covers it', () => {
    const { subject, text, event } = composePlanned({ ...planned, freezes: [freeze] });
    expect(subject).toBe('Planned, but frozen: production weekly maintenance on Sunday 29 November, 02:00-04:00 UTC');
    expect(text).toContain('The freeze Black Friday holds until 2026-11-30 06:00 UTC: most orders.\nAs things stand');
    expect(event.detail.freezes).toEqual([freeze]);
  });
});

describe('W11: the notice of a frozen start', () => {
  it('says which freeze, until when, and what to do', () => {
    const { subject, text } = composeFrozen(frozen);
    expect(subject).toBe('Frozen: production weekly maintenance on Sunday 29 November, 02:00-04:00 UTC');
    expect(text).toContain(
      'The freeze Black Friday holds until 2026-11-30 06:00 UTC: most orders.\nNothing was started',
    );
    expect(text).toContain('To run it after all: lift the freeze');
  });

  it('says that it goes on asking where it could not learn whether it may', () => {
    const unknown = { name: 'change calendar', kind: 'unknown' as const, reason: 'throttled' };
    const { subject, text } = composeFrozen({ ...frozen, freezes: [unknown], waits: true });
    expect(subject).toMatch(/^Held back: /);
    expect(text).toContain('A change calendar could not be asked, which counts as closed: throttled.\nIt asks again');
  });

  it('is one for an occurrence, whoever asks, and one for each start by hand outside of every occurrence', () => {
    const other = frozen.execution.replace('run-1', 'run-2');
    expect(frozenKey({ ...frozen, execution: other })).toEqual(frozenKey(frozen));
    const byHand = { ...frozen, window: undefined, occurrence: undefined };
    expect(frozenKey(byHand)).toMatchObject({ window: 'hand', occurrence: 'run-1' });
    expect(frozenKey({ ...byHand, execution: other })).not.toEqual(frozenKey(byHand));
  });
});

it.each([
  ['planned', composePlanned(planned)],
  [
    'planned, late, merging and frozen',
    composePlanned({
      ...planned,
      advance: { ...planned.advance, late: true },
      merged: [{ window: 'daily', start, end }],
      mergedInto: { window: 'monthly', start, end },
      freezes: [freeze],
    }),
  ],
  ['frozen', composeFrozen(frozen)],
  ['frozen by hand', composeFrozen({ ...frozen, startedBy: 'hand', window: undefined, occurrence: undefined })],
])('a notice of a window that is %s is an event of the documented schema', (_what, { id, event, subject, text }) => {
  expect(OccurrenceEvent.parse({ source: 'novacron.maintenance', ...event }).detail).toEqual(event.detail);
  expect(event.detail.id).toBe(id);
  expect(text).toContain(`Notice: ${id}`);
  expect(subject.length).toBeLessThanOrEqual(100);
});

describe('docs/events.md', () => {
  const documentation = readFileSync(new URL('../../../docs/events.md', import.meta.url), 'utf8');
  const examples = [...documentation.matchAll(/```json\n([\s\S]*?)```/g)]
    .map(([, json]) => JSON.parse(json ?? '') as { detail?: { kind?: unknown; version?: number } })
    .filter(({ detail }) => detail?.kind === 'planned' || detail?.kind === 'frozen');

  it('shows events that the schema takes', () => {
    expect(examples).toHaveLength(1);
    for (const example of examples) expect(OccurrenceEvent.safeParse(example).error).toBeUndefined();
  });

  it('names every field and every kind', () => {
    for (const field of Object.keys(OccurrenceEvent.shape.detail.shape))
      expect(documentation).toContain(`\`${field}\``);
    for (const type of OccurrenceEvent.shape['detail-type'].options) expect(documentation).toContain(type);
  });
});
