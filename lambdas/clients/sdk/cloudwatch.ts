export {
  CloudWatchClient,
  DeleteAlarmMuteRuleCommand,
  GetAlarmMuteRuleCommand,
  GetMetricStatisticsCommand,
  paginateDescribeAlarms,
  PutAlarmMuteRuleCommand,
} from '@aws-sdk/client-cloudwatch';
