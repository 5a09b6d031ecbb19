export { GetCalendarStateCommand, SSMClient } from '@aws-sdk/client-ssm';
