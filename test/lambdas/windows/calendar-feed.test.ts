import { existsSync } from 'node:fs';
import { execa } from 'execa';
import ICAL from 'ical.js';
import { describe, expect, it } from 'vitest';
import { pythonPrograms } from '../../../local/bare/cache.mjs';
import { occurrencesBetween } from '../../../lambdas/windows/calendar.ts';
import type { Closure } from '../../../lambdas/clients/change-calendar.ts';
import { calendarFeed } from '../../../lambdas/windows/calendar-feed.ts';
import { parseWindow } from '../../../lib/config/window-grammar.ts';

const window = (name: string, window: string, notification: string, ...operations: string[]) =>
  parseWindow(name, { window, notification, operations });
const windows = [
  window('weekly', 'Sunday 02:00-04:00 UTC', '24 hours advance', 'database_optimization', 'cache_cleanup'),
  window('monthly', 'First Sunday 01:00-06:00 UTC', '1 week advance', 'index_rebuild'),
  window('quarterly', 'First Saturday 22:00-02:00 UTC', '1 month advance', 'major_upgrades'),
  { name: 'continuous', notice: 'none' as const, operations: ['continuous_deployment'] },
];
const freezes = [
  {
    name: 'Black Friday',
    from: '2026-11-27T00:00:00Z',
    to: '2026-11-30T06:00:00Z',
    reason: 'Most orders of the year; “nothing” is changed, not even by hand, äöü — whoever asks, whenever they ask',
  },
  { name: 'over', from: '2026-10-01T00:00:00Z', to: '2026-10-02T00:00:00Z' },
];
const now = new Date('2026-11-24T12:00:00Z');
const feed = (at = now, closures: Parameters<typeof calendarFeed>[2] = []) =>
  calendarFeed('production', { windows, freezes }, closures, at);

/** The events as another library reads them. */
const read = (text: string) =>
  new ICAL.Component(ICAL.parse(text) as unknown[]).getAllSubcomponents('vevent').map((component) => {
    const event = new ICAL.Event(component);
    return {
      uid: event.uid,
      summary: event.summary,
      description: event.description,
      start: event.startDate.toJSDate().toISOString(),
      end: event.endDate.toJSDate().toISOString(),
      zone: event.startDate.zone?.tzid,
      stamp: component.getFirstPropertyValue('dtstamp')?.toString(),
      categories: component.getAllProperties('categories').flatMap((property) => property.getValues() as string[]),
    };
  });
const at = (start: string, closures: Closure[] = []) =>
  read(feed(now, closures)).filter((event) => event.start === start);

