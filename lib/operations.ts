import type { StepName } from '../lambdas/registry.ts';

/** What an operation runs in turn. `per: 'database'`: once for each database of the configuration. */
export interface PlannedStep {
  step: StepName;
  per?: 'database' | 'cache';
}

interface Operation {
  /** Shown in the console. */
  comment: string;
  steps: PlannedStep[];
}

/** Every operation there is, under the runbook's own name. A new one is a line here and a line in config/windows.yaml. */
export const operations = {
  database_care: {
    comment: 'Creates the partitions ahead, keeps statistics fresh, archives old log rows (D9, D1, D3).',
    steps: [
      { step: 'database/create-partitions', per: 'database' },
      { step: 'database/analyse-tables', per: 'database' },
      { step: 'database/archive-log-tables', per: 'database' },
    ],
  },
  database_optimization: {
    comment:
      'Vacuums the tables that need it, worst first, moves sequences past their columns, removes orphans, retires old partitions (D5, D15, D7, D9).',
    steps: [
      { step: 'database/vacuum-tables', per: 'database' },
      { step: 'database/advance-sequences', per: 'database' },
      { step: 'database/delete-orphans', per: 'database' },
      { step: 'database/retire-partitions', per: 'database' },
    ],
  },
  index_rebuild: {
    comment: 'Refreshes all statistics and archives old data (D13, D14).',
    steps: [
      { step: 'database/refresh-statistics', per: 'database' },
      { step: 'database/archive-old-data', per: 'database' },
    ],
  },
  cache_cleanup: {
    comment: 'Removes stale keys by declared patterns, looks for big ones, saves, and reads memory (K1 to K4).',
    steps: [
      { step: 'cache/remove-stale-keys', per: 'cache' },
      { step: 'cache/find-big-keys', per: 'cache' },
      { step: 'cache/save-and-rewrite', per: 'cache' },
      { step: 'cache/read-memory', per: 'cache' },
    ],
  },
  metric_aggregation: {
    comment: 'Reads the numbers of databases and platform and rolls them up per day and week, for the trends (O1).',
    steps: [
      { step: 'metrics/read-database', per: 'database' },
      { step: 'metrics/read-platform' },
      { step: 'metrics/roll-up-weeks' },
    ],
  },
} satisfies Record<string, Operation>;
export type OperationName = keyof typeof operations;

/** A check of the pre-maintenance checklist; a blocker that does not pass stops the run before anything changes. */
interface Check extends PlannedStep {
  blocker: boolean;
}

/** The checklist, asked all at once. */
export const checklist: Check[] = [
  { step: 'checks/backup-is-fresh', blocker: true },
  { step: 'checks/automation-is-sound', blocker: true },
  { step: 'checks/someone-is-on-call', blocker: false },
  { step: 'checks/change-requests', blocker: false },
  { step: 'checks/dependencies-answer', blocker: false },
  { step: 'checks/monitoring-works', blocker: true },
  { step: 'checks/notices-arrive', blocker: false },
  { step: 'checks/snapshot-was-made', blocker: true },
  { step: 'checks/hosts-are-healthy', blocker: true },
];

/** What closing a run takes back, split by capability. `optional`: nothing is left behind where the system is out of reach. */
export const undoing: (PlannedStep & { optional: boolean })[] = [
  { step: 'undo/database', per: 'database', optional: true },
  { step: 'undo/hosts', optional: false },
  { step: 'undo/aws', optional: false },
];
