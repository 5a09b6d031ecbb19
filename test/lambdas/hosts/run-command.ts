import type { HostOrder, Hosts, HostTold, Sent } from '../../../lambdas/clients/hosts.ts';

/** Run Command as far as a step sees it: what was sent can be ended by a test, each call is counted. */
export function runCommand() {
  const orders: HostOrder[] = [];
  const sent: Sent[] = [];
  const calls: string[] = [];
  let answers: HostTold[] = [];
  const hosts: Hosts = {
    send: async (order) => {
      calls.push('send');
      orders.push(order);
      sent.push({ id: `c-${sent.length}`, comment: order.comment, at: new Date(), ended: false, nobody: false });
      return { ...sent.at(-1)! };
    },
    find: async (document, comment) => {
      calls.push('find');
      return sent
        .filter((one, index) => orders[index]!.document === document && one.comment.startsWith(comment))
        .map((one) => ({ ...one }))
        .reverse();
    },
    told: async () => {
      calls.push('told');
      return answers;
    },
    cancel: async ({ id }) => {
      calls.push(`cancel ${id}`);
      sent.find((one) => one.id === id)!.ended = true;
    },
  };
  return {
    hosts,
    orders,
    sent,
    calls,
    /** The latest command has ended with this on each host. */
    end(told: HostTold[], over: Partial<Sent> = {}) {
      answers = told;
      Object.assign(sent.at(-1)!, { ended: true, ...over });
    },
  };
}

export const answered = (host: string, answer: object): HostTold => ({
  host,
  status: 'Success',
  code: 0,
  stdout: JSON.stringify({ status: 'done', ...answer }),
  stderr: '',
});
