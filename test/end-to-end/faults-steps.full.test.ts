import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetAlarmMuteRuleCommand } from '@aws-sdk/client-cloudwatch';
import { DisableRuleCommand, EnableRuleCommand } from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { StepName } from '../../lambdas/registry.ts';
import { childOf, endings, expectClosed, history, muteRules, reportOf, stepOf, stopIn } from '../support/faults.ts';
import * as faulty from '../support/faulty-code.ts';
import { fault, limitTask } from '../support/injecting.ts';
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
    await fault(production, vacuum, source, seconds);
    const execution = await start('a step fails');
    await expectClosed(production, execution, endings.failed);
    const [operation] = (await production.run(execution))!.results!;
    expect(operation).toMatchObject({ outcome: 'failed' });
    expect(operation!.steps[0]).toMatchObject({ step: vacuum, target: 'novacron', outcome: 'failed' });
    expect(operation!.steps[0]!.reason).toMatch(reason);
    expect(await production.ended(execution)).toMatchObject({ status: 'FAILED', error: 'Failed' });
  });

  it('for one of its items fails its operation, and does the others', async () => {
    await fault(production, vacuum, faulty.failingFor('orders'));
    const execution = await start('an item fails');
    await expectClosed(production, execution, endings.failed);
    const items = (await production.record(execution)).items.filter(({ step }) => step === vacuum);
    expect(items.map(({ item, outcome }) => `${item} ${outcome}`).sort()).toEqual([
      'a done',
      'b done',
      'orders failed',
    ]);
    expect(await reportOf(production, execution)).toMatch(/this one cannot be done/i);
  });

  it('by an answer that its machine cannot use breaks the operation, and the run says so', async () => {
    await fault(production, vacuum, faulty.answering({ failed: 'some' }));
    const execution = await start('an answer is of no use');
    await expectClosed(production, execution, endings.failed);
    const [operation] = (await production.run(execution))!.results!;
    expect(operation!.reason).toMatch(/^failed: States\./);
  });

  it('by an answer of more than 256 KiB breaks the operation, which nothing can catch, and the run says so', async () => {
    await fault(production, vacuum, faulty.answeringBytes(300_000));
    const execution = await start('an answer is too large');
    await expectClosed(production, execution, endings.failed);
    const [operation] = (await production.run(execution))!.results!;
    expect(operation!.reason).toMatch(/^failed: States\.DataLimitExceeded/);
  });

  it('by a check that answers more than 256 KiB breaks the window itself: the rule on its end closes the run', async () => {
    await fault(production, backup, faulty.answeringBytes(300_000));
    const execution = await start('a check answers too much');
    expect(await production.ended(execution)).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    await expectClosed(production, execution, {
      ...endings.failed,
      because: /^its execution ended FAILED: States\.DataLimitExceeded/,
    });
  });

  it('by taking longer than its task may: the lease is kept until the function, which works on, has ended', async () => {
    await fault(production, vacuum, faulty.busyFor(8), 20);
    // The checklist would see that the machine is not as it was deployed.
    await fault(production, 'checks/automation-is-sound', faulty.answering({ done: 1 }));
    await limitTask(production, 'database_optimization', 'Run step', 2);
    const execution = await start('a task takes too long');
    const operation = await childOf(production, execution, 'database_optimization');
    await production.ended(operation);
    expect((await stepOf(production, execution, vacuum))!.endedAt).toBeUndefined();
    expect(await production.lease()).toMatchObject({ holder: execution });
    await expectClosed(production, execution, endings.failed);
    expect((await stepOf(production, execution, vacuum))!.endedAt).toBeDefined();
    expect((await production.run(execution))!.results![0]!.steps[0]!.reason).toMatch(/^States\.Timeout/);
  });
});

describe('D19: a function whose process is killed while it works', () => {
  it('is called again once its call can no longer be at work, and nothing is lost', async () => {
    const once = join(production.folder, 'kill-once');
    await writeFile(once, '');
    await fault(production, vacuum, faulty.killedOnce(once), 8);
    const execution = await start('a process is killed');
    await expectClosed(production, execution, endings.done);
    const killed = (await history(production, await operationOf(execution))).find(({ type }) => type === 'TaskFailed');
    expect(killed?.taskFailedEventDetails?.error).toBe('Lambda.Unknown');
    expect((await stepOf(production, execution, vacuum))!.calls).toBe(2);
  });

  it('and whose window is stopped: the lease is free once its function could not be working any more, not before', async () => {
    await fault(production, vacuum, faulty.killedAtWork(), 8);
    const execution = await start('a process is killed unseen');
    await eventually(() => stepOf(production, execution, vacuum), 30, 'no call');
    await stopIn(production, execution, 'Run operation');
    const [call] = await production.table.query(`RUN#${execution.split(':').at(-1)}`, `CALL#${vacuum}`);
    expect(call).toBeDefined();
    await expectClosed(production, execution, endings.cancelled);
    expect((await production.run(execution))!.closedAt! > (call!['until'] as string)).toBe(true);
  });

  const operationOf = async (execution: string) => (await production.run(execution))!.operations[0]!.execution;
});

describe('windows/watch', () => {
  it('closes a run whose end no rule heard, within two minutes, by its own rule', async () => {
    const Name = `${production.names.prefix}-run-ended`;
    await production.events.send(new DisableRuleCommand({ Name }));
    onTestFinished(() => production.events.send(new EnableRuleCommand({ Name })).then(() => {}));
    await using gate = await gates.close(vacuum, 'before');
    const execution = await start('its end is not heard');
    await gate.reached();
    await stopIn(production, execution, 'Run operation');
    await sleep(2_000);
    if (new Date().getUTCSeconds() > 4) expect(await production.run(execution)).toMatchObject({ state: 'open' });
    await expectClosed(production, execution, { ...endings.cancelled, within: 120 });
    const closer = (await production.run(execution))!.closer!;
    expect(closer.split(':').at(-1)).toMatch(/^lost-/);
    await gate.open();
  });

  it('W17: it extends the mutes of a run that lives by its own rule, and they are gone at the end', async () => {
    await using gate = await gates.close(vacuum, 'before');
    const execution = await start('lives a while');
    await gate.reached();
    const [rule] = await muteRules(production);
    const first = await ruleOf(rule!);
    expect(first.MuteTargets?.AlarmNames).toEqual(['novacron-database-latency', 'novacron-replication-lag']);
    const later = await eventually(
      async () => {
        const { Rule } = await ruleOf(rule!);
        return Rule!.Schedule!.Expression! > first.Rule!.Schedule!.Expression! ? Rule : undefined;
      },
      125,
      'the mute was not extended',
    );
    expect(later.Schedule).toMatchObject({ Duration: 'PT10M' });
    await gate.open();
    await expectClosed(production, execution, endings.done);
  });

  const ruleOf = (AlarmMuteRuleName: string) =>
    production.cloudwatch.send(new GetAlarmMuteRuleCommand({ AlarmMuteRuleName }));
});
