import {
  CloudWatchClient,
  DeleteAlarmMuteRuleCommand,
  GetAlarmMuteRuleCommand,
  ListAlarmMuteRulesCommand,
  PutAlarmMuteRuleCommand,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
  type PutAlarmMuteRuleInput,
} from '@aws-sdk/client-cloudwatch';
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import { CreateTopicCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually, messages, queue, withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('cloudwatch_mutes');

const minute = 60_000;
const at = (time: number) => `at(${new Date(time).toISOString().slice(0, 16)})`;
const rule = (Expression: string, Duration: string) => ({ Schedule: { Expression, Duration } });

async function alarm(aws: Aws, AlarmActions: string[] = [], AlarmName: string = randomUUID()): Promise<string> {
  const metric = { Namespace: 'Test', MetricName: AlarmName, Statistic: 'Sum' as const, Period: 60 };
  const threshold = { EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: 'GreaterThanThreshold' as const };
  await aws.cloudwatch.send(new PutMetricAlarmCommand({ AlarmName, ...metric, ...threshold, AlarmActions }));
  return AlarmName;
}

async function put(aws: Aws, input: Partial<PutAlarmMuteRuleInput>): Promise<string> {
  const Name = randomUUID();
  const AlarmNames = [await alarm(aws)];
  const full = { Name, Rule: rule(at(Date.now()), 'PT2M'), MuteTargets: { AlarmNames }, ...input };
  await aws.cloudwatch.send(new PutAlarmMuteRuleCommand(full));
  return Name;
}

const get = (aws: Aws, AlarmMuteRuleName: string) =>
  aws.cloudwatch.send(new GetAlarmMuteRuleCommand({ AlarmMuteRuleName }));

const nameOf = (error: Error) => error.name;

describe('A mute rule', () => {
  it('can be put, which the emulator by itself does not know', async () => {
    const answers = await observe((aws) => put(aws, {}).then(() => 'put', nameOf));
    expect(answers).toEqual({ mended: 'put', without: 'InvalidAction' });
  });

  it.each([
    ['at a time that has come', rule(at(Date.now() - minute), 'PT5M'), 'ACTIVE', 'ONE_TIME'],
    ['at a time to come', rule(at(Date.now() + 2 * minute), 'PT5M'), 'SCHEDULED', 'ONE_TIME'],
    ['at a time that is over', rule(at(Date.now() - 10 * minute), 'PT5M'), 'EXPIRED', 'ONE_TIME'],
    ['that comes every minute', rule('cron(* * * * *)', 'PT1M'), 'ACTIVE', 'RECURRING'],
    ['that comes on one weekday and lasts a week', rule('cron(0 2 * * SUN)', 'P7D'), 'ACTIVE', 'RECURRING'],
    ['that comes on a day that no month has', rule('cron(0 2 31 FEB *)', 'PT1H'), 'SCHEDULED', 'RECURRING'],
  ])('%s says so', async (_what, Rule, Status, MuteType) => {
    const { mended } = await observe((aws) => put(aws, { Rule }).then((name) => get(aws, name), nameOf));
    expect(mended).toMatchObject({ Rule, Status, MuteType });
  });

  it('that has expired does not mute', async () => {
    const ExpireDate = new Date(Math.floor(Date.now() / minute) * minute);
    const Rule = rule('cron(* * * * *)', 'PT1M');
    const { mended } = await observe((aws) => put(aws, { Rule, ExpireDate }).then((name) => get(aws, name), nameOf));
    expect(mended).toMatchObject({ Status: 'EXPIRED', ExpireDate });
  });

  it.each<[string, Partial<PutAlarmMuteRuleInput>]>([
    ['more than a hundred alarms', { MuteTargets: { AlarmNames: Array.from({ length: 101 }, String) } }],
    ['an alarm that does not exist', { MuteTargets: { AlarmNames: ['nobody'] } }],
    ['less than a minute', { Rule: rule(at(Date.now()), 'PT59S') }],
    ['more than 15 days', { Rule: rule(at(Date.now()), 'P15DT1M') }],
    ['a duration that is none', { Rule: rule(at(Date.now()), '2 hours') }],
    ['a time with seconds', { Rule: rule('at(2026-11-24T10:00:00)', 'PT5M') }],
    ['a rate', { Rule: rule('rate(5 minutes)', 'PT5M') }],
    ['a cron expression of six fields', { Rule: rule('cron(0 2 * * ? *)', 'PT5M') }],
    ['an end beside at()', { ExpireDate: new Date('2026-12-01T00:00:00Z') }],
    [
      'an end that is no whole minute',
      { Rule: rule('cron(0 2 * * *)', 'PT1H'), ExpireDate: new Date(1_800_000_001_000) },
    ],
    [
      'a time zone that does not exist',
      { Rule: { Schedule: { ...rule('cron(0 2 * * *)', 'PT1H').Schedule, Timezone: 'Moon' } } },
    ],
  ])('with %s is refused', async (_what, input) => {
    const { mended } = await observe((aws) => put(aws, input).then(() => 'put', nameOf));
    expect(mended).toBe('ValidationException');
  });

  it('is found by its alarm and its status, and gone when deleted', async () => {
    const { mended } = await observe(async (aws) => {
      const AlarmName = await alarm(aws);
      const MuteTargets = { AlarmNames: [AlarmName] };
      const name = await put(aws, { MuteTargets }).catch(nameOf);
      const list = async (Statuses: ('ACTIVE' | 'EXPIRED')[]) =>
        (await aws.cloudwatch.send(new ListAlarmMuteRulesCommand({ AlarmName, Statuses }))).AlarmMuteRuleSummaries
          ?.length;
      const found = [await list(['ACTIVE']).catch(nameOf), await list(['EXPIRED']).catch(nameOf)];
      await aws.cloudwatch.send(new DeleteAlarmMuteRuleCommand({ AlarmMuteRuleName: name })).catch(nameOf);
      return [...found, await get(aws, name).catch(nameOf)];
    });
    expect(mended).toEqual([1, 0, 'ResourceNotFoundException']);
  });

  it('mutes the actions of its alarms, which follow when it is gone and the alarm still stands', async () => {
    const { mended } = await observe(async (aws) => {
      const { TopicArn } = await aws.sns.send(new CreateTopicCommand({ Name: randomUUID() }));
      const target = await queue(aws);
      await aws.sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: target.arn }));
      const loud = await alarm(aws, [TopicArn!]);
      const muted = await alarm(aws, [TopicArn!]);
      const name = await put(aws, { MuteTargets: { AlarmNames: [muted] } }).catch(nameOf);
      for (const AlarmName of [muted, loud])
        await aws.cloudwatch.send(new SetAlarmStateCommand({ AlarmName, StateValue: 'ALARM', StateReason: 'test' }));
      await sleep(200);
      const during = await messages(aws, target);
      await aws.cloudwatch.send(new DeleteAlarmMuteRuleCommand({ AlarmMuteRuleName: name })).catch(nameOf);
      const after = await eventually(async () => {
        const all = await messages(aws, target);
        return all.length === 2 ? all : undefined;
      });
      return [during, after].map((all) => [muted, loud].map((alarm) => all.some((body) => body.includes(alarm))));
    });
    expect(mended).toEqual([
      [false, true],
      [true, true],
    ]);
  });
});

