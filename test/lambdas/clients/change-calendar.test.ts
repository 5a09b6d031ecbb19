import { GetCalendarStateCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeCalendars } from '../../../lambdas/clients/change-calendar.ts';
import { opening } from './opening.ts';

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

  it('that answer neither open nor closed are not taken as open', async () => {
    ssm.on(GetCalendarStateCommand, { CalendarNames: ['changes'] }).resolves({});
    await expect(ask()).rejects.toThrow('answers neither OPEN nor CLOSED');
  });
});
