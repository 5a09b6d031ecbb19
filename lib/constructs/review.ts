import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Names } from '../names.ts';

/** W16. Once a month the owner of this automation is asked to look at it. */
export class Review extends Construct {
  constructor(scope: Construct, id: string, { names, topic }: { names: Names; topic: ITopic }) {
    super(scope, id);
    new Rule(this, 'Monthly', {
      ruleName: `${names.prefix}-monthly-review`,
      description: 'First Monday of the month: the owner of the maintenance automation is asked to review it',
      schedule: Schedule.expression('cron(0 9 ? * MON#1 *)'),
      targets: [
        new SnsTopic(topic, {
          message: RuleTargetInput.fromText(
            `The monthly review of the maintenance automation of ${names.environment} is due. ` +
              'Its owner, the Platform Operations Team, looks at the runs of the last month and at what they left undone. ' +
              `What to look at: docs/runbooks/monthly-review.md, beginning with the CloudWatch dashboard ${names.dashboard}.`,
          ),
        }),
      ],
    });
  }
}
