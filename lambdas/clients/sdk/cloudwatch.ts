export {
  CloudWatchClient,
  DeleteAlarmMuteRuleCommand,
  GetAlarmMuteRuleCommand,
  GetMetricStatisticsCommand,
  PutAlarmMuteRuleCommand,
} from '@aws-sdk/client-cloudwatch';
