import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Names } from '../names.ts';

/** The topic that people hear of every window through. */
export class Notices extends Construct {
  readonly topic: Topic;

  constructor(
    scope: Construct,
    id: string,
    { names, key, emails }: { names: Names; key: IKey; emails: readonly string[] },
  ) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', {
      topicName: `${names.prefix}-maintenance`,
      masterKey: key,
      enforceSSL: true,
    });
    // A topic with a policy admits only whom it names: without this, alarms change colour and nobody hears of it.
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { ArnLike: { 'aws:SourceArn': names.alarmArn(`${names.prefix}-*`) } },
      }),
    );
    for (const email of emails) this.topic.addSubscription(new EmailSubscription(email));
  }
}