describe('Muting, IAM enforced,', () => {
  const observe = withAndWithout('cloudwatch_mutes', { auth: true });

  /** What a user gets that may do this to these resources and mutes an alarm named "db" by a rule named "run". */
  const asUser = (...Resource: string[]) =>
    observe(async (aws) => {
      const iam = new IAMClient(aws.config);
      const UserName = randomUUID();
      const Statement = [{ Effect: 'Allow', Action: 'cloudwatch:PutAlarmMuteRule', Resource }];
      const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
      await iam.send(new CreateUserCommand({ UserName }));
      await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'mute', PolicyDocument }));
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
      const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
      const MuteTargets = { AlarmNames: [await alarm(aws, [], 'db')] };
      const input = { Name: 'run', Rule: rule(at(Date.now()), 'PT2M'), MuteTargets };
      const cloudwatch = new CloudWatchClient({ ...aws.config, credentials });
      return cloudwatch.send(new PutAlarmMuteRuleCommand(input)).then(() => 'put', nameOf);
    });

  const own = 'arn:aws:cloudwatch:us-east-1:000000000000:alarm-mute-rule:run';

  it('needs the permission on the rule and on each alarm', async () => {
    expect(await asUser(own, 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:db')).toMatchObject({ mended: 'put' });
    expect(await asUser(own)).toMatchObject({ mended: expect.stringMatching(/^AccessDenied/) });
    expect(await asUser('arn:aws:cloudwatch:us-east-1:000000000000:alarm:db')).toMatchObject({
      mended: expect.stringMatching(/^AccessDenied/),
    });
  });
});
