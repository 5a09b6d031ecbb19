import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { writeLocalConfiguration } from '../../local/environment.ts';
import type { SystemOptions } from '../../local/system.ts';

/** A window that opens every day at a full minute (UTC). */
export interface DailyWindow {
  opens: Date;
  minutes: number;
  /** database_optimization unless given. */
  operations?: string[];
}

/** The last full minute, and so many minutes later. */
export const fullMinute = (later = 0, now = Date.now()): Date => new Date((Math.floor(now / 60_000) + later) * 60_000);

/** The time of a scheduled event, as EventBridge writes it. */
export const eventTime = (moment: Date): string => `${moment.toISOString().slice(0, 19)}Z`;

/** This machine's configuration with windows of a test, in their order, and with other settings of production.yaml. */
export const dailyWindows =
  (windows: Record<string, DailyWindow>, settings: object = {}): NonNullable<SystemOptions['configure']> =>
  async ([folder, systems]) => {
    await writeLocalConfiguration(folder, systems);
    const production = Object.fromEntries(Object.entries(windows).map(([name, window]) => [name, block(window)]));
    await writeFile(join(folder, 'windows.yaml'), stringify({ maintenance_windows: { production } }));
    const file = join(folder, 'production.yaml');
    const shipped = parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, stringify({ ...shipped, ...settings }));
    return folder;
  };

const block = ({ opens, minutes, operations = ['database_optimization'] }: DailyWindow) => ({
  window: `Every day ${clock(opens)}-${clock(new Date(opens.getTime() + minutes * 60_000))} UTC`,
  operations,
  notification: 'none',
});

const clock = (moment: Date) => moment.toISOString().slice(11, 16);
