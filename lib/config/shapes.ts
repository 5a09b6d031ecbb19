import * as z from 'zod';

/** Text of a shape, told in words when it is missing or wrong. */
const shaped = (shape: RegExp, inWords: string) => z.string().regex(shape).describe(inWords);

/** A name of ours: goes into names of functions, rules and metrics, so it is short and plain. */
export const Name = shaped(/^[a-z][a-z0-9_-]{0,31}$/, 'a short name of lower-case letters, digits, - and _');

export const Account = shaped(/^\d{12}$/, 'an account number of 12 digits, in quotes (else YAML drops leading zeros)');
export const Region = shaped(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region, such as eu-central-1');
export const VpcId = shaped(/^vpc-([0-9a-f]{8}|[0-9a-f]{17})$/, 'the id of a VPC, such as vpc-0123456789abcdef0');
export const SubnetId = shaped(
  /^subnet-([0-9a-f]{8}|[0-9a-f]{17})$/,
  'the id of a subnet, such as subnet-0123456789abcdef0',
);
export const AvailabilityZone = shaped(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'an availability zone, such as eu-central-1a');

/** A complete ARN: with the six characters that Secrets Manager adds, or permissions would not match it. */
export const SecretArn = shaped(
  /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}$/,
  'the complete ARN of a secret (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-abcdef)',
);
export const KeyArn = shaped(
  /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
  'the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias',
);
export const BucketName = shaped(
  /^(?!xn--)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  'the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens',
);
/** Empty, or a folder: without the slash at its end `daily` would also match `daily-old/`. */
export const KeyPrefix = shaped(/^([^/].*\/)?$/, 'empty, or a folder that ends with a slash, such as daily/');

/** Calendars of other accounts that are shared with this one are known by their ARN. */
export const CalendarName = shaped(
  /^(arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:document\/)?[\w.-]{3,128}$/,
  'the name of an SSM Change Calendar, or its ARN (arn:aws:ssm:REGION:ACCOUNT:document/NAME)',
);

export const Email = z.email().describe('an e-mail address');
export const Contact = z
  .union([z.email(), z.string().regex(/^\+[1-9][\d ]{5,20}$/)])
  .describe('an e-mail address or a telephone number with its country code, such as +49 30 123456');
export const HttpUrl = z.url({ protocol: /^https?$/ }).describe('a URL that begins with https:// or http://');
export const Moment = z.iso.datetime().describe('a moment in UTC, such as 2026-12-24T08:00:00Z');
/** PostgreSQL's `system_identifier`. A number in YAML would lose its last digits, so it is text. */
export const SystemIdentifier = shaped(/^\d{15,20}$/, "the server's system identifier: 15 to 20 digits, in quotes");

/** What RDS calls an instance or cluster for good: `DbiResourceId`, `DbClusterResourceId`. */
export const DatabaseResourceId = shaped(
  /^(db|cluster)-[A-Z0-9]{10,40}$/,
  'the resource id of an instance or cluster, such as db-ABCDEFGHIJKLMNOPQRSTUVWXY',
);
export const DatabaseUser = shaped(/^[a-z_][a-z0-9_]{0,62}$/, 'a role of PostgreSQL in small letters');

export const TagKey = shaped(/^(?!aws:)[\w .:/=+@-]{1,128}$/, 'the key of a tag, which may not begin with aws:');
export const TagValue = shaped(/^[\w .:/=+@-]{0,256}$/, 'the value of a tag');
export const UnitName = shaped(/^[A-Za-z0-9@._:-]{1,64}$/, 'the name of a unit of systemd, such as novacron-api');
/** Asked on the host itself, each in its own protocol. */
export const ServiceUrl = shaped(
  /^(http|redis|postgresql):\/\/[A-Za-z0-9.-]+:\d{1,5}(\/[A-Za-z0-9@._:=/?%-]*)?$/,
  'where a service is asked: http://127.0.0.1:8080/healthz, redis://127.0.0.1:6379 or postgresql://127.0.0.1:5432',
);
/** Of an instance or cluster of RDS. */
export const DatabaseId = shaped(
  /^[a-z](?!.*--)[a-z0-9-]{0,61}[a-z0-9]$|^[a-z]$/,
  'the identifier of an RDS instance or cluster: lower-case letters, digits and single hyphens',
);

/** The region and account that an ARN names. */
export function ownerOf(arn: string): { region: string; account: string } {
  const [, , , region = '', account = ''] = arn.split(':');
  return { region, account };
}
