import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../../lib/config/load.ts';
import { operations, stepSettings, edited, mistakesOf } from './edited.ts';

describe('W11: freezes', () => {
  const frozen = (freezes: string, changeCalendars = '[]') =>
    edited(
      'production.yaml',
      ['freezes: []', `freezes: ${freezes}`],
      ['changeCalendars: []', `changeCalendars: ${changeCalendars}`],
    );

  it('and change calendars are as the file says', () => {
    const folder = frozen(
      '[{ name: Black Friday, from: 2026-11-27T00:00:00Z, to: 2026-11-30T06:00:00Z, reason: orders }]',
      '[changes, "arn:aws:ssm:eu-central-1:222222222222:document/shared"]',
    );
    const { freezes, changeCalendars } = loadConfiguration({
      ...{ folder, environment: 'production', operations, stepSettings },
    });
    expect(freezes).toEqual([
      { name: 'Black Friday', from: '2026-11-27T00:00:00Z', to: '2026-11-30T06:00:00Z', reason: 'orders' },
    ]);
    expect(changeCalendars).toEqual(['changes', 'arn:aws:ssm:eu-central-1:222222222222:document/shared']);
  });

  it('are none where the file names none', () => {
    const { freezes, changeCalendars } = loadConfiguration({
      ...{ folder: edited('staging.yaml'), environment: 'staging', operations, stepSettings },
    });
    expect([freezes, changeCalendars]).toEqual([[], []]);
  });

  it.each([
    [
      'an end before its beginning',
      '[{ name: it, from: 2026-11-30T00:00:00Z, to: 2026-11-27T00:00:00Z }]',
      'freezes[0].to',
      /a moment after from/,
    ],
    [
      'no length',
      '[{ name: it, from: 2026-11-30T00:00:00Z, to: 2026-11-30T00:00:00.000Z }]',
      'freezes[0].to',
      /a moment after from/,
    ],
    [
      'a local time',
      '[{ name: it, from: 2026-11-30T00:00:00+01:00, to: 2026-12-01T00:00:00Z }]',
      'freezes[0].from',
      /a moment in UTC/,
    ],
    ['no end', '[{ name: it, from: 2026-11-30T00:00:00Z }]', 'freezes[0].to', /a moment in UTC/],
    ['no name', '[{ from: 2026-11-30T00:00:00Z, to: 2026-12-01T00:00:00Z }]', 'freezes[0].name', /a name/],
    [
      'a name twice',
      '[{ name: it, from: 2026-11-30T00:00:00Z, to: 2026-12-01T00:00:00Z }, { name: it, from: 2026-11-30T00:00:00Z, to: 2026-12-01T00:00:00Z }]',
      'freezes[1].name',
      /each only once/,
    ],
    [
      'a key that does not exist',
      '[{ name: it, until: 2026-12-01T00:00:00Z, from: 2026-11-30T00:00:00Z, to: 2026-12-01T00:00:00Z }]',
      'freezes[0].until',
      /name, from, to, reason/,
    ],
  ])('with %s are refused by field', (_what, freezes, field, allowed) => {
    expect(mistakesOf(frozen(freezes))).toMatchObject([{ field, allowed: expect.stringMatching(allowed) as string }]);
  });

  it.each([
    ['an ARN of something else', '["arn:aws:ssm:eu-central-1:222222222222:parameter/it"]', 'changeCalendars[0]'],
    ['a name with a blank', '["our changes"]', 'changeCalendars[0]'],
    ['the same one twice', '[changes, changes]', 'changeCalendars[1]'],
  ])('as change calendars, %s is refused', (_what, calendars, field) => {
    expect(mistakesOf(frozen('[]', calendars)).map((mistake) => mistake.field)).toEqual([field]);
  });
});
