import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteAlarmMuteRuleCommand,
  GetAlarmMuteRuleCommand,
  PutAlarmMuteRuleCommand,
} from '@aws-sdk/client-cloudwatch';
import { DisableRuleCommand, EnableRuleCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { DescribeStateMachineCommand, UpdateStateMachineCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { StepName } from '../../lambdas/registry.ts';
import { reportKeys } from '../../lambdas/reports/report-keys.ts';
import {
  childOf,
  expectClosed,
  history,
  isClosed,
  isIn,
  muteRules,
  reportOf,
  stopIn,
  type Ending,
} from '../support/faults.ts';
import * as faulty from '../support/faulty-code.ts';
import { limitTime, replaceCode } from '../support/function-code.ts';
import { installGates, type Gates } from '../support/gates.ts';
import { openNow } from '../support/open-now.ts';
import { eventually, startProduction, type Production } from '../support/production.ts';

const vacuum: StepName = 'database/vacuum-tables';
const backup: StepName = 'checks/backup-is-fresh';

let production: Production;
let gates: Gates;
beforeAll(async () => {
  production = await startProduction({ configure: openNow, waitScale: 0.05 });
  gates = await installGates(production, [vacuum, 'windows/settle-run']);
});
afterAll(() => production?.stop());

const start = (reason: string, more: object = {}) => production.start({ window: 'weekly', reason, ...more });
/** Until so soon that a blocked checklist is not asked again. */
const soon = () => new Date(Date.now() + 10 * 60_000).toISOString();
const stepOf = async (execution: string, step: StepName) =>
  (await production.run(execution)) && (await production.record(execution)).steps.find((one) => one.step === step);

/** Deploys other code for the rest of the test. */
async function fault(step: StepName, source: string, seconds?: number) {
  const undo = [await replaceCode(production, step, source)];
  if (seconds) undo.push(await limitTime(production, step, seconds));
  onTestFinished(async () => {
    for (const one of undo) await one[Symbol.asyncDispose]();
  }, 30_000);
}

/** Changes one time limit in a deployed machine for the rest of the test: nobody waits for a quarter of an hour. */
async function limitTask(machine: string, state: string, seconds: number) {
  const stateMachineArn = production.names.machineArn(machine);
  const { definition } = await production.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
  const set = (definition: string) =>
    production.sfn.send(new UpdateStateMachineCommand({ stateMachineArn, definition }));
  const changed = JSON.parse(definition!, (key, value) =>
    key === state ? { ...value, TimeoutSeconds: seconds } : value,
  ) as object;
  expect(JSON.stringify(changed)).not.toBe(definition);
  await set(JSON.stringify(changed));
  onTestFinished(() => set(definition!).then(() => {}));
}

const failed: Ending = { outcome: 'failed', because: /^database_optimization failed/, notices: ['start', 'failure'] };
const cancelled: Ending = {
  outcome: 'cancelled',
  because: /^its execution was stopped/,
  notices: ['start', 'cancellation'],
};
const done: Ending = { outcome: 'done', because: 'all is done: database_optimization', notices: ['start', 'end'] };
const blocked: Ending = {
  outcome: 'blocked',
  because: /^the checklist blocked it/,
  notices: ['start', 'blocked', 'failure'],
};

describe('W13: a step that fails', () => {
  const failures: { what: string; source: string; seconds?: number; reason: RegExp }[] = [
    { what: 'throws', source: faulty.throwing('no such relation'), reason: /^Error: .*no such relation/ },
    { what: 'refuses', source: faulty.throwing('it is a standby', 'Refused'), reason: /^Refused: .*it is a standby/ },
    { what: 'takes longer than its function may', source: faulty.hanging(), seconds: 1, reason: /^Sandbox\.Timedout/ },
    {
      what: 'is killed with its process, again and again',
      source: faulty.killed(),
      reason: /^Lambda\.Unknown: .*signal: killed/,
    },
  ];
  it.each(failures)('that $what fails its operation, with the reason', async ({ source, seconds, reason }) => {
    await fault(vacuum, source, seconds);
    const execution = await start('a step fails');
    await expectClosed(production, execution, failed);
    const [operation] = (await production.run(execution))!.results!;
    expect(operation).toMatchObject({
      outcome: 'failed',
      steps: [{ step: vacuum, target: 'novacron', outcome: 'failed' }],
    });
    expect(operation!.steps[0]!.reason).toMatch(reason);
    expect(await production.ended(execution)).toMatchObject({ status: 'FAILED', error: 'Failed' });
  });

  it('for one of its items fails its operation, and does the others', async () => {
    await fault(vacuum, faulty.failingFor('orders'));
    const execution = await start('an item fails');
    await expectClosed(production, execution, failed);
    const { items } = await production.record(execution);
    expect(items.map(({ item, outcome }) => `${item} ${outcome}`).sort()).toEqual([
      'a done',
      'b done',
      'orders failed',
    ]);
    expect(await reportOf(production, execution)).toMatch(/this one cannot be done/i);
  });

  it('by an answer that its machine cannot use breaks the operation, and the run says so', async () => {
    await fault(vacuum, faulty.answering({ failed: 'some' }));
    const execution = await start('an answer is of no use');
    await expectClosed(production, execution, failed);
    const [operation] = (await production.run(execution))!.results!;
    expect(operation!.reason).toMatch(/^failed: States\./);
  });

  it('by an answer of more than 256 KiB breaks the operation, which nothing can catch, and the run says so', async () => {
    await fault(vacuum, faulty.answeringBytes(300_000));
    const execution = await start('an answer is too large');
    await expectClosed(production, execution, failed);
    const [operation] = (await production.run(execution))!.results!;
    expect(operation!.reason).toMatch(/^failed: States\.DataLimitExceeded/);
  });

  it('by a check that answers more than 256 KiB breaks the window itself: the rule on its end closes the run', async () => {
    await fault(backup, faulty.answeringBytes(300_000));
    const execution = await start('a check answers too much');
    expect(await production.ended(execution)).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    await expectClosed(production, execution, {
      ...failed,
      because: /^its execution ended FAILED: States\.DataLimitExceeded/,
    });
  });

  it('by taking longer than its task may: the lease is kept until the function, which works on, has ended', async () => {
    await fault(vacuum, faulty.busyFor(8), 20);
    await limitTask('database_optimization', 'Run step', 2);
    const execution = await start('a task takes too long');
    const operation = await childOf(production, execution, 'database_optimization');
    await production.ended(operation);
    expect((await stepOf(execution, vacuum))!.endedAt).toBeUndefined();
    expect(await production.lease()).toMatchObject({ holder: execution });
    await expectClosed(production, execution, failed);
    expect((await stepOf(execution, vacuum))!.endedAt).toBeDefined();
    expect((await production.run(execution))!.results![0]!.steps[0]!.reason).toMatch(/^States\.Timeout/);
  });
});

describe('D19: a function whose process is killed while it works', () => {
  it('is called again once its call can no longer be at work, and nothing is lost', async () => {
    const once = join(production.folder, 'kill-once');
    await writeFile(once, '');
    await fault(vacuum, faulty.killedOnce(once), 8);
    const execution = await start('a process is killed');
    await expectClosed(production, execution, done);
    const killed = (await history(production, await operationOf(execution))).find(({ type }) => type === 'TaskFailed');
    expect(killed?.taskFailedEventDetails?.error).toBe('Lambda.Unknown');
    expect((await stepOf(execution, vacuum))!.calls).toBe(2);
  });

  it('and whose window is stopped: the lease is free once its function could not be working any more, not before', async () => {
    await fault(vacuum, faulty.killedAtWork(), 8);
    const execution = await start('a process is killed unseen');
    await eventually(() => stepOf(execution, vacuum), 30, 'no call');
    await stopIn(production, execution, 'Run operation');
    const [call] = await production.table.query(`RUN#${execution.split(':').at(-1)}`, `CALL#${vacuum}`);
    expect(call).toBeDefined();
    await expectClosed(production, execution, cancelled);
    expect((await production.run(execution))!.closedAt! > (call!['until'] as string)).toBe(true);
  });

  const operationOf = async (execution: string) => (await production.run(execution))!.operations[0]!.execution;
});

describe('a function that goes on after its window was stopped', () => {
  const rulesSoon = async () => {
    const before = (await muteRules(production)).length;
    await sleep(1_500);
    return (await muteRules(production)).length - before;
  };
  const stopWhileItWrites = async () => {
    const execution = await start('stopped while it writes');
    await eventually(async () => (await muteRules(production)).length >= 2 || undefined, 30, 'it does not write');
    await stopIn(production, execution, 'Mute alarms');
    return execution;
  };

  it('without the fence: it changes the world while nobody holds the lease', async () => {
    await fault('windows/mute-alarms', faulty.writingUnfenced(12));
    const execution = await stopWhileItWrites();
    await isClosed(production, execution);
    expect(await rulesSoon()).toBeGreaterThan(0);
    await eventually(async () => (await rulesSoon()) === 0 || undefined, 30, 'it does not end');
    for (const AlarmMuteRuleName of await muteRules(production))
      await production.cloudwatch.send(new DeleteAlarmMuteRuleCommand({ AlarmMuteRuleName }));
    await production.notices();
  });

  it('in a step of ours, without the ledger: the lease is kept until it has ended', async () => {
    await fault('windows/mute-alarms', faulty.writingOn(6, { ledger: false }));
    const execution = await stopWhileItWrites();
    await isClosed(production, execution);
    expect(await rulesSoon()).toBe(0);
    expect(
      (await stepOf(execution, 'windows/mute-alarms'))!.endedAt! < (await production.run(execution))!.closedAt!,
    ).toBe(true);
    for (const AlarmMuteRuleName of await muteRules(production))
      await production.cloudwatch.send(new DeleteAlarmMuteRuleCommand({ AlarmMuteRuleName }));
    await production.notices();
  });

  it('in a step of ours that changes by the ledger: it is refused at once, and what it had changed is taken back', async () => {
    await fault('windows/mute-alarms', faulty.writingOn(60, { ledger: true }));
    const execution = await stopWhileItWrites();
    await expectClosed(production, execution, cancelled);
    expect(await rulesSoon()).toBe(0);
    const { items, ledger } = await production.record(execution);
    expect(ledger.length).toBeGreaterThanOrEqual(2);
    const left = items.filter(({ outcome }) => outcome === 'left');
    expect(left.length).toBeGreaterThan(200);
    expect(new Set(left.map(({ reason }) => reason))).toEqual(new Set(['stopped: the run is closing']));
    expect(items.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  });
});

describe('C0: a check that cannot be asked blocks the run, with the reason', () => {
  it('because it throws', async () => {
    await fault(backup, faulty.throwing('the bucket is gone'));
    const execution = await start('a check throws', { until: soon() });
    await expectClosed(production, execution, {
      ...blocked,
      because: /backup.*it could not be asked: Error: .*the bucket is gone/,
    });
    expect((await production.run(execution))!.results).toMatchObject([{ outcome: 'skipped' }]);
    expect(await production.ended(execution)).toMatchObject({ status: 'FAILED', error: 'Blocked' });
  });

  it('because its function takes too long', async () => {
    await fault(backup, faulty.hanging(), 1);
    const execution = await start('a check hangs', { until: soon() });
    await expectClosed(production, execution, { ...blocked, because: /it could not be asked: Sandbox\.Timedout/ });
  });

  it('because its task takes too long: the lease is kept until the function has ended', async () => {
    await fault(backup, faulty.busyFor(6), 20);
    await limitTask('window', 'Ask', 2);
    const execution = await start('a check hangs', { until: soon() });
    await expectClosed(production, execution, { ...blocked, because: /it could not be asked: States\.Timeout/ });
    expect((await stepOf(execution, backup))!.endedAt).toBeDefined();
  });
});

describe('closing', () => {
  const close = (execution: string) =>
    production.start({ run: { id: execution.split(':').at(-1) } }, { machine: 'close-run' });
  const everything = async (execution: string) => ({
    versions: await reportVersions(execution),
    record: await production.table.query(`RUN#${execution.split(':').at(-1)}`),
    lease: await production.lease(),
    mails: (await production.notices()).mails,
  });
  async function reportVersions(execution: string) {
    const { html } = reportKeys((await production.run(execution))!);
    const { Versions = [] } = await production.s3.send(
      new ListObjectVersionsCommand({ Bucket: production.names.reportsBucket, Prefix: html }),
    );
    return Versions.map(({ VersionId }) => VersionId);
  }

  it('three at once close a run once, and one after its end changes nothing more', async () => {
    await using gate = await gates.close(vacuum, 'before');
    const execution = await start('closed by many');
    await gate.reached();
    await stopIn(production, execution, 'Run operation');
    const closers = await Promise.all([close(execution), close(execution)]);
    await expectClosed(production, execution, cancelled);
    for (const closer of closers) {
      const { status, output } = await production.ended(closer);
      expect({ status, output: JSON.parse(output!) as unknown }).toMatchObject({
        status: 'SUCCEEDED',
        output: { outcome: 'cancelled' },
      });
    }
    const before = await everything(execution);
    expect(before.versions).toHaveLength(1);
    expect(await production.ended(await close(execution))).toMatchObject({ status: 'SUCCEEDED' });
    expect(await everything(execution)).toEqual({ ...before, mails: [] });
    await gate.open();
  });

  it('by another execution while the window closes its run: both answer how it came out', async () => {
    await using gate = await gates.close('windows/settle-run', 'before');
    const execution = await start('closed by two');
    await gate.reached();
    const other = await close(execution);
    await isIn(production, other, 'Another one closes it');
    await gate.open();
    await expectClosed(production, execution, done);
    expect((await production.ended(execution)).status).toBe('SUCCEEDED');
    expect(JSON.parse((await production.ended(other)).output!)).toMatchObject({ outcome: 'done' });
    expect(await reportVersions(execution)).toHaveLength(1);
  });

  it('from outside while the window works: the window answers how the other one closed its run', async () => {
    await using gate = await gates.close('windows/settle-run', 'before');
    await using working = await gates.close(vacuum, 'before');
    const execution = await start('closed from outside');
    await working.reached();
    const other = await close(execution);
    await gate.reached();
    await isIn(production, execution, 'Close run');
    await gate.open();
    await expectClosed(production, execution, { ...failed, because: /^database_optimization stopped from outside/ });
    expect(await production.ended(execution)).toMatchObject({ status: 'FAILED', error: 'Failed' });
    expect(JSON.parse((await production.ended(other)).output!)).toMatchObject({ outcome: 'failed' });
    await working.open();
  });
});

describe('W17: alarms are muted while a run lives, and only then', () => {
  const ruleOf = (AlarmMuteRuleName: string) =>
    production.cloudwatch.send(new GetAlarmMuteRuleCommand({ AlarmMuteRuleName }));
  const held = async (reason: string) => {
    const gate = await gates.close(vacuum, 'before');
    const execution = await start(reason);
    await gate.reached();
    const [rule] = await muteRules(production);
    return { gate, execution, rule: rule! };
  };
  const watch = async () => {
    const answer = await production.lambda.send(
      new InvokeCommand({
        FunctionName: production.names.functionName('windows/watch'),
        Payload: JSON.stringify({ input: { environment: 'production' } }),
      }),
    );
    return JSON.parse(Buffer.from(answer.Payload!).toString()) as unknown;
  };

  it('the watch extends them by its own rule, and they are gone at the end', async () => {
    const { gate, execution, rule } = await held('lives a while');
    const first = await ruleOf(rule);
    expect(first.MuteTargets?.AlarmNames).toEqual(['novacron-database-latency', 'novacron-replication-lag']);
    const later = await eventually(
      async () => {
        const { Rule } = await ruleOf(rule);
        return Rule!.Schedule!.Expression! > first.Rule!.Schedule!.Expression! ? Rule : undefined;
      },
      125,
      'the mute was not extended',
    );
    expect(later.Schedule).toMatchObject({ Duration: 'PT10M' });
    await gate.open();
    await expectClosed(production, execution, done);
  });

  it('a rule that somebody changed meanwhile is neither extended nor removed, and the report says so', async () => {
    const { gate, execution, rule } = await held('somebody changes its rule');
    const theirs = { AlarmNames: ['novacron-replication-lag'] };
    const { Rule } = await ruleOf(rule);
    await production.cloudwatch.send(new PutAlarmMuteRuleCommand({ Name: rule, Rule, MuteTargets: theirs }));
    expect(await watch()).toMatchObject({ did: 'extended' });
    expect((await ruleOf(rule)).MuteTargets).toMatchObject(theirs);
    await gate.open();
    await isClosed(production, execution);
    expect((await ruleOf(rule)).MuteTargets).toMatchObject(theirs);
    expect((await production.record(execution)).ledger).toMatchObject([
      { kind: 'alarm-mute', target: rule, state: 'conflict' },
    ]);
    expect(await reportOf(production, execution)).toContain('Somebody else changed it since');
    await production.cloudwatch.send(new DeleteAlarmMuteRuleCommand({ AlarmMuteRuleName: rule }));
    await production.ended(execution);
    await production.notices();
  });
});

describe('when the rule on the end of a window does not fire', () => {
  it('windows/watch closes the run within two minutes, by its own rule', async () => {
    const Name = `${production.names.prefix}-run-ended`;
    await production.events.send(new DisableRuleCommand({ Name }));
    onTestFinished(() => production.events.send(new EnableRuleCommand({ Name })).then(() => {}));
    await using gate = await gates.close(vacuum, 'before');
    const execution = await start('its end is not heard');
    await gate.reached();
    await stopIn(production, execution, 'Run operation');
    await sleep(2_000);
    if (new Date().getUTCSeconds() > 4) expect(await production.run(execution)).toMatchObject({ state: 'open' });
    await expectClosed(production, execution, { ...cancelled, within: 120 });
    const closer = (await production.run(execution))!.closer!;
    expect(closer.split(':').at(-1)).toMatch(/^lost-/);
    await gate.open();
  });
});
