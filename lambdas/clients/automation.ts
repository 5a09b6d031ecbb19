import type { Client } from '../framework/client.ts';
import { awsError, required } from './aws-error.ts';

export interface MachineFacts {
  definition: string;
  /** What Step Functions finds wrong with the definition, warnings aside. */
  errors: string[];
}

export interface FunctionFacts {
  state: string;
  lastUpdate: string;
  /** Lambda's own words for a state that is not well. */
  reason?: string;
  description: string;
}

export interface DocumentFacts {
  /** `Active`, or what SSM makes of it: Creating, Updating, Deleting, Failed. */
  status: string;
  /** SSM's own words for a status that is not well. */
  reason?: string;
  /** The default version, which is what runs, as JSON. */
  content: string;
}

/** What of this automation is on the account. */
export interface Automation {
  /** Undefined where there is no state machine of that name, or one that is being deleted. */
  machine(name: string): Promise<MachineFacts | undefined>;
  /** Undefined where there is no function of that name. */
  fn(name: string): Promise<FunctionFacts | undefined>;
  /** Undefined where there is no SSM document of that name. */
  document(name: string): Promise<DocumentFacts | undefined>;
}

/** Looks up state machines by the beginning of their ARNs (MACHINES), functions, and SSM documents. */
export const automation: Client<Automation> = {
  needs: 'automation',
  async open() {
    const [
      { DescribeStateMachineCommand, SFNClient, ValidateStateMachineDefinitionCommand },
      { GetFunctionConfigurationCommand, LambdaClient },
      { GetDocumentCommand, SSMClient },
    ] = await Promise.all([import('./sdk/sfn.ts'), import('./sdk/lambda.ts'), import('./sdk/ssm.ts')]);
    const machines = required('MACHINES');
    const sfn = new SFNClient({});
    const lambda = new LambdaClient({});
    const ssm = new SSMClient({});
    const unless = (missing: string, what: string, right: string) => (error: unknown) => {
      if ((error as Error).name === missing) return undefined;
      throw awsError(error, what, `Look at the function’s right ${right}.`);
    };
    return {
      async machine(name) {
        const stateMachineArn = machines + name;
        const machine = await sfn
          .send(new DescribeStateMachineCommand({ stateMachineArn }))
          .catch(unless('StateMachineDoesNotExist', `look at ${name}`, 'states:DescribeStateMachine'));
        if (!machine || machine.status === 'DELETING') return undefined;
        const definition = machine.definition ?? '';
        const { diagnostics = [] } = await sfn
          .send(new ValidateStateMachineDefinitionCommand({ definition, type: machine.type, severity: 'ERROR' }))
          .catch((error: unknown) => {
            const right = 'Look at the function’s right states:ValidateStateMachineDefinition.';
            throw awsError(error, `validate the definition of ${name}`, right);
          });
        const errors = diagnostics.map(({ code, message, location }) => `${location ?? code}: ${message}`);
        return { definition, errors };
      },
      async fn(FunctionName) {
        const found = await lambda
          .send(new GetFunctionConfigurationCommand({ FunctionName }))
          .catch(unless('ResourceNotFoundException', `look at ${FunctionName}`, 'lambda:GetFunctionConfiguration'));
        if (!found) return undefined;
        const reason = found.StateReason ?? found.LastUpdateStatusReason;
        return {
          state: found.State ?? 'unknown',
          lastUpdate: found.LastUpdateStatus ?? 'unknown',
          ...(reason && { reason }),
          description: found.Description ?? '',
        };
      },
      async document(Name) {
        const found = await ssm
          .send(new GetDocumentCommand({ Name, DocumentFormat: 'JSON' }))
          .catch(unless('InvalidDocument', `look at the document ${Name}`, 'ssm:GetDocument'));
        if (!found) return undefined;
        const { Status = 'unknown', StatusInformation: reason, Content: content = '' } = found;
        return { status: Status, ...(reason && { reason }), content };
      },
      async [Symbol.asyncDispose]() {
        sfn.destroy();
        lambda.destroy();
        ssm.destroy();
      },
    };
  },
};
