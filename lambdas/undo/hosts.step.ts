import * as z from 'zod';
import { hosts, type Hosts } from '../clients/hosts.ts';
import { step } from '../framework/step.ts';
import { atWork, hostWork, jobOf } from '../hosts/on-hosts.ts';
import { undo } from './undo.ts';

/** D19. Ends what a run still has at work on hosts: the command, and on each host the unit that does the work. */
export const handler = step({
  input: z.strictObject({}),
  uses: { hosts },
  minutes: 0,
  during: 'closing',
  example: { done: 1, left: 0, failed: 0, numbers: {}, findings: [] },
  async run(_input, { hosts, table, run }) {
    return undo({ [hostWork]: effect(hosts, new Date(run.openedAt)) }, { table, run }, false);
  },
});

/** Work is `at work` until Run Command says that it has ended everywhere. */
export const effect = (hosts: Hosts, since: Date) => {
  /** A ledger's target: the document, then the beginning of the comments of its commands. */
  const parts = (target: string) => {
    const [document = '', ...comment] = target.split(' ');
    return { document, key: comment.join(' ') };
  };
  const living = async (target: string) => {
    const { document, key } = parts(target);
    return (await hosts.find(document, `${key} #`, since)).filter(({ ended }) => !ended);
  };
  return {
    lifetime: 'temporary' as const,
    read: async (target: string) => ((await living(target)).length ? atWork : null),
    restore: async (target: string) => {
      const group = target.split(' ').at(-1)!;
      for (const sent of await living(target)) {
        await hosts.cancel(sent);
        // Cancelling kills the shell on a host, and not what it has begun.
        await hosts.send({
          document: 'stop-job',
          group,
          comment: `${sent.comment} stop`.slice(0, 100),
          parameters: { Job: `${jobOf(sent.comment).slice(0, 75)}-stop`, Seconds: '60', Stop: jobOf(sent.comment) },
          ...{ deliverySeconds: 60, atOnce: '100%', maxErrors: '100%' },
        });
      }
    },
  };
};
