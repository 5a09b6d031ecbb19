import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { contained, occurrenceOpenAt } from '../../../lambdas/windows/calendar.ts';
import { loadConfiguration } from '../../../lib/config/load.ts';
import { containedConfiguration } from './contained-configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'contained-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each(['2026-11-24T10:00:00Z', '2026-11-24T10:00:31.5Z', '2026-12-31T23:57:30Z', '2028-02-28T23:30:00Z'])(
  'W8: the configuration of %s is valid, and its longer window contains the shorter one',
  (now) => {
    const openings = containedConfiguration({
      folder,
      now: new Date(now),
      operations: { longer: ['index_rebuild'], shorter: ['database_optimization'] },
    });
    const { windows } = loadConfiguration({
      folder,
      environment: 'production',
      operations: ['database_optimization', 'index_rebuild'],
      stepSettings: {},
    });
    const longer = windows.find(({ name }) => name === 'longer')!;
    const open = occurrenceOpenAt(longer, openings.longer.start);
    expect(open).toEqual(openings.longer);
    expect(contained(windows, open!)).toEqual([openings.shorter]);
    expect(openings.longer.start.getTime() - new Date(now).getTime()).toBeGreaterThanOrEqual(2 * 60_000);
  },
);
