export {
  CloudWatchClient,
  DeleteAlarmMuteRuleCommand,
  GetAlarmMuteRuleCommand,
  GetMetricStatisticsCommand,
  paginateDescribeAlarms,
  PutAlarmMuteRuleCommand,
  paginateDescribeAlarms,
} from '@aws-sdk/client-cloudwatch';
