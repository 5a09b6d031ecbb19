import type { Table, Write } from '../clients/table.ts';
import type { TimedBrake } from './brakes.ts';
import { keys } from './keys.ts';
import type { BrakeItem, ItemItem, LedgerItem, NoticeItem, RunRecord, StepItem } from './record-items.ts';
import type { Finding, Result } from './result.ts';
import { readRun } from './lease.ts';
import { StepError } from './errors.ts';

/** What the steps of a run write down (W13), and what its report is read from. Nothing is written once the run is closed. */
export interface RecordOf {
  /** This step's items so far in this run, by name. */
  items(): Promise<Map<string, ItemItem>>;
  putItem(item: Omit<ItemItem, 'step' | 'target'>): Promise<void>;
  /** `nth`: of the call, as two may come in one millisecond. */
  putBrake(brake: TimedBrake, nth: number): Promise<void>;
  started(at: Date): Promise<void>;
  ended(at: Date, result: Result): Promise<void>;
  failed(at: Date, error: Error): Promise<void>;
  /** All that the record holds of the run. */
  read(): Promise<RunRecord>;
}

export function recordOf(
  table: Table,
  run: string,
  { step, target, operation }: Pick<StepItem, 'step' | 'target' | 'operation'>,
): RecordOf {
  const stepKey = keys.step(run, step, target);
  const put = async (Item: Record<string, unknown>) => {
    const written = await table.write([runIsNotClosed(run), { Put: { Item } }]);
    if (!written) throw new StepError('Refused', `run ${run} is closed: its record is not changed any more`);
  };
  const stepSoFar = async () => (await table.get(stepKey)) as unknown as StepItem | undefined;
  const first = (at: Date): StepItem => ({
    step,
    target,
    operation,
    startedAt: at.toISOString(),
    calls: 0,
    done: 0,
    left: 0,
    failed: 0,
    numbers: {},
    findings: [],
  });
  return {
    async items() {
      const prefix = keys.item(run, step, target, '').sk;
      const items = (await table.query(stepKey.pk, prefix)) as unknown as ItemItem[];
      return new Map(items.map((item) => [item.item, item]));
    },

    async putItem(item) {
      await put({ ...keys.item(run, step, target, item.item), step, target, ...item });
    },

    async putBrake(brake, nth) {
      const item: BrakeItem = { step, target, ...brake };
      await put({ ...keys.brake(run, step, target, brake.at, nth), ...item });
    },

    async started(at) {
      const known = (await stepSoFar()) ?? first(at);
      await put({
        ...stepKey,
        ...known,
        calls: known.calls + 1,
        endedAt: undefined,
        error: undefined,
        wait: undefined,
      });
    },

    async ended(at, result) {
      const before = await stepSoFar();
      if (!before) throw new Error(`${step} ended in run ${run}, but its record does not show that it started`);
      await put({
        ...stepKey,
        ...before,
        ...added(before, result),
        endedAt: at.toISOString(),
      });
    },

    async failed(at, error) {
      // A call may fail before its start could be written down.
      const before = (await stepSoFar()) ?? first(at);
      await put({
        ...stepKey,
        ...before,
        error: `${error.name}: ${error.message}`.slice(0, 2_000),
        endedAt: at.toISOString(),
      });
    },

    read: () => readRecord(table, run),
  };
}

/**
 * One call's answer added to what the earlier calls of the same step said. Findings repeat from call to call: each once. A check asks
 * how things are: its last answer stands.
 */
export function added(before: StepItem, result: Result): Omit<StepItem, 'startedAt' | 'step' | 'calls'> {
  if (before.step.startsWith('checks/'))
    return added({ ...before, step: '', done: 0, numbers: {}, findings: [] }, result);
  const numbers = { ...before.numbers };
  for (const [name, value] of Object.entries(result.numbers)) numbers[name] = (numbers[name] ?? 0) + value;
  const findings = new Map<string, Finding>();
  for (const finding of [...before.findings, ...(result.findings ?? [])])
    findings.set(finding.subject + finding.message, finding);
  return {
    done: before.done + result.done,
    left: result.left,
    failed: result.failed,
    numbers,
    findings: [...findings.values()].slice(0, 50),
    wait: result.wait,
    frozen: result.frozen,
  };
}

export async function readRecord(table: Table, id: string): Promise<RunRecord> {
  const run = await readRun(table, id);
  if (!run) throw new StepError('InvalidInput', `run.id: there is no run ${id} in the record`);
  const all = await table.query(keys.run(id).pk);
  const of = <T>(prefix: string) =>
    all
      .filter((item) => (item['sk'] as string).startsWith(prefix))
      .map(({ pk: _pk, sk: _sk, ...item }) => item as unknown as T);
  return {
    run,
    steps: of<StepItem>('STEP#').sort((a, b) => a.startedAt.localeCompare(b.startedAt)),
    items: of<ItemItem>('ITEM#').sort((a, b) => a.startedAt.localeCompare(b.startedAt)),
    brakes: of<BrakeItem>('BRAKE#').sort((a, b) => a.at.localeCompare(b.at)),
    ledger: of<LedgerItem>('LEDGER#').sort((a, b) => a.seq - b.seq),
    notices: of<NoticeItem>('NOTICE#').sort((a, b) => a.at.localeCompare(b.at)),
  };
}

const runIsNotClosed = (run: string): Write => ({
  ConditionCheck: {
    Key: keys.run(run),
    ConditionExpression: '#state <> :closed',
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: { ':closed': 'closed' },
  },
});
