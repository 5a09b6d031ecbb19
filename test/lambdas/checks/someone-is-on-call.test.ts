import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gapsIn, whyNobodyIsOnCall } from '../../../lambdas/checks/on-call.ts';
import { handler } from '../../../lambdas/checks/someone-is-on-call.step.ts';
import { checkContext } from './check-context.ts';

const shift = (from: string, to: string, name = 'Ada') => ({
  name,
  contact: 'ada@novacron.io',
  from: `2026-11-29T${from}:00Z`,
  to: `2026-11-29T${to}:00Z`,
});
const [from, to] = [new Date('2026-11-29T02:00:00Z'), new Date('2026-11-29T04:00:00Z')];
const gaps = (...roster: ReturnType<typeof shift>[]) =>
  gapsIn(roster, from, to).map((gap) => `${gap.from.slice(11, 16)}-${gap.to.slice(11, 16)}`);

describe('gaps in a roster', () => {
  it('C5: are none where one person covers the stretch, or two between them, in any order', () => {
    expect(gaps(shift('00:00', '08:00'))).toEqual([]);
    expect(gaps(shift('03:00', '05:00', 'Grace'), shift('01:00', '03:00'))).toEqual([]);
    expect(gaps(shift('02:00', '04:00'))).toEqual([]);
  });

  it.each([
    ['nobody', [], ['02:00-04:00']],
    ['the end', [shift('01:00', '03:30')], ['03:30-04:00']],
    ['the beginning', [shift('02:30', '05:00')], ['02:00-02:30']],
    ['the middle', [shift('01:00', '02:30'), shift('03:00', '05:00')], ['02:30-03:00']],
    ['a shift inside a longer one', [shift('01:00', '03:30'), shift('02:10', '02:20')], ['03:30-04:00']],
    ['others’ times', [shift('00:00', '02:00'), shift('04:00', '09:00')], ['02:00-04:00']],
  ])('C5: are found: %s', (_case, roster, expected) => {
    expect(gaps(...roster)).toEqual(expected);
  });

  it('C5: are exactly the minutes that no shift holds', () => {
    const minute = fc.integer({ min: 0, max: 240 });
    const at = (value: number) => new Date(from.getTime() - 3_600_000 + value * 60_000);
    fc.assert(
      fc.property(fc.array(fc.tuple(minute, minute).filter(([start, stop]) => start < stop)), (pairs) => {
        const roster = pairs.map(([start, stop]) => ({
          name: 'a',
          contact: 'b',
          from: at(start).toISOString(),
          to: at(stop).toISOString(),
        }));
        const missing = gapsIn(roster, from, to);
        for (let value = 60; value < 180; value++) {
          const covered = pairs.some(([start, stop]) => start <= value && value < stop);
          const inGap = missing.some(
            (gap) => Date.parse(gap.from) <= at(value).getTime() && at(value).getTime() < Date.parse(gap.to),
          );
          expect(inGap).toBe(!covered);
        }
      }),
    );
  });

  it('are told with day and time, and what to do', () => {
    expect(whyNobodyIsOnCall([shift('01:00', '03:30')], from, to)).toEqual([
      'Nobody is on call on Sunday 29 November 2026, 03:30 to 04:00 UTC. Add a person to the roster for that time.',
    ]);
  });
});

describe('the check “someone is on call”', () => {
  const parse = (roster: unknown) => handler.spec.input.parse({ roster });
  const hour = (offset: number) => new Date(Date.now() + offset * 3_600_000).toISOString();
  const ada = { name: 'Ada', contact: '+49 30 1234', from: hour(-1), to: hour(3) };

  it('C5: passes when somebody is there until the window’s end', async () => {
    expect(await handler.spec.run(parse([ada]), checkContext())).toEqual({
      done: 1,
      left: 0,
      failed: 0,
      numbers: { shifts: 1 },
    });
  });

  it('C5: fails when the shift ends before the window, and with no roster at all', async () => {
    expect(await handler.spec.run(parse([{ ...ada, to: hour(0.5) }]), checkContext())).toMatchObject({
      failed: 1,
      findings: [{ severity: 'warning' }],
    });
    expect(await handler.spec.run(handler.spec.input.parse({}), checkContext())).toMatchObject({ failed: 1 });
  });

  it('C5: refuses a roster it does not understand, naming the field', () => {
    expect(() => parse([{ ...ada, from: 'Sunday' }])).toThrow(/roster[\s\S]*from/);
    expect(() => parse([{ ...ada, to: ada.from }])).toThrow(/must end after it begins/);
    expect(() => parse([{ ...ada, from: '2026-11-29T02:00:00' }])).toThrow();
  });

  it('takes date-times of other time zones', async () => {
    const elsewhere = new Date(Date.now() + 60_000).toISOString().replace('Z', '+02:00');
    expect(await handler.spec.run(parse([{ ...ada, from: elsewhere }]), checkContext())).toMatchObject({ failed: 0 });
  });

  it('C5: throws, and so counts as failed, when the run’s end cannot be read', async () => {
    const broken = { ...checkContext(), run: { ...checkContext().run, end: 'soon' } };
    await expect(handler.spec.run(parse([]), broken)).rejects.toThrow();
  });
});
