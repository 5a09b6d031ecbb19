import { DescribeOpsItemsCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { handler } from '../../../lambdas/checks/change-requests.step.ts';
import { changeRequests } from '../../../lambdas/clients/change-requests.ts';
import { Result } from '../../../lambdas/framework/result.ts';
import { opening } from '../../support/opening.ts';
import { refusal } from '../clients/refusal.ts';
import { checkContext } from './check-context.ts';

const ssm = mockClient(SSMClient);
const type = { Key: 'OpsItemType' as const, Operator: 'Equal' as const, Values: ['/aws/changerequest'] };

beforeEach(() => {
  process.env['AWS_REGION'] = 'eu-west-1';
  ssm.reset();
});

async function run() {
  await using requests = await changeRequests.open(opening());
  return Result.parse(await handler.spec.run({}, { ...checkContext(), requests }));
}

describe('the check “change requests”', () => {
  it('C6: counts and lists those that are pending, of every page, and passes', async () => {
    ssm
      .on(DescribeOpsItemsCommand)
      .resolvesOnce({
        OpsItemSummaries: [{ OpsItemId: 'oi-1', Title: 'New firewall', Status: 'PendingApproval' }],
        NextToken: 'more',
      })
      .resolvesOnce({
        OpsItemSummaries: [
          {
            OpsItemId: 'oi-2',
            Title: 'Move the racks',
            Status: 'Scheduled',
            PlannedStartTime: new Date('2026-11-29T02:00:00Z'),
            PlannedEndTime: new Date('2026-11-29T04:00:00Z'),
          },
        ],
      });
    const result = await run();
    expect(result).toMatchObject({ done: 1, left: 0, failed: 0, numbers: { pending: 2 } });
    expect(result.findings?.map(({ message }) => message)).toEqual([
      'New firewall (oi-1) is PendingApproval.',
      expect.stringMatching(/^Move the racks \(oi-2\) is Scheduled, planned for .*02:00.*04:00/),
    ]);
    const [first, second] = ssm.commandCalls(DescribeOpsItemsCommand).map(({ args }) => args[0].input);
    expect(first?.OpsItemFilters).toEqual([
      type,
      { Key: 'Status', Operator: 'Equal', Values: expect.arrayContaining(['PendingApproval', 'RunbookInProgress']) },
    ]);
    expect(first?.OpsItemFilters?.[1]?.Values).not.toContain('Closed');
    expect(second?.NextToken).toBe('more');
  });

  it('C6: lists twenty and counts the rest', async () => {
    const OpsItemSummaries = Array.from({ length: 23 }, (_, i) => ({ OpsItemId: `oi-${i}`, Status: 'Open' as const }));
    ssm.on(DescribeOpsItemsCommand).resolves({ OpsItemSummaries });
    const result = await run();
    expect(result.numbers).toEqual({ pending: 23 });
    expect(result.findings).toHaveLength(21);
    expect(result.findings?.at(-1)?.message).toBe('And 3 more: see Change Manager.');
  });

  it('C6: passes with nothing to say where all have ended', async () => {
    ssm
      .on(DescribeOpsItemsCommand)
      .resolves({ OpsItemSummaries: [] })
      .on(DescribeOpsItemsCommand, { OpsItemFilters: [type], MaxResults: 1 })
      .resolves({ OpsItemSummaries: [{ OpsItemId: 'oi-1', Status: 'Closed' }] });
    expect(await run()).toEqual({ done: 1, left: 0, failed: 0, numbers: { pending: 0 } });
  });

  it.each([
    ['nobody ever made one', () => ssm.on(DescribeOpsItemsCommand).resolves({ OpsItemSummaries: [] })],
    ['the endpoint does not know them', () => ssm.on(DescribeOpsItemsCommand).rejects(refusal('InvalidAction', 400))],
  ])('C6: says so and does not fail where the source does not exist: %s', async (_what, arrange) => {
    arrange();
    expect(await run()).toMatchObject({
      failed: 0,
      numbers: {},
      findings: [{ severity: 'information', message: expect.stringContaining('no new customers since November 2025') }],
    });
  });

  it('C6: throws, and so counts as failed, where they may not be listed', async () => {
    ssm.on(DescribeOpsItemsCommand).rejects(refusal('AccessDeniedException', 400));
    await expect(run()).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('DescribeOpsItems'),
    });
  });
});
