import type { Client } from '../framework/client.ts';
import { awsError, required } from './aws-error.ts';

export interface Subscription {
  protocol: string;
  endpoint: string;
  /** Whether its owner has agreed to hear of us: until then nothing is delivered. */
  confirmed: boolean;
}

export interface Subscriptions {
  readonly topic: string;
  all(): Promise<Subscription[]>;
}

/** Who hears of what is published to the topic of notices (NOTICES_TOPIC). */
export const subscriptions: Client<Subscriptions> = {
  needs: 'subscriptions',
  async open() {
    const { paginateListSubscriptionsByTopic, SNSClient } = await import('./sdk/sns.ts');
    const topic = required('NOTICES_TOPIC');
    const client = new SNSClient({});
    async function all(): Promise<Subscription[]> {
      const found: Subscription[] = [];
      for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic({ client }, { TopicArn: topic }))
        for (const { Protocol = 'unknown', Endpoint = 'unknown', SubscriptionArn = '' } of Subscriptions)
          // In the place of an ARN it says PendingConfirmation or Deleted.
          found.push({ protocol: Protocol, endpoint: Endpoint, confirmed: SubscriptionArn.startsWith('arn:') });
      return found;
    }
    return {
      topic,
      all: () =>
        all().catch((error: unknown) => {
          const right = 'Look at the topic and at the function’s right sns:ListSubscriptionsByTopic.';
          throw awsError(error, `list the subscriptions of ${topic}`, right);
        }),
      async [Symbol.asyncDispose]() {
        client.destroy();
      },
    };
  },
};
