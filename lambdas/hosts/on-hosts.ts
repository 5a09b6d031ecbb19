import type { HostOrder, Hosts, Sent } from '../clients/hosts.ts';
import { StepError } from '../framework/errors.ts';
import type { Context } from '../framework/step.ts';
import { outcomeOn, type HostOutcome } from './outcome.ts';

/** The kind of a ledger entry of work on hosts; undo/hosts ends what is still at it when the run closes. */
export const hostWork = 'host-work';

export interface HostWork extends Pick<HostOrder, 'document' | 'group'> {
  /** Of the document, beside Job and Seconds. */
  parameters?: Record<string, string>;
  /** The longest the work may take on a host, seconds; never beyond the run's deadline. */
  seconds: number;
  /** It only reads: it is not written to the ledger, and is done in a dry run too. */
  reads?: true;
  /** An answer older than this is asked for again, minutes; unless given, one is enough for the run. */
  freshMinutes?: number;
  /** How many hosts at once, and how many may fail before no more begin; a tenth and none unless given. */
  atOnce?: string;
  maxErrors?: string;
}

type Asked = Pick<Context, 'run' | 'ledger' | 'dryRun'>;

/** Work on hosts as it stands: under way, ended with an outcome for each host, or, in a dry run, not begun. */
export type Looked = { wait: string } | { outcomes: HostOutcome[] } | { would: string };

/**
 * Has the hosts of a group run a document, once in a run, and answers how that stands: call it again while it says `wait`.
 *
 *   1. What changes something is written to the ledger first: undo/hosts ends it if it still runs when the run closes.
 *   2. The comment names run, step and group. A command with it was sent already, by a call that was lost: that one it is.
 *      Run Command knows no token, so a call lost within the service's own delay could send twice; then the lock and the done-marker
 *      of the document make the second harmless.
 *   3. Nothing waits here. Each look is one call while work goes on; at its end one for each 50 hosts.
 */
export async function onHosts(
  hosts: Hosts,
  { run, ledger, dryRun }: Asked,
  step: string,
  work: HostWork,
  now = new Date(),
): Promise<Looked> {
  const { document, group } = work;
  const key = commentOf(run.tag, step, group);
  if (dryRun && !work.reads) return { would: `run ${document} on the hosts of ${group}` };

  let sent: Sent | undefined;
  const sendUnlessSent = async () => {
    const earlier = await hosts.find(document, `${key} #`, new Date(run.openedAt));
    const usable = earlier[0] && !stale(earlier[0], work.freshMinutes, now) ? earlier[0] : undefined;
    sent =
      usable ?? (await send(hosts, work, { key, attempt: earlier.length + 1, until: new Date(run.deadline), now }));
  };
  if (work.reads) await sendUnlessSent();
  else await ledger.change(hostWork, `${document} ${key}`, { before: null, after: atWork }, sendUnlessSent);

  if (!sent) throw new StepError('Refused', `${document} was not sent to the hosts of ${group}.`);
  if (!sent.ended) return { wait: `${document} is at work on the hosts of ${group}` };
  return { outcomes: sent.nobody ? [] : (await hosts.told(sent)).map(outcomeOn) };
}

/** What a ledger entry of work on hosts turns the world to. */
export const atWork = 'at work';

/** At most 100 characters with the number of the attempt behind it. */
export const commentOf = (tag: string, step: string, group: string) => `${tag} ${step} ${group}`.slice(0, 90);

/** What the same work is called on a host: letters, digits and dashes. */
export const jobOf = (comment: string) =>
  comment
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 80);

const stale = ({ ended, at }: Sent, freshMinutes: number | undefined, now: Date) =>
  ended && freshMinutes !== undefined && now.getTime() - at.getTime() > freshMinutes * 60_000;

function send(
  hosts: Hosts,
  { document, group, parameters, seconds, atOnce = '10%', maxErrors = '0' }: HostWork,
  { key, attempt, until, now }: { key: string; attempt: number; until: Date; now: Date },
): Promise<Sent> {
  const left = Math.floor((until.getTime() - now.getTime()) / 1_000);
  if (left < 60)
    throw new StepError('Refused', `No time: ${left} s are left of the run, too few to begin anything on a host.`);
  const comment = `${key} #${attempt}`;
  return hosts.send({
    ...{ document, group, comment, atOnce, maxErrors },
    parameters: { ...parameters, Job: jobOf(comment), Seconds: String(Math.min(seconds, left)) },
    deliverySeconds: Math.min(120, left),
  });
}
