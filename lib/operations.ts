import type { StepName } from '../lambdas/registry.ts';

/** What an operation runs in turn. `per: 'database'`: once for each database of the configuration. */
export interface PlannedStep {
  step: StepName;
  per?: 'database';
}

interface Operation {
  /** Shown in the console. */
  comment: string;
  steps: PlannedStep[];
}

/** Every operation there is, under the runbook's own name. A new one is a line here and a line in config/windows.yaml. */
export const operations = {
  database_care: {
    comment: 'Keeps statistics fresh from day to day, and looks at temporary objects and replication (D1, D2, D4).',
    steps: [
      { step: 'database/analyse-tables', per: 'database' },
      { step: 'database/find-temporary-objects', per: 'database' },
      { step: 'database/check-replication', per: 'database' },
    ],
  },
  database_optimization: {
    comment:
      'Vacuums and analyses the tables that need it, rebuilds the bloated indexes, worst first (D5, D6), and tells what a person should decide (D8, D16, D22).',
    steps: [
      { step: 'database/vacuum-tables', per: 'database' },
      { step: 'database/reindex-bloated', per: 'database' },
      { step: 'database/read-slow-queries', per: 'database' },
      { step: 'database/compare-settings', per: 'database' },
      { step: 'database/find-trouble', per: 'database' },
    ],
  },
  index_rebuild: {
    comment:
      'Tells what tables and indexes waste (D12), rebuilds every bloated index, the small ones too, then refreshes all statistics (D11, D13).',
    steps: [
      { step: 'database/estimate-bloat', per: 'database' },
      { step: 'database/rebuild-indexes', per: 'database' },
      { step: 'database/refresh-statistics', per: 'database' },
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
];

/** What closing a run takes back, split by capability. `optional`: nothing is left behind where the system is out of reach. */
export const undoing: (PlannedStep & { optional: boolean })[] = [
  { step: 'undo/database', per: 'database', optional: true },
  { step: 'undo/aws', optional: false },
];
