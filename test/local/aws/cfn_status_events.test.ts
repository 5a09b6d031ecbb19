import { CloudFormationClient, CreateStackCommand, DeleteStackCommand } from '@aws-sdk/client-cloudformation';
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually, messages, queue, withAndWithout, type Aws, type Queue } from './support.ts';

const observe = withAndWithout('cfn_status_events');

interface StackEvent {
  source: string;
  'detail-type': string;
  resources: string[];
  detail: { 'stack-id': string; 'status-details': { status: string; 'status-reason': string } };
}

/** A queue that gets the events of CloudFormation. */
async function stackEvents(aws: Aws): Promise<Queue> {
  const target = await queue(aws);
  const Name = randomUUID();
  const EventPattern = JSON.stringify({ source: ['aws.cloudformation'] });
  await aws.events.send(new PutRuleCommand({ Name, EventPattern }));
  await aws.events.send(new PutTargetsCommand({ Rule: Name, Targets: [{ Id: '1', Arn: target.arn }] }));
  return target;
}

const good = { Topic: { Type: 'AWS::SNS::Topic' } };

/** What comes of a stack up to a status; undefined where nothing does. */
async function statuses(aws: Aws, Resources: object, last: string): Promise<StackEvent[] | undefined> {
  const target = await stackEvents(aws);
  const cloudformation = new CloudFormationClient(aws.config);
  const create = new CreateStackCommand({ StackName: 'one', TemplateBody: JSON.stringify({ Resources }) });
  const { StackId } = await cloudformation.send(create);
  const seen: StackEvent[] = [];
  try {
    return await eventually(async () => {
      for (const body of await messages(aws, target)) {
        const event = JSON.parse(body) as StackEvent & { id: string };
        if (event.detail['stack-id'] === StackId && !seen.some((one) => (one as typeof event).id === event.id))
          seen.push(event);
      }
      return seen.some(({ detail }) => detail['status-details'].status === last) ? seen : undefined;
    });
  } catch {
    return seen.length ? seen : undefined;
  } finally {
    await cloudformation.send(new DeleteStackCommand({ StackName: 'one' }));
    await sleep(500);
  }
}

describe('A stack', () => {
  it('tells of its creation, from its beginning to its end, which the emulator by itself does not', async () => {
    const { mended, without } = await observe((aws) => statuses(aws, good, 'CREATE_COMPLETE'));
    expect(without).toBeUndefined();
    expect(mended!.map(({ detail }) => detail['status-details'].status).toSorted()).toEqual([
      'CREATE_COMPLETE',
      'CREATE_IN_PROGRESS',
    ]);
    for (const event of mended!)
      expect(event).toMatchObject({
        source: 'aws.cloudformation',
        'detail-type': 'CloudFormation Stack Status Change',
        resources: [event.detail['stack-id']],
        detail: { 'stack-id': expect.stringMatching(/^arn:aws:cloudformation:.*:stack\/one\//) as string },
      });
  }, 60_000);
});
