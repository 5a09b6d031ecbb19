export {
  DescribeOpsItemsCommand,
  GetCalendarStateCommand,
  paginateDescribeOpsItems,
  SSMClient,
} from '@aws-sdk/client-ssm';
