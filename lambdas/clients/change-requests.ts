import type { OpsItemFilter, OpsItemStatus, OpsItemSummary } from '@aws-sdk/client-ssm';
import type { Client } from '../framework/client.ts';
import { awsError } from './aws-error.ts';

export interface ChangeRequest {
  id: string;
  title: string;
  status: string;
  /** When its change is planned to begin and end, ISO 8601, where that was said. */
  planned?: { from: string; to?: string };
}

export interface ChangeRequests {
  /** Those that have not come to an end; undefined where nobody ever made one, so that there is nothing to ask. */
  pending(): Promise<ChangeRequest[] | undefined>;
}

/** Every status of a change request before its end, in AWS's words. */
const notEnded: OpsItemStatus[] = [
  ...(['Open', 'Pending', 'PendingApproval', 'PendingChangeCalendarOverride'] as const),
  ...(['ChangeCalendarOverrideApproved', 'Approved', 'Scheduled', 'InProgress', 'RunbookInProgress'] as const),
];

/** Systems Manager keeps change requests as OpsItems of this type. */
const changeRequest: OpsItemFilter = { Key: 'OpsItemType', Operator: 'Equal', Values: ['/aws/changerequest'] };

/** What an endpoint answers that does not know the operation at all. */
const unknown = /^(UnknownOperation(Exception)?|InvalidAction|UnsupportedOperation(Exception)?)$/;

/** The change requests of AWS Systems Manager Change Manager (C6). */
export const changeRequests: Client<ChangeRequests> = {
  needs: 'changeRequests',
  async open() {
    const { DescribeOpsItemsCommand, paginateDescribeOpsItems, SSMClient } = await import('./sdk/ssm.ts');
    const client = new SSMClient({});

    async function pending(): Promise<ChangeRequest[] | undefined> {
      const found: ChangeRequest[] = [];
      const status: OpsItemFilter = { Key: 'Status', Operator: 'Equal', Values: notEnded };
      const pages = paginateDescribeOpsItems({ client }, { OpsItemFilters: [changeRequest, status] });
      for await (const { OpsItemSummaries = [] } of pages) found.push(...OpsItemSummaries.map(ofItem));
      if (found.length) return found;
      const ever = await client.send(new DescribeOpsItemsCommand({ OpsItemFilters: [changeRequest], MaxResults: 1 }));
      // A page may be empty although there is more.
      return ever.OpsItemSummaries?.length || ever.NextToken ? [] : undefined;
    }

    return {
      pending: () =>
        pending().catch((error: unknown) => {
          if (unknown.test((error as Error).name)) return undefined;
          throw awsError(error, 'list the change requests', 'Look at the function’s right ssm:DescribeOpsItems.');
        }),
      async [Symbol.asyncDispose]() {
        client.destroy();
      },
    };
  },
};

const ofItem = (item: OpsItemSummary): ChangeRequest => ({
  id: item.OpsItemId ?? 'without id',
  title: item.Title ?? 'without title',
  status: item.Status ?? 'unknown',
  ...(item.PlannedStartTime && {
    planned: { from: item.PlannedStartTime.toISOString(), to: item.PlannedEndTime?.toISOString() },
  }),
});
