import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepError } from '../../../lambdas/framework/errors.ts';
import { askInForce, frozenInWords, inForce, type InForce } from '../../../lambdas/windows/freeze.ts';

const friday = {
  name: 'Black Friday',
  from: '2026-11-27T00:00:00Z',
  to: '2026-11-30T06:00:00Z',
  reason: 'most orders of the year',
};
const at = (moment: string) => new Date(moment);
const open = (until?: string) => ({ calendar: 'changes', closed: false, ...(until && { until }) });
const closed = (until?: string) => ({ calendar: 'changes', closed: true, ...(until && { until }) });

describe('W11: what forbids maintenance at a moment', () => {
  it.each([
    ['a freeze, from its first moment', [], '2026-11-27T00:00:00Z', ['Black Friday']],
    ['a freeze, to its last moment', [], '2026-11-30T05:59:59.999Z', ['Black Friday']],
    ['no freeze before it begins', [], '2026-11-26T23:59:59.999Z', []],
    ['no freeze when it ends', [], '2026-11-30T06:00:00Z', []],
    ['a closed change calendar', [closed('2026-12-24T00:00:00Z')], '2026-12-20T02:00:00Z', ['changes']],
    ['no open one, also where it closes a second later', [open('2026-12-20T02:00:01Z')], '2026-12-20T02:00:00Z', []],
    ['both', [closed()], '2026-11-29T02:00:00Z', ['Black Friday', 'changes']],
  ])('%s', (_what, calendars, moment, names) => {
    expect(inForce([friday], calendars, at(moment)).map(({ name }) => name)).toEqual(names);
  });

  it('a change calendar that cannot be asked, whatever the reason', async () => {
    const calendars = { at: () => Promise.reject(new StepError('Refused', 'no right to ask')) };
    expect(await askInForce([], calendars, at('2026-12-20T02:00:00Z'))).toEqual([
      { name: 'change calendar', kind: 'unknown', reason: 'no right to ask' },
    ]);
  });

  it('a freeze that is known, beside the calendar that is not', async () => {
    const calendars = { at: () => Promise.reject(new StepError('Retryable', 'throttled')) };
    const holding = await askInForce([friday], calendars, at('2026-11-29T02:00:00Z'));
    expect(holding.map(({ kind }) => kind)).toEqual(['freeze', 'unknown']);
  });
});

describe('W11: what forbids maintenance in a window', () => {
  const window = [at('2026-11-26T23:00:00Z'), at('2026-11-27T01:00:00Z')] as const;

  it.each<[string, Parameters<typeof inForce>[1], InForce[]]>([
    [
      'a freeze that begins while it is open, with its beginning',
      [],
      [{ name: 'Black Friday', kind: 'freeze', from: friday.from, until: friday.to, reason: friday.reason }],
    ],
    [
      'a change calendar that closes while it is open',
      [open('2026-11-27T00:30:00Z')],
      [
        expect.objectContaining({ name: 'Black Friday' }) as InForce,
        { name: 'changes', kind: 'calendar', from: '2026-11-27T00:30:00Z' },
      ],
    ],
    [
      'no change calendar that closes at its end',
      [open('2026-11-27T01:00:00Z')],
      [expect.objectContaining({ name: 'Black Friday' }) as InForce],
    ],
  ])('%s', (_what, calendars, expected) => {
    expect(inForce([friday], calendars, ...window)).toEqual(expected);
  });

  it('for every freeze and window: exactly those that share a moment', () => {
    const stretch = fc
      .tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 50 }))
      .map(([from, length]) => ({ from: from * 60_000, to: (from + length) * 60_000 }));
    fc.assert(
      fc.property(stretch, stretch, (freeze, window) => {
        const named = { name: 'it', from: new Date(freeze.from).toISOString(), to: new Date(freeze.to).toISOString() };
        const shares = Array.from({ length: 100 }, (_, minute) => minute * 60_000).some((moment) =>
          [freeze, window].every(({ from, to }) => from <= moment && moment < to),
        );
        expect(inForce([named], [], new Date(window.from), new Date(window.to)).length > 0).toBe(shares);
      }),
    );
  });
});

it.each<[InForce, string]>([
  [
    { name: 'Black Friday', kind: 'freeze', until: friday.to, reason: friday.reason },
    'the freeze Black Friday holds until 2026-11-30 06:00 UTC: most orders of the year',
  ],
  [{ name: 'changes', kind: 'calendar' }, 'the change calendar changes is closed without an end'],
  [
    { name: 'changes', kind: 'calendar', from: '2026-11-27T00:30:00Z' },
    'the change calendar changes is closed from 2026-11-27 00:30 UTC',
  ],
  [
    { name: 'change calendar', kind: 'unknown', reason: 'throttled' },
    'a change calendar could not be asked, which counts as closed: throttled',
  ],
])('W11: %o is told as a sentence', (holding, sentence) => {
  expect(frozenInWords(holding)).toBe(sentence);
});
