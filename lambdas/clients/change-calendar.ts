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

/** A stretch of time in which a change calendar is closed. */
export interface Closure {
  calendar: string;
  /** ISO 8601 UTC; absent where it is closed already when asked. */
  from?: string;
  /** ISO 8601 UTC; absent where it never opens again. */
  to?: string;
}

export interface CalendarStates {
  /** The state of each configured calendar at a moment. Each is asked by itself, so that the closed one can be named. */
  at(moment: Date): Promise<CalendarState[]>;
}

export interface ChangeCalendars extends CalendarStates {
  /** When each configured calendar is closed, from one moment up to another, as SSM itself answers for each change of it. */
  closures(from: Date, until: Date): Promise<Closure[]>;
}

/** More changes than this are no calendar of freezes; each is a request to SSM. */
const mostChanges = 1_000;

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

    async function closuresOf(calendar: string, from: Date, until: Date): Promise<Closure[]> {
      const found: Closure[] = [];
      let moment = from;
      for (let changes = 0; changes <= mostChanges; changes += 1) {
        const { closed, until: changesAt } = await stateOf(calendar, moment);
        if (closed)
          found.push({
            calendar,
            ...(changes > 0 && { from: moment.toISOString() }),
            ...(changesAt && { to: new Date(changesAt).toISOString() }),
          });
        if (changesAt === undefined || !(new Date(changesAt) > moment) || new Date(changesAt) >= until) return found;
        moment = new Date(changesAt);
      }
      throw new StepError(
        'Refused',
        `The change calendar ${calendar} changes more than ${mostChanges} times before ${until.toISOString()}: its closures are not listed.`,
      );
    }

    return {
      async closures(from, until) {
        const all = await Promise.all(calendars.map((calendar) => closuresOf(calendar, from, until)));
        return all.flat();
      },
      at: (moment) => Promise.all(calendars.map((calendar) => stateOf(calendar, moment))),
      async [Symbol.asyncDispose]() {
        ssm.destroy();
      },
    };
  },
};
