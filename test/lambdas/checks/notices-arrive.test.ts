import { ListSubscriptionsByTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/checks/notices-arrive.step.ts';
import { subscriptions } from '../../../lambdas/clients/subscriptions.ts';
import type { NoticeItem } from '../../../lambdas/framework/record-items.ts';
import { Result } from '../../../lambdas/framework/result.ts';
import { failedRecord } from '../reports/sample-record.ts';
import { opening } from '../../support/opening.ts';
import { refusal } from '../clients/refusal.ts';
import { checkContext } from './check-context.ts';

const topic = 'arn:aws:sns:eu-west-1:123456789012:notices';
const sns = mockClient(SNSClient);
const anna = { Protocol: 'email', Endpoint: 'anna@novacron.example', SubscriptionArn: `${topic}:1` };
const bert = { Protocol: 'email', Endpoint: 'bert@novacron.example', SubscriptionArn: 'PendingConfirmation' };

beforeEach(() => {
  process.env['AWS_REGION'] = 'eu-west-1';
  process.env['NOTICES_TOPIC'] = topic;
  sns.reset();
});
afterEach(() => {
  delete process.env['NOTICES_TOPIC'];
});

/** Asked in a run whose announcement is in that state. */
async function run(announced: NoticeItem['state'] | 'never', ...Subscriptions: object[]) {
  if (Subscriptions.length) sns.on(ListSubscriptionsByTopicCommand).resolves({ Subscriptions });
  const at = '2026-11-29T02:00:00.000Z';
  const notices: NoticeItem[] =
    announced === 'never' ? [] : [{ kind: 'start', subject: 'begins', state: announced, at }];
  await using client = await subscriptions.open(opening());
  const record = { read: async () => ({ ...failedRecord, notices }) };
  return Result.parse(await handler.spec.run({}, { ...checkContext(), record, sns: client } as never));
}

describe('the check “notices arrive”', () => {
  it('C9: passes where somebody has confirmed and the topic took the announcement of this run', async () => {
    expect(await run('sent', anna)).toEqual({
      done: 1,
      left: 0,
      failed: 0,
      numbers: { confirmed: 1, unconfirmed: 0 },
    });
  });

  it('C9: passes, and names who has not confirmed', async () => {
    expect(await run('sent', anna, bert)).toMatchObject({
      failed: 0,
      numbers: { confirmed: 1, unconfirmed: 1 },
      findings: [{ severity: 'information', message: expect.stringContaining('bert@novacron.example (email)') }],
    });
  });

  it('C9: fails where nobody has confirmed, and names those who could', async () => {
    const result = await run('sent', bert);
    expect(result).toMatchObject({ failed: 1, findings: [{ severity: 'warning' }, {}] });
    expect(result.findings?.map(({ message }) => message)).toEqual([
      expect.stringContaining('has no confirmed subscription'),
      expect.stringContaining('bert@novacron.example'),
    ]);
  });

  it('C9: finds the one who has confirmed on the last page', async () => {
    sns
      .on(ListSubscriptionsByTopicCommand)
      .resolves({ Subscriptions: [bert], NextToken: 'more' })
      .on(ListSubscriptionsByTopicCommand, { NextToken: 'more' })
      .resolves({ Subscriptions: [anna] });
    expect(await run('sent')).toMatchObject({ failed: 0, numbers: { confirmed: 1, unconfirmed: 1 } });
  });

  it.each(['due', 'never'] as const)('C9: fails where the announcement did not go out (%s)', async (announced) => {
    expect(await run(announced, anna)).toMatchObject({
      failed: 1,
      findings: [{ message: expect.stringContaining('did not take the announcement') }],
    });
  });

  it('C9: sends nothing in a dry run, and says what is therefore not known', async () => {
    expect(await run('would', anna)).toMatchObject({
      failed: 0,
      findings: [{ message: expect.stringContaining('This is a dry run') }],
    });
    expect(sns.commandCalls(ListSubscriptionsByTopicCommand)).toHaveLength(sns.calls().length);
  });

  it('C9: throws, and so counts as failed, where the subscriptions cannot be listed', async () => {
    sns.on(ListSubscriptionsByTopicCommand).rejects(refusal('AuthorizationError', 403));
    await expect(run('sent')).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('sns:ListSubscriptionsByTopic'),
    });
  });
});
