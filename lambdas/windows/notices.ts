import * as z from 'zod';
import type { NoticeItem } from '../framework/record-items.ts';
import { Environment, runOutcomes, type Run } from '../framework/run.ts';
import { executionLink, objectLink } from '../reports/console-links.ts';
import { capital, clock, stretch, words } from '../reports/format.ts';
import { failedBlockers, titleOf } from '../reports/headline.ts';

export type NoticeKind = NoticeItem['kind'];

/** What each kind is called in an event, and how its subject begins. */
const kinds = {
  start: { type: 'Maintenance Started', says: 'Started' },
  end: { type: 'Maintenance Ended', says: 'Done' },
  failure: { type: 'Maintenance Failed', says: 'Failed' },
  cancellation: { type: 'Maintenance Cancelled', says: 'Cancelled' },
  blocked: { type: 'Maintenance Blocked', says: 'Blocked' },
} as const satisfies Record<NoticeKind, { type: string; says: string }>;

const noticeKinds = ['start', 'end', 'failure', 'cancellation', 'blocked'] as const satisfies NoticeKind[];

/** Where a report lies. */
const StoredReport = z.strictObject({
  bucket: z.string().min(1),
  /** Of the HTML page; report.txt and record.json lie beside it. */
  key: z.string().min(1),
  /** A page of the S3 console; it asks for a login. */
  console: z.url(),
});

/** The detail of an event. Fields are added, never renamed or removed, within one version. */
const Detail = z.strictObject({
  version: z.literal(1),
  /** The same in the e-mail and in the event, and the same again when a notice is sent twice. */
  id: z.string().min(1),
  kind: z.enum(noticeKinds),
  environment: Environment,
  run: z.string().min(1),
  execution: z.string().min(1),
  window: z.string().optional(),
  occurrence: z.iso.datetime().optional(),
  startedBy: z.enum(['schedule', 'hand']),
  reason: z.string(),
  dryRun: z.boolean(),
  openedAt: z.iso.datetime(),
  deadline: z.iso.datetime(),
  end: z.iso.datetime(),
  operations: z.array(
    z.strictObject({
      name: z.string(),
      outcome: z.enum(['done', 'deferred', 'failed', 'stopped', 'skipped']).optional(),
    }),
  ),
  failedChecks: z.array(z.string()),
  outcome: z.enum(runOutcomes).optional(),
  because: z.string().optional(),
  report: StoredReport.optional(),
});

/** What others can subscribe to, as EventBridge delivers it; docs/events.md describes it. */
export const MaintenanceEvent = z
  .object({
    source: z.literal('novacron.maintenance'),
    'detail-type': z.enum(noticeKinds.map((kind) => kinds[kind].type)),
    detail: Detail,
  })
  .refine((event) => kinds[event.detail.kind].type === event['detail-type'], {
    error: 'detail-type and detail.kind must say the same',
    path: ['detail-type'],
  });
export type MaintenanceEvent = z.infer<typeof MaintenanceEvent>;

/** A message to people and the same as an event to machines. */
export interface Notice {
  /** `<run>/<kind>`: a notice that is sent twice can be told by it. */
  id: string;
  environment: Run['environment'];
  kind: NoticeKind;
  /** ASCII, one line, at most 100 characters, as SNS wants it; its first words say what happened. */
  subject: string;
  text: string;
  event: Pick<MaintenanceEvent, 'detail-type' | 'detail'>;
}

/** What a notice needs to know beside the run. */
export interface NoticeFacts {
  /** Where the report lies, with its text; absent at the start, and where it could not be written. */
  report?: { bucket: string; key: string; text: string };
}

const subjectLength = 100;
/** SNS takes 256 KiB for message and attributes together. */
const textBytes = 240_000;

/** A subject that SNS takes: what is not ASCII or breaks the line is left out. */
export function asciiSubject(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replaceAll(/[“”„]/g, '"')
    .replaceAll(/[‘’]/g, "'")
    .replaceAll(/[–—]/g, '-')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[^ -~]/g, '')
    .trim();
  return plain.length > subjectLength ? `${plain.slice(0, subjectLength - 3).trimEnd()}...` : plain;
}

