export {
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
  paginateListExecutions,
} from '@aws-sdk/client-sfn';
