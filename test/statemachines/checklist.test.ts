import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { fill } from '../../lib/constructs/flow.ts';
import { machinesOf } from '../../lib/machines.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from '../support/configuration.ts';
import { explore, type Json, type Machine } from '../support/explore.ts';

const configuration = shipped('production');
const window = machinesOf(configuration, namesOf(configuration)).find(({ name }) => name === 'window')!;
const { States } = JSON.parse(fill(window.definition, window.values)) as Machine;
const asking = States['Checklist']!.ItemProcessor!;
const checks = States['Checklist']!.Items as { check: string; patience: number }[];
const check = { ...checks[0]!, patience: 300 };

const waiting = { done: 0, left: 1, failed: 0, numbers: {}, wait: 'a volume is being snapshotted' };
const passed = { done: 1, left: 0, failed: 0, numbers: {} };

/** Asks one check by a clock of its own; each call answers after so many seconds, or is stopped by its time-out. */
async function ask(item: typeof check, answer: (call: number) => object, { deadline = 1e9, callSeconds = 1 } = {}) {
  const {
    'Prepare to ask': prepare,
    Ask: call,
    'Worth asking again?': worth,
    'Wait to ask again': wait,
  } = asking.States;
  let vars: Record<string, Json> = { deadline };
  let now = 0;
  const pauses: number[] = [];
  const value = (code: Json): Promise<unknown> =>
    typeof code !== 'string' || !code.startsWith('{%')
      ? Promise.resolve(code)
      : jsonata(code.slice(2, -2)).evaluate({}, { ...vars, millis: () => now, states: { input: item } });
  const assign = async (values: Record<string, Json> = {}) => {
    const next = await Promise.all(Object.entries(values).map(async ([name, code]) => [name, await value(code)]));
    vars = { ...vars, ...(Object.fromEntries(next) as Record<string, Json>) };
  };
  await assign(prepare!.Assign);
  for (let calls = 1; ; calls += 1) {
    now += Math.min(callSeconds, (await value(call!.TimeoutSeconds)) as number) * 1_000;
    vars = { ...vars, answer: answer(calls) };
    if (!(await value(worth!.Choices![0]!.Condition))) return { calls, pauses, seconds: now / 1_000 };
    const pause = (await value(wait!.Seconds)) as number;
    pauses.push(pause);
    now += pause * 1_000;
    await assign(wait!.Assign);
  }
}

it('all checks are asked at once, so that the checklist takes as long as its slowest check', () => {
  const { Type, MaxConcurrency } = States['Checklist']! as unknown as { Type: string; MaxConcurrency: number };
  expect(Type).toBe('Map');
  expect(checks.length).toBeGreaterThan(5);
  expect(MaxConcurrency).toBeGreaterThanOrEqual(checks.length);
  // Up to forty at once is what an inline Map does ("Map workflow state", Step Functions Developer Guide).
  expect(checks.length).toBeLessThanOrEqual(40);
});

describe('a check of the checklist', () => {
  it('is asked again while it waits, after pauses that grow, until it answers', async () => {
    expect(await ask(check, (call) => (call < 4 ? waiting : passed))).toMatchObject({
      calls: 4,
      pauses: [15, 22, 33],
    });
  });

  it.each(checks)('$check does not outlast its own limit of $patience s, however slow its calls', async (item) => {
    for (const callSeconds of [1, 10, 1_000]) {
      const { seconds } = await ask(item, () => waiting, { callSeconds });
      expect(seconds).toBeLessThanOrEqual(item.patience);
    }
  });

  it('is given up when no time is left in the window', async () => {
    expect((await ask(check, () => waiting, { deadline: 100_000 })).seconds).toBeLessThan(100);
    expect((await ask(check, () => waiting, { deadline: -1 })).calls).toBe(1);
  });

  /** Every way in which this check can end, given what it answers. */
  const ends = async (...answers: Json[]) => {
    const around = { answers: () => answers, clocks: [0] };
    return (await explore(asking, { ...check, check: 'checks/any', blocker: true }, around, {
      run: { id: 'run-1' },
      deadline: 1e9,
    })) as { outputs: { check: string; blocker: boolean; passed: boolean; reasons: string[] }[] };
  };

  it('passes, or fails with its findings as reasons', async () => {
    const finding = { severity: 'critical', subject: 'a', message: 'It is not there.' };
    expect((await ends({ Payload: passed })).outputs).toEqual([
      { check: 'checks/any', blocker: true, passed: true, reasons: [] },
    ]);
    expect((await ends({ Payload: { ...passed, failed: 1, findings: [finding] } })).outputs).toEqual([
      { check: 'checks/any', blocker: true, passed: false, reasons: ['It is not there.'] },
    ]);
  });

  it('that has waited too long has failed, and says what for', async () => {
    expect((await ends({ Payload: waiting })).outputs).toEqual([
      {
        ...{ check: 'checks/any', blocker: true, passed: false },
        reasons: ['not within its 5 min: a volume is being snapshotted'],
      },
    ]);
  });

  it('that throws has failed, also after it has waited', async () => {
    const { outputs } = await ends({ Payload: waiting }, { Error: 'Refused', Cause: 'no right' });
    expect(outputs.map(({ passed, reasons }) => [passed, ...reasons])).toContainEqual([
      false,
      'it could not be asked: Refused: no right',
    ]);
    expect(outputs.filter((end) => end.passed)).toEqual([]);
  });
});
