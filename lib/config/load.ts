import { join } from 'node:path';
import type * as z from 'zod';
import { check } from './explain.ts';
import { ConfigurationError } from './mistake.ts';
import { environmentSchema } from './schema.ts';
import type { Environment, StepSettings } from './schema.ts';
import { readSource } from './source.ts';
import { parseRecurrence, parseWindow } from './window-grammar.ts';
import type { Recurrence, Window } from './window-grammar.ts';
import { windowsSchema } from './windows-schema.ts';

type Settings = z.output<ReturnType<typeof environmentSchema>>;
type Duty = Omit<Settings['roster'][number], 'every'> & Partial<Pick<Recurrence, 'cron' | 'minutes'>>;

/** Everything one environment's stacks are built from, defaults filled in. */
export interface Configuration extends Omit<Settings, 'roster' | 'steps'> {
  environment: Environment;
  /** In the order of the file; of two windows with the same hours the first contains the second. */
  windows: Window[];
  /** Who is on call: between `from` and `to`, or whenever `cron` begins, for `minutes`. */
  roster: Duty[];
  /** Settings of the steps that the file names, each as its step's schema understood them. */
  steps: Record<string, unknown>;
}

export interface Loading {
  /** Folder of windows.yaml and <environment>.yaml. */
  folder: string;
  environment: Environment;
  /** Names of the operations that exist. */
  operations: readonly string[];
  /** Schema of each existing step's settings, by its path. */
  stepSettings: StepSettings;
}

/**
 * Reads the schedule and one environment's file. Throws one ConfigurationError with every mistake of both, each with
 * file, line and field.
 */
export function loadConfiguration({ folder, environment, operations, stepSettings }: Loading): Configuration {
  const scheduleFile = readSource(join(folder, 'windows.yaml'));
  const environmentFile = readSource(join(folder, `${environment}.yaml`));
  const mistakes = [...scheduleFile.mistakes, ...environmentFile.mistakes];
  const schedule = scheduleFile.data === undefined ? undefined : check(scheduleFile, windowsSchema(operations));
  const settings =
    environmentFile.data === undefined
      ? undefined
      : check(environmentFile, environmentSchema(environment, stepSettings));
  if (schedule?.ok === false) mistakes.push(...schedule.mistakes);
  if (settings?.ok === false) mistakes.push(...settings.mistakes);
  if (mistakes.length > 0 || !schedule?.ok || !settings?.ok) throw new ConfigurationError(mistakes);

  const { roster, steps: _, ...rest } = settings.value;
  return {
    ...rest,
    environment,
    windows: Object.entries(schedule.value.maintenance_windows[environment] ?? {}).map(([name, entry]) =>
      parseWindow(name, entry),
    ),
    roster: roster.map(({ every, ...duty }) => ({ ...duty, ...(every !== undefined && whenever(every)) })),
    // As they are written: a step's defaults must not come before what stands elsewhere in the file, such as thresholds.
    steps: (environmentFile.data as { steps?: Configuration['steps'] | null }).steps ?? {},
  };
}

function whenever(phrase: string): Pick<Recurrence, 'cron' | 'minutes'> {
  const { cron, minutes } = parseRecurrence(phrase);
  return { cron, minutes };
}
