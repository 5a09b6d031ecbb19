import {
  planRun,
  type Plan,
  type Refusal,
  type ScheduledWindow,
  type Setting,
  type StartRequest,
} from '../../../lambdas/windows/plan-run.ts';
import { parseRecurrence } from '../../../lib/config/window-grammar.ts';

export const at = (text: string) => new Date(text);
export const window = (name: string, phrase: string, operations: string[]): ScheduledWindow => ({
  name,
  ...parseRecurrence(phrase, name),
  operations,
});
const operation = (name: string, minutes: number) => ({
  name,
  machine: `arn:machine:${name}`,
  steps: [
    { name: `${name}/quick`, minutes },
    { name: `${name}/long`, minutes: 3 * minutes },
  ],
});

/** The runbook's production windows, with an operation that both weekly and monthly list. */
export const setting: Setting = {
  windows: [
    window('weekly', 'Sunday 02:00-04:00 UTC', ['database_optimization', 'cache_cleanup']),
    window('monthly', 'First Sunday 01:00-06:00 UTC', ['security_patches', 'cache_cleanup', 'index_rebuild']),
    window('quarterly', 'First Saturday 00:00-08:00 UTC', ['major_upgrades']),
    { name: 'continuous', operations: ['continuous_deployment'] },
  ],
  operations: [
    operation('database_optimization', 10),
    operation('cache_cleanup', 5),
    operation('security_patches', 60),
    operation('index_rebuild', 30),
    operation('major_upgrades', 120),
    operation('continuous_deployment', 10),
    operation('compliance_audit', 15),
  ],
  reserveMinutes: 5,
};

export function plan(request: Partial<StartRequest>, now: string, how: Setting = setting): Plan {
  const answer = planRun({ dryRun: false, ...request }, how, at(now));
  if ('refused' in answer) throw new Error(`refused: ${answer.field} ${answer.message}`);
  return answer;
}

export function refusal(request: Partial<StartRequest>, now: string, how: Setting = setting): Refusal {
  const answer = planRun({ dryRun: false, ...request }, how, at(now));
  if (!('refused' in answer)) throw new Error(`not refused: ${JSON.stringify(answer)}`);
  return answer;
}

export const names = ({ operations }: Plan) =>
  operations.map(({ name, mergedFrom }) => (mergedFrom ? `${name} of ${mergedFrom}` : name));
export const short = (date: Date) => date.toISOString().slice(0, 16);
