import { describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/checks/backup-is-fresh.step.ts';
import type { Backups } from '../../../lambdas/clients/backups.ts';
import { StepError } from '../../../lambdas/framework/errors.ts';
import { Result } from '../../../lambdas/framework/result.ts';
import { checkContext } from './check-context.ts';

const hash = Buffer.alloc(32, 7);
const facts = (ageHours: number) => ({
  key: 'db/a.dump',
  bytes: 5,
  modified: new Date(Date.now() - ageHours * 3_600_000),
  storedSha256: hash.toString('base64'),
  checksumType: 'FULL_OBJECT',
  checksumFile: hash.toString('hex'),
});
const input = handler.spec.input.parse({});
const run = (newest: Backups['newest']) =>
  handler.spec.run(input, {
    ...checkContext(),
    backups: { where: 's3://backups/db/', newest },
  });

describe('the check “backup is fresh”', () => {
  it('C1: passes with its numbers', async () => {
    expect(await run(async () => facts(4))).toEqual({
      done: 1,
      left: 0,
      failed: 0,
      numbers: { ageHours: expect.closeTo(4, 2), bytes: 5 },
    });
  });

  it('C1: fails and says why, within the contract', async () => {
    const result = await run(async () => facts(25));
    expect(result).toMatchObject({
      done: 1,
      failed: 1,
      findings: [{ severity: 'critical', subject: 'db/a.dump', message: expect.stringContaining('25 h old') }],
    });
    expect(Result.parse(result)).toEqual(result);
  });

  it('C1: fails in an empty bucket', async () => {
    expect(await run(async () => undefined)).toMatchObject({ failed: 1, findings: [{ subject: 's3://backups/db/' }] });
  });

  it('C1: throws, and so counts as failed, when the bucket cannot be read', async () => {
    const refused = new StepError('Refused', 'Could not list');
    await expect(run(() => Promise.reject(refused))).rejects.toBe(refused);
  });

  it('W7: refuses settings that mean nothing', () => {
    expect(() => handler.spec.input.parse({ maxAgeHours: 0 })).toThrow();
  });
});
