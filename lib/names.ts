import type { Configuration } from './config/load.ts';

/** The fixed names of what is deployed: definitions and functions name each other without a cycle between resources. */
export function namesOf({ environment, account, region }: Pick<Configuration, 'environment' | 'account' | 'region'>) {
  const prefix = `novacron-${environment}`;
  const machine = (name: string) => `${prefix}-${name}`;
  const machinesAt = `arn:aws:states:${region}:${account}:stateMachine:`;
  const machineArn = (name: string) => machinesAt + machine(name);
  const functionName = (step: string) => `${prefix}-${step.replaceAll('/', '-')}`;
  return {
    environment,
    prefix,
    machine,
    table: `${prefix}-runs`,
    tableArn: `arn:aws:dynamodb:${region}:${account}:table/${prefix}-runs`,
    archivesBucket: `${prefix}-archives-${account}-${region}`,
    /** Every object in it, and nothing else lies there. */
    archivesArn: `arn:aws:s3:::${prefix}-archives-${account}-${region}/tables/*`,
    reportsBucket: `${prefix}-reports-${account}-${region}`,
    machineArn,
    /** ARN of every state machine of the account, up to its name. */
    machinesAt,
    /** ARN of every execution of a machine. */
    executionsArn: (name: string) => `arn:aws:states:${region}:${account}:execution:${machine(name)}:*`,
    functionName,
    functionArn: (step: string) => `arn:aws:lambda:${region}:${account}:function:${functionName(step)}`,
    calendarKey: `calendar/${environment}.ics`,
    changeCalendarArn: (calendar: string) =>
      calendar.startsWith('arn:') ? calendar : `arn:aws:ssm:${region}:${account}:document/${calendar}`,
    reportsArn: `arn:aws:s3:::${prefix}-reports-${account}-${region}/reports/*`,
    muteRulesArn: `arn:aws:cloudwatch:${region}:${account}:alarm-mute-rule:${prefix}-*`,
    alarmArn: (alarm: string) => `arn:aws:cloudwatch:${region}:${account}:alarm:${alarm}`,
    /** Every state machine and every function of the automation. */
    machinesArn: `arn:aws:states:${region}:${account}:stateMachine:${prefix}-*`,
    functionsArn: `arn:aws:lambda:${region}:${account}:function:${prefix}-*`,
    document: (name: string) => `${prefix}-${name}`,
    documentArn: (name: string) => `arn:aws:ssm:${region}:${account}:document/${prefix}-${name}`,
    stepLog: `/novacron/${environment}/steps`,
    dashboard: `${prefix}-maintenance`,
    undeliveredQueue: `${prefix}-undelivered-events`,
    eventBusArn: `arn:aws:events:${region}:${account}:event-bus/default`,
  };
}
export type Names = ReturnType<typeof namesOf>;
