import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import {
  CreateDocumentCommand,
  DescribeDocumentCommand,
  GetDocumentCommand,
  ListDocumentsCommand,
  SSMClient,
  UpdateDocumentCommand,
  UpdateDocumentDefaultVersionCommand,
} from '@aws-sdk/client-ssm';
import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { eventually, withAndWithout, type Aws } from './support.ts';

const observe = withAndWithout('ssm_documents');
const nameOf = (error: Error) => error.name;
const document = (command: string) => ({
  schemaVersion: '2.2',
  description: 'For a test.',
  parameters: { Word: { type: 'String', description: 'said', default: 'hello' } },
  mainSteps: [{ action: 'aws:runShellScript', name: 'work', inputs: { runCommand: [command] } }],
});
const content = (command: string) => JSON.stringify(document(command));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const ssm = (aws: Aws) => new SSMClient(aws.config);
async function create(aws: Aws, Content: string): Promise<string> {
  const Name = randomUUID();
  await ssm(aws).send(new CreateDocumentCommand({ Name, Content, DocumentType: 'Command', DocumentFormat: 'JSON' }));
  return Name;
}
const described = async (aws: Aws, Name: string) =>
  (await ssm(aws).send(new DescribeDocumentCommand({ Name }))).Document!;

describe('A command document', () => {
  it('is made and read again, which the emulator by itself does not know', async () => {
    const read = async (aws: Aws) => {
      const { Content, DocumentVersion, Status } = await ssm(aws).send(
        new GetDocumentCommand({ Name: await create(aws, content('echo {{ Word }}')) }),
      );
      return { Content, DocumentVersion, Status };
    };
    const { mended, without } = await observe((aws) => read(aws).catch(nameOf));
    expect(mended).toEqual({ Content: content('echo {{ Word }}'), DocumentVersion: '1', Status: 'Active' });
    expect(without).not.toEqual(mended);
  });

  it('has versions: a new one is not the default, the same content is refused, the hash is that of the content', async () => {
    const { mended } = await observe(async (aws) => {
      if (aws.emulator.folder.endsWith('without-1')) return undefined;
      const Name = await create(aws, content('echo 1'));
      const update = () =>
        ssm(aws).send(new UpdateDocumentCommand({ Name, Content: content('echo 2'), DocumentVersion: '$LATEST' }));
      await update();
      const before = await described(aws, Name);
      const again = await update().catch(nameOf);
      await ssm(aws).send(new UpdateDocumentDefaultVersionCommand({ Name, DocumentVersion: '2' }));
      return { before, again, after: await described(aws, Name) };
    });
    expect(mended!.before).toMatchObject({ DocumentVersion: '1', DefaultVersion: '1', LatestVersion: '2' });
    expect(mended!.before).toMatchObject({ Hash: sha256(content('echo 1')), HashType: 'Sha256' });
    expect(mended!.again).toBe('DuplicateDocumentContent');
    expect(mended!.after).toMatchObject({ DocumentVersion: '2', Hash: sha256(content('echo 2')) });
  });

  it.each([
    ['is no JSON', '{', 'InvalidDocumentContent'],
    ['has another schema', '{"schemaVersion":"1.2","mainSteps":[]}', 'InvalidDocumentContent'],
    ['names a parameter that it does not declare', content('echo {{ Nothing }}'), 'InvalidDocumentContent'],
    ['has more than 64 KB', content('x'.repeat(65_536)), 'MaxDocumentSizeExceeded'],
  ])('is refused where it %s', async (_how, Content, refusal) => {
    const { mended } = await observe((aws) => create(aws, Content).catch(nameOf));
    expect(mended).toBe(refusal);
  });

  it('is listed by the beginning of its name, by pages', async () => {
    const { mended } = await observe(async (aws) => {
      if (aws.emulator.folder.endsWith('without-1')) return undefined;
      const prefix = randomUUID();
      for (const name of ['a', 'b', 'c'])
        await ssm(aws).send(
          new CreateDocumentCommand({ Name: `${prefix}-${name}`, Content: content('echo'), DocumentType: 'Command' }),
        );
      const Filters = [
        { Key: 'Owner', Values: ['Self'] },
        { Key: 'Name', Values: [prefix] },
      ];
      const first = await ssm(aws).send(new ListDocumentsCommand({ Filters, MaxResults: 2 }));
      const second = await ssm(aws).send(new ListDocumentsCommand({ Filters, NextToken: first.NextToken }));
      return [first, second].map(({ DocumentIdentifiers = [] }) =>
        DocumentIdentifiers.map(({ Name }) => Name!.slice(-1)).join(''),
      );
    });
    expect(mended).toEqual(['ab', 'c']);
  });

  it('is a resource of CloudFormation, whose change is a new version that becomes the default', async () => {
    const { mended, without } = await observe(async (aws) => {
      const cloudformation = new CloudFormationClient(aws.config);
      const name = `s-${randomUUID()}`;
      const TemplateBody = (command: string) =>
        JSON.stringify({
          Resources: {
            Document: {
              Type: 'AWS::SSM::Document',
              Properties: {
                Name: name,
                DocumentType: 'Command',
                Content: document(command),
                UpdateMethod: 'NewVersion',
              },
            },
          },
        });
      const settled = () =>
        eventually(async () => {
          const { Stacks } = await cloudformation.send(new DescribeStacksCommand({ StackName: name }));
          const status = Stacks![0]!.StackStatus!;
          return status.endsWith('IN_PROGRESS') ? undefined : status;
        });
      const create = new CreateStackCommand({ StackName: name, TemplateBody: TemplateBody('echo 1') });
      const refused = await cloudformation.send(create).then(() => undefined, nameOf);
      if (refused) return refused;
      expect(await settled()).toBe('CREATE_COMPLETE');
      await cloudformation.send(new UpdateStackCommand({ StackName: name, TemplateBody: TemplateBody('echo 2') }));
      await settled();
      const { DefaultVersion } = await described(aws, name);
      await cloudformation.send(new DeleteStackCommand({ StackName: name }));
      return { DefaultVersion, after: await eventually(() => described(aws, name).then(() => undefined, nameOf)) };
    });
    expect(mended).toEqual({ DefaultVersion: '2', after: 'InvalidDocument' });
    expect(without).toBe('ValidationError');
  });
});
