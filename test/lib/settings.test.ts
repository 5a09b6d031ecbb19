import { expect, it } from 'vitest';
import { entriesOf } from '../../lib/machines.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from '../support/configuration.ts';

const configuration = { ...shipped('production'), thresholds: { backupAgeHours: 48 } };
const inputOf = (steps: Record<string, unknown>) =>
  entriesOf({ step: 'checks/backup-is-fresh' }, { ...configuration, steps }, namesOf(configuration))[0]!.payload.input;

it('W7: a setting of a step leaves in force what stands elsewhere in the file, and comes before it where it says the same', () => {
  expect(inputOf({})).toMatchObject({ maxAgeHours: 48 });
  expect(inputOf({ 'checks/backup-is-fresh': {} })).toMatchObject({ maxAgeHours: 48 });
  expect(inputOf({ 'checks/backup-is-fresh': { maxAgeHours: 12 } })).toMatchObject({ maxAgeHours: 12 });
});