describe('W11: the calendar, read by another library', () => {
  it('has every occurrence of the next 13 months at its time', () => {
    const until = new Date('2027-12-24T12:00:00Z');
    const expected = windows.flatMap((one) =>
      occurrencesBetween(one, now, until).map(({ start, end }) => [start.toISOString(), end.toISOString()].join()),
    );
    const events = read(feed()).filter(({ categories }) => categories.includes('maintenance'));
    expect(events.map(({ start, end }) => [start, end].join()).sort()).toEqual(expected.sort());
    expect(events.length).toBeGreaterThan(52 + 12);
  });

  it('says of a window what it does and when its notice goes out', () => {
    expect(at('2026-12-13T02:00:00.000Z')).toEqual([
      {
        uid: 'production-window-weekly-20261213T020000Z@maintenance.novacron',
        summary: 'Production weekly maintenance',
        description: 'Operations: database optimization, cache cleanup\nNotice: 24 hours ahead',
        start: '2026-12-13T02:00:00.000Z',
        end: '2026-12-13T04:00:00.000Z',
        zone: 'UTC',
        stamp: '2026-11-24T12:00:00Z',
        categories: ['maintenance', 'production', 'weekly'],
      },
    ]);
  });

  it('W8: shows on the first Sunday that the weekly window is merged into the monthly one', () => {
    const [weekly] = at('2026-12-06T02:00:00.000Z');
    const [monthly] = at('2026-12-06T01:00:00.000Z');
    expect(weekly).toMatchObject({
      summary: 'Production weekly maintenance, merged into monthly',
      description: expect.stringContaining('Is taken over by monthly (01:00 to 06:00 UTC).') as string,
    });
    expect(monthly!.description).toContain('Takes over weekly (02:00 to 04:00 UTC): its operations run first.');
  });

  it('shows a freeze that is ahead, which windows it forbids, and none that is over', () => {
    expect(at('2026-11-27T00:00:00.000Z')).toMatchObject([
      {
        summary: 'Freeze: Black Friday',
        end: '2026-11-30T06:00:00.000Z',
        description: `No maintenance in production.\n${freezes[0]!.reason}`,
        categories: ['freeze', 'production'],
      },
    ]);
    expect(at('2026-11-29T02:00:00.000Z')[0]).toMatchObject({ summary: 'Frozen: Production weekly maintenance' });
    expect(feed()).not.toContain('over-2026');
  });

  describe('and closures of change calendars', () => {
    const shared = 'arn:aws:ssm:eu-central-1:222222222222:document/shared';
    const advent = { calendar: 'changes', from: '2026-12-13T03:00:00.000Z', to: '2026-12-20T02:00:00.000Z' };
    const closed = (...closures: Closure[]) => read(feed(now, closures)).filter(({ uid }) => uid.includes('-closure-'));

    it('shows each, and which windows it forbids', () => {
      const events = read(feed(now, [advent]));
      expect(closed(advent)).toMatchObject([
        {
          ...{ summary: 'Closed: change calendar changes', categories: ['freeze', 'production'] },
          ...{ start: advent.from, end: advent.to, zone: 'UTC' },
          description: 'No maintenance in production: the change calendar changes is closed.',
        },
      ]);
      const sundays = events.filter(({ categories }) => categories.includes('weekly')).slice(2, 4);
      expect(sundays.map(({ start, summary }) => [start.slice(0, 10), summary])).toEqual([
        ['2026-12-13', 'Production weekly maintenance'],
        ['2026-12-20', 'Production weekly maintenance'],
      ]);
      expect(sundays.map(({ description }) => description.split('\n').at(-1))).toEqual([
        'The change calendar changes is closed from 2026-12-13 03:00 UTC until 2026-12-20 02:00 UTC.',
        'Notice: 24 hours ahead',
      ]);
      const earlier = { ...advent, from: '2026-12-13T02:00:00.000Z' };
      expect(at('2026-12-13T02:00:00.000Z', [earlier]).map(({ summary }) => summary)).toContain(
        'Frozen: Production weekly maintenance',
      );
    });

    it('has those that have begun, that have no end, and those of another account', () => {
      expect(closed({ calendar: shared })).toMatchObject([
        {
          ...{ summary: 'Closed: change calendar shared', start: '2026-11-24T00:00:00.000Z' },
          ...{ end: '2027-12-24T12:00:00.000Z' },
          description: `No maintenance in production: the change calendar ${shared} is closed.\nIt is closed already.\nIt has no end yet.`,
        },
      ]);
    });

    it('keeps the UID of one when it begins', () => {
      const [ahead] = closed(advent);
      const [begun] = closed({ calendar: advent.calendar, to: advent.to });
      expect(begun!.uid).toBe(ahead!.uid);
    });

    it('says that they are missing where the calendars could not be asked', () => {
      const text = feed(now, new Error('AccessDenied'));
      const described = new ICAL.Component(ICAL.parse(text) as unknown[]).getFirstPropertyValue('x-wr-caldesc');
      expect(described).toBe(
        'Maintenance windows and freezes of production. All times are UTC. Change calendars could not be asked: AccessDenied',
      );
      expect(read(text)).toEqual(read(feed()));
    });
  });

  it('shows a window that is open at this moment', () => {
    const open = read(feed(new Date('2026-12-13T03:59:59Z')));
    expect(open[0]).toMatchObject({ start: '2026-12-13T02:00:00.000Z' });
    expect(read(feed(new Date('2026-12-13T04:00:00Z')))[0]!.start).not.toBe('2026-12-13T02:00:00.000Z');
  });

  it('keeps the time of day across the days on which clocks change', () => {
    const weekly = read(feed()).filter(({ categories }) => categories.includes('weekly'));
    expect(new Set(weekly.map(({ start, zone }) => `${start.slice(11)} ${zone}`))).toEqual(
      new Set(['02:00:00.000Z UTC']),
    );
  });

  it('gives an occurrence the same UID on every build, and no two the same', () => {
    const uids = (moment: Date) => read(feed(moment)).map(({ uid }) => uid);
    const [today, tomorrow] = [uids(now), uids(new Date('2026-11-25T12:00:00Z'))];
    expect(new Set(today).size).toBe(today.length);
    expect(today.filter((uid) => !tomorrow.includes(uid))).toEqual([]);
  });
});

