import { expect, it } from 'vitest';
import { tallyOf, type TimedBrake } from '../../../lambdas/framework/brakes.ts';

const brake = (minute: number, signal: string, action: TimedBrake['action']): TimedBrake => ({
  signal,
  action,
  value: '',
  seconds: 0,
  at: new Date(Date.UTC(2026, 10, 29, 2, minute)).toISOString(),
});
const end = new Date(Date.UTC(2026, 10, 29, 2, 30));

it.each<[string, TimedBrake[], object]>([
  ['none', [], {}],
  ['one', [brake(1, 'lag', 'slow'), brake(4, 'lag', 'clear')], { brakes: 1, brakedMinutes: 3 }],
  [
    'slow, then paused',
    [brake(1, 'lag', 'slow'), brake(2, 'lag', 'pause'), brake(4, 'lag', 'clear')],
    { brakes: 2, brakedMinutes: 3 },
  ],
  [
    'two at once, counted once',
    [brake(1, 'lag', 'slow'), brake(2, 'WAL', 'pause'), brake(3, 'lag', 'clear'), brake(6, 'WAL', 'clear')],
    { brakes: 2, brakedMinutes: 5 },
  ],
  ['one that was not let go', [brake(20, 'lag', 'pause')], { brakes: 1, brakedMinutes: 10 }],
  ['a cancelled statement takes no time', [brake(1, 'who waits', 'cancel')], { brakes: 1, brakedMinutes: 0 }],
])('brakes: %s', (_, brakes, expected) => expect(tallyOf(brakes, end)).toEqual(expected));
