import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import {
  CreateDocumentCommand,
  DeleteDocumentCommand,
  GetCalendarStateCommand,
  SSMClient,
  type CreateDocumentCommandInput,
} from '@aws-sdk/client-ssm';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('ssm_calendar');
const nameOf = (error: Error) => error.name;

const calendar = (type: string, ...events: [from: string, to: string][]) =>
  [
    'BEGIN:VCALENDAR',
    'PRODID:-//AWS//Change Calendar 1.0//EN',
    'VERSION:2.0',
    `X-CALENDAR-TYPE:${type}`,
    ...events.flatMap(([from, to], uid) => ['BEGIN:VEVENT', `UID:${uid}`, from, to, 'SUMMARY:a freeze', 'END:VEVENT']),
    'END:VCALENDAR',
  ].join('\r\n');
const december: [string, string] = ['DTSTART:20261220T000000Z', 'DTEND:20261227T000000Z'];

const create = async (aws: Aws, Content: string, over: Partial<CreateDocumentCommandInput> = {}) => {
  const Name = randomUUID();
  const document = { Name, Content, DocumentType: 'ChangeCalendar', DocumentFormat: 'TEXT', ...over } as const;
  await new SSMClient(aws.config).send(new CreateDocumentCommand(document));
  return Name;
};
const ask = async (aws: Aws, CalendarNames: string[], AtTime?: string) => {
  const { State, NextTransitionTime } = await new SSMClient(aws.config).send(
    new GetCalendarStateCommand({ CalendarNames, AtTime }),
  );
  return { State, NextTransitionTime };
};

describe('A change calendar', () => {
  it('can be made and asked, which the emulator by itself does not know', async () => {
    const answers = await observe((aws) =>
      create(aws, calendar('DEFAULT_OPEN')).then((name) => ask(aws, [name]), nameOf),
    );
    expect(answers).toEqual({ mended: { State: 'OPEN', NextTransitionTime: undefined }, without: 'InvalidAction' });
  });

  it.each([
    [
      'open by default is open before its event',
      'DEFAULT_OPEN',
      '2026-12-19T23:59:59Z',
      'OPEN',
      '2026-12-20T00:00:00Z',
    ],
    ['open by default is closed during it', 'DEFAULT_OPEN', '2026-12-20T00:00:00Z', 'CLOSED', '2026-12-27T00:00:00Z'],
    ['open by default is open after it', 'DEFAULT_OPEN', '2026-12-27T00:00:00Z', 'OPEN', undefined],
    [
      'closed by default is closed before its event',
      'DEFAULT_CLOSED',
      '2026-12-19T00:00:00Z',
      'CLOSED',
      '2026-12-20T00:00:00Z',
    ],
    ['closed by default is open during it', 'DEFAULT_CLOSED', '2026-12-21T00:00:00Z', 'OPEN', '2026-12-27T00:00:00Z'],
  ])('%s', async (_what, type, at, State, NextTransitionTime) => {
    const { mended } = await observe((aws) =>
      create(aws, calendar(type, december)).then((name) => ask(aws, [name], at), nameOf),
    );
    expect(mended).toEqual({ State, NextTransitionTime });
  });

  it('is found by its ARN, and several are open only if all are', async () => {
    const { mended } = await observe(async (aws) => {
      const open = await create(aws, calendar('DEFAULT_OPEN')).catch(nameOf);
      const closed = await create(aws, calendar('DEFAULT_OPEN', december)).catch(nameOf);
      const arn = `arn:aws:ssm:us-east-1:000000000000:document/${closed}`;
      return ask(aws, [open, arn], '2026-12-24T00:00:00Z').catch(nameOf);
    });
    expect(mended).toEqual({ State: 'CLOSED', NextTransitionTime: '2026-12-27T00:00:00Z' });
  });

  it('may tell its events in a time zone', async () => {
    const berlin: [string, string] = [
      'DTSTART;TZID=Europe/Berlin:20261220T000000',
      'DTEND;TZID=Europe/Berlin:20261221T000000',
    ];
    const { mended } = await observe((aws) =>
      create(aws, calendar('DEFAULT_OPEN', berlin)).then((name) => ask(aws, [name], '2026-12-19T23:30:00Z'), nameOf),
    );
    expect(mended).toEqual({ State: 'CLOSED', NextTransitionTime: '2026-12-20T23:00:00Z' });
  });

  it('that does not exist, or no longer, is an invalid document', async () => {
    const { mended } = await observe(async (aws) => {
      const name = await create(aws, calendar('DEFAULT_OPEN')).catch(nameOf);
      await new SSMClient(aws.config).send(new DeleteDocumentCommand({ Name: name })).catch(nameOf);
      return ask(aws, [name]).catch(nameOf);
    });
    expect(mended).toBe('InvalidDocument');
  });

  it.each([
    ['of no type', calendar('ALWAYS'), {}],
    ['that is no iCalendar', 'closed', {}],
    ['whose event ends before it begins', calendar('DEFAULT_OPEN', [december[0], 'DTEND:20261201T000000Z']), {}],
    ['in another format', calendar('DEFAULT_OPEN'), { DocumentFormat: 'JSON' as const }],
  ])('%s is refused', async (_what, content, over) => {
    const { mended } = await observe((aws) => create(aws, content, over).catch(nameOf));
    expect(mended).toBe('InvalidDocumentContent');
  });
});

describe('Asking a change calendar, IAM enforced,', () => {
  const observe = withAndWithout('ssm_calendar', { auth: true });

  it('needs the permission on that document', async () => {
    const { mended } = await observe(async (aws) => {
      const [mine, other] = [
        await create(aws, calendar('DEFAULT_OPEN')).catch(nameOf),
        await create(aws, calendar('DEFAULT_OPEN')).catch(nameOf),
      ];
      const iam = new IAMClient(aws.config);
      const UserName = randomUUID();
      const Resource = `arn:aws:ssm:us-east-1:000000000000:document/${mine}`;
      const Statement = [{ Effect: 'Allow', Action: 'ssm:GetCalendarState', Resource }];
      const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
      await iam.send(new CreateUserCommand({ UserName }));
      await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'ask', PolicyDocument }));
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
      const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
      const user = { ...aws, config: { ...aws.config, credentials } };
      const answers = [[mine], [other], [mine, other]].map((names) =>
        ask(user, names).then(({ State }) => State, nameOf),
      );
      return Promise.all(answers);
    });
    expect(mended).toEqual(['OPEN', expect.stringMatching(/^AccessDenied/), expect.stringMatching(/^AccessDenied/)]);
  });
});
