import { handler as findBigKeys } from './cache/find-big-keys.step.ts';
import { handler as readMemory } from './cache/read-memory.step.ts';
import { handler as removeStaleKeys } from './cache/remove-stale-keys.step.ts';
import { handler as saveAndRewrite } from './cache/save-and-rewrite.step.ts';
import { handler as automationIsSound } from './checks/automation-is-sound.step.ts';
import { handler as backupIsFresh } from './checks/backup-is-fresh.step.ts';
import { handler as listChangeRequests } from './checks/change-requests.step.ts';
import { handler as dependenciesAnswer } from './checks/dependencies-answer.step.ts';
import { handler as hostsAreHealthy } from './checks/hosts-are-healthy.step.ts';
import { handler as monitoringWorks } from './checks/monitoring-works.step.ts';
import { handler as noticesArrive } from './checks/notices-arrive.step.ts';
import { handler as snapshotWasMade } from './checks/snapshot-was-made.step.ts';
import { handler as someoneIsOnCall } from './checks/someone-is-on-call.step.ts';
import { handler as advanceSequences } from './database/advance-sequences.step.ts';
import { handler as analyseTables } from './database/analyse-tables.step.ts';
import { handler as archiveLogTables } from './database/archive-log-tables.step.ts';
import { handler as archiveOldData } from './database/archive-old-data.step.ts';
import { handler as createPartitions } from './database/create-partitions.step.ts';
import { handler as deleteOrphans } from './database/delete-orphans.step.ts';
import { handler as refreshStatistics } from './database/refresh-statistics.step.ts';
import { handler as retirePartitions } from './database/retire-partitions.step.ts';
import { handler as vacuumTables } from './database/vacuum-tables.step.ts';
import { handler as readDatabaseHourly } from './metrics/read-database-hourly.step.ts';
import { handler as readDatabase } from './metrics/read-database.step.ts';
import { handler as readPlatformHourly } from './metrics/read-platform-hourly.step.ts';
import { handler as readPlatform } from './metrics/read-platform.step.ts';
import { handler as rollUpWeeks } from './metrics/roll-up-weeks.step.ts';
import { handler as writeReport } from './reports/write-report.step.ts';
import { handler as undoAws } from './undo/aws.step.ts';
import { handler as undoDatabase } from './undo/database.step.ts';
import { handler as undoHosts } from './undo/hosts.step.ts';
import { handler as announceEnd } from './windows/announce-end.step.ts';
import { handler as announceStart } from './windows/announce-start.step.ts';
import { handler as askFreeze } from './windows/ask-freeze.step.ts';
import { handler as beginClosing } from './windows/begin-closing.step.ts';
import { handler as endRun } from './windows/end-run.step.ts';
import { handler as judgeChecks } from './windows/judge-checks.step.ts';
import { handler as muteAlarms } from './windows/mute-alarms.step.ts';
import { handler as openRun } from './windows/open-run.step.ts';
import { handler as publishCalendar } from './windows/publish-calendar.step.ts';
import { handler as settleRun } from './windows/settle-run.step.ts';
import { handler as stopWork } from './windows/stop-work.step.ts';
import { handler as watch } from './windows/watch.step.ts';

/** Every function, by its path under lambdas/. A test compares this list with the files. */
export const steps = {
  'cache/find-big-keys': findBigKeys,
  'cache/read-memory': readMemory,
  'cache/remove-stale-keys': removeStaleKeys,
  'cache/save-and-rewrite': saveAndRewrite,
  'checks/automation-is-sound': automationIsSound,
  'checks/backup-is-fresh': backupIsFresh,
  'checks/change-requests': listChangeRequests,
  'checks/dependencies-answer': dependenciesAnswer,
  'checks/hosts-are-healthy': hostsAreHealthy,
  'checks/monitoring-works': monitoringWorks,
  'checks/notices-arrive': noticesArrive,
  'checks/snapshot-was-made': snapshotWasMade,
  'checks/someone-is-on-call': someoneIsOnCall,
  'database/advance-sequences': advanceSequences,
  'database/analyse-tables': analyseTables,
  'database/archive-log-tables': archiveLogTables,
  'database/archive-old-data': archiveOldData,
  'database/create-partitions': createPartitions,
  'database/delete-orphans': deleteOrphans,
  'database/refresh-statistics': refreshStatistics,
  'database/retire-partitions': retirePartitions,
  'database/vacuum-tables': vacuumTables,
  'metrics/read-database': readDatabase,
  'metrics/read-database-hourly': readDatabaseHourly,
  'metrics/read-platform': readPlatform,
  'metrics/read-platform-hourly': readPlatformHourly,
  'metrics/roll-up-weeks': rollUpWeeks,
  'reports/write-report': writeReport,
  'undo/aws': undoAws,
  'undo/database': undoDatabase,
  'undo/hosts': undoHosts,
  'windows/announce-end': announceEnd,
  'windows/announce-start': announceStart,
  'windows/ask-freeze': askFreeze,
  'windows/begin-closing': beginClosing,
  'windows/end-run': endRun,
  'windows/judge-checks': judgeChecks,
  'windows/mute-alarms': muteAlarms,
  'windows/open-run': openRun,
  'windows/publish-calendar': publishCalendar,
  'windows/settle-run': settleRun,
  'windows/stop-work': stopWork,
  'windows/watch': watch,
};
export type StepName = keyof typeof steps;