/** Whole lines, as many as fit. */
function fitting(text: string, bytes: number): { text: string; cut: boolean } {
  if (Buffer.byteLength(text) <= bytes) return { text, cut: false };
  const kept = Buffer.from(text).subarray(0, bytes).toString();
  return { text: kept.slice(0, kept.lastIndexOf('\n') + 1), cut: true };
}

function subjectOf(kind: NoticeKind, run: Run): string {
  const says = kind === 'end' && run.outcome === 'deferred' ? 'Stopped in time' : kinds[kind].says;
  const detail = {
    start: `until ${clock(run.deadline)} UTC`,
    blocked: failedBlockers(run).join(', ') || run.because,
    failure: failedOperations(run).join(', ') || run.because,
    cancellation: run.because,
    end: undefined,
  }[kind];
  const what = `${titleOf(run)}${detail ? `: ${detail}` : ''}`;
  return run.dryRun ? `Dry run ${says.toLowerCase()}: ${what}` : `${says}: ${what}`;
}

const failedOperations = (run: Run) =>
  run.results?.filter(({ outcome }) => outcome === 'failed').map(({ operation }) => `${words(operation)} failed`) ?? [];

/** What is known without a report: at the start all there is, later what is left when the report could not be written. */
function factsInText(run: Run): string {
  const lines = [
    `Window: ${stretch(run.occurrence ?? run.openedAt, run.end)}`,
    `Deadline: ${clock(run.deadline)} UTC`,
    `Started by: ${run.startedBy === 'hand' ? 'a person, by hand' : 'the schedule'}: ${run.reason}`,
    `Operations: ${run.operations.map(({ name }) => words(name)).join(', ') || 'none'}`,
    ...(run.merged.length > 0 ? [`Merged windows: ${run.merged.map(({ window }) => words(window)).join(', ')}`] : []),
    ...(run.because ? [`Why: ${run.because}`] : []),
    ...(run.verdict?.checks ?? [])
      .filter(({ passed }) => !passed)
      .map(({ check, reasons }) => `Check failed, ${words(check)}: ${reasons.join(' ')}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** A notice about a run: subject and text for people, an event for machines. The same run and kind give the same id. */
export function compose(kind: NoticeKind, run: Run, { report }: NoticeFacts = {}): Notice {
  const id = `${run.id}/${kind}`;
  const sentence = capital(subjectOf(kind, run));
  const page = report && objectLink(run.execution, report.bucket, report.key);
  const body = report ? fitting(report.text, textBytes) : { text: factsInText(run), cut: false };
  const missing =
    !report && kind !== 'start' ? 'There is no report: it could not be written. The run has what is known.\n' : '';
  const links = [
    ...(page ? [`Report (asks for a login): ${page}`] : []),
    `Run (asks for a login): ${executionLink(run.execution)}`,
    `Notice: ${id}`,
  ];
  return {
    id,
    environment: run.environment,
    kind,
    subject: asciiSubject(sentence),
    text: [
      `${sentence}.`,
      ...(run.dryRun ? ['This is a dry run: nothing is changed.'] : []),
      '',
      missing + body.text,
      ...(body.cut ? ['(Cut here, the message would be too long; the page has everything.)', ''] : []),
      ...links,
      '',
    ].join('\n'),
    event: {
      'detail-type': kinds[kind].type,
      detail: {
        version: 1,
        id,
        kind,
        environment: run.environment,
        run: run.id,
        execution: run.execution,
        ...(run.window && { window: run.window }),
        ...(run.occurrence && { occurrence: run.occurrence }),
        startedBy: run.startedBy,
        reason: run.reason,
        dryRun: run.dryRun,
        openedAt: run.openedAt,
        deadline: run.deadline,
        end: run.end,
        operations: run.operations.map(({ name }) => {
          const outcome = run.results?.find(({ operation }) => operation === name)?.outcome;
          return { name, ...(outcome && { outcome }) };
        }),
        failedChecks: run.verdict?.checks.filter(({ passed }) => !passed).map(({ check }) => check) ?? [],
        ...(run.outcome && { outcome: run.outcome }),
        ...(run.because && { because: run.because }),
        ...(report && page && { report: { bucket: report.bucket, key: report.key, console: page } }),
      },
    },
  };
}
