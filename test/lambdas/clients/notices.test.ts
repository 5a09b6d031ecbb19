import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { notices } from '../../../lambdas/clients/notices.ts';
import { compose } from '../../../lambdas/windows/notices.ts';
import { failedRecord } from '../reports/sample-record.ts';
import { opening } from '../../support/opening.ts';

const sns = mockClient(SNSClient);
const events = mockClient(EventBridgeClient);
const notice = compose('failure', failedRecord.run);

beforeEach(() => {
  process.env['NOTICES_TOPIC'] = 'arn:aws:sns:eu-west-1:123456789012:notices';
  process.env['EVENT_BUS'] = 'maintenance';
  process.env['AWS_REGION'] = 'eu-west-1';
  sns.reset();
  events.reset();
  sns.on(PublishCommand).resolves({ MessageId: '1' });
  events.on(PutEventsCommand).resolves({ FailedEntryCount: 0, Entries: [{ EventId: '1' }] });
});
afterEach(() => {
  delete process.env['NOTICES_TOPIC'];
  delete process.env['EVENT_BUS'];
});

async function publish() {
  await using client = await notices.open(opening());
  await client.publish(notice);
}

describe('publishing a notice', () => {
  it('W10: goes to people and to machines with one id', async () => {
    await publish();
    const [message] = sns.commandCalls(PublishCommand).map(({ args }) => args[0].input);
    expect(message).toMatchObject({
      TopicArn: 'arn:aws:sns:eu-west-1:123456789012:notices',
      Subject: notice.subject,
      MessageAttributes: {
        id: { StringValue: notice.id },
        environment: { StringValue: 'production' },
        kind: { StringValue: 'failure' },
      },
    });
    expect(message?.Message).toContain(notice.id);
    const [entry] = events.commandCalls(PutEventsCommand).flatMap(({ args }) => args[0].input.Entries ?? []);
    expect(entry).toMatchObject({
      EventBusName: 'maintenance',
      Source: 'novacron.maintenance',
      DetailType: 'Maintenance Failed',
    });
    expect(JSON.parse(entry?.Detail ?? '')).toEqual(notice.event.detail);
  });

  it('fails when the bus answers 200 but took nothing, and tells people only after it did', async () => {
    events
      .on(PutEventsCommand)
      .resolves({ FailedEntryCount: 1, Entries: [{ ErrorCode: 'InternalFailure', ErrorMessage: 'try again' }] });
    await expect(publish()).rejects.toMatchObject({
      name: 'Retryable',
      message: expect.stringContaining('InternalFailure: try again'),
    });
    expect(sns.commandCalls(PublishCommand)).toHaveLength(0);
  });

  it('is refused with what to do when the function may not publish', async () => {
    sns
      .on(PublishCommand)
      .rejects(
        Object.assign(new Error('not authorized'), { name: 'AuthorizationError', $metadata: { httpStatusCode: 403 } }),
      );
    await expect(publish()).rejects.toMatchObject({ name: 'Refused', message: expect.stringContaining('sns:Publish') });
  });

  it('may be tried again after throttling', async () => {
    sns
      .on(PublishCommand)
      .rejects(Object.assign(new Error('slow down'), { name: 'Throttled', $metadata: { httpStatusCode: 429 } }));
    await expect(publish()).rejects.toMatchObject({ name: 'Retryable' });
  });

  it('names the environment variable that is missing', async () => {
    delete process.env['EVENT_BUS'];
    await expect(publish()).rejects.toMatchObject({
      name: 'InvalidInput',
      message: expect.stringContaining('EVENT_BUS'),
    });
  });
});
