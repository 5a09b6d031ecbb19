import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface ContainedConfiguration {
  /** Where windows.yaml and production.yaml are written. */
  folder: string;
  now: Date;
  /** Whole minutes from now, rounded up, until the longer window opens. */
  opensInMinutes?: number;
  operations: { longer: string[]; shorter: string[] };
  /** What production.yaml is to hold; by default what an emulator's account needs at least. */
  settings?: object;
}

interface Opening {
  window: 'longer' | 'shorter';
  start: Date;
  end: Date;
}

const emulator = {
  account: '000000000000',
  region: 'us-east-1',
  buckets: { backups: { name: 'novacron-backups' } },
  snapshots: 'none',
  notify: { emails: ['operations@novacron.example'] },
};

/**
 * Writes a configuration of two daily windows: `longer` opens soon and lasts an hour; `shorter` opens two minutes after it,
 * lasts half an hour, and so lies wholly inside it (W8). Answers when they open for the first time.
 */
export function containedConfiguration(wanted: ContainedConfiguration): Record<Opening['window'], Opening> {
  const { folder, now, opensInMinutes = 2, operations, settings = emulator } = wanted;
  const opens = Math.ceil(now.getTime() / 60_000) + opensInMinutes;
  const opening = (window: Opening['window'], afterMinutes: number, minutes: number): Opening => ({
    window,
    start: new Date((opens + afterMinutes) * 60_000),
    end: new Date((opens + afterMinutes + minutes) * 60_000),
  });
  const openings = { longer: opening('longer', 0, 60), shorter: opening('shorter', 2, 30) };
  const entry = ({ window, start, end }: Opening) => ({
    window: `Every day ${clock(start)}-${clock(end)} UTC`,
    operations: operations[window],
    notification: 'none',
  });
  // The shorter stands first, as the weekly window stands before the monthly one in the runbook.
  const production = { shorter: entry(openings.shorter), longer: entry(openings.longer) };
  writeFileSync(join(folder, 'windows.yaml'), stringify({ maintenance_windows: { production } }));
  writeFileSync(join(folder, 'production.yaml'), stringify(settings));
  return openings;
}

function clock(date: Date): string {
  return date.toISOString().slice(11, 16);
}
