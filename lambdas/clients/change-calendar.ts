import type { Client } from '../framework/client.ts';
import { StepError } from '../framework/errors.ts';
import { awsError, required } from './aws-error.ts';

/** What a change calendar says of one moment. */
export interface CalendarState {
  calendar: string;
  closed: boolean;
  /** When that changes, ISO 8601; absent where it never does. */
  until?: string;
}

export interface ChangeCalendars {
  /** The state of each configured calendar at a moment. Each is asked by itself, so that the closed one can be named. */
  at(moment: Date): Promise<CalendarState[]>;
}

/** The SSM Change Calendars of the configuration (CHANGE_CALENDARS, a list of names or ARNs). */
export const changeCalendars: Client<ChangeCalendars> = {
  needs: 'calendar',
  async open() {
    const { SSMClient, GetCalendarStateCommand } = await import('./sdk/ssm.ts');
    const calendars = JSON.parse(required('CHANGE_CALENDARS')) as string[];
    const ssm = new SSMClient({});

    async function stateOf(calendar: string, moment: Date): Promise<CalendarState> {
      // SSM takes whole seconds; the second that has begun counts.
      const AtTime = `${moment.toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length)}Z`;
      const { State, NextTransitionTime } = await ssm
        .send(new GetCalendarStateCommand({ CalendarNames: [calendar], AtTime }))
        .catch((error: unknown) => {
          throw awsError(
            error,
            `ask the change calendar ${calendar}`,
            'Look at the calendar, at changeCalendars in the configuration and at the function’s right ssm:GetCalendarState.',
          );
        });
      if (State !== 'OPEN' && State !== 'CLOSED')
        throw new StepError('Retryable', `The change calendar ${calendar} answers neither OPEN nor CLOSED: ${State}`);
      return { calendar, closed: State === 'CLOSED', ...(NextTransitionTime && { until: NextTransitionTime }) };
    }

    return {
      at: (moment) => Promise.all(calendars.map((calendar) => stateOf(calendar, moment))),
      async [Symbol.asyncDispose]() {
        ssm.destroy();
      },
    };
  },
};
