import { Effect, ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Names } from '../names.ts';

/**
 * What a host may do to archive its logs; whoever owns the roles of the hosts attaches it to them. A host writes and looks up objects
 * below its own prefix only: `aws:userid` is ROLE-ID:INSTANCE-ID for a host of EC2, which it cannot choose ("IAM JSON policy
 * elements: Variables and tags", IAM User Guide). It may not delete, nor list.
 */
export class HostPolicy extends Construct {
  constructor(scope: Construct, id: string, { names, key }: { names: Names; key: IKey }) {
    super(scope, id);
    const statement = (actions: string[], resource: string) =>
      new PolicyStatement({ effect: Effect.ALLOW, actions, resources: [resource] });
    new ManagedPolicy(this, 'Policy', {
      managedPolicyName: names.hostPolicy,
      description: 'For the roles of hosts: archives their logs below their own prefix.',
      statements: [
        statement(['s3:PutObject', 's3:GetObject'], names.hostLogsArn),
        statement(['kms:GenerateDataKey', 'kms:Decrypt'], key.keyArn),
      ],
    });
  }
}
