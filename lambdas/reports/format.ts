/** How numbers, times and names are written for a person. Everything is UTC and English, whatever machine it runs on. */

const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 2 });

/** `1,234,567`; a fraction below 100 keeps two places. */
export function count(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 100 ? grouped.format(value) : short.format(value);
}

/** `3 tables`, `1 table`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `74 %`, never rounded up to what it has not reached. */
export const percent = (share: number): string => `${Math.floor(share * 100)} %`;

const byteUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes in powers of 1,024, three digits that count: `1.42 GiB`. */
export function bytes(value: number): string {
  const power = Math.min(Math.floor(Math.log2(Math.max(Math.abs(value), 1)) / 10), byteUnits.length - 1);
  const scaled = value / 1024 ** power;
  if (power === 0) return `${count(value)} ${Math.abs(value) === 1 ? 'byte' : 'bytes'}`;
  const digits = Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${byteUnits[power]}`;
}

/** A stretch of milliseconds in its two largest units: `420 ms`, `4.2 s`, `12 min 5 s`, `1 h 41 min`, `3 d 4 h`. */
export function duration(millis: number): string {
  if (millis < 0) return `-${duration(-millis)}`;
  if (millis < 1_000) return `${Math.round(millis)} ms`;
  if (millis < 9_950) return `${(millis / 1_000).toFixed(1).replace(/\.0$/, '')} s`;
  const pair = (large: number, one: string, small: number, other: string) =>
    small === 0 ? `${large} ${one}` : `${large} ${one} ${small} ${other}`;
  const seconds = Math.round(millis / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

export const minutes = (value: number): string => duration(value * 60_000);

/** Milliseconds from one ISO moment to another. */
export const between = (from: string, to: string): number => Date.parse(to) - Date.parse(from);

/** `02:41`. */
export const clock = (moment: string | number): string => new Date(moment).toISOString().slice(11, 16);

/** `02:41:09`. */
export const clockWithSeconds = (moment: string | number): string => new Date(moment).toISOString().slice(11, 19);

const dayFormat = new Intl.DateTimeFormat('en-GB', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  timeZone: 'UTC',
});

/** `Sunday 29 November 2026`. */
export const day = (moment: string | number): string => dayFormat.format(new Date(moment)).replace(',', '');

/** `Sunday 29 November 2026, 02:00 to 04:00 UTC`; a stretch over midnight names both days. */
export function stretch(from: string, to: string): string {
  return day(from) === day(to)
    ? `${day(from)}, ${clock(from)} to ${clock(to)} UTC`
    : `${day(from)}, ${clock(from)} to ${day(to)}, ${clock(to)} UTC`;
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `database/vacuum-tables` and `database_optimization` as words: `vacuum tables`, `database optimization`. */
export const words = (name: string): string => name.slice(name.lastIndexOf('/') + 1).replaceAll(/[-_]+/g, ' ');

/** What a named number measures: its unit, and the factor that makes milliseconds of a time. */
export interface Unit {
  kind: 'bytes' | 'time' | 'share' | 'count';
  factor: number;
}

/** The field's numbers carry their unit at the end of their name: `indexBytes`, `ageHours`, `lagMillis`, `bloatShare`. */
const suffixes: [RegExp, Unit][] = [
  [/bytes$/i, { kind: 'bytes', factor: 1 }],
  // `ms` only as a word of its own: alarms and items are counted.
  [/(millis|milliseconds|(?<=[a-z0-9])Ms|(?<![A-Za-z0-9])ms)$/, { kind: 'time', factor: 1 }],
  [/seconds$/i, { kind: 'time', factor: 1_000 }],
  [/minutes$/i, { kind: 'time', factor: 60_000 }],
  [/hours$/i, { kind: 'time', factor: 3_600_000 }],
  [/days$/i, { kind: 'time', factor: 86_400_000 }],
  [/(share|ratio)$/i, { kind: 'share', factor: 1 }],
];

/** A rate is measured in the unit of what it counts: `tempFileBytesPerHour`. */
const perHour = /PerHour$/;

export const unitOf = (name: string): Unit =>
  suffixes.find(([suffix]) => suffix.test(name.replace(perHour, '')))?.[1] ?? { kind: 'count', factor: 1 };

/** A named number's name in words, without the unit that its value shows: `ageHours` is `age`, `tableBytes` is `table size`. */
export function nameOf(name: string): string {
  if (perHour.test(name)) return `${nameOf(name.replace(perHour, ''))} an hour`;
  const { kind } = unitOf(name);
  const suffix = suffixes.find(([pattern]) => pattern.test(name))?.[0];
  const stem = suffix && kind !== 'share' ? name.replace(suffix, '') : name;
  const said = stem
    .replaceAll(/([a-z0-9])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`)
    .replaceAll(/[_-]/g, ' ')
    .trim();
  if (kind === 'bytes') return said === '' ? 'size' : /(ed|lag)$/.test(said) ? said : `${said} size`;
  return said || 'time';
}

/** A named number's value with its unit. */
export function measure(name: string, value: number): string {
  const { kind, factor } = unitOf(name);
  if (kind === 'bytes') return bytes(value);
  if (kind === 'time') return duration(value * factor);
  if (kind === 'share') return `${short.format(value * 100)} %`;
  return count(value);
}

/** By how much a number fell or grew over several items, where adding it up means something; shares and ages do not add up. */
export function fall(name: string, value: number): string | undefined {
  const { kind } = unitOf(name);
  if (value === 0 || (kind !== 'bytes' && kind !== 'count')) return undefined;
  const less = kind === 'bytes' ? 'less' : 'fewer';
  return `${measure(name, Math.abs(value))} ${value > 0 ? less : 'more'}`;
}
