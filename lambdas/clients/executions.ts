import type { Client } from '../framework/client.ts';

export interface Execution {
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'PENDING_REDRIVE';
  input?: string;
  output?: string;
  error?: string;
  cause?: string;
}

/** Step Functions, as far as runs need it: look at an execution, start one, stop one. */
export interface Executions {
  /** Undefined where there is no such execution, or none yet: DescribeExecution is eventually consistent. */
  describe(arn: string): Promise<Execution | undefined>;
  /** False where an execution of that name exists already. */
  start(machine: string, name: string, input: unknown): Promise<boolean>;
  stop(arn: string, cause: string): Promise<void>;
  /** ARNs of a machine's executions that run. */
  running(machine: string): Promise<string[]>;
}

export const executions: Client<Executions> = {
  needs: 'executions',
  async open() {
    const { SFNClient, DescribeExecutionCommand, StartExecutionCommand, StopExecutionCommand, paginateListExecutions } =
      await import('./sdk/sfn.ts');
    const client = new SFNClient({});
    return {
      async describe(executionArn) {
        try {
          const { status, input, output, error, cause } = await client.send(
            new DescribeExecutionCommand({ executionArn }),
          );
          return { status: status!, input, output, error, cause };
        } catch (error) {
          if ((error as Error).name === 'ExecutionDoesNotExist') return undefined;
          throw error;
        }
      },
      async start(stateMachineArn, name, input) {
        try {
          await client.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));
          return true;
        } catch (error) {
          if ((error as Error).name === 'ExecutionAlreadyExists') return false;
          throw error;
        }
      },
      async stop(executionArn, cause) {
        await client.send(new StopExecutionCommand({ executionArn, error: 'RunClosing', cause }));
      },
      async running(stateMachineArn) {
        const found: string[] = [];
        for await (const page of paginateListExecutions({ client }, { stateMachineArn, statusFilter: 'RUNNING' }))
          found.push(...(page.executions ?? []).map(({ executionArn }) => executionArn!));
        return found;
      },
      async [Symbol.asyncDispose]() {
        client.destroy();
      },
    };
  },
};

/** ARN of an execution, from its machine's ARN and its name. */
export const executionArn = (machine: string, name: string): string =>
  `${machine.replace(':stateMachine:', ':execution:')}:${name}`;
