import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checksumIn, whyNotFresh } from '../../../lambdas/checks/backup-freshness.ts';
import type { BackupFacts } from '../../../lambdas/clients/backups.ts';

const digest = createHash('sha256').update('a backup').digest();
const hex = digest.toString('hex');
const now = new Date('2026-11-29T02:00:00Z');
const aged = (millis: number) => new Date(now.getTime() - millis);
const hours = 3_600_000;
const backup: BackupFacts = {
  key: 'db/novacron.dump.zst',
  bytes: 8,
  modified: aged(4 * hours),
  storedSha256: digest.toString('base64'),
  checksumType: 'FULL_OBJECT',
  checksumFile: `${hex}  novacron.dump.zst\n`,
};
const why = (facts: Partial<BackupFacts> | undefined) =>
  whyNotFresh(facts && { ...backup, ...facts }, 's3://backups/db/', now, 24);

describe('the newest backup', () => {
  it('C1: passes when it is young, whole and what its checksum object says', () => {
    expect(why({})).toEqual([]);
  });

  it('C1: an empty bucket fails', () => {
    expect(why(undefined)).toEqual([expect.stringContaining('There is no backup under s3://backups/db/')]);
  });

  it.each([
    ['23 h 59 min 59 s', 24 * hours - 1_000, 0],
    ['exactly 24 h', 24 * hours, 1],
    ['24 h 59 min', 24 * hours + 59 * 60_000, 1],
    ['3 days', 72 * hours, 1],
  ])('C1: %s old gives the right verdict', (_age, age, reasons) => {
    expect(why({ modified: aged(age) })).toHaveLength(reasons);
  });

  it('C1: its age is told to the minute', () => {
    expect(why({ modified: aged(24 * hours + 59 * 60_000) })).toEqual([expect.stringContaining('is 24 h 59 min old')]);
  });

  it('C1: for any age passes exactly when it is under the limit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 * hours }),
        (age) => (why({ modified: aged(age) }).length === 0) === age < 24 * hours,
      ),
    );
  });

  it('C1: dated in the future fails, a clock that is a minute ahead does not', () => {
    expect(why({ modified: aged(-hours) })).toEqual([expect.stringContaining('in the future')]);
    expect(why({ modified: aged(-60_000) })).toEqual([]);
  });

  it('C1: whose date is unknown fails', () => {
    expect(why({ modified: new Date(Number.NaN) })).toEqual([expect.stringContaining('age is unknown')]);
  });

  it('C1: of zero bytes fails, even with the right checksum of nothing', () => {
    const empty = createHash('sha256').digest();
    expect(why({ bytes: 0, storedSha256: empty.toString('base64'), checksumFile: empty.toString('hex') })).toEqual([
      expect.stringContaining('is empty'),
    ]);
  });

  it('C1: without its checksum object fails', () => {
    expect(why({ checksumFile: undefined })).toEqual([expect.stringContaining('novacron.dump.zst.sha256 is missing')]);
  });

  it('C1: that does not match its checksum object fails, naming both', () => {
    const other = 'f'.repeat(64);
    expect(why({ checksumFile: other })).toEqual([
      expect.stringMatching(new RegExp(`stored ${hex}, expected ${other}`)),
    ]);
  });

  it('C1: with a checksum of its parts only fails and says what to do', () => {
    for (const facts of [
      { checksumType: 'COMPOSITE' },
      { storedSha256: `${backup.storedSha256}-12`, checksumType: undefined },
    ]) {
      expect(why(facts)).toEqual([expect.stringContaining('--checksum-algorithm SHA256')]);
    }
  });

  it('C1: without a stored checksum fails and says what to do', () => {
    expect(why({ storedSha256: undefined })).toEqual([expect.stringContaining('--checksum-algorithm SHA256')]);
  });

  it('C1: old and broken gives both reasons', () => {
    expect(why({ modified: aged(48 * hours), checksumFile: 'f'.repeat(64) })).toHaveLength(2);
  });
});

describe('a checksum object', () => {
  it.each([
    ['bare', hex],
    ['bare with a line end', `${hex}\r\n`],
    ['in capitals', hex.toUpperCase()],
    ['of sha256sum in text mode', `${hex}  novacron.dump.zst`],
    ['of sha256sum in binary mode', `${hex} *novacron.dump.zst`],
    ['with a path', `${hex}  /var/backups/novacron.dump.zst`],
    ['from a pipe', `${hex}  -`],
    ['beside others', `${'a'.repeat(64)}  roles.sql\n${hex}  novacron.dump.zst\n`],
  ])('is understood %s', (_form, file) => {
    expect(checksumIn(file, backup.key)).toEqual({ sha256: hex });
  });

  it.each([
    ['that is empty', '', 'sha256sum’s format'],
    ['with other words', 'hello', 'sha256sum’s format'],
    ['that is too short', hex.slice(1), 'sha256sum’s format'],
    ['that names another file', `${hex}  other.dump`, 'names another file (other.dump)'],
    ['that names the file twice', `${hex}  novacron.dump.zst\n${'a'.repeat(64)}  novacron.dump.zst`, 'more than once'],
  ])('C1: %s is a problem', (_form, file, problem) => {
    expect(checksumIn(file, backup.key)).toEqual({ problem: expect.stringContaining(problem) });
  });
});
