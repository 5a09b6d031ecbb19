import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DescribeStateMachineCommand, SFNClient, ValidateStateMachineDefinitionCommand } from '@aws-sdk/client-sfn';
import { GetDocumentCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { automation } from '../../../lambdas/clients/automation.ts';
import { opening } from '../../support/opening.ts';
import { refusal } from './refusal.ts';

const sfn = mockClient(SFNClient);
const lambda = mockClient(LambdaClient);
const ssm = mockClient(SSMClient);
const at = 'arn:aws:states:eu-west-1:123456789012:stateMachine:';

beforeEach(() => {
  process.env['AWS_REGION'] = 'eu-west-1';
  process.env['MACHINES'] = at;
  sfn.reset();
  lambda.reset();
  ssm.reset();
  sfn.on(DescribeStateMachineCommand).resolves({ definition: '{}', status: 'ACTIVE', type: 'STANDARD' });
  sfn.on(ValidateStateMachineDefinitionCommand).resolves({ result: 'OK', diagnostics: [] });
});
afterEach(() => {
  delete process.env['MACHINES'];
});

async function ask<T>(question: (account: Awaited<ReturnType<typeof automation.open>>) => Promise<T>): Promise<T> {
  await using account = await automation.open(opening());
  return question(account);
}

describe('what is deployed', () => {
  it('C4: is a state machine’s definition, and what Step Functions finds wrong with it', async () => {
    sfn.on(ValidateStateMachineDefinitionCommand).resolves({
      result: 'FAIL',
      diagnostics: [{ severity: 'ERROR', code: 'MISSING_TRANSITION', message: 'no Next', location: '/States/Ask' }],
    });
    expect(await ask((account) => account.machine('window'))).toEqual({
      definition: '{}',
      errors: ['/States/Ask: no Next'],
    });
    expect(sfn.commandCalls(DescribeStateMachineCommand)[0]!.args[0].input).toEqual({ stateMachineArn: `${at}window` });
    expect(sfn.commandCalls(ValidateStateMachineDefinitionCommand)[0]!.args[0].input).toEqual({
      definition: '{}',
      type: 'STANDARD',
      severity: 'ERROR',
    });
  });

  it('C4: is a function’s state, its last update and its description', async () => {
    lambda
      .on(GetFunctionConfigurationCommand, { FunctionName: 'watch' })
      .resolves({ State: 'Inactive', StateReason: 'idle', LastUpdateStatus: 'Successful', Description: 'watches' });
    expect(await ask((account) => account.fn('watch'))).toEqual({
      state: 'Inactive',
      lastUpdate: 'Successful',
      reason: 'idle',
      description: 'watches',
    });
  });

  it('C4: is an SSM document’s default version, and its status', async () => {
    ssm
      .on(GetDocumentCommand, { Name: 'rotate-logs', DocumentFormat: 'JSON', DocumentVersion: undefined })
      .resolves({ Status: 'Failed', StatusInformation: 'too large', Content: '{}' });
    expect(await ask((account) => account.document('rotate-logs'))).toEqual({
      ...{ status: 'Failed', reason: 'too large', content: '{}' },
    });
  });

  it('C4: is nothing where it is gone or going', async () => {
    lambda.on(GetFunctionConfigurationCommand).rejects(refusal('ResourceNotFoundException', 404));
    expect(await ask((account) => account.fn('watch'))).toBeUndefined();
    ssm.on(GetDocumentCommand).rejects(refusal('InvalidDocument', 400));
    expect(await ask((account) => account.document('rotate-logs'))).toBeUndefined();
    sfn.on(DescribeStateMachineCommand).resolves({ definition: '{}', status: 'DELETING' });
    expect(await ask((account) => account.machine('window'))).toBeUndefined();
    sfn.on(DescribeStateMachineCommand).rejects(refusal('StateMachineDoesNotExist', 400));
    expect(await ask((account) => account.machine('window'))).toBeUndefined();
  });

  it('C4: is refused with what to do where it may not be looked at', async () => {
    sfn.on(DescribeStateMachineCommand).rejects(refusal('AccessDeniedException', 400));
    await expect(ask((account) => account.machine('window'))).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('states:DescribeStateMachine'),
    });
    sfn.reset();
    sfn.on(DescribeStateMachineCommand).resolves({ definition: '{}' });
    sfn.on(ValidateStateMachineDefinitionCommand).rejects(refusal('AccessDeniedException', 400));
    await expect(ask((account) => account.machine('window'))).rejects.toMatchObject({ name: 'Refused' });
    ssm.on(GetDocumentCommand).rejects(refusal('AccessDeniedException', 400));
    await expect(ask((account) => account.document('rotate-logs'))).rejects.toMatchObject({
      name: 'Refused',
      message: expect.stringContaining('ssm:GetDocument'),
    });
    lambda.on(GetFunctionConfigurationCommand).rejects(refusal('ThrottlingException', 429));
    await expect(ask((account) => account.fn('watch'))).rejects.toMatchObject({ name: 'Retryable' });
  });
});
