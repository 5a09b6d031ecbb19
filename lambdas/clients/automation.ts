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

/** What of this automation is on the account. */
export interface Automation {
  /** Undefined where there is no state machine of that name, or one that is being deleted. */
  machine(name: string): Promise<MachineFacts | undefined>;
  /** Undefined where there is no function of that name. */
  fn(name: string): Promise<FunctionFacts | undefined>;
}

/** Looks up state machines by the beginning of their ARNs (MACHINES), and functions. */
export const automation: Client<Automation> = {
  needs: 'automation',
  async open() {
    const [
      { DescribeStateMachineCommand, SFNClient, ValidateStateMachineDefinitionCommand },
      { GetFunctionConfigurationCommand, LambdaClient },
    ] = await Promise.all([import('./sdk/sfn.ts'), import('./sdk/lambda.ts')]);
    const machines = required('MACHINES');
    const sfn = new SFNClient({});
    const lambda = new LambdaClient({});
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
      async [Symbol.asyncDispose]() {
        sfn.destroy();
        lambda.destroy();
      },
    };
  },
};