/** What vobject's validator says: which properties must be there, may not come twice, or exclude each other; and of what type values are. */
async function validate(text: string): Promise<string> {
  const { python } = pythonPrograms['cfn-lint'];
  if (!existsSync(python)) throw new Error(`${python} is missing. Make it: node local/bare/prepare.mjs cfn-lint`);
  const program = `
import sys, vobject
text = open(0, encoding='utf-8', newline='').read()
try:
    calendars = list(vobject.readComponents(text))
    for calendar in calendars:
        calendar.validate(raiseException=True)
    print(f'valid: {len(calendars)} calendar, {len(calendars[0].vevent_list)} events')
except Exception as problem:
    print(f'{type(problem).__name__}: {problem}')
`;
  const { stdout } = await execa(python, ['-c', program], { input: text });
  return stdout;
}

describe('W11: the calendar, as RFC 5545 wants it', () => {
  const lines = feed().split('\r\n');
  const closures = [{ calendar: 'changes' }, { calendar: 'others', from: '2026-12-13T03:00:00.000Z' }];

  it('is valid by a validator that has no part in making it', async () => {
    const text = feed(now, closures);
    expect(await validate(text)).toBe(`valid: 1 calendar, ${read(text).length} events`);
  });

  it.each<[mistake: string, plant: (text: string) => string, found: RegExp]>([
    ['no stamp', (text) => text.replace(/DTSTAMP:.*\r\n/, ''), /at least 1 DTSTAMP/],
    ['two UIDs', (text) => text.replace('UID:', 'UID:another\r\nUID:'), /more than 1 UID/],
    ['an end and a length', (text) => text.replace('DTEND:', 'DURATION:PT1H\r\nDTEND:'), /both DTEND and DURATION/],
    ['a thirteenth month', (text) => text.replace('DTSTART:202611', 'DTSTART:202613'), /ParseError/],
    ['no end', (text) => text.replace('END:VCALENDAR', ''), /never closed/],
  ])('has a validator that finds a planted mistake: %s', async (_mistake, plant, found) => {
    const broken = plant(feed());
    expect(broken).not.toBe(feed());
    expect(await validate(broken)).toMatch(found);
  });

  it('has no event that ends before it begins', () => {
    for (const { start, end } of read(feed(now, closures))) expect(end > start).toBe(true);
  });

  it('ends every line with CRLF', () => {
    expect(lines.length).toBeGreaterThan(500);
    expect(lines.filter((line) => /[\r\n]/.test(line))).toEqual([]);
  });

  it('folds lines at 75 octets, between characters', () => {
    expect(lines.filter((line) => Buffer.byteLength(line) > 75)).toEqual([]);
    expect(lines.some((line) => line.startsWith(' '))).toBe(true);
    expect(feed()).not.toContain('\uFFFD');
  });

  it('says its version and product once, and each event its UID, stamp, start and end, in UTC', () => {
    for (const property of ['VERSION:2.0', 'PRODID:', 'METHOD:PUBLISH'])
      expect(lines.filter((line) => line.startsWith(property))).toHaveLength(1);
    const events = feed().split('BEGIN:VEVENT').slice(1);
    for (const event of events)
      for (const property of [
        /\r\nUID:/,
        /\r\nDTSTAMP:\d{8}T\d{6}Z\r/,
        /\r\nDTSTART:\d{8}T\d{6}Z\r/,
        /\r\nDTEND:\d{8}T\d{6}Z\r/,
      ])
        expect(event).toMatch(property);
    expect(feed()).not.toMatch(/TZID|VTIMEZONE/);
  });
});
