export {
  CloudWatchClient,
  DeleteAlarmMuteRuleCommand,
  GetAlarmMuteRuleCommand,
  GetMetricStatisticsCommand,
  PutAlarmMuteRuleCommand,
  paginateDescribeAlarms,
} from '@aws-sdk/client-cloudwatch';
