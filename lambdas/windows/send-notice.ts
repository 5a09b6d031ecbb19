import type { Notices } from '../clients/notices.ts';
import type { Table } from '../clients/table.ts';
import { keys } from '../framework/keys.ts';
import type { NoticeItem, RunRecord } from '../framework/record-items.ts';
import { compose, type NoticeFacts, type NoticeKind } from './notices.ts';

interface Sending {
  notices: Notices;
  table: Table;
  record: RunRecord;
  facts?: NoticeFacts;
}

/**
 * W10. Sends a notice once for each run and kind: written as due first, marked sent afterwards. A process killed in between sends
 * it again with the same id, which receivers can tell. A dry run writes down what it would have sent.
 */
export async function sendNotice(
  kind: NoticeKind,
  { notices, table, record: { run, notices: known }, facts }: Sending,
): Promise<boolean> {
  if (known.some((notice) => notice.kind === kind && notice.state !== 'due')) return false;
  const notice = compose(kind, run, facts);
  const put = (state: NoticeItem['state']) => {
    const item: NoticeItem = { kind, subject: notice.subject, state, at: new Date().toISOString() };
    return table.write([{ Put: { Item: { ...keys.notice(run.id, kind), ...item } } }]);
  };
  if (run.dryRun) {
    await put('would');
    return false;
  }
  await put('due');
  await notices.publish(notice);
  await put('sent');
  return true;
}
