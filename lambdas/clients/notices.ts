import type { Client } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import { awsError, required } from './aws-error.ts';

/** What is sent: windows/notices.ts composes it. */
interface Notice {
  id: string;
  environment: string;
  kind: string;
  subject: string;
  text: string;
  event: { 'detail-type': string; detail: object };
}

export interface Notices {
  /**
   * Sends the event, then the message to people. At least once: after an error the caller sends it again, and receivers tell a
   * second one by its id. The event goes first, because machines do that by themselves and people should not have to.
   */
  publish(notice: Notice): Promise<void>;
}

/** The topic for people (NOTICES_TOPIC) and the bus for machines (EVENT_BUS). */
export const notices: Client<Notices> = {
  needs: 'notices',
  async open() {
    const [{ SNSClient, PublishCommand }, { EventBridgeClient, PutEventsCommand }] = await Promise.all([
      import('./sdk/sns.ts'),
      import('./sdk/eventbridge.ts'),
    ]);
    const topic = required('NOTICES_TOPIC');
    const bus = required('EVENT_BUS');
    const sns = new SNSClient({});
    const events = new EventBridgeClient({});
    const attribute = (value: string) => ({ DataType: 'String', StringValue: value });

    async function putEvent({ event }: Notice) {
      const answer = await events
        .send(
          new PutEventsCommand({
            Entries: [
              {
                EventBusName: bus,
                Source: 'novacron.maintenance',
                DetailType: event['detail-type'],
                Detail: JSON.stringify(event.detail),
              },
            ],
          }),
        )
        .catch((error: unknown) => {
          throw awsError(
            error,
            `put an event on the bus ${bus}`,
            'Look at the bus and at the function’s right events:PutEvents.',
          );
        });
      // PutEvents answers 200 also when it took nothing.
      if (answer.FailedEntryCount) {
        const [entry] = answer.Entries ?? [];
        throw new StepError(
          'Retryable',
          `The bus ${bus} did not take the event: ${entry?.ErrorCode ?? 'no code'}: ${entry?.ErrorMessage ?? 'no reason'}`,
        );
      }
    }

    return {
      async publish(notice) {
        await putEvent(notice);
        await sns
          .send(
            new PublishCommand({
              TopicArn: topic,
              Subject: notice.subject,
              Message: notice.text,
              MessageAttributes: {
                id: attribute(notice.id),
                environment: attribute(notice.environment),
                kind: attribute(notice.kind),
              },
            }),
          )
          .catch((error: unknown) => {
            throw awsError(
              error,
              `publish to the topic ${topic}`,
              'Look at the topic and at the function’s right sns:Publish.',
            );
          });
      },
      async [Symbol.asyncDispose]() {
        sns.destroy();
        events.destroy();
      },
    };
  },
};
