/** The smallest application with a function, a machine that calls it and a rule that starts the machine. */
import { App, CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import { DefinitionBody, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';

const app = new App();
const stack = new Stack(app, 'Tiny', { env: { account: '000000000000', region: 'us-east-1' } });

const hello = new Function(stack, 'Hello', {
  runtime: Runtime.NODEJS_24_X,
  handler: 'index.handler',
  timeout: Duration.seconds(5),
  code: Code.fromInline('exports.handler = async ({ name }) => `hello ${name}`;'),
});

const greet = new StateMachine(stack, 'Greet', {
  definitionBody: DefinitionBody.fromString(
    JSON.stringify({
      QueryLanguage: 'JSONata',
      StartAt: 'Say hello',
      States: {
        'Say hello': {
          Type: 'Task',
          Resource: 'arn:aws:states:::lambda:invoke',
          Arguments: { FunctionName: '${hello}', Payload: '{% $states.input %}' },
          Output: '{% $states.result.Payload %}',
          TimeoutSeconds: 10,
          End: true,
        },
      },
    }),
  ),
  definitionSubstitutions: { hello: hello.functionArn },
});
hello.grantInvoke(greet);

new Rule(stack, 'Daily', {
  schedule: Schedule.cron({ minute: '0', hour: '4' }),
  targets: [new SfnStateMachine(greet)],
});

new CfnOutput(stack, 'Machine', { value: greet.stateMachineArn });
