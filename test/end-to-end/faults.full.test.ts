import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteAlarmMuteRuleCommand,
  GetAlarmMuteRuleCommand,
  PutAlarmMuteRuleCommand,
} from '@aws-sdk/client-cloudwatch';
import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepName } from '../../lambdas/registry.ts';
import { reportKeys } from '../../lambdas/reports/report-keys.ts';
import { endings, expectClosed, isClosed, isIn, muteRules, reportOf, stepOf, stopIn } from '../support/faults.ts';
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
/** Until so soon that a blocked checklist is not asked again. */
const soon = () => new Date(Date.now() + 10 * 60_000).toISOString();

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
    await fault(production, 'windows/mute-alarms', faulty.writingUnfenced(12));
    const execution = await stopWhileItWrites();
    await isClosed(production, execution);
    expect(await rulesSoon()).toBeGreaterThan(0);
    await eventually(async () => (await rulesSoon()) === 0 || undefined, 30, 'it does not end');
    for (const AlarmMuteRuleName of await muteRules(production))
      await production.cloudwatch.send(new DeleteAlarmMuteRuleCommand({ AlarmMuteRuleName }));
    await production.notices();
  });

  it('in a step of ours, without the ledger: the lease is kept until it has ended', async () => {
    await fault(production, 'windows/mute-alarms', faulty.writingOn(6, { ledger: false }));
    const execution = await stopWhileItWrites();
    await isClosed(production, execution);
    expect(await rulesSoon()).toBe(0);
    expect(
      (await stepOf(production, execution, 'windows/mute-alarms'))!.endedAt! <
        (await production.run(execution))!.closedAt!,
    ).toBe(true);
    for (const AlarmMuteRuleName of await muteRules(production))
      await production.cloudwatch.send(new DeleteAlarmMuteRuleCommand({ AlarmMuteRuleName }));
    await production.notices();
  });

  it('in a step of ours that changes by the ledger: it is refused at once, and what it had changed is taken back', async () => {
    await fault(production, 'windows/mute-alarms', faulty.writingOn(60, { ledger: true }));
    const execution = await stopWhileItWrites();
    await expectClosed(production, execution, endings.cancelled);
    expect(await rulesSoon()).toBe(0);
    const { items, ledger } = await production.record(execution);
    expect(ledger.length).toBeGreaterThanOrEqual(2);
    const left = items.filter(({ outcome }) => outcome === 'left');
    expect(left.length).toBeGreaterThan(200);
    expect(new Set(left.map(({ reason }) => reason))).toEqual(new Set(['stopped: the run is closing']));
    expect(items.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  });
});

describe('a check that cannot be asked blocks the run, with the reason', () => {
  it('because it throws', async () => {
    await fault(production, backup, faulty.throwing('the bucket is gone'));
    const execution = await start('a check throws', { until: soon() });
    await expectClosed(production, execution, {
      ...endings.blocked,
      because: /backup.*it could not be asked: Error: .*the bucket is gone/,
    });
    expect((await production.run(execution))!.results).toMatchObject([{ outcome: 'skipped' }]);
    expect(await production.ended(execution)).toMatchObject({ status: 'FAILED', error: 'Blocked' });
  });

  it('because its function takes too long', async () => {
    await fault(production, backup, faulty.hanging(), 1);
    const execution = await start('a check hangs', { until: soon() });
    await expectClosed(production, execution, {
      ...endings.blocked,
      because: /it could not be asked: Sandbox\.Timedout/,
    });
  });

  it('because its task takes too long: the lease is kept until the function has ended', async () => {
    await fault(production, backup, faulty.busyFor(6), 20);
    await limitTask(production, 'window', 'Ask', 2);
    const execution = await start('a check hangs', { until: soon() });
    await expectClosed(production, execution, {
      ...endings.blocked,
      because: /it could not be asked: States\.Timeout/,
    });
    expect((await stepOf(production, execution, backup))!.endedAt).toBeDefined();
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
    await expectClosed(production, execution, endings.cancelled);
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
    await expectClosed(production, execution, endings.done);
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
    await expectClosed(production, execution, {
      ...endings.failed,
      because: /^database_optimization stopped from outside/,
    });
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

  it('they are there while it works, and gone at the end', async () => {
    const { gate, execution, rule } = await held('lives a while');
    expect((await ruleOf(rule)).MuteTargets?.AlarmNames).toEqual([
      'novacron-database-latency',
      'novacron-replication-lag',
    ]);
    await gate.open();
    await expectClosed(production, execution, endings.done);
  });

  it('a rule that somebody changed meanwhile is neither extended nor removed, and the report says so', async () => {
    const { gate, execution, rule } = await held('somebody changes its rule');
    const theirs = { AlarmNames: ['novacron-replication-lag'] };
    const { Rule } = await ruleOf(rule);
    await production.cloudwatch.send(new PutAlarmMuteRuleCommand({ Name: rule, Rule, MuteTargets: theirs }));
    expect(await production.watch()).toMatchObject({ did: 'extended' });
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
