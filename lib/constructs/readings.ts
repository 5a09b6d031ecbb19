import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Configuration } from '../config/load.ts';
import type { Names } from '../names.ts';

interface ReadingsProps {
  configuration: Configuration;
  names: Names;
  database: IFunction;
  platform: IFunction;
}

/** Reads the numbers once an hour: of each database by a rule of its own, because a rule has five targets at most. */
export class Readings extends Construct {
  constructor(scope: Construct, id: string, { configuration, names, database, platform }: ReadingsProps) {
    super(scope, id);
    const { environment, targets, metrics, record } = configuration;
    const keepDays = record.retentionDays;
    // Not at the full hour, when windows begin.
    const schedule = Schedule.cron({ minute: '41' });
    const rule = (name: string, description: string, fn: IFunction, event: object) =>
      new Rule(this, name, {
        ruleName: `${names.prefix}-read-${name}`,
        description,
        schedule,
        targets: [
          new LambdaFunction(fn, {
            event: RuleTargetInput.fromObject(event),
            maxEventAge: Duration.minutes(30),
            retryAttempts: 2,
          }),
        ],
      });
    for (const { name } of targets.databases)
      rule(`database-${name}`, `Reads the numbers of the database ${name} once an hour`, database, {
        target: name,
        input: { environment, keepDays },
      });
    if (metrics.length)
      rule('platform', 'Reads the numbers of the platform once an hour', platform, {
        input: { environment, metrics, keepDays },
      });
  }
}
