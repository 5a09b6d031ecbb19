import type { RunRecord } from '../framework/record-items.ts';
import { clock, plural, words } from './format.ts';
import { outcomeOf, tallyOf } from './headline.ts';

/** Something a person does next: what and why, and the exact command where there is one. */
export interface NextStep {
  what: string;
  command?: string;
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

function look(execution: string): NextStep['command'] {
  return `aws stepfunctions describe-execution --execution-arn ${quoted(execution)}`;
}

/** What a person does next, most urgent first; derived, so that it says the same each time. */
export function nextSteps(record: RunRecord, now: Date): NextStep[] {
  const { run, items, ledger } = record;
  const steps: NextStep[] = [];
  const windowIsOpen = now < new Date(run.deadline);

  for (const entry of ledger.filter(({ state }) => state === 'conflict' || state === 'begun')) {
    steps.push({
      what:
        entry.state === 'conflict'
          ? `Decide by hand about the ${words(entry.kind)} ${entry.target}: ${entry.conflict ?? 'somebody else changed it meanwhile, so it was not set back.'}`
          : `Look at the ${words(entry.kind)} ${entry.target}: a change was begun and its end is not recorded.`,
    });
  }

  if (outcomeOf(run) === 'blocked') {
    for (const { check, reasons } of run.verdict?.checks.filter(({ blocker, passed }) => blocker && !passed) ?? []) {
      steps.push({ what: `Mend what the check “${words(check)}” found: ${reasons.join(' ') || 'it gave no reason.'}` });
    }
    steps.push({
      what: windowIsOpen
        ? `Then start the window again by hand before ${clock(run.deadline)} UTC: the window is still open and nothing was changed.`
        : 'Then nothing: the next window runs the checklist again. To catch up before it, start the operations by hand.',
    });
  }

  for (const operation of run.results?.filter(({ outcome }) => outcome === 'failed') ?? []) {
    const planned = run.operations.find(({ name }) => name === operation.operation);
    const failed = operation.steps.filter(({ outcome }) => outcome === 'failed' || outcome === 'stalled');
    const names = failed.map(({ step, target }) => `“${words(step)}”${target ? ` on ${target}` : ''}`);
    const where = names.length > 0 ? `step ${names.join(', ')}` : 'its execution';
    steps.push({
      what: `Look why ${words(operation.operation)} failed: ${where}. ${operation.reason ?? failed.map(({ reason }) => reason).find(Boolean) ?? ''}`.trim(),
      ...(planned && { command: look(planned.execution) }),
    });
    if (planned) {
      steps.push({
        what: `When its cause is mended, run ${words(operation.operation)} again by hand: it takes the lease itself and does only what is left.`,
        command: `aws stepfunctions start-execution --state-machine-arn ${quoted(planned.machine)} --input '{"reason":"why you start it"}'`,
      });
    }
  }

  const critical = record.steps.flatMap(({ findings }) => findings).filter(({ severity }) => severity === 'critical');
  if (critical.length > 0) {
    steps.push({
      what: `Read the ${plural(critical.length, 'critical finding')}; the statement to run stands beside each.`,
    });
  }

  const outcome = outcomeOf(run);
  if (outcome === 'cancelled') {
    steps.push({
      what: `If the work is still wanted before the next window, start ${windowIsOpen ? 'the window' : 'its operations'} again by hand.`,
    });
  }
  if ((outcome === 'failed' || outcome === undefined) && steps.length === 0) {
    steps.push({
      what: 'Look at the run’s execution: it ended without a result of an operation.',
      command: look(run.execution),
    });
  }
  const { left } = tallyOf(items);
  if (left > 0)
    steps.push({
      what: `Nothing for the ${plural(left, 'item')} left over: the next window goes on with them, worst first.`,
    });
  if (run.dryRun && steps.length === 0)
    steps.push({ what: 'Read what would be done; without dryRun the same run does it.' });
  return steps.length > 0 ? steps : [{ what: 'Nothing. The next window starts by itself.' }];
}
