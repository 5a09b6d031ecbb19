import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { steps, type StepName } from '../lambdas/registry.ts';
import type { Configuration } from './config/load.ts';
import { Alarms } from './constructs/alarms.ts';
import type { Bundles } from './constructs/bundles.ts';
import { Dashboard } from './constructs/dashboard.ts';
import { HostDocuments } from './constructs/host-documents.ts';
import { Machines } from './constructs/machines.ts';
import { Notices } from './constructs/notices.ts';
import { Review } from './constructs/review.ts';
import { Readings } from './constructs/readings.ts';
import { Steps } from './constructs/steps.ts';
import { Windows } from './constructs/windows.ts';
import type { DataStack } from './data-stack.ts';
import type { Platform } from './grants.ts';
import { documents as hostDocuments, type HostDocument } from './hosts/documents.ts';
import { machinesOf } from './machines.ts';
import { namesOf } from './names.ts';

export interface AutomationProps extends StackProps {
  configuration: Configuration;
  data: DataStack;
  /** Undefined in tests of the templates, which need no code. */
  bundles?: Bundles;
  /** What runs on hosts: every document unless said otherwise. */
  documents?: readonly HostDocument[];
}

/** The automation of one environment: a function for each step, a state machine for each operation, and what starts them. */
export class AutomationStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    { configuration, data, bundles, documents = hostDocuments, ...props }: AutomationProps,
  ) {
    super(scope, id, { ...props, suppressTemplateIndentation: true });
    const names = namesOf(configuration);

    const notices = new Notices(this, 'Notices', { names, key: data.key, emails: configuration.notify.emails });
    const code = (step: StepName) => bundles?.code(step) ?? 'unbuilt';
    const platform: Platform = {
      configuration,
      names,
      key: data.key,
      topic: notices.topic,
      build: bundles?.build ?? 'unbuilt',
      documents,
    };

    const logs = (name: string) =>
      new LogGroup(this, `${name} log`, {
        logGroupName: name,
        retention: RetentionDays.THREE_MONTHS,
        encryptionKey: data.key,
        removalPolicy: RemovalPolicy.DESTROY,
      });
    const functions = new Steps(this, 'Steps', {
      platform,
      log: logs(names.stepLog),
      hash: code,
      code: (step) => (bundles ? Code.fromAsset(bundles.folder(step)) : Code.fromInline('exports.handler = () => {}')),
    });
    const machines = new Machines(this, 'Machines', {
      machines: machinesOf(configuration, names, code, documents),
      platform,
      // Step Functions may write to groups of this name without a resource policy of ours, which has a size limit.
      log: logs(`/aws/vendedlogs/states/${names.prefix}`),
    });
    new HostDocuments(this, 'Host documents', { documents, names });
    new Windows(this, 'Windows', {
      configuration,
      names,
      key: data.key,
      watch: functions.get('windows/watch'),
      publishCalendar: functions.get('windows/publish-calendar'),
    });
    new Alarms(this, 'Alarms', { names, topic: notices.topic });
    new Dashboard(this, 'Dashboard', { names });
    new Review(this, 'Review', { names, topic: notices.topic });

    new Readings(this, 'Readings', {
      configuration,
      names,
      database: functions.get('metrics/read-database-hourly'),
      platform: functions.get('metrics/read-platform-hourly'),
    });

    for (const step of Object.keys(steps) as StepName[]) machines.node.addDependency(functions.get(step));
  }
}
