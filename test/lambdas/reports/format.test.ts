import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytes,
  count,
  duration,
  fall,
  measure,
  nameOf,
  plural,
  stretch,
  words,
} from '../../../lambdas/reports/format.ts';

describe('numbers', () => {
  it.each([
    [0, '0'],
    [1_234_567, '1,234,567'],
    [4.125, '4.13'],
    [1_234.5, '1,235'],
  ])('%d is written %s', (value, written) => {
    expect(count(value)).toBe(written);
  });

  it('agree with what they count', () => {
    expect([plural(1, 'check'), plural(2, 'check'), plural(0, 'item')]).toEqual(['1 check', '2 checks', '0 items']);
  });

  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [1_023, '1,023 bytes'],
    [1_536, '1.50 KiB'],
    [96_411_033_600, '89.8 GiB'],
    [-1_048_576, '-1.00 MiB'],
  ])('%d bytes are written %s', (value, written) => {
    expect(bytes(value)).toBe(written);
  });
});

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [420, '420 ms'],
    [4_200, '4.2 s'],
    [9_960, '10 s'],
    [42_000, '42 s'],
    [59_600, '1 min'],
    [725_000, '12 min 5 s'],
    [3_599_700, '1 h'],
    [6_060_000, '1 h 41 min'],
    [273_600_000, '3 d 4 h'],
    [-725_000, '-12 min 5 s'],
  ])('%d ms are written %s', (millis, written) => {
    expect(duration(millis)).toBe(written);
  });

  it('never show a unit that overflowed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 * 86_400_000 }), (millis) => {
        expect(duration(millis)).not.toMatch(/\b(60 s|60 min|0 s|0 min|1000 ms)\b/);
      }),
    );
  });
});

describe('the field’s names', () => {
  it.each([
    ['deadTuples', 1_204, 'dead tuples', '1,204'],
    ['tableBytes', 2_048, 'table size', '2.00 KiB'],
    ['archivedBytes', 2_048, 'archived', '2.00 KiB'],
    ['bytes', 2_048, 'size', '2.00 KiB'],
    ['ageHours', 4.5, 'age', '4 h 30 min'],
    ['bloatShare', 0.624, 'bloat share', '62.4 %'],
    ['mail gateway millis', 41, 'mail gateway', '41 ms'],
    ['minutes', 2, 'time', '2 min'],
    ['lagMs', 41, 'lag', '41 ms'],
    ['alarms', 33, 'alarms', '33'],
    ['items', 4, 'items', '4'],
  ])('%s is read with its unit', (name, value, said, written) => {
    expect([nameOf(name), measure(name, value)]).toEqual([said, written]);
  });

  it('are added up only where a sum means something', () => {
    expect(fall('deadTuples', 900)).toBe('900 fewer');
    expect(fall('tableBytes', -1_024)).toBe('1.00 KiB more');
    expect(fall('bloatShare', 1.8)).toBeUndefined();
    expect(fall('ageHours', 3)).toBeUndefined();
  });

  it('of steps and operations are words', () => {
    expect([words('database/vacuum-tables'), words('database_optimization')]).toEqual([
      'vacuum tables',
      'database optimization',
    ]);
  });
});

it('a stretch over midnight names both days', () => {
  expect(stretch('2026-11-28T23:00:00Z', '2026-11-29T01:00:00Z')).toBe(
    'Saturday 28 November 2026, 23:00 to Sunday 29 November 2026, 01:00 UTC',
  );
});
