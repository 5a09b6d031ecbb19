import { Validations, type App } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Configuration } from './config/load.ts';
import { namesOf } from './names.ts';
import { operations } from './operations.ts';

/** Checks the app against the AWS Solutions rules. What is acknowledged stands here, each with the reason. */
export function check(app: App, configurations: Configuration[]): void {
  const validations = Validations.of(app);
  validations.addPlugins(new AwsSolutionsChecks(app));
  const wildcard = (resource: string, reason: string) =>
    validations.acknowledge({ id: `AwsSolutions::AwsSolutions-IAM5[Resource::${resource}]`, reason });

  wildcard(
    '*',
    'X-Ray, the delivery of logs, the network interfaces of functions and reading metrics take no resource in their permissions.',
  );
  validations.acknowledge({
    id: 'AwsSolutions::AwsSolutions-SQS3',
    reason: 'The queue is itself where events go that could not be delivered.',
  });
  for (const configuration of configurations) {
    const names = namesOf(configuration);
    const { name, prefix } = configuration.buckets.backups;
    for (const machine of ['window', 'close-run', ...Object.keys(operations)])
      wildcard(
        names.executionsArn(machine),
        'An execution has a name of its own; only executions of this machine are meant.',
      );
    wildcard(names.muteRulesArn, "A mute rule carries its run's tag; only rules of this environment are meant.");
    wildcard(names.reportsArn, 'A report carries its run in its key; only objects below reports/ are meant.');
    wildcard(
      `arn:aws:s3:::${name}/${prefix}*`,
      'Which backup is the newest is found out at run time; only objects below the prefix are meant.',
    );
  }
}
