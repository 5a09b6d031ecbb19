import type { BackupFacts } from '../clients/backups.ts';
import { count, duration } from '../reports/format.ts';

/** How far the bucket's clock may be ahead of ours before an age means nothing, milliseconds. */
const clockTolerance = 5 * 60_000;

/** Why the newest backup does not count as a fresh and whole one; nothing where it does. C1. */
export function whyNotFresh(backup: BackupFacts | undefined, where: string, now: Date, maxAgeHours: number): string[] {
  if (!backup)
    return [`There is no backup under ${where}. Make one, or mend the configured place, then start the window again.`];
  const age = now.getTime() - backup.modified.getTime();
  const reasons: string[] = [];
  if (Number.isNaN(age)) {
    reasons.push(`The newest backup ${backup.key} has no date: its age is unknown. Look at the object.`);
  }
  if (age < -clockTolerance) {
    reasons.push(
      `The newest backup ${backup.key} is dated ${duration(-age)} in the future: its age is unknown. Compare the clocks.`,
    );
  }
  // At exactly the limit it is no longer under it.
  if (age >= maxAgeHours * 3_600_000) {
    reasons.push(
      `The newest backup ${backup.key} is ${duration(age)} old; it must be under ${count(maxAgeHours)} h. Make a backup, then start the window again.`,
    );
  }
  if (backup.bytes === 0)
    reasons.push(`The newest backup ${backup.key} is empty (0 bytes): its producer failed. Make a new one.`);
  const mismatch = whyNotWhole(backup);
  return mismatch ? [...reasons, mismatch] : reasons;
}

const howToStore =
  'Upload it with `aws s3api put-object --checksum-algorithm SHA256` (one part, up to 5 GB), or have S3 compute it: `aws s3api copy-object` of the object onto itself with `--checksum-algorithm SHA256`.';

function whyNotWhole({ key, storedSha256, checksumType, checksumFile }: BackupFacts): string | undefined {
  if (checksumFile === undefined)
    return `The checksum object ${key}.sha256 is missing: nothing says what the backup should be. Its producer writes it last, so it may have died.`;
  const expected = checksumIn(checksumFile, key);
  if ('problem' in expected) return `The checksum object ${key}.sha256 ${expected.problem}.`;
  if (storedSha256 === undefined)
    return `S3 keeps no SHA-256 of ${key}, so it cannot be compared without a download. ${howToStore}`;
  if (checksumType === 'COMPOSITE' || /-\d+$/.test(storedSha256)) {
    return `S3 keeps only a checksum of the parts’ checksums of ${key}, because it was uploaded in several parts; that is not the SHA-256 of the file. ${howToStore}`;
  }
  const stored = Buffer.from(storedSha256, 'base64').toString('hex');
  return stored === expected.sha256
    ? undefined
    : `The newest backup ${key} does not match its checksum object: stored ${stored}, expected ${expected.sha256}. Do not rely on it; make a new one.`;
}

const line = /^\\?([0-9a-fA-F]{64})(?: [ *](.+))?$/;

/** The SHA-256 (lower-case hex) that a checksum file gives for an object: bare, or a line of `sha256sum` that names it. */
export function checksumIn(file: string, key: string): { sha256: string } | { problem: string } {
  const lines = file.split(/\r?\n/).filter((text) => text.trim() !== '');
  const parsed = lines.map((text) => line.exec(text.trimEnd()));
  if (parsed.length === 0 || parsed.some((match) => match === null))
    return { problem: 'is not in sha256sum’s format (64 hexadecimal digits, then the file’s name)' };
  const base = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  const ours = parsed.filter((match) => match?.[2] === undefined || match[2] === '-' || base(match[2]) === base(key));
  if (ours.length !== 1)
    return {
      problem: ours.length === 0 ? `names another file (${parsed[0]?.[2]})` : `names ${base(key)} more than once`,
    };
  return { sha256: (ours[0]?.[1] ?? '').toLowerCase() };
}
