export {
  CancelCommandCommand,
  DescribeOpsItemsCommand,
  GetCalendarStateCommand,
  GetCommandInvocationCommand,
  GetDocumentCommand,
  paginateDescribeOpsItems,
  paginateListCommandInvocations,
  paginateListCommands,
  SendCommandCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
