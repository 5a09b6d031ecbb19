import { execa } from 'execa';
import { checkout } from '../../local/bare/cache.mjs';

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** The value that so large a share of all is not above, by nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

/**
 * The median of each subject's measurements, `times` of each, taken in turns: what else goes on on the machine meets all of them
 * alike.
 */
export async function inTurns<Name extends string>(
  times: number,
  subjects: Record<Name, () => Promise<number>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(subjects) as Name[];
  const measured = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let i = 0; i < times; i += 1) for (const name of names) measured[name].push(await subjects[name]());
  return Object.fromEntries(names.map((name) => [name, median(measured[name])])) as Record<Name, number>;
}

/** Milliseconds that something takes. */
export async function millis(act: () => unknown): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}

/** Milliseconds of processor time that something in this process takes, whatever else the machine does. */
export function processorMillis(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** Runs a program of ours to its end in the checkout. @throws when it fails: nothing is measured then */
export const run = (file: string, args: string[], env: Record<string, string> = {}) =>
  execa(file, args, { cwd: checkout, env, preferLocal: true, localDir: checkout, stdin: 'ignore' });
