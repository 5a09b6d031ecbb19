import type { Command, CommandInvocation } from '@aws-sdk/client-ssm';
import type { Client } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import { awsError, required } from './aws-error.ts';

/** A document for the hosts of a group. */
export interface HostOrder {
  /** Without the environment, as in lib/hosts. */
  document: string;
  group: string;
  /** By which it is found again, at most 100 characters. */
  comment: string;
  parameters: Record<string, string>;
  /** How long a host that is off is waited for, seconds, at least 30. */
  deliverySeconds: number;
  /** How many hosts at once, and how many may fail before no more begin: a number, or a share such as 10%. */
  atOnce: string;
  maxErrors: string;
}

/** A command that was sent. */
export interface Sent {
  id: string;
  comment: string;
  at: Date;
  /** Nothing of it works any longer. */
  ended: boolean;
  /** No host carries the tag. */
  nobody: boolean;
}

/** What became of a command on one host. */
export interface HostTold {
  host: string;
  /** `Success`, `Failed`, `DeliveryTimedOut` and so on: Run Command's details, without spaces. */
  status: string;
  /** Of the script; -1 where it did not begin. */
  code: number;
  stdout: string;
  stderr: string;
}

/** SSM Run Command with documents of this automation, on hosts by their tag. Nothing here waits. */
export interface Hosts {
  send(order: HostOrder): Promise<Sent>;
  /** Commands of a document that were sent since then and whose comment begins so, the latest first. */
  find(document: string, comment: string, since: Date): Promise<Sent[]>;
  /** By pages of 50 hosts, and one call more for each whose answer was cut. */
  told(sent: Sent): Promise<HostTold[]>;
  /** At best effort: what a host began goes on until its unit ends. */
  cancel(sent: Sent): Promise<void>;
}

/** What Run Command's lists show of a step's output, characters, and what stands between its two parts. */
const shown = 2_500;
const errorTitle = '\n----------ERROR-------\n';
const over = ['Success', 'Failed', 'Cancelled', 'TimedOut'];

export const hosts: Client<Hosts> = {
  needs: 'hosts',
  async open() {
    const sdk = await import('./sdk/ssm.ts');
    const groups = JSON.parse(required('HOSTS')) as Record<string, { key: string; value: string }>;
    const prefix = required('HOST_DOCUMENTS');
    const client = new sdk.SSMClient({});
    const failed = (what: string, right: string) => (error: unknown) => {
      throw awsError(error, what, `Look at the function’s right ${right}.`);
    };

    /** Output and errors apart, whole. */
    async function whole(sent: Sent, InstanceId: string): Promise<Pick<HostTold, 'stdout' | 'stderr'>> {
      const { StandardOutputContent = '', StandardErrorContent = '' } = await client
        .send(new sdk.GetCommandInvocationCommand({ CommandId: sent.id, InstanceId }))
        .catch(failed(`read what ${InstanceId} answered`, 'ssm:GetCommandInvocation'));
      return { stdout: StandardOutputContent, stderr: StandardErrorContent };
    }

    async function toldBy(sent: Sent, invocation: CommandInvocation): Promise<HostTold> {
      const { InstanceId: host = '', CommandPlugins: [plugin] = [] } = invocation;
      const details = invocation.StatusDetails ?? invocation.Status ?? 'unknown';
      const output = plugin?.Output ?? '';
      const [stdout = '', stderr = ''] = output.split(errorTitle);
      return {
        host,
        status: details.replaceAll(' ', ''),
        code: plugin?.ResponseCode ?? -1,
        ...(output.length < shown && !output.includes('truncated---') ? { stdout, stderr } : await whole(sent, host)),
      };
    }

    return {
      async send({ document, group, comment, parameters, deliverySeconds, atOnce, maxErrors }) {
        const tag = groups[group];
        if (!tag) throw new StepError('InvalidInput', `There is no host group ${group} in the configuration.`);
        const { Command } = await client
          .send(
            new sdk.SendCommandCommand({
              DocumentName: prefix + document,
              Targets: [{ Key: `tag:${tag.key}`, Values: [tag.value] }],
              Comment: comment,
              Parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, [value]])),
              TimeoutSeconds: Math.max(30, Math.floor(deliverySeconds)),
              MaxConcurrency: atOnce,
              MaxErrors: maxErrors,
            }),
          )
          .catch(failed(`send ${document} to the hosts of ${group}`, 'ssm:SendCommand'));
        return sentOf(Command!);
      },
      async find(document, comment, since) {
        // A minute earlier: the service has a clock of its own.
        const after = new Date(since.getTime() - 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
        const Filters = [
          { key: 'DocumentName' as const, value: prefix + document },
          { key: 'InvokedAfter' as const, value: after },
        ];
        const found: Sent[] = [];
        try {
          for await (const { Commands = [] } of sdk.paginateListCommands({ client, pageSize: 50 }, { Filters }))
            found.push(...Commands.map(sentOf).filter((one) => one.comment.startsWith(comment)));
        } catch (error) {
          failed(`look for commands of ${document}`, 'ssm:ListCommands')(error);
        }
        return found.sort((one, other) => other.at.getTime() - one.at.getTime());
      },
      async told(sent) {
        const found: HostTold[] = [];
        try {
          const asked = { CommandId: sent.id, Details: true };
          for await (const page of sdk.paginateListCommandInvocations({ client, pageSize: 50 }, asked))
            for (const invocation of page.CommandInvocations ?? []) found.push(await toldBy(sent, invocation));
        } catch (error) {
          if (error instanceof StepError) throw error;
          failed('read what hosts answered', 'ssm:ListCommandInvocations')(error);
        }
        return found;
      },
      async cancel({ id }) {
        await client
          .send(new sdk.CancelCommandCommand({ CommandId: id }))
          .catch(failed(`cancel ${id}`, 'ssm:CancelCommand'));
      },
      async [Symbol.asyncDispose]() {
        client.destroy();
      },
    };
  },
};

const sentOf = ({ CommandId, Comment = '', RequestedDateTime, Status, StatusDetails }: Command): Sent => ({
  id: CommandId!,
  comment: Comment,
  at: RequestedDateTime ?? new Date(),
  ended: over.includes(Status ?? ''),
  nobody: StatusDetails?.replaceAll(' ', '') === 'NoInstancesInTag',
});
