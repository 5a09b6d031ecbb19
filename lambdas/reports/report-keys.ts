import type { Run } from '../framework/run.ts';

export interface ReportKeys {
  html: string;
  text: string;
  record: string;
}

/** Where a run's report lies in the reports bucket; the month is that of its opening, so that the keys never change. */
export function reportKeys({ environment, openedAt, id }: Pick<Run, 'environment' | 'openedAt' | 'id'>): ReportKeys {
  const [year, month] = new Date(openedAt).toISOString().split('-');
  const folder = `reports/${environment}/${year}/${month}/${id}`;
  return { html: `${folder}/report.html`, text: `${folder}/report.txt`, record: `${folder}/record.json` };
}
