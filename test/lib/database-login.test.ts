import { expect, it } from 'vitest';
import { grants, type Platform } from '../../lib/grants.ts';
import { shipped } from '../support/configuration.ts';

const secretArn = 'arn:aws:secretsmanager:eu-central-1:111111111111:secret:novacron/a-Ab12Cd';
const iam = { resourceId: 'db-ABCDEFGHIJKLMNOPQRSTUVWXY', user: 'novacron_maintenance' };
const granted = (...databases: { name: string; secretArn: string; iam?: typeof iam }[]) => {
  const configuration = { ...shipped('production'), targets: { ...shipped('production').targets, databases } };
  const { statements, environment } = grants.postgres({ configuration } as Platform);
  return { statements: statements.map((statement) => statement.toStatementJson() as object), environment };
};

it('a database with a login by IAM may be connected to as that one role, and the step is told', () => {
  const { statements, environment } = granted({ name: 'one', secretArn }, { name: 'two', secretArn, iam });
  expect(statements).toMatchObject([
    { Action: 'secretsmanager:GetSecretValue' },
    {
      Action: 'rds-db:connect',
      Resource: 'arn:aws:rds-db:eu-central-1:111111111111:dbuser:db-ABCDEFGHIJKLMNOPQRSTUVWXY/novacron_maintenance',
    },
  ]);
  expect(JSON.parse(environment!['DATABASES']!)).toEqual({
    one: { secret: secretArn },
    two: { secret: secretArn, iamUser: 'novacron_maintenance' },
  });
});

it('one with a password needs no such right', () => {
  expect(granted({ name: 'one', secretArn }).statements).toMatchObject([{ Action: 'secretsmanager:GetSecretValue' }]);
});
