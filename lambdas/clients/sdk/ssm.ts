export {
  DescribeOpsItemsCommand,
  GetCalendarStateCommand,
  SSMClient,
  paginateDescribeOpsItems,
} from '@aws-sdk/client-ssm';
