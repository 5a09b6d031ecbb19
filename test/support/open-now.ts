import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writeLocalConfiguration } from '../../local/environment.ts';

const minutes = (count: number) => new Date(Math.floor(Date.now() / 60_000 + count) * 60_000);
const clock = (moment: Date) => moment.toISOString().slice('yyyy-mm-ddT'.length, 'yyyy-mm-ddThh:mm'.length);
const phrase = (from: Date, to: Date) => `Every day ${clock(from)}-${clock(to)} UTC`;
const window = (phrase: string) => ({ window: phrase, operations: ['database_optimization'], notification: 'none' });

/** When the windows of `openNow` began: what a schedule's event says. */
export const began = { weekly: minutes(-20).toISOString(), daily: minutes(-40).toISOString() };

/** A configuration with two windows that are open while the tests run and of which neither contains the other. */
export async function openNow(write: Parameters<typeof writeLocalConfiguration>): Promise<string> {
  const folder = await writeLocalConfiguration(...write);
  const windows = {
    weekly: window(phrase(new Date(began.weekly), minutes(180))),
    daily: window(phrase(new Date(began.daily), minutes(120))),
  };
  await writeFile(join(folder, 'windows.yaml'), stringify({ maintenance_windows: { production: windows } }));
  return folder;
}
