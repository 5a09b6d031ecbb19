import { GetCalendarStateCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeCalendars } from '../../../lambdas/clients/change-calendar.ts';
import { opening } from '../../support/opening.ts';

const ssm = mockClient(SSMClient);
const shared = 'arn:aws:ssm:eu-west-1:123456789012:document/freeze';
const moment = new Date('2026-11-29T02:00:00.900Z');

beforeEach(() => {
  process.env['CHANGE_CALENDARS'] = JSON.stringify(['changes', shared]);
  process.env['AWS_REGION'] = 'eu-west-1';
  ssm.reset();
  ssm
    .on(GetCalendarStateCommand, { CalendarNames: ['changes'], AtTime: '2026-11-29T02:00:00Z' })
    .resolves({ State: 'OPEN', NextTransitionTime: '2026-12-24T00:00:00Z' })
    .on(GetCalendarStateCommand, { CalendarNames: [shared], AtTime: '2026-11-29T02:00:00Z' })
    .resolves({ State: 'CLOSED' });
});
afterEach(() => delete process.env['CHANGE_CALENDARS']);

async function ask() {
  await using client = await changeCalendars.open(opening());
  return client.at(moment);
}
const failure = (name: string, httpStatusCode: number) =>
  Object.assign(new Error('no'), { name, $metadata: { httpStatusCode } });

describe('W11: the change calendars', () => {
  it('are asked each by itself for the second that has begun, so that the closed one can be named', async () => {
    expect(await ask()).toEqual([
      { calendar: 'changes', closed: false, until: '2026-12-24T00:00:00Z' },
      { calendar: shared, closed: true },
    ]);
  });

  it('are nothing to ask where none is configured', async () => {
    process.env['CHANGE_CALENDARS'] = '[]';
    expect(await ask()).toEqual([]);
    expect(ssm.commandCalls(GetCalendarStateCommand)).toEqual([]);
  });

  it.each([
    ['that does not exist need a person', failure('InvalidDocument', 400), 'Refused'],
    ['without a right on them need a person', failure('AccessDeniedException', 400), 'Refused'],
    ['that are asked too often may answer later', failure('ThrottlingException', 429), 'Retryable'],
    ['that fail may answer later', failure('InternalServerError', 500), 'Retryable'],
  ])('%s', async (_what, error, name) => {
    ssm.on(GetCalendarStateCommand, { CalendarNames: [shared] }).rejects(error);
    await expect(ask()).rejects.toMatchObject({ name, message: expect.stringContaining(shared) as string });
  });

  describe('and when they are closed', () => {
    const closures = async (from: string, until: string) => {
      await using client = await changeCalendars.open(opening());
      return client.closures(new Date(from), new Date(until));
    };
    const says = (AtTime: string, State: 'OPEN' | 'CLOSED', NextTransitionTime?: string) =>
      ssm
        .on(GetCalendarStateCommand, { CalendarNames: ['changes'], AtTime })
        .resolves({ State, ...(NextTransitionTime && { NextTransitionTime }) });
    beforeEach(() => (process.env['CHANGE_CALENDARS'] = JSON.stringify(['changes'])));

    it('are asked from change to change, up to the end of what is wanted', async () => {
      says('2026-11-01T00:00:00Z', 'CLOSED', '2026-11-02T00:00:00Z');
      says('2026-11-02T00:00:00Z', 'OPEN', '2026-12-24T00:00:00Z');
      says('2026-12-24T00:00:00Z', 'CLOSED', '2027-01-02T00:00:00Z');
      says('2027-01-02T00:00:00Z', 'OPEN', '2028-01-01T00:00:00Z');
      expect(await closures('2026-11-01T00:00:00Z', '2027-12-01T00:00:00Z')).toEqual([
        { calendar: 'changes', to: '2026-11-02T00:00:00.000Z' },
        { calendar: 'changes', from: '2026-12-24T00:00:00.000Z', to: '2027-01-02T00:00:00.000Z' },
      ]);
      expect(ssm.commandCalls(GetCalendarStateCommand)).toHaveLength(4);
    });

    it('are closed without an end where nothing changes any more', async () => {
      says('2026-11-01T00:00:00Z', 'OPEN', '2026-11-02T00:00:00Z');
      says('2026-11-02T00:00:00Z', 'CLOSED');
      expect(await closures('2026-11-01T00:00:00Z', '2027-12-01T00:00:00Z')).toEqual([
        { calendar: 'changes', from: '2026-11-02T00:00:00.000Z' },
      ]);
    });

    it('are not asked for ever: a calendar of minutes is refused, by name', async () => {
      ssm.on(GetCalendarStateCommand).callsFake(async ({ AtTime }: { AtTime: string }) => ({
        State: 'OPEN',
        NextTransitionTime: new Date(Date.parse(AtTime) + 60_000).toISOString(),
      }));
      await expect(closures('2026-11-01T00:00:00Z', '2027-12-01T00:00:00Z')).rejects.toMatchObject({
        ...{
          name: 'Refused',
          message: expect.stringMatching(/calendar changes changes more than 1000 times/) as string,
        },
      });
    });
  });

  it('that answer neither open nor closed are not taken as open', async () => {
    ssm.on(GetCalendarStateCommand, { CalendarNames: ['changes'] }).resolves({});
    await expect(ask()).rejects.toThrow('answers neither OPEN nor CLOSED');
  });
});
