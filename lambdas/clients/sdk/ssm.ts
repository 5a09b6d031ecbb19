export {
  DescribeOpsItemsCommand,
  GetCalendarStateCommand,
  GetDocumentCommand,
  paginateDescribeOpsItems,
  SSMClient,
} from '@aws-sdk/client-ssm';
