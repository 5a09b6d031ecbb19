import { Validations, type App } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Configuration } from './config/load.ts';
import { hostArns, snapshotArns } from './grants.ts';
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
    'X-Ray, the delivery of logs, commands that were sent to hosts, the network interfaces of functions, lists of EC2, of alarms and of OpsItems, metrics, and the validation of a definition take no resource in their permissions.',
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
    for (const arn of [names.machinesArn, names.functionsArn])
      wildcard(arn, 'The checklist looks at every part of this environment, and by these rights at nothing else.');
    for (const arn of hostArns(configuration)) wildcard(arn, 'Which hosts these are says a condition on their tags.');
    const { volumes, volumeSnapshots, databaseSnapshots, everyDatabase } = snapshotArns(configuration);
    for (const arn of [volumes, volumeSnapshots])
      wildcard(arn, 'Which volumes and snapshots these are says a condition on their tags.');
    for (const arn of databaseSnapshots)
      wildcard(arn, 'A snapshot carries its run in its name; only snapshots of this environment are meant.');
    for (const arn of everyDatabase)
      wildcard(arn, 'RDS lists snapshots only to whom it may list them all; nothing is changed.');
    wildcard(names.reportsArn, 'A report carries its run in its key; only objects below reports/ are meant.');
    wildcard(
      names.hostLogsArn.replace(/\$\{(.*)\}/, '<$1>'),
      'A host archives under names it makes; only its own prefix is meant.',
    );
    wildcard(names.archivesArn, 'An archive carries its table in its key; only objects below tables/ are meant.');
    wildcard(
      `arn:aws:s3:::${name}/${prefix}*`,
      'Which backup is the newest is found out at run time; only objects below the prefix are meant.',
    );
  }
}
